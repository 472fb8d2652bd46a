"""Real disks. Every call runs inline in the event loop.

Handing a call to a thread costs more (+120 us measured) than a buffered write or, on the disks
meant, a sync; and while one sync runs the next requests pile up in the sockets and share the one
after it, which is what makes boxcars. A failed sync poisons the file: the kernel may have dropped
the dirty pages, so a later sync that "succeeds" would prove nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.disk import DiskError, DiskFull, DiskInUse, FileMissing, checked_path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def _mapped(purpose: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _translate(error, purpose, path) from error


def _translate(error: OSError, purpose: str, path: Path) -> DiskError:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return DiskFull(f"{purpose}: no room left for {path} ({reason}); free some space")
    if error.errno == errno.ENOENT:
        return FileMissing(f"{purpose}: {path} does not exist")
    return DiskError(f"{purpose}: {path}: {reason}")


def _data_sync(fd: int) -> None:
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone stops at the drive's cache
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_fully(fd: int, data: bytes, offset: int) -> None:
    written = os.pwrite(fd, data, offset)
    if written == len(data):
        return
    rest = memoryview(data)
    while written < len(data):
        written += os.pwrite(fd, rest[written:], offset + written)


class OsFile:
    """One open file descriptor and its size."""

    __slots__ = ("_broken", "_fd", "_path", "_size")

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self._path = path
        self._size = os.fstat(fd).st_size
        self._broken = False

    @property
    def size(self) -> int:
        return self._size

    async def read_at(self, offset: int, length: int, *, purpose: str) -> bytes:
        try:
            data = os.pread(self._fd, length, offset)
            if len(data) < length and offset + len(data) < self._size:
                data = self._read_rest(data, offset, length)
        except OSError as error:
            raise _translate(error, purpose, self._path) from error
        return data

    def _read_rest(self, start: bytes, offset: int, length: int) -> bytes:
        chunks = [start]
        got = len(start)
        while got < length:
            chunk = os.pread(self._fd, length - got, offset + got)
            if not chunk:
                break
            chunks.append(chunk)
            got += len(chunk)
        return b"".join(chunks)

    async def write_at(self, offset: int, data: bytes, *, purpose: str) -> None:
        try:
            _write_fully(self._fd, data, offset)
        except OSError as error:
            self._size = os.fstat(self._fd).st_size
            raise _translate(error, purpose, self._path) from error
        self._size = max(self._size, offset + len(data))

    async def append(self, data: bytes, *, purpose: str) -> int:
        offset = self._size
        try:
            _write_fully(self._fd, data, offset)
        except OSError as error:
            self._undo_append(offset)
            raise _translate(error, purpose, self._path) from error
        self._size = offset + len(data)
        return offset

    def _undo_append(self, offset: int) -> None:
        try:
            os.ftruncate(self._fd, offset)
        except OSError:
            # The partial bytes stay beyond the recorded size; the next append overwrites them.
            return

    async def sync(self, *, purpose: str) -> None:
        if self._broken:
            raise DiskError(
                f"{purpose}: {self._path}: an earlier sync failed; restart this component"
            )
        try:
            _data_sync(self._fd)
        except OSError as error:
            self._broken = True
            raise _translate(error, purpose, self._path) from error

    async def truncate(self, size: int, *, purpose: str) -> None:
        with _mapped(purpose, self._path):
            os.ftruncate(self._fd, size)
        self._size = size

    async def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class OsDisk:
    """The files below `root`, which is made if it is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._locks: dict[str, int] = {}
        with _mapped("make data directory", root):
            root.mkdir(parents=True, exist_ok=True)

    def _at(self, path: str) -> Path:
        return self.root / checked_path(path)

    async def open(self, path: str, *, create: bool, purpose: str) -> OsFile:
        full = self._at(path)
        with _mapped(purpose, full):
            try:
                fd = os.open(full, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                if not create:
                    raise
                fd = os.open(full, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                _sync_directory(full.parent)
        return OsFile(fd, full)

    async def listdir(self, path: str) -> list[str]:
        full = self._at(path)
        with _mapped("list directory", full):
            return sorted(os.listdir(full))

    async def exists(self, path: str) -> bool:
        return self._at(path).exists()

    async def makedirs(self, path: str) -> None:
        full = self._at(path)
        with _mapped("make directory", full):
            missing = [p for p in (full, *full.parents) if not p.exists()]
            for directory in reversed(missing):
                directory.mkdir(exist_ok=True)
                _sync_directory(directory.parent)

    async def remove(self, path: str) -> None:
        full = self._at(path)
        with _mapped("remove file", full):
            full.unlink(missing_ok=True)

    async def rename(self, old: str, new: str) -> None:
        source, target = self._at(old), self._at(new)
        with _mapped("rename file", source):
            os.replace(source, target)
            _sync_directory(target.parent)
            if source.parent != target.parent:
                _sync_directory(source.parent)

    async def read_file(self, path: str) -> bytes:
        full = self._at(path)
        with _mapped("read file", full):
            return full.read_bytes()

    async def write_file_atomic(self, path: str, data: bytes) -> None:
        full = self._at(path)
        temporary = full.with_name(full.name + ".tmp")
        with _mapped("write file", full):
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                _write_fully(fd, data, 0)
                _data_sync(fd)
            finally:
                os.close(fd)
            os.replace(temporary, full)
            _sync_directory(full.parent)

    async def lock(self, path: str) -> None:
        full = self._at(path)
        if path in self._locks:
            return
        with _mapped("lock data directory", full):
            fd = os.open(full, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise DiskInUse(f"{full.parent} is in use by another process") from error
        self._locks[path] = fd

    def close(self) -> None:
        """Release the locks; what process exit does by itself."""
        for fd in self._locks.values():
            os.close(fd)
        self._locks.clear()
