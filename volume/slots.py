"""Where each page's base image lies in the page file, and the format of the index that says so.

A page is written to a free slot, never over its current one; the index entry that moves it there
(page, slot, LSN, checksum) becomes durable after the slot, and only then is the old slot free.

    index = batches: magic u32 | count u32 | crc32 u32, then count entries of 20 bytes

The checksum of a batch is seeded with its offset.  Pure.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple
from zlib import crc32

BATCH: Final = struct.Struct("<III")
BATCH_SIZE: Final = BATCH.size
BATCH_MAGIC: Final = 0x58493653
ENTRY: Final = struct.Struct("<IIQI")
ENTRY_SIZE: Final = ENTRY.size
_PAGE_KEY: Final = struct.Struct("<IQ")
NO_SLOT: Final = 0xFFFFFFFF


class SlotEntry(NamedTuple):
    """One page's place; ``crc`` covers page number, LSN and image."""

    page_no: int
    slot: int
    lsn: int
    crc: int


def page_checksum(page_no: int, lsn: int, image: bytes) -> int:
    """Covers the identity too, so that a misdirected write is found."""
    return crc32(image, crc32(_PAGE_KEY.pack(page_no, lsn)))


def encode_batch(entries: Iterable[SlotEntry], offset: int) -> bytes:
    body = b"".join(ENTRY.pack(*entry) for entry in entries)
    count = len(body) // ENTRY_SIZE
    return BATCH.pack(BATCH_MAGIC, count, crc32(body, offset & 0xFFFFFFFF)) + body


def scan_index(data: bytes) -> tuple[list[tuple[int, int]], int]:
    """(start, end) of the entries of each valid batch, and where the valid part ends."""
    found: list[tuple[int, int]] = []
    offset = 0
    while offset + BATCH_SIZE <= len(data):
        magic, count, crc = BATCH.unpack_from(data, offset)
        start = offset + BATCH_SIZE
        end = start + count * ENTRY_SIZE
        if magic != BATCH_MAGIC or end > len(data):
            break
        if crc32(memoryview(data)[start:end], offset & 0xFFFFFFFF) != crc:
            break
        found.append((start, end))
        offset = end
    return found, offset


def batch_follows(data: bytes, offset: int) -> bool:
    """Whether a valid batch lies beyond a bad one: then the bad one is damage, not a torn tail."""
    magic = BATCH_MAGIC.to_bytes(4, "little")
    at = data.find(magic, offset + 1)
    while at >= 0:
        if at + BATCH_SIZE <= len(data):
            _magic, count, crc = BATCH.unpack_from(data, at)
            body = data[at + BATCH_SIZE : at + BATCH_SIZE + count * ENTRY_SIZE]
            if len(body) == count * ENTRY_SIZE and crc32(body, at & 0xFFFFFFFF) == crc:
                return True
        at = data.find(magic, at + 1)
    return False


class SlotTable:
    """The index in memory: 16 bytes per page of the segment up to the highest one written."""

    def __init__(self, first_page: int) -> None:
        self._first_page = first_page
        self._slots: array[int] = array("I")
        self._lsns: array[int] = array("Q")
        self._crcs: array[int] = array("I")
        self._free: list[int] = []
        self._slot_count = 0
        self.count = 0

    def get(self, page_no: int) -> SlotEntry | None:
        at = page_no - self._first_page
        if not 0 <= at < len(self._slots) or self._slots[at] == NO_SLOT:
            return None
        return SlotEntry(page_no, self._slots[at], self._lsns[at], self._crcs[at])

    def lsn_of(self, page_no: int) -> int:
        """The LSN of a page's base image, 0 if it has none."""
        at = page_no - self._first_page
        return self._lsns[at] if 0 <= at < len(self._lsns) else 0

    def pages_from(self, page_no: int) -> Iterator[int]:
        """Numbers of the pages that have an image, from ``page_no`` on."""
        at = max(page_no - self._first_page, 0)
        while at < len(self._slots):
            if self._slots[at] != NO_SLOT:
                yield at + self._first_page
            at += 1

    def put(self, entry: SlotEntry) -> int | None:
        """Point a page at its new slot; returns the slot it leaves."""
        at = entry.page_no - self._first_page
        missing = at + 1 - len(self._slots)
        if missing > 0:
            self._slots.extend([NO_SLOT] * missing)
            self._lsns.extend([0] * missing)
            self._crcs.extend([0] * missing)
        old = self._slots[at]
        self._slots[at], self._lsns[at], self._crcs[at] = entry.slot, entry.lsn, entry.crc
        if old != NO_SLOT:
            return old
        self.count += 1
        return None

    def load(self, data: bytes, batches: Iterable[tuple[int, int]]) -> None:
        """Replay index batches, then find the free slots."""
        for start, end in batches:
            for page_no, slot, lsn, crc in ENTRY.iter_unpack(data[start:end]):
                self.put(SlotEntry(page_no, slot, lsn, crc))
                self._slot_count = max(self._slot_count, slot + 1)
        used = bytearray(self._slot_count)
        for slot in self._slots:
            if slot != NO_SLOT:
                used[slot] = 1
        self._free = [slot for slot in range(self._slot_count) if not used[slot]]
        heapify(self._free)

    def take(self, count: int) -> list[int]:
        """Free slots, lowest first, then new ones at the end."""
        taken = [heappop(self._free) for _ in range(min(count, len(self._free)))]
        fresh = count - len(taken)
        taken += range(self._slot_count, self._slot_count + fresh)
        self._slot_count += fresh
        return taken

    def give_back(self, slots: Iterable[int]) -> None:
        for slot in slots:
            heappush(self._free, slot)

    def entries(self) -> Iterator[SlotEntry]:
        for page_no in self.pages_from(self._first_page):
            entry = self.get(page_no)
            if entry is not None:
                yield entry
