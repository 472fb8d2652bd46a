"""One segment's hot log on disk: files in order, appended and synced entry by entry.

Invariants: an append has returned only if its entry is durable; a sync that failed breaks the log
for good (what the kernel still holds cannot be trusted), while an append refused for lack of room
leaves it as it was.  Opening scans all files, cuts a torn tail off the last one and syncs it, so
that whatever is reported from here on is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import trio
from attrs import define, frozen

from runtime.disk import Disk, DiskError, DiskFull, File
from runtime.errors import OperatingError
from volume import hotlog, limits
from volume.errors import FormatMismatch, RecordError, StorageBroken
from volume.hotlog import FileScan, Promise
from volume.logindex import FILE_SHIFT
from volume.logtail import LogTail, TailBudget
from volume.records import ScannedRecord, scan_trusted

_OFFSET_MASK = (1 << FILE_SHIFT) - 1


class LogGone(OperatingError):
    """The file that held a record was collected meanwhile."""


@define(eq=False)
class LogFile:
    """One file; ``high`` is the highest LSN in it."""

    sequence: int
    file: File
    high: int = 0


@frozen
class Recovered:
    """What the scan found: the last promise, the newest VDL, how much was lost to damage."""

    promise: Promise
    vdl: int
    tail: int
    damaged_bytes: int
    torn_bytes: int


def file_name(sequence: int) -> str:
    return f"log-{sequence:010d}"


def _sequence_of(name: str) -> int | None:
    digits = name.removeprefix("log-")
    return int(digits) if name.startswith("log-") and digits.isdigit() else None


class HotLog:
    """See the module's text."""

    def __init__(self, disk: Disk, directory: str, pg: int, budget: TailBudget) -> None:
        self._disk = disk
        self._directory = directory
        self._pg = pg
        self._files: dict[int, LogFile] = {}
        self._scans: dict[int, FileScan] = {}
        self._current: LogFile | None = None
        self._recent = LogTail(budget)
        self.recent = self._recent.find
        self.broken = False
        self.file_bytes = limits.LOG_FILE_BYTES

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.file.size for entry in self._files.values())

    def _path(self, sequence: int) -> str:
        return f"{self._directory}/{file_name(sequence)}"

    # -- opening -------------------------------------------------------------------------------

    async def create(self, promise: Promise) -> None:
        """Begin a new segment's log with its first promise."""
        await self._disk.makedirs(self._directory)
        await self._start_file(1, promise, 0, 0)

    async def open(self) -> Recovered | None:
        """Scan what is there; None when there is no log yet."""
        names = await self._disk.listdir(self._directory)
        sequences = sorted(s for s in map(_sequence_of, names) if s is not None)
        if not sequences:
            return None
        promise: Promise | None = None
        vdl = tail = damaged = torn = 0
        for sequence in sequences:
            data = await self._disk.read_file(self._path(sequence))
            scan = hotlog.scan_file(data, self._pg, sequence)
            damaged += sum(end - start for start, end in scan.damage)
            lost = len(data) - scan.end
            torn, damaged = (lost, damaged) if sequence == sequences[-1] else (0, damaged + lost)
            for entry in scan.entries:
                if entry.kind == hotlog.STATE:
                    promise = hotlog.decode_promise(data[entry.start : entry.end])
                if entry.vdl >= vdl:
                    vdl, tail = entry.vdl, entry.tail
            self._scans[sequence] = scan
            await self._open_file(sequence)
            await trio.lowlevel.checkpoint()
        if promise is None:
            raise FormatMismatch(
                f"the hot log in {self._directory} is unreadable: move that directory away and"
                " start again, the segment is then rebuilt from its peers"
            )
        await self._cut_torn_tail(sequences[-1])
        if damaged:
            await self._rotate(promise, vdl, tail)
        return Recovered(promise, vdl, tail, damaged, torn)

    async def _open_file(self, sequence: int) -> None:
        file = await self._disk.open(self._path(sequence), create=False, purpose="open hot log")
        self._current = self._files[sequence] = LogFile(sequence, file)

    async def _cut_torn_tail(self, sequence: int) -> None:
        entry = self._files[sequence]
        if self._scans[sequence].end < entry.file.size:
            await entry.file.truncate(self._scans[sequence].end, purpose="cut torn hot log")
        await entry.file.sync(purpose="sync hot log")

    async def replay(self, sink: Callable[[list[ScannedRecord], int], None]) -> None:
        """After ``open``: pass on each batch of records and the position its offsets count from."""
        for sequence in sorted(self._scans):
            scan = self._scans.pop(sequence)
            data = await self._disk.read_file(self._path(sequence))
            high = 0
            for entry in scan.entries:
                if entry.kind == hotlog.RECORDS:
                    records = scan_trusted(data, entry.start, entry.end)
                    high = max(high, max((record[0] for record in records), default=0))
                    sink(records, sequence << FILE_SHIFT)
            self._files[sequence].high = high
            await trio.lowlevel.checkpoint()

    # -- writing -------------------------------------------------------------------------------

    async def append_records(
        self, data: bytes, high: int, promise: Promise, vdl: int, tail: int
    ) -> int:
        """Make records durable; returns the position of the first byte of ``data``."""
        current = await self._room(promise, vdl, tail)
        await self._append(current, hotlog.RECORDS, data, vdl, tail)
        if high > current.high:
            current.high = high
        offset = current.file.size - len(data)
        position = current.sequence << FILE_SHIFT | offset
        self._recent.add(position, data)
        return position

    async def append_promise(self, promise: Promise, vdl: int, tail: int) -> None:
        """Make a promise durable."""
        current = await self._room(promise, vdl, tail)
        await self._append(current, hotlog.STATE, hotlog.encode_promise(promise), vdl, tail)

    async def _append(self, current: LogFile, kind: int, body: bytes, vdl: int, tail: int) -> None:
        file = current.file
        entry = hotlog.encode_entry(kind, current.sequence, file.size, vdl, tail, body)
        await file.append(entry, purpose="append hot log")
        try:
            await file.sync(purpose="sync hot log")
        except DiskError as error:
            self.broken = True
            raise StorageBroken(str(error)) from error

    async def _room(self, promise: Promise, vdl: int, tail: int) -> LogFile:
        """The file to append to."""
        if self.broken:
            raise StorageBroken("the hot log is broken, restart this storage node")
        current = self._current
        assert current is not None, "the log is not open"
        if current.file.size >= self.file_bytes:
            try:
                current = await self._rotate(promise, vdl, tail)
            except DiskFull:
                # No new file: the old one goes on as long as the disk lets it.
                return current
        return current

    async def _rotate(self, promise: Promise, vdl: int, tail: int) -> LogFile:
        return await self._start_file(max(self._files) + 1, promise, vdl, tail)

    async def _start_file(self, sequence: int, promise: Promise, vdl: int, tail: int) -> LogFile:
        data = hotlog.new_file(self._pg, sequence, vdl, tail, promise)
        await self._disk.write_file_atomic(self._path(sequence), data)
        await self._open_file(sequence)
        assert self._current is not None
        return self._current

    # -- reading -------------------------------------------------------------------------------

    async def read(self, position: int, length: int) -> bytes:
        """Bytes written earlier; raises LogGone if they were collected meanwhile."""
        data = self.recent(position, length)
        if data is not None:
            return data
        sequence = position >> FILE_SHIFT
        entry = self._files.get(sequence)
        if entry is None:
            raise LogGone(f"log file {sequence} was collected")
        try:
            data = await entry.file.read_at(position & _OFFSET_MASK, length, purpose="read hot log")
        except DiskError as error:
            if sequence not in self._files:
                raise LogGone(f"log file {sequence} was collected") from None
            raise RecordError(str(error)) from error
        return data

    async def read_record(self, position: int, length: int) -> bytes:
        """One record, its checksum verified."""
        record = await self.read(position, length)
        if len(record) != length or crc32(record[4:]) != int.from_bytes(record[:4], "little"):
            raise RecordError(f"a record of the hot log in {self._directory} is damaged")
        return record

    # -- collecting ----------------------------------------------------------------------------

    def collectable(self, folded: int, retain_bytes: int) -> tuple[list[int], int]:
        """The oldest files that may go, and the highest LSN in them.

        Those whose records are all in pages, beyond the log kept for peers that lag.
        """
        size, high, found = self.size, 0, []
        for sequence in sorted(self._files)[:-1]:
            entry = self._files[sequence]
            if size <= retain_bytes or entry.high > folded:
                break
            size -= entry.file.size
            high = max(high, entry.high)
            found.append(sequence)
        return found, high

    async def remove(self, sequences: list[int]) -> None:
        """Delete files; a promise with a base above their records must be durable."""
        for sequence in sequences:
            entry = self._files.pop(sequence)
            await entry.file.close()
            await self._disk.remove(self._path(sequence))

    async def close(self) -> None:
        for entry in self._files.values():
            await entry.file.close()
