"""Disks: files below one root directory, every call labelled with its purpose.

`purpose` is a word such as "append hot log": it appears in the error text, and a test or a
simulation can fail exactly that call. The calls are coroutines so that a simulated disk can take
its time, but `OsDisk` (see `runtime.osdisk`) never suspends.

What a caller may rely on: bytes are durable after `sync` returned; a file created by `open` is
durable with its first `sync`; `rename` and `write_file_atomic` are durable on return and atomic
across a crash.
"""

from __future__ import annotations

from typing import Protocol

from runtime.errors import OperatingError


class DiskError(OperatingError):
    """A disk refused; the text names the purpose, the path and the reason."""


class DiskFull(DiskError):
    """No room is left, or a quota is used up."""


class DiskInUse(DiskError):
    """Another process holds the lock asked for."""


class FileMissing(DiskError):
    """The file or directory does not exist."""


class File(Protocol):
    """An open file. At most one handle writes to a file at a time."""

    @property
    def size(self) -> int: ...

    async def read_at(self, offset: int, length: int, *, purpose: str) -> bytes:
        """Up to `length` bytes; fewer only at the end of the file."""
        ...

    async def write_at(self, offset: int, data: bytes, *, purpose: str) -> None: ...

    async def append(self, data: bytes, *, purpose: str) -> int:
        """Write at the end; returns the offset. A failed append leaves the size as it was."""
        ...

    async def sync(self, *, purpose: str) -> None:
        """Make everything written so far durable. After a failure every later sync fails too."""
        ...

    async def truncate(self, size: int, *, purpose: str) -> None: ...

    async def close(self) -> None: ...


class Disk(Protocol):
    """A directory tree. Paths are relative, with "/" between parts; "" is the root itself."""

    async def open(self, path: str, *, create: bool, purpose: str) -> File: ...

    async def listdir(self, path: str) -> list[str]: ...

    async def exists(self, path: str) -> bool: ...

    async def makedirs(self, path: str) -> None: ...

    async def remove(self, path: str) -> None:
        """Remove a file if it is there. Not durable by itself: a crash may undo it."""
        ...

    async def rename(self, old: str, new: str) -> None: ...

    async def read_file(self, path: str) -> bytes: ...

    async def write_file_atomic(self, path: str, data: bytes) -> None: ...

    async def lock(self, path: str) -> None:
        """Hold an exclusive lock until the process ends; raises DiskInUse."""
        ...


def checked_path(path: str) -> str:
    """A path that stays below its root; anything else is a mistake of the caller."""
    parts = path.split("/") if path else []
    plain = not any(part in ("", ".", "..") for part in parts)
    assert plain, f"not a plain relative path: {path!r}"
    return path
