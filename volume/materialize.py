"""Pages from records: a base image and the changes on top of it.

XOR deltas compose, so a run of them is folded into one big integer and becomes bytes once.  A
page that never existed counts as zeroes.  Pure.
"""

from __future__ import annotations

import lz4.block

from volume.errors import RecordError
from volume.records import FULL, HEADER_SIZE, LZ4

_FLAGS_AT = 24  # of the record header, see volume.records
_decompress = lz4.block.decompress


class PageBuilder:
    """Applies records to a page one after the other."""

    __slots__ = ("_mixed", "_page_size")

    def __init__(self, base: bytes | None, page_size: int) -> None:
        self._mixed = int.from_bytes(base, "little") if base is not None else 0
        self._page_size = page_size

    def apply(self, record: bytes) -> None:
        """One encoded record; its checksum was verified by whoever read it."""
        flags = record[_FLAGS_AT]
        data = record[HEADER_SIZE:]
        if flags & LZ4:
            try:
                data = _decompress(data, uncompressed_size=self._page_size)
            except lz4.block.LZ4BlockError as error:
                raise RecordError(f"payload does not decompress: {error}") from None
        if len(data) != self._page_size:
            raise RecordError(f"payload holds {len(data)} bytes, a page has {self._page_size}")
        value = int.from_bytes(data, "little")
        self._mixed = value if flags & FULL else self._mixed ^ value

    def image(self) -> bytes:
        return self._mixed.to_bytes(self._page_size, "little")
