"""Base images: shadow slots, a checked index, damage found and never served."""

from __future__ import annotations

import pytest

from runtime.disk import DiskFull
from tests.fakes.disk import MemoryDisk, Platter
from volume import pagestore
from volume.errors import PageCorrupt, StorageBroken
from volume.pagestore import PageStore

SIZE = 512
DATA, INDEX = "pg/pages-000001.dat", "pg/pages-000001.idx"


async def open_store(disk: MemoryDisk) -> PageStore:
    await disk.makedirs("pg")
    store = PageStore(disk, "pg", 1, SIZE, 100)
    await store.open()
    return store


def page(number: int, version: int) -> tuple[int, int, bytes]:
    return number, version, bytes([number % 256, version % 256]) * (SIZE // 2)


async def test_pages_read_back_also_after_a_restart():
    platter = Platter()
    store = await open_store(MemoryDisk(platter))
    for version in range(1, 6):
        await store.write([page(n, version) for n in range(100, 100 + version)])
    platter.crash()
    for found in (store, await open_store(MemoryDisk(platter))):
        if found is not store:
            for n in range(100, 105):
                assert await found.read(n) == page(n, 5)[1:]
            assert await found.read(105) is None
            assert await found.read(99) is None
            assert found.table.count == 5


async def test_slots_are_used_again_but_never_the_current_ones():
    platter = Platter()
    store = await open_store(MemoryDisk(platter))
    for version in range(1, 50):
        before = {n: store.table.get(n) for n in range(100, 104)}
        await store.write([page(n, version) for n in range(100, 104)])
        for n, old in before.items():
            new = store.table.get(n)
            assert new is not None
            assert old is None or new.slot != old.slot
    assert len(platter.files[DATA].data) <= 8 * SIZE


async def test_an_older_image_never_replaces_a_newer_one():
    store = await open_store(MemoryDisk())
    await store.write([page(100, 9)])
    await store.write([page(100, 5), page(101, 5)])
    assert await store.read(100) == page(100, 9)[1:]
    assert await store.read(101) == page(101, 5)[1:]


async def test_every_flipped_byte_of_an_image_is_refused():
    platter = Platter()
    store = await open_store(MemoryDisk(platter))
    await store.write([page(100, 1)])
    for at in range(0, SIZE, 37):
        platter.files[DATA].data[at] ^= 1
        with pytest.raises(PageCorrupt):
            await store.read(100)
        platter.files[DATA].data[at] ^= 1
    assert await store.read(100) == page(100, 1)[1:]


async def test_a_page_written_to_the_wrong_place_is_refused():
    platter = Platter()
    store = await open_store(MemoryDisk(platter))
    await store.write([page(100, 1), page(101, 1)])
    data = platter.files[DATA].data
    data[:SIZE], data[SIZE : 2 * SIZE] = data[SIZE : 2 * SIZE], data[:SIZE]
    with pytest.raises(PageCorrupt):
        await store.read(100)


async def test_a_torn_index_tail_is_cut_and_an_index_damaged_inside_is_noticed():
    platter = Platter()
    store = await open_store(MemoryDisk(platter))
    await store.write([page(100, 1)])
    first = len(platter.files[INDEX].data)
    await store.write([page(101, 2)])
    whole = bytes(platter.files[INDEX].data)
    for cut in range(first, len(whole)):
        platter.files[INDEX].data[:] = whole[:cut]
        again = await open_store(MemoryDisk(platter))
        assert (again.damaged, again.table.count) == (False, 1)
    for at in range(first):
        platter.files[INDEX].data[:] = whole
        platter.files[INDEX].data[at] ^= 4
        assert (await open_store(MemoryDisk(platter))).damaged
        assert (await open_store(MemoryDisk(platter))).damaged, "it stays damaged"


async def test_a_full_disk_changes_nothing_and_leaks_no_slot():
    platter = Platter()
    disk = MemoryDisk(platter)
    store = await open_store(disk)
    await store.write([page(100, 1)])
    for purpose in ("write pages", "append page index"):
        disk.fail(purpose, lambda: DiskFull("no room"))
        for _ in range(5):
            with pytest.raises(DiskFull):
                await store.write([page(100, 2), page(101, 2)])
        disk.heal()
    assert await store.read(100) == page(100, 1)[1:]
    await store.write([page(100, 3), page(101, 3)])
    assert len(platter.files[DATA].data) == 3 * SIZE


@pytest.mark.parametrize("purpose", ["sync pages", "sync page index"])
async def test_a_failed_sync_breaks_the_store(purpose):
    disk = MemoryDisk()
    store = await open_store(disk)
    disk.fail(purpose)
    with pytest.raises(StorageBroken):
        await store.write([page(100, 1)])


async def test_the_index_is_rewritten_when_it_is_mostly_history(monkeypatch):
    monkeypatch.setattr(pagestore, "INDEX_SLACK_BYTES", 200)
    platter = Platter()
    store = await open_store(MemoryDisk(platter))
    for version in range(1, 40):
        await store.write([page(100, version), page(102, version)])
        await store.compact_index()
    assert len(platter.files[INDEX].data) < 400
    await store.write([page(101, 7)])
    platter.crash()
    again = await open_store(MemoryDisk(platter))
    assert await again.read(100) == page(100, 39)[1:]
    assert await again.read(101) == page(101, 7)[1:]
    assert not again.damaged
