"""Pure: the XOR of two pages, fast where they hardly differ.

Two versions of a page usually differ in its header and in one cell. Comparing chunk by chunk and
working only on the chunks that differ takes 2.9 µs for a 4 KiB page, XOR of the whole page as two
big integers 6.8 µs (measured, CPython 3.11); for unrelated pages it is the other way round.
"""

from __future__ import annotations

from functools import cache
from struct import Struct
from typing import Final

CHUNK: Final = 256  # all page sizes are multiples of it
ZERO_CHUNK: Final = bytes(CHUNK)


@cache
def chunking(page_size: int) -> Struct:
    """Splits a page into its chunks."""
    return Struct(f"{CHUNK}s" * (page_size // CHUNK))


def xor(old: bytes, new: bytes) -> bytes:
    """The mask that turns one page into the other; pages of the same size."""
    from_bytes = int.from_bytes
    unpack = chunking(len(old)).unpack
    return b"".join(
        [
            ZERO_CHUNK
            if one == other
            else (from_bytes(one, "little") ^ from_bytes(other, "little")).to_bytes(CHUNK, "little")
            for one, other in zip(unpack(old), unpack(new), strict=True)
        ]
    )


def mix(page: bytes, mask: bytes) -> bytes:
    """The page under a mask; the chunks where the mask is zero are taken as they are."""
    from_bytes = int.from_bytes
    unpack = chunking(len(page)).unpack
    return b"".join(
        [
            one
            if other == ZERO_CHUNK
            else (from_bytes(one, "little") ^ from_bytes(other, "little")).to_bytes(CHUNK, "little")
            for one, other in zip(unpack(page), unpack(mask), strict=True)
        ]
    )
