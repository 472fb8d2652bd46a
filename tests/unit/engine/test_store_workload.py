"""Random sessions on one store, with a pool far too small, checked against plain dictionaries.

Bank accounts: transfers keep the sum, inserts and deletes move rows between pages. Every reader
checks the sum in its own snapshot while writers commit, undo, and wait for pages.
"""

from __future__ import annotations

import random

import greenback
import pytest
import trio

from engine.store import StoreConnection
from tests.fakes.volume import FakeStorage
from tests.unit.engine.clusterkit import Kit, running
from tests.unit.engine.storekit import WAIT, World, pinned

ACCOUNTS = 300
TOTAL = ACCOUNTS * 100


async def transfer(conn: StoreConnection, rng: random.Random) -> None:
    await conn.begin_write(lock_wait=WAIT)
    low, high = rng.randrange(ACCOUNTS), rng.randrange(ACCOUNTS)
    amount = rng.randrange(50)
    conn.db.execute("UPDATE accounts SET n = n - ? WHERE id = ?", (amount, low))
    if rng.random() < 0.3:
        await trio.lowlevel.checkpoint()
    conn.db.execute("UPDATE accounts SET n = n + ? WHERE id = ?", (amount, high))
    note = "x" * rng.randrange(900)
    conn.db.execute("INSERT INTO notes (low, note) VALUES (?, ?)", (low, note))
    if rng.random() < 0.5:
        conn.db.execute("DELETE FROM notes WHERE low = ?", (rng.randrange(ACCOUNTS),))
    if rng.random() < 0.2:
        conn.rollback()
    else:
        await conn.commit()


def check(conn: StoreConnection, rng: random.Random) -> None:
    with pinned(conn):
        assert conn.db.execute("SELECT sum(n) FROM accounts").get == TOTAL
        if rng.random() < 0.2:
            assert conn.db.execute("PRAGMA quick_check").get == "ok"


async def create(conn: StoreConnection) -> None:
    await conn.begin_write(lock_wait=WAIT)
    conn.db.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, n INT, pad TEXT)")
    conn.db.execute("CREATE INDEX accounts_n ON accounts (n)")
    conn.db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, low INT, note TEXT)")
    conn.db.execute("CREATE INDEX notes_low ON notes (low)")
    rows = [(n, 100, "p" * 60) for n in range(ACCOUNTS)]
    conn.db.executemany("INSERT INTO accounts VALUES (?, ?, ?)", rows)
    await conn.commit()


@pytest.mark.parametrize(("seed", "page_size"), [(1, 4096), (2, 512), (3, 1024)])
async def test_a_random_workload_keeps_the_database_whole(seed: int, page_size: int) -> None:
    storage = FakeStorage(page_size=page_size)
    world = await World.writer(storage, pool_bytes=12 * page_size)
    first = world.store.connect()
    await create(first)
    first.close()
    rng = random.Random(seed)

    async def session(number: int) -> None:
        await greenback.ensure_portal()
        own = random.Random(seed * 100 + number)
        conn = world.store.connect()
        for _ in range(25):
            if own.random() < 0.5:
                await transfer(conn, own)
            else:
                check(conn, own)
            if own.random() < 0.3:
                await trio.lowlevel.checkpoint()
        conn.close()

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(session, number)
    assert world.store.fetcher.fetched > 10
    assert world.store.pool.evicted > 10
    world.forget_pages()
    check(world.store.connect(), rng)
    world.check()
    # Nothing but the volume is needed to see the same.
    fresh = await World.writer(storage)
    check(fresh.store.connect(), rng)
    fresh.check()


@pytest.mark.parametrize("seed", [1, 2])
async def test_readers_see_whole_transactions(autojump_clock: object, seed: int) -> None:
    async with running(Kit()) as kit:
        writer = await kit.start("a")
        small = await kit.start("b", pool_bytes=24 * 4096)
        large = await kit.start("c")
        await writer.promote("test")
        await greenback.ensure_portal()
        conn = writer.store.connect()
        await create(conn)
        conn.close()
        await kit.caught_up(small, large, upto=writer.store.read_point)
        done = trio.Event()
        checks = 0

        async def write(number: int) -> None:
            await greenback.ensure_portal()
            own = random.Random(seed * 100 + number)
            conn = writer.store.connect()
            for _ in range(30):
                await transfer(conn, own)
                await trio.sleep(own.random() * 0.003)
            conn.close()

        async def read(node: object, number: int) -> None:
            nonlocal checks
            await greenback.ensure_portal()
            own = random.Random(seed * 1000 + number)
            conn = node.store.connect()  # type: ignore[attr-defined]
            while not done.is_set():
                check(conn, own)
                checks += 1
                await trio.sleep(own.random() * 0.004)
            conn.close()

        async with trio.open_nursery() as nursery:
            for number, node in enumerate((small, large, small, large, writer)):
                nursery.start_soon(read, node, number)
            async with trio.open_nursery() as writers:
                for number in range(4):
                    writers.start_soon(write, number)
            await kit.caught_up(small, large, upto=writer.store.newest)
            done.set()
        assert checks > 50
        for node in (small, large, writer):
            await node.check()
        small_sum = await small.read("SELECT count(*), sum(low) FROM notes")
        assert small_sum == await writer.read("SELECT count(*), sum(low) FROM notes")
        assert small_sum == await large.read("SELECT count(*), sum(low) FROM notes")
