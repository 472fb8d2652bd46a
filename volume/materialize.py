"""Pages from records: a base image and the changes on top of it.

XOR deltas compose, so a run of them is folded into one big integer and becomes bytes once.  A
page that never existed counts as zeroes.  Pure.
"""

from __future__ import annotations

from volume.records import FULL, HEADER, HEADER_SIZE, decode_payload


class PageBuilder:
    """Applies records to a page one after the other."""

    __slots__ = ("_mixed", "_page_size", "changed", "exists")

    def __init__(self, base: bytes | None, page_size: int) -> None:
        self._mixed = int.from_bytes(base, "little") if base is not None else 0
        self._page_size = page_size
        self.exists = base is not None
        self.changed = False

    def apply(self, record: bytes) -> None:
        """One encoded record; its checksum was verified by whoever read it."""
        _crc, _lsn, _prev, _page, flags, length = HEADER.unpack_from(record)
        data = decode_payload(flags, record[HEADER_SIZE : HEADER_SIZE + length], self._page_size)
        value = int.from_bytes(data, "little")
        self._mixed = value if flags & FULL else self._mixed ^ value
        self.exists = self.changed = True

    def image(self) -> bytes:
        return self._mixed.to_bytes(self._page_size, "little")
