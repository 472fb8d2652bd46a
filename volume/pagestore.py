"""Base images of a segment's pages: a file of page-sized slots and the index of which holds what.

Invariants: a slot is written and synced before the index says so, and the index is synced before
the old slot may be used again, so that a crash at any point leaves every page readable at its old
or its new version; an image is returned only if its checksum holds.  Layout and index are
``volume.slots``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runtime.disk import Disk, DiskError, File
from volume.errors import PageCorrupt, StorageBroken
from volume.slots import (
    BATCH_SIZE,
    ENTRY_SIZE,
    SlotEntry,
    SlotTable,
    batch_follows,
    encode_batch,
    page_checksum,
    scan_index,
)
from volume.turnstile import Turnstile

# An index this much larger than its live entries is rewritten.
INDEX_SLACK_BYTES = 1024**2
_REWRITE_BATCH = 4096

Page = tuple[int, int, bytes]  # page_no, lsn, image


class PageStore:
    """One generation of page file and index."""

    def __init__(
        self, disk: Disk, directory: str, generation: int, page_size: int, first_page: int
    ) -> None:
        self.generation = generation
        self.table = SlotTable(first_page)
        self.damaged = False
        self._disk = disk
        self._page_size = page_size
        self._data_path = f"{directory}/pages-{generation:06d}.dat"
        self._index_path = f"{directory}/pages-{generation:06d}.idx"
        self._data: File | None = None
        self._index: File | None = None
        self._gate = Turnstile()

    @property
    def names(self) -> set[str]:
        """The file names of this generation, without the directory."""
        return {self._data_path.rpartition("/")[2], self._index_path.rpartition("/")[2]}

    async def open(self) -> None:
        """Open or create; sets ``damaged`` when the index lost entries it had promised."""
        self._data = await self._disk.open(self._data_path, create=True, purpose="open pages")
        index = await self._disk.open(self._index_path, create=True, purpose="open page index")
        self._index = index
        data = await index.read_at(0, index.size, purpose="read page index")
        batches, end = scan_index(data)
        self.table.load(data, batches)
        # A damaged index is left as it is, so that the next start finds the damage again.
        self.damaged = end < len(data) and batch_follows(data, end)
        if end < len(data) and not self.damaged:
            await index.truncate(end, purpose="cut page index")
        await index.sync(purpose="sync page index")

    async def write(self, pages: Sequence[Page]) -> None:
        """Make new versions of pages durable, all or nothing as far as this process can see."""
        assert not self.damaged, "a damaged page store is replaced, not written"
        async with self._gate:
            # A repair may come in with an older image than a round that was just before it.
            await self._write([p for p in pages if p[1] >= self.table.lsn_of(p[0])])

    async def _write(self, pages: Sequence[Page]) -> None:
        slots = self.table.take(len(pages))
        entries = [
            SlotEntry(page_no, slot, lsn, page_checksum(page_no, lsn, image))
            for slot, (page_no, lsn, image) in zip(slots, pages, strict=True)
        ]
        try:
            await self._write_slots(slots, pages)
            await self._write_index(entries)
        except DiskError:
            self.table.give_back(slots)
            raise
        left = [old for entry in entries if (old := self.table.put(entry)) is not None]
        self.table.give_back(left)

    async def _write_slots(self, slots: list[int], pages: Sequence[Page]) -> None:
        assert self._data is not None, "the page store is not open"
        size = self._page_size
        for first, last in _runs(slots):
            joined = b"".join(pages[at][2] for at in range(first, last))
            await self._data.write_at(slots[first] * size, joined, purpose="write pages")
        await _sync(self._data, "sync pages")

    async def _write_index(self, entries: list[SlotEntry]) -> None:
        assert self._index is not None, "the page store is not open"
        batch = encode_batch(entries, self._index.size)
        await self._index.append(batch, purpose="append page index")
        await _sync(self._index, "sync page index")

    async def read(self, page_no: int) -> tuple[int, bytes] | None:
        """(lsn, image), None if the page has none; PageCorrupt if it fails its checksum."""
        assert self._data is not None, "the page store is not open"
        while (entry := self.table.get(page_no)) is not None:
            image = await self._data.read_at(
                entry.slot * self._page_size, self._page_size, purpose="read page"
            )
            if page_checksum(page_no, entry.lsn, image) == entry.crc:
                return entry.lsn, image
            # Moved while it was read: its old slot may hold another page by now.
            if self.table.get(page_no) == entry:
                raise PageCorrupt(page_no)
        return None

    async def compact_index(self) -> None:
        """Rewrite the index when most of it is history."""
        assert self._index is not None, "the page store is not open"
        live = self.table.count * ENTRY_SIZE
        if self._index.size < 2 * live + INDEX_SLACK_BYTES:
            return
        async with self._gate:
            await self._rewrite_index()

    async def _rewrite_index(self) -> None:
        parts: list[bytes] = []
        offset = 0
        for batch in _batches(self.table.entries()):
            parts.append(encode_batch(batch, offset))
            offset += BATCH_SIZE + len(batch) * ENTRY_SIZE
        await self._disk.write_file_atomic(self._index_path, b"".join(parts))
        old = self._index
        self._index = await self._disk.open(
            self._index_path, create=False, purpose="open page index"
        )
        if old is not None:
            await old.close()

    async def close(self) -> None:
        for file in (self._data, self._index):
            if file is not None:
                await file.close()

    async def remove(self) -> None:
        """Close and delete this generation."""
        await self.close()
        await self._disk.remove(self._data_path)
        await self._disk.remove(self._index_path)


async def _sync(file: File, purpose: str) -> None:
    try:
        await file.sync(purpose=purpose)
    except DiskError as error:
        raise StorageBroken(str(error)) from error


def _runs(slots: list[int]) -> Iterator[tuple[int, int]]:
    """(first, last) index ranges of consecutive slots."""
    first = 0
    for at in range(1, len(slots) + 1):
        if at == len(slots) or slots[at] != slots[at - 1] + 1:
            yield first, at
            first = at


def _batches(entries: Iterator[SlotEntry]) -> Iterator[list[SlotEntry]]:
    batch: list[SlotEntry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == _REWRITE_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
