"""Page reads under SQLite: misses, cancellation at each of them, interruption, yielding."""

from __future__ import annotations

from functools import partial
from typing import Any

import apsw
import greenback
import pytest
import trio
import trio.testing

from engine.store import Interrupted, StoreConnection, VolumeUnavailable
from tests.unit.engine.storekit import WAIT, World, pinned
from volume.model import Lsn

ROWS = 400
SUM = sum(range(ROWS))
SCAN = "SELECT sum(n), sum(length(pad)) FROM t"


async def filled() -> World:
    world = await World.writer()
    conn = world.store.connect()
    await conn.begin_write(lock_wait=WAIT)
    conn.db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, pad TEXT)")
    conn.db.execute("CREATE INDEX t_n ON t (n)")
    rows = [(n, n, "x" * 200) for n in range(ROWS)]
    conn.db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    await conn.commit()
    conn.close()
    return world


class GatedVolume:
    """Stops the n-th page read for ever; passes everything else on."""

    def __init__(self, world: World, stop_at: int) -> None:
        self.inner = world.volume
        self.left = stop_at
        self.stopped = trio.Event()

    async def read_page(self, page_no: int, at: Lsn) -> tuple[Lsn, bytes | None]:
        self.left -= 1
        if self.left == 0:
            self.stopped.set()
            await trio.sleep_forever()
        return await self.inner.read_page(page_no, at)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def gate(world: World, stop_at: int) -> GatedVolume:
    volume = GatedVolume(world, stop_at)
    world.store.fetcher._volume = volume
    return volume


def ungate(world: World) -> None:
    world.store.fetcher._volume = world.volume


async def test_a_cold_cache_is_filled_from_the_volume() -> None:
    world = await filled()
    world.forget_pages()
    before = len(world.volume.reads)
    assert world.read("SELECT sum(n) FROM t") == [(SUM,)]
    assert len(world.volume.reads) > before
    warm = len(world.volume.reads)
    assert world.read("SELECT sum(n) FROM t") == [(SUM,)]
    assert len(world.volume.reads) == warm


async def test_sessions_that_miss_the_same_page_share_one_read() -> None:
    world = await filled()
    world.forget_pages()
    world.volume.reads.clear()
    world.volume.read_gate = trio.Event()
    results: list[object] = []

    async def read() -> None:
        await greenback.ensure_portal()
        results.extend(world.read("SELECT n FROM t WHERE id = 7"))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        world.volume.read_gate.set()
    assert results == [(7,)] * 10
    pages = [page_no for page_no, _ in world.volume.reads]
    assert len(pages) == len(set(pages))


async def test_a_scan_reads_ahead_and_a_lookup_does_not() -> None:
    world = await filled()
    world.forget_pages()
    waiting: list[int] = []
    read_page = world.volume.read_page

    async def slow(page_no: int, at: Lsn) -> tuple[Lsn, bytes | None]:
        waiting.append(page_no)
        most.append(len(waiting))
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        waiting.remove(page_no)
        return await read_page(page_no, at)

    most: list[int] = []
    world.volume.read_page = slow
    assert world.read("SELECT n FROM t WHERE id = 7") == [(7,)]
    assert max(most) == 1
    world.forget_pages()
    assert world.read(SCAN) == [(SUM, 200 * ROWS)]
    assert max(most) > 5
    pages = [page_no for page_no, _ in world.volume.reads]
    assert len(pages) < 2 * len(set(pages))


async def test_reading_cancelled_at_every_page_leaves_a_usable_connection() -> None:
    world = await filled()
    for stop_at in range(1, 200):
        conn = world.store.connect()
        world.forget_pages()
        volume = gate(world, stop_at)
        finished = await run_until_stopped(volume, partial(world.read, SCAN, conn))
        ungate(world)
        assert not conn.pinned
        assert world.read(SCAN, conn) == [(SUM, 200 * ROWS)]
        conn.close()
        if finished:
            break
    else:
        raise AssertionError("the statement never got through")
    assert stop_at > 20
    assert not world.store.pool.fetches
    assert not world.store.fetcher._arrivals


async def test_writing_cancelled_at_every_page_changes_nothing() -> None:
    world = await filled()
    for stop_at in range(1, 200):
        conn = world.store.connect()
        world.forget_pages()
        volume = gate(world, stop_at)

        async def update(conn: StoreConnection = conn) -> None:
            await conn.begin_write(lock_wait=WAIT)
            conn.db.execute("UPDATE t SET n = n + 1000, pad = pad || 'y' WHERE id % 3 = 0")
            await conn.commit()

        finished = await run_until_stopped(volume, None, update)
        ungate(world)
        conn.close()
        assert world.store.lock.holder is None
        if finished:
            break
        assert world.read("SELECT sum(n) FROM t") == [(SUM,)]
    else:
        raise AssertionError("the transaction never got through")
    assert stop_at > 20
    world.check()


async def test_the_same_connection_goes_on_after_a_cancelled_write() -> None:
    world = await filled()
    conn = world.store.connect()
    world.forget_pages()
    volume = gate(world, 10)

    async def update() -> None:
        await conn.begin_write(lock_wait=WAIT)
        conn.db.execute("UPDATE t SET n = n + 1000")
        await conn.commit()

    assert not await run_until_stopped(volume, None, update)
    ungate(world)
    conn.rollback()
    assert world.read("SELECT sum(n) FROM t", conn) == [(SUM,)]
    await world.write("UPDATE t SET n = n + 1", conn=conn)
    assert world.read("SELECT sum(n) FROM t", conn) == [(SUM + ROWS,)]
    world.check()


async def test_interrupting_a_session_that_waits_for_a_page() -> None:
    world = await filled()
    conn = world.store.connect()
    world.forget_pages()
    gate(world, 5)

    async def read() -> None:
        await greenback.ensure_portal()
        with pytest.raises((Interrupted, apsw.InterruptError)), pinned(conn):
            conn.db.execute(SCAN).fetchall()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        conn.interrupt()
    ungate(world)
    assert world.read("SELECT sum(n) FROM t", conn) == [(SUM,)]


async def test_a_page_that_cannot_be_had_is_an_error_of_that_statement() -> None:
    world = await filled()
    conn = world.store.connect()
    world.forget_pages()
    world.storage.reachable = 2
    with pytest.raises(VolumeUnavailable, match="cannot be read"):
        world.read("SELECT sum(n) FROM t", conn)
    world.storage.reachable = 6
    assert world.read("SELECT sum(n) FROM t", conn) == [(SUM,)]


async def test_a_long_statement_lets_others_run() -> None:
    world = await filled()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        assert world.read("SELECT count(*) FROM t a, t b WHERE a.n + b.n < 0") == [(0,)]
        nursery.cancel_scope.cancel()
    assert turns > 50


async def test_a_long_statement_is_cancelled_where_it_yields() -> None:
    world = await filled()
    conn = world.store.connect()
    scope = trio.CancelScope()
    with scope, pinned(conn):
        scope.cancel()
        conn.db.execute("SELECT count(*) FROM t a, t b, t c WHERE a.n + b.n + c.n < 0").fetchall()
    assert scope.cancelled_caught
    assert world.read("SELECT sum(n) FROM t", conn) == [(SUM,)]


async def test_sqlite_sees_the_runtimes_clock() -> None:
    world = await World.writer()
    assert world.read("SELECT strftime('%Y', 'now')") == [("2023",)]


async def run_until_stopped(volume: GatedVolume, read: Any, write: Any = None) -> bool:
    """Run until it ends (True) or reaches the gate, then cancel it."""
    finished = False

    async def go() -> None:
        nonlocal finished
        await greenback.ensure_portal()
        if write is not None:
            await write()
        else:
            read()
        finished = True

    async with trio.open_nursery() as nursery:

        async def cancel_when_stopped() -> None:
            await volume.stopped.wait()
            nursery.cancel_scope.cancel()

        nursery.start_soon(cancel_when_stopped)
        await go()
        nursery.cancel_scope.cancel()
    return finished
