"""A disk in memory that can crash, tear writes, fill up and fail chosen calls.

A `Platter` is what survives a process; a `MemoryDisk` is one process's access to it. What was
synced is certain after a crash; of each unsynced write a crash may keep all, nothing or any of its
sectors.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from runtime.disk import DiskError, DiskFull, DiskInUse, FileMissing, checked_path
from runtime.rng import Rng

SECTOR = 512


@define(eq=False)
class _Inode:
    """A file's content as programs see it, as the platter has it, and the steps between the two."""

    data: bytearray = field(factory=bytearray)
    durable: bytes = b""
    unsynced: list[tuple[int, bytes | None]] = field(
        factory=list
    )  # (offset, bytes) or (size, None)

    def write(self, offset: int, data: bytes) -> None:
        _write_into(self.data, offset, data)
        self.unsynced.append((offset, bytes(data)))

    def truncate(self, size: int) -> None:
        _resize(self.data, size)
        self.unsynced.append((size, None))

    def sync(self) -> None:
        self.durable = bytes(self.data)
        self.unsynced.clear()

    def crash(self, rng: Rng | None) -> None:
        content = bytearray(self.durable)
        if rng is not None:
            for offset, data in self.unsynced:
                _apply_some(content, offset, data, rng)
        self.data = content
        self.sync()


def _write_into(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    if size <= len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


def _apply_some(content: bytearray, offset: int, data: bytes | None, rng: Rng) -> None:
    fate = rng.randrange(3)
    if fate == 0:
        return
    if data is None:
        _resize(content, offset)
    elif fate == 1:
        _write_into(content, offset, data)
    else:
        _write_torn(content, offset, data, rng)


def _write_torn(content: bytearray, offset: int, data: bytes, rng: Rng) -> None:
    """Some sectors of a write, cut at the sector borders of the disk."""
    at = offset
    while at < offset + len(data):
        end = min((at // SECTOR + 1) * SECTOR, offset + len(data))
        if rng.randrange(2):
            _write_into(content, at, data[at - offset : end - offset])
        at = end


class Platter:
    """The storage below one or several processes' disks."""

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.files: dict[str, _Inode] = {}
        self.durable_names: dict[str, _Inode] = {}
        self.directories: set[str] = {""}
        self.locks: dict[str, MemoryDisk] = {}
        self.generation = 0

    def used(self) -> int:
        return sum(len(inode.data) for inode in self.files.values())

    def crash(self, rng: Rng | None = None) -> None:
        """Power fails: open handles and disks are dead, unsynced writes are lost.

        With `rng` each unsynced write or removal survives wholly, partly or not at all.
        """
        self.generation += 1
        self.locks.clear()
        survivors = dict(self.durable_names)
        for path in sorted(self.durable_names):
            gone = path not in self.files
            if gone and rng is not None and rng.randrange(2):
                del survivors[path]
        for path in sorted(survivors):
            survivors[path].crash(rng)
        self.files = survivors
        self.durable_names = dict(survivors)


class MemoryDisk:
    """One process's access to a platter."""

    def __init__(self, platter: Platter | None = None) -> None:
        self.platter = platter or Platter()
        self.purposes: list[str] = []  # of every call, in order
        self.syncs = 0
        self._generation = self.platter.generation
        self._failures: dict[str, Callable[[], DiskError]] = {}

    def fail(self, purpose: str, error: Callable[[], DiskError] | None = None) -> None:
        """Let every call with this purpose fail until `heal`."""
        self._failures[purpose] = error or (lambda: DiskError(f"{purpose}: injected failure"))

    def heal(self) -> None:
        self._failures.clear()

    def crash(self, rng: Rng | None = None) -> MemoryDisk:
        """Crash the platter; returns the disk a restarted process would use."""
        self.platter.crash(rng)
        return MemoryDisk(self.platter)

    def check(self, purpose: str, growth: int = 0) -> None:
        if self._generation != self.platter.generation:
            raise DiskError(f"{purpose}: the disk is gone")
        self.purposes.append(purpose)
        if purpose in self._failures:
            raise self._failures[purpose]()
        capacity = self.platter.capacity
        if growth > 0 and capacity is not None and self.platter.used() + growth > capacity:
            raise DiskFull(f"{purpose}: no room left")

    async def open(self, path: str, *, create: bool, purpose: str) -> MemoryFile:
        self.check(purpose)
        if checked_path(path) not in self.platter.files:
            self._need_parent(path, purpose)
            if not create:
                raise FileMissing(f"{purpose}: {path} does not exist")
            self._link(path, _Inode())
        return MemoryFile(self, self.platter.files[path], path)

    def _need_parent(self, path: str, purpose: str) -> None:
        if path.rpartition("/")[0] not in self.platter.directories:
            raise FileMissing(f"{purpose}: the directory of {path} does not exist")

    def _link(self, path: str, inode: _Inode) -> None:
        self.platter.files[path] = inode
        self.platter.durable_names[path] = inode

    async def listdir(self, path: str) -> list[str]:
        self.check("list directory")
        if checked_path(path) not in self.platter.directories:
            raise FileMissing(f"list directory: {path} does not exist")
        prefix = f"{path}/" if path else ""
        known = [*self.platter.files, *self.platter.directories]
        inside = [name[len(prefix) :] for name in known if name.startswith(prefix)]
        return sorted({name.split("/")[0] for name in inside if name})

    async def exists(self, path: str) -> bool:
        self.check("exists")
        return checked_path(path) in self.platter.files or path in self.platter.directories

    async def makedirs(self, path: str) -> None:
        self.check("make directory")
        parts = checked_path(path).split("/")
        for count in range(1, len(parts) + 1):
            self.platter.directories.add("/".join(parts[:count]))

    async def remove(self, path: str) -> None:
        self.check("remove file")
        self.platter.files.pop(checked_path(path), None)

    async def rename(self, old: str, new: str) -> None:
        self.check("rename file")
        self._need_parent(checked_path(new), "rename file")
        if checked_path(old) not in self.platter.files:
            raise FileMissing(f"rename file: {old} does not exist")
        inode = self.platter.files.pop(old)
        self.platter.durable_names.pop(old, None)
        self._link(new, inode)

    async def read_file(self, path: str) -> bytes:
        self.check("read file")
        if checked_path(path) not in self.platter.files:
            raise FileMissing(f"read file: {path} does not exist")
        return bytes(self.platter.files[path].data)

    async def write_file_atomic(self, path: str, data: bytes) -> None:
        self.check("write file", len(data))
        self._need_parent(checked_path(path), "write file")
        self._link(path, _Inode(bytearray(data), bytes(data)))

    async def lock(self, path: str) -> None:
        self.check("lock data directory")
        if self.platter.locks.setdefault(checked_path(path), self) is not self:
            raise DiskInUse("the disk is in use by another process")

    def close(self) -> None:
        locks = self.platter.locks
        for path in [path for path, holder in locks.items() if holder is self]:
            del locks[path]


class MemoryFile:
    """One open handle."""

    def __init__(self, disk: MemoryDisk, inode: _Inode, path: str) -> None:
        self._disk = disk
        self._inode = inode
        self._path = path
        self._broken = False

    @property
    def size(self) -> int:
        return len(self._inode.data)

    async def read_at(self, offset: int, length: int, *, purpose: str) -> bytes:
        self._disk.check(purpose)
        return bytes(self._inode.data[offset : offset + length])

    async def write_at(self, offset: int, data: bytes, *, purpose: str) -> None:
        self._disk.check(purpose, offset + len(data) - self.size)
        self._inode.write(offset, data)

    async def append(self, data: bytes, *, purpose: str) -> int:
        self._disk.check(purpose, len(data))
        offset = self.size
        self._inode.write(offset, data)
        return offset

    async def sync(self, *, purpose: str) -> None:
        if self._broken:
            raise DiskError(f"{purpose}: {self._path}: an earlier sync failed")
        try:
            self._disk.check(purpose)
        except DiskError:
            self._broken = True
            raise
        self._disk.syncs += 1
        self._inode.sync()

    async def truncate(self, size: int, *, purpose: str) -> None:
        self._disk.check(purpose)
        self._inode.truncate(size)

    async def close(self) -> None:
        return
