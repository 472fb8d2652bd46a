"""Every `Disk` keeps the same promises: the real one and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runtime.disk import Disk, DiskError, DiskInUse, FileMissing
from runtime.osdisk import OsDisk
from tests.fakes.disk import MemoryDisk, Platter

P = "test"
Opener = Callable[[], Disk]


@pytest.fixture(params=["os", "memory"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same storage again and again, as several processes would."""
    platter = Platter()
    with ExitStack() as stack:

        def open_disk() -> Disk:
            disk = OsDisk(tmp_path / "data") if request.param == "os" else MemoryDisk(platter)
            stack.callback(disk.close)
            return disk

        yield open_disk


@pytest.fixture
def disk(opener: Opener) -> Disk:
    return opener()


async def test_append_returns_offsets_and_grows(disk: Disk) -> None:
    file = await disk.open("log", create=True, purpose=P)
    assert file.size == 0
    assert await file.append(b"abc", purpose=P) == 0
    assert await file.append(b"defg", purpose=P) == 3
    assert file.size == 7
    assert await file.read_at(0, 100, purpose=P) == b"abcdefg"
    assert await file.read_at(2, 3, purpose=P) == b"cde"
    assert await file.read_at(7, 1, purpose=P) == b""
    await file.sync(purpose=P)
    await file.close()


async def test_write_beyond_the_end_fills_with_zeros(disk: Disk) -> None:
    file = await disk.open("f", create=True, purpose=P)
    await file.write_at(4, b"xy", purpose=P)
    assert file.size == 6
    assert await file.read_at(0, 6, purpose=P) == b"\0\0\0\0xy"
    await file.write_at(1, b"ab", purpose=P)
    assert await file.read_at(0, 6, purpose=P) == b"\0ab\0xy"
    await file.close()


async def test_truncate_shrinks_and_grows(disk: Disk) -> None:
    file = await disk.open("f", create=True, purpose=P)
    await file.append(b"abcdef", purpose=P)
    await file.truncate(2, purpose=P)
    assert file.size == 2
    assert await file.append(b"Z", purpose=P) == 2
    await file.truncate(5, purpose=P)
    assert await file.read_at(0, 9, purpose=P) == b"abZ\0\0"
    await file.close()


async def test_a_file_is_seen_by_the_next_process(opener: Opener) -> None:
    file = await opener().open("f", create=True, purpose=P)
    await file.append(b"kept", purpose=P)
    await file.sync(purpose=P)
    await file.close()
    again = await opener().open("f", create=False, purpose=P)
    assert again.size == 4
    assert await again.read_at(0, 4, purpose=P) == b"kept"
    await again.close()


async def test_open_without_create_needs_the_file(disk: Disk) -> None:
    with pytest.raises(FileMissing, match="read the log"):
        await disk.open("missing", create=False, purpose="read the log")
    assert not await disk.exists("missing")


async def test_open_needs_the_directory(disk: Disk) -> None:
    with pytest.raises(DiskError):
        await disk.open("a/b", create=True, purpose=P)
    await disk.makedirs("a")
    file = await disk.open("a/b", create=True, purpose=P)
    await file.close()
    assert await disk.exists("a/b")


async def test_directories(disk: Disk) -> None:
    assert await disk.listdir("") == []
    await disk.makedirs("x/y/z")
    await disk.makedirs("x/y")
    await disk.write_file_atomic("x/b", b"")
    await disk.write_file_atomic("x/a", b"")
    assert await disk.listdir("") == ["x"]
    assert await disk.listdir("x") == ["a", "b", "y"]
    assert await disk.listdir("x/y/z") == []
    assert await disk.exists("x/y")
    with pytest.raises(FileMissing):
        await disk.listdir("nowhere")


async def test_atomic_write_replaces(disk: Disk) -> None:
    await disk.write_file_atomic("f", b"old and longer")
    await disk.write_file_atomic("f", b"new")
    assert await disk.read_file("f") == b"new"
    assert await disk.listdir("") == ["f"]
    with pytest.raises(FileMissing):
        await disk.read_file("g")
    with pytest.raises(DiskError):
        await disk.write_file_atomic("no/such/directory", b"")


async def test_rename_replaces_and_keeps_handles(disk: Disk) -> None:
    file = await disk.open("old", create=True, purpose=P)
    await disk.write_file_atomic("new", b"overwritten")
    await disk.rename("old", "new")
    await file.append(b"through the handle", purpose=P)
    assert await disk.read_file("new") == b"through the handle"
    assert await disk.listdir("") == ["new"]
    with pytest.raises(FileMissing):
        await disk.rename("old", "newer")
    await file.close()


async def test_remove_forgives_and_keeps_handles(disk: Disk) -> None:
    file = await disk.open("f", create=True, purpose=P)
    await file.append(b"abc", purpose=P)
    await disk.remove("f")
    await disk.remove("f")
    assert not await disk.exists("f")
    assert await file.read_at(0, 3, purpose=P) == b"abc"
    await file.close()


async def test_a_lock_excludes_other_processes(opener: Opener) -> None:
    first, second = opener(), opener()
    await first.lock("LOCK")
    await first.lock("LOCK")
    with pytest.raises(DiskInUse, match="in use by another process"):
        await second.lock("LOCK")


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../b", "a//b", "./a"])
async def test_paths_stay_below_the_root(disk: Disk, path: str) -> None:
    with pytest.raises(AssertionError, match="not a plain relative path"):
        await disk.read_file(path)
