"""What only the disk in memory can do: crash, tear, fill up, fail a chosen call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.disk import DiskError, DiskFull
from runtime.rng import Rng
from tests.fakes.disk import SECTOR, MemoryDisk, Platter

P = "test"


async def test_a_crash_loses_what_was_not_synced() -> None:
    disk = MemoryDisk()
    file = await disk.open("log", create=True, purpose=P)
    await file.append(b"synced", purpose=P)
    await file.sync(purpose=P)
    await file.append(b" lost", purpose=P)
    await file.write_at(0, b"SYN", purpose=P)
    again = disk.crash()
    with pytest.raises(DiskError, match="gone"):
        await file.append(b"x", purpose=P)
    with pytest.raises(DiskError, match="gone"):
        await disk.exists("log")
    assert await again.read_file("log") == b"synced"


async def test_a_crash_keeps_atomic_writes_and_renames() -> None:
    disk = MemoryDisk()
    await disk.write_file_atomic("a", b"one")
    await disk.rename("a", "b")
    await disk.write_file_atomic("b", b"two")
    again = disk.crash()
    assert await again.listdir("") == ["b"]
    assert await again.read_file("b") == b"two"


async def test_a_crash_may_undo_a_removal() -> None:
    seen = set()
    for seed in range(20):
        disk = MemoryDisk()
        await disk.write_file_atomic("old", b"x")
        await disk.remove("old")
        seen.add(await disk.crash(Rng(seed)).exists("old"))
    assert seen == {True, False}


@given(seed=st.integers(0, 1 << 30), sizes=st.lists(st.integers(1, 3 * SECTOR), max_size=5))
def test_a_torn_write_keeps_whole_sectors_only(seed: int, sizes: list[int]) -> None:
    platter = Platter()
    inode_size = 0

    async def scenario() -> None:
        nonlocal inode_size
        disk = MemoryDisk(platter)
        file = await disk.open("log", create=True, purpose=P)
        await file.append(b"\x01" * 700, purpose=P)
        await file.sync(purpose=P)
        for size in sizes:
            await file.append(b"\x02" * size, purpose=P)
        inode_size = file.size

    run(scenario())
    platter.crash(Rng(seed))
    data = bytes(platter.files["log"].data)
    assert data[:700] == b"\x01" * 700
    assert len(data) <= inode_size
    assert set(data[700:]) <= {0, 2}


def run(coroutine: object) -> None:
    """Drive a coroutine that never suspends."""
    with pytest.raises(StopIteration):
        coroutine.send(None)  # type: ignore[attr-defined]


async def test_a_full_disk_takes_no_growth_but_overwrites() -> None:
    disk = MemoryDisk(Platter(capacity=10))
    file = await disk.open("f", create=True, purpose=P)
    await file.append(b"0123456789", purpose=P)
    with pytest.raises(DiskFull):
        await file.append(b"x", purpose=P)
    await file.write_at(2, b"ab", purpose=P)
    assert file.size == 10


async def test_chosen_calls_fail_and_a_failed_sync_poisons() -> None:
    disk = MemoryDisk()
    file = await disk.open("f", create=True, purpose=P)
    disk.fail("sync hot log")
    await file.append(b"x", purpose="append hot log")
    with pytest.raises(DiskError, match="sync hot log: injected"):
        await file.sync(purpose="sync hot log")
    disk.heal()
    with pytest.raises(DiskError, match="an earlier sync failed"):
        await file.sync(purpose="sync hot log")
    assert disk.purposes[-1] == "sync hot log"
