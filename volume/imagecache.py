"""Materialised pages kept in memory, least recently used out first, bounded in bytes.

An entry is the page exactly at its LSN, so later records of the page can be applied on top.  It
is of use only while it is not older than the page's base image: the records in between are gone
from the index.  The reader checks that; the cache only remembers.  Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable


class ImageCache:
    """One per node: page numbers are unique over the volume."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._entries: OrderedDict[int, tuple[int, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, page_no: int) -> tuple[int, bytes] | None:
        """(lsn, image) of the newest version known here."""
        entry = self._entries.get(page_no)
        if entry is not None:
            self._entries.move_to_end(page_no)
        return entry

    def put(self, page_no: int, lsn: int, image: bytes) -> None:
        """Remember a version unless a newer one is known."""
        known = self._entries.get(page_no)
        if known is not None:
            if known[0] >= lsn:
                return
            self.used_bytes -= len(known[1])
        self._entries[page_no] = (lsn, image)
        self._entries.move_to_end(page_no)
        self.used_bytes += len(image)
        while self.used_bytes > self.limit_bytes and self._entries:
            _page, (_lsn, old) = self._entries.popitem(last=False)
            self.used_bytes -= len(old)

    def forget(self, pages: Iterable[int]) -> None:
        for page_no in pages:
            entry = self._entries.pop(page_no, None)
            if entry is not None:
                self.used_bytes -= len(entry[1])

    def forget_above(self, first_page: int, end_page: int, lsn: int) -> None:
        """Versions above an LSN were annulled."""
        stale = [
            page_no
            for page_no, (version, _image) in self._entries.items()
            if version > lsn and first_page <= page_no < end_page
        ]
        self.forget(stale)
