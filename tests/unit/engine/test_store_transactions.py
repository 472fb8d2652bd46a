"""Write transactions of the store: isolation, order, durability, refusals."""

from __future__ import annotations

import apsw
import greenback
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from engine.store import (
    Interrupted,
    LockWaitTimeout,
    OutcomeUnknown,
    ReadOnlyInstance,
    SessionCut,
    VolumeUnavailable,
)
from tests.fakes.volume import FakeStorage
from tests.unit.engine.storekit import WAIT, World, pinned

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)"


async def test_reads_its_own_committed_writes() -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 10)")
    assert world.read("SELECT n FROM t") == [(10,)]


async def test_private_pages_are_invisible_to_other_connections() -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 10)")
    writing, reading = world.store.connect(), world.store.connect()
    await writing.begin_write(lock_wait=WAIT)
    writing.db.execute("UPDATE t SET n = 11")
    writing.db.executemany("INSERT INTO t VALUES (?, ?)", [(n, n) for n in range(2, 5000)])
    assert world.read("SELECT count(*), sum(n) FROM t", reading) == [(1, 10)]
    writing.rollback()
    assert world.read("SELECT count(*), sum(n) FROM t", reading) == [(1, 10)]
    assert world.read("SELECT count(*), sum(n) FROM t", writing) == [(1, 10)]


async def test_a_pinned_snapshot_stays_while_others_commit() -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    old = world.store.connect()
    old.pin()
    for _ in range(50):
        await world.write("UPDATE t SET n = n + 1", "INSERT INTO t (n) VALUES (0)")
        assert old.db.execute("SELECT count(*), max(n) FROM t").fetchall() == [(1, 0)]
    old.unpin()
    assert world.read("SELECT count(*), max(n) FROM t", old) == [(51, 50)]


async def test_a_commit_is_visible_to_readers_only_once_durable() -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    world.storage.hold()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_portal_write, world, "UPDATE t SET n = 1")
        await trio.testing.wait_all_tasks_blocked()
        assert world.read("SELECT n FROM t") == [(0,)]
        world.storage.release()
    assert world.read("SELECT n FROM t") == [(1,)]


async def test_the_next_transaction_builds_on_an_undurable_one() -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    world.storage.hold()
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(_portal_write, world, "UPDATE t SET n = n + 1")
        await trio.testing.wait_all_tasks_blocked()
        assert world.store.newest > world.store.read_point
        assert world.store.lock.holder is None
        world.storage.release()
    assert world.read("SELECT n FROM t") == [(20,)]


async def test_a_commit_without_changes_waits_for_what_it_read() -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    world.storage.hold()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_portal_write, world, "UPDATE t SET n = 1")
        await trio.testing.wait_all_tasks_blocked()
        done = trio.Event()
        nursery.start_soon(_portal_write, world, "SELECT n FROM t", done)
        await trio.testing.wait_all_tasks_blocked()
        assert not done.is_set()
        world.storage.release()
    assert done.is_set()


async def test_writers_queue_in_order_and_time_out() -> None:
    world = await World.writer()
    await world.write(TABLE)
    first, late = world.store.connect(), world.store.connect()
    await first.begin_write(lock_wait=WAIT)
    with pytest.raises(LockWaitTimeout):
        await late.begin_write(lock_wait=0)
    order: list[int] = []

    async def insert(n: int) -> None:
        await _portal_write(world, f"INSERT INTO t VALUES ({n}, {n})")
        order.append(n)

    async with trio.open_nursery() as nursery:
        for n in range(5):
            nursery.start_soon(insert, n)
            await trio.testing.wait_all_tasks_blocked()
        assert world.store.lock.waiting == 5
        first.rollback()
    assert order == [0, 1, 2, 3, 4]
    await late.begin_write(lock_wait=WAIT)
    late.rollback()


async def test_a_cancelled_waiter_does_not_take_the_lock_with_it() -> None:
    world = await World.writer()
    await world.write(TABLE)
    first = world.store.connect()
    await first.begin_write(lock_wait=WAIT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_portal_write, world, "INSERT INTO t VALUES (1, 1)")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    first.rollback()
    assert world.store.lock.holder is None
    await world.write("INSERT INTO t VALUES (2, 2)")


async def test_interrupting_a_waiter() -> None:
    world = await World.writer()
    holder, waiter = world.store.connect(), world.store.connect()
    await holder.begin_write(lock_wait=WAIT)
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(Interrupted):
                await waiter.begin_write(lock_wait=WAIT)

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        waiter.interrupt()
    holder.rollback()


async def test_a_reader_refuses_writes() -> None:
    world = await World.writer()
    world.store.refuse_writes()
    conn = world.store.connect()
    with pytest.raises(ReadOnlyInstance):
        await conn.begin_write(lock_wait=WAIT)
    assert world.store.lock.holder is None


async def test_waiting_writers_fail_when_the_instance_stops_being_the_writer() -> None:
    world = await World.writer()
    holder = world.store.connect()
    await holder.begin_write(lock_wait=WAIT)
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(ReadOnlyInstance):
                await world.store.connect().begin_write(lock_wait=WAIT)

        for _ in range(3):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        world.store.refuse_writes()
    holder.rollback()


async def test_a_commit_in_flight_when_the_quorum_goes_is_unknown(autojump_clock: object) -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    conn = world.store.connect()
    await conn.begin_write(lock_wait=WAIT)
    conn.db.execute("UPDATE t SET n = 1")
    world.storage.reachable = 3
    with pytest.raises(OutcomeUnknown, match="3 of 6"):
        await conn.commit()
    world.storage.reachable = 6  # back, but the commit before is not durable yet
    with pytest.raises(VolumeUnavailable, match="do not become durable"):
        await world.write("UPDATE t SET n = 2")
    assert world.read("SELECT n FROM t") == [(0,)]
    world.storage.release()
    assert world.read("SELECT n FROM t") == [(1,)]
    await world.write("UPDATE t SET n = 2")
    world.check()


async def test_new_writes_without_quorum_wait_once_and_then_fail_fast(
    autojump_clock: MockClock,
) -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    world.storage.reachable = 3
    for patience in (2.0, 0.0, 0.0):
        began = trio.current_time()
        with pytest.raises(VolumeUnavailable, match="3 of 6 storage nodes"):
            await world.write("UPDATE t SET n = 1")
        assert trio.current_time() - began == pytest.approx(patience, abs=0.2)
    assert world.store.newest == world.store.read_point
    world.storage.reachable = 4
    await world.write("UPDATE t SET n = 2")
    assert world.read("SELECT n FROM t") == [(2,)]


async def test_a_short_loss_of_quorum_only_delays_a_write(autojump_clock: MockClock) -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    world.storage.reachable = 3
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_portal_write, world, "UPDATE t SET n = 1")
        await trio.sleep(1)
        world.storage.reachable = 5
    assert world.read("SELECT n FROM t") == [(1,)]


async def test_a_commit_in_flight_when_fenced_is_unknown_and_its_pages_go() -> None:
    storage = FakeStorage()
    world = await World.writer(storage)
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    conn = world.store.connect()
    world.read("SELECT n FROM t", conn)
    storage.hold()
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            with pytest.raises(OutcomeUnknown):
                await world.write("UPDATE t SET n = 1", conn=conn)

        nursery.start_soon(write)
        await trio.testing.wait_all_tasks_blocked()
        other = await World.writer(storage)
    storage.release()
    world.store.refuse_writes()
    world.store.forget_undurable(world.store.read_point)
    assert world.read("SELECT n FROM t") == [(0,)]
    await other.write("UPDATE t SET n = n + 5")
    assert other.read("SELECT n FROM t") == [(5,)]
    other.check()


async def test_a_refused_log_call_leaves_the_connection_with_the_old_state() -> None:
    storage = FakeStorage()
    world = await World.writer(storage)
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    conn = world.store.connect()
    await conn.begin_write(lock_wait=WAIT)
    conn.db.execute("UPDATE t SET n = 99")
    await World.writer(storage)
    with pytest.raises(ReadOnlyInstance, match="not committed"):
        await conn.commit()
    assert not conn.writing and world.store.lock.holder is None
    assert world.read("SELECT n FROM t", conn) == [(0,)]


async def test_a_transaction_does_not_outlive_the_writers_role() -> None:
    storage = FakeStorage()
    world = await World.writer(storage)
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    conn = world.store.connect()
    await conn.begin_write(lock_wait=WAIT)
    conn.db.execute("UPDATE t SET n = 99")
    other = await World.writer(storage)
    await other.write("INSERT INTO t VALUES (2, 5)")
    vdl = await world.volume.open_for_writing("again")
    world.store.refuse_writes()
    world.store.forget_undurable(world.store.read_point)
    world.store.pool.clear(vdl)
    world.store.allow_writes(vdl)
    with pytest.raises(SessionCut):
        await conn.commit()
    assert world.read("SELECT n FROM t") == [(0,), (5,)]
    await world.write("UPDATE t SET n = n + 1", conn=conn)
    assert world.read("SELECT n FROM t") == [(1,), (6,)]
    world.check()


async def test_a_failed_statement_and_a_failed_commit_roll_back() -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 0)")
    conn = world.store.connect()
    await conn.begin_write(lock_wait=WAIT)
    conn.db.execute("UPDATE t SET n = 7")
    with pytest.raises(apsw.ConstraintError):
        conn.db.execute("INSERT INTO t VALUES (1, 1)")
    conn.rollback()
    assert world.read("SELECT n FROM t", conn) == [(0,)]
    assert await world.write("UPDATE t SET n = 8", conn=conn) == world.store.newest
    assert world.read("SELECT n FROM t", conn) == [(8,)]


async def test_a_large_transaction_commits_in_turns_with_others_and_whole() -> None:
    world = await World.writer()
    await world.write("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, pad TEXT)")
    conn, reader = world.store.connect(), world.store.connect()
    counts: list[object] = []

    async def watch() -> None:
        await greenback.ensure_portal()
        while True:
            counts.extend(world.read("SELECT count(*) FROM t", reader))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await conn.begin_write(lock_wait=WAIT)
        rows = [(n, n, "x" * 900) for n in range(8000)]
        conn.db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        await conn.commit()
        nursery.cancel_scope.cancel()
    assert set(counts) <= {(0,), (8000,)} and len(counts) > 2
    assert world.read("SELECT count(*) FROM t", reader) == [(8000,)]
    world.check()


async def test_a_large_transaction_does_not_outlive_the_writers_role() -> None:
    world = await World.writer()
    await world.write("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, pad TEXT)")
    conn = world.store.connect()

    async def lose_the_role() -> None:
        await trio.lowlevel.checkpoint()
        world.store.refuse_writes()
        world.store.forget_undurable(world.store.read_point)

    async with trio.open_nursery() as nursery:
        await conn.begin_write(lock_wait=WAIT)
        rows = [(n, n, "x" * 900) for n in range(8000)]
        conn.db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        nursery.start_soon(lose_the_role)
        with pytest.raises(SessionCut):
            await conn.commit()
    assert world.read("SELECT count(*) FROM t", conn) == [(0,)]


async def test_closing_a_connection_ends_its_transaction() -> None:
    world = await World.writer()
    await world.write(TABLE)
    conn = world.store.connect()
    await conn.begin_write(lock_wait=WAIT)
    conn.db.execute("INSERT INTO t VALUES (1, 1)")
    conn.close()
    assert world.store.lock.holder is None
    assert world.read("SELECT count(*) FROM t") == [(0,)]


async def test_writing_with_an_open_result_set_is_refused() -> None:
    world = await World.writer()
    await world.write(TABLE, "INSERT INTO t VALUES (1, 1), (2, 2)")
    conn = world.store.connect()
    conn.pin()
    rows = conn.db.execute("SELECT * FROM t")
    next(rows)
    with pytest.raises(RuntimeError, match="result set"):
        await conn.begin_write(lock_wait=WAIT)
    assert world.store.lock.holder is None
    rows.close(True)
    conn.unpin()


async def test_reading_without_a_snapshot_is_a_bug_and_says_so() -> None:
    world = await World.writer()
    await world.write(TABLE)
    conn = world.store.connect()
    with pytest.raises(RuntimeError, match="pinning"):
        conn.db.execute("SELECT * FROM t").fetchall()


async def test_catalog_version_follows_the_schema_and_the_snapshot() -> None:
    world = await World.writer()
    await world.write(TABLE)
    old, conn = world.store.connect(), world.store.connect()
    with pinned(old):
        before = old.catalog_version()
        await conn.begin_write(lock_wait=WAIT)
        conn.db.execute("CREATE TABLE u (id INTEGER PRIMARY KEY)")
        assert conn.catalog_version() == before
        conn.bump_catalog_version()
        changed = conn.catalog_version()
        assert changed != before
        await conn.commit()
        assert old.catalog_version() == before
        with pinned(conn):
            assert conn.catalog_version() == changed
    with pinned(old):
        assert old.catalog_version() == changed


async def test_the_undone_schema_change_leaves_the_catalog_version() -> None:
    world = await World.writer()
    await world.write(TABLE)
    conn = world.store.connect()
    with pinned(conn):
        before = conn.catalog_version()
    await conn.begin_write(lock_wait=WAIT)
    conn.bump_catalog_version()
    conn.rollback()
    with pinned(conn):
        assert conn.catalog_version() == before


async def _portal_write(world: World, statement: str, done: trio.Event | None = None) -> None:
    await greenback.ensure_portal()
    await world.write(statement)
    if done is not None:
        done.set()
