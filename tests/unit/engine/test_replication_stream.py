"""Writer and readers on one volume: what readers see, and what they survive."""

from __future__ import annotations

import greenback
import trio
from trio.testing import MockClock

from tests.unit.engine.clusterkit import Kit, Node, running, until


async def pair(kit: Kit) -> tuple[Node, Node]:
    writer, reader = await kit.start("a"), await kit.start("b")
    await writer.promote("test")
    await writer.write("INSERT INTO t VALUES (1, 0)")
    await kit.caught_up(reader, upto=writer.store.read_point)
    return writer, reader


async def test_a_reader_follows(autojump_clock: MockClock) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        assert await reader.read("SELECT n FROM t") == [(0,)]
        for n in range(1, 30):
            lsn = await writer.write(f"UPDATE t SET n = {n}", "INSERT INTO t (n) VALUES (0)")
            await kit.caught_up(reader, upto=lsn)
            assert await reader.read("SELECT max(n), count(*) FROM t") == [(n, n + 1)]
        await reader.check()
        assert reader.follower.applier.applied_records > 50
        assert not [line for line in kit.lines if "redo_stream_broken" in line]


async def test_cached_pages_are_updated_and_not_read_again(autojump_clock: MockClock) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        await reader.read("SELECT * FROM t")
        reads = len(reader.volume.reads)
        lsn = await writer.write("UPDATE t SET n = 7")
        await kit.caught_up(reader, upto=lsn)
        assert await reader.read("SELECT n FROM t") == [(7,)]
        assert len(reader.volume.reads) == reads


async def test_a_reader_never_shows_what_is_not_durable(autojump_clock: MockClock) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        await reader.read("SELECT * FROM t")
        kit.storage.hold()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.write, "UPDATE t SET n = 1")
            await until(lambda: writer.store.newest > writer.store.read_point)
            durable = writer.store.newest
            nursery.start_soon(writer.write, "UPDATE t SET n = 2")
            await until(lambda: writer.store.newest > durable)
            assert await reader.read("SELECT n FROM t") == [(0,)]
            kit.storage.release(durable)
            await kit.caught_up(reader, upto=durable)
            assert reader.follower.applier.waiting > 0
            assert await reader.read("SELECT n FROM t") == [(1,)]
            kit.storage.release()
        await kit.caught_up(reader, upto=writer.store.newest)
        assert await reader.read("SELECT n FROM t") == [(2,)]


async def test_a_page_fetched_while_its_redo_streams_past_is_complete(
    autojump_clock: MockClock,
) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        conn = reader.store.connect()
        conn.pin()
        reader.store.pool.clear(reader.store.read_point)
        reader.volume.reads.clear()
        reader.volume.read_gate = trio.Event()
        seen: list[object] = []

        async def read() -> None:
            await greenback.ensure_portal()
            seen.extend(conn.db.execute("SELECT n FROM t").fetchall())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await until(lambda: len(reader.volume.reads) > 0)
            for n in range(1, 6):
                lsn = await writer.write(f"UPDATE t SET n = {n}")
            await kit.caught_up(reader, upto=lsn)
            reader.volume.read_gate.set()
        assert seen == [(0,)]
        conn.unpin()
        conn.close()
        assert await reader.read("SELECT n FROM t") == [(5,)]
        await reader.check()


async def test_a_reader_that_was_away_bridges_from_the_log_buffer(
    autojump_clock: MockClock,
) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        await reader.read("SELECT * FROM t")
        await lose_stream(reader)
        lsn = await writer.write("UPDATE t SET n = 3")
        await kit.caught_up(reader, upto=lsn)
        reads = len(reader.volume.reads)
        assert await reader.read("SELECT n FROM t") == [(3,)]
        assert len(reader.volume.reads) == reads


async def test_a_reader_away_for_longer_bridges_from_the_volumes_log(
    autojump_clock: MockClock,
) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        await reader.read("SELECT * FROM t")
        await lose_stream(reader)
        await writer.write("UPDATE t SET n = 4")
        writer.volume.forget_ring()
        lsn = await writer.write("INSERT INTO t VALUES (2, 2)")
        await kit.caught_up(reader, upto=lsn)
        assert await reader.read("SELECT n FROM t") == [(4,), (2,)]
        await reader.check()
        assert any("redo_bridged" in line for line in kit.lines)


async def test_a_reader_away_for_too_long_starts_with_an_empty_pool(
    autojump_clock: MockClock,
) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        await reader.read("SELECT * FROM t")
        await lose_stream(reader)
        await writer.write("UPDATE t SET n = 4")
        writer.volume.forget_ring()
        kit.storage.collected = writer.store.read_point
        lsn = await writer.write("INSERT INTO t VALUES (2, 2)")
        await kit.caught_up(reader, upto=lsn)
        assert any("pool_cleared" in line for line in kit.lines)
        assert await reader.read("SELECT n FROM t") == [(4,), (2,)]
        await reader.check()


async def test_snapshots_of_readers_hold_back_collection(autojump_clock: MockClock) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        old = reader.store.connect()
        old.pin()
        held = old.snapshot
        for n in range(5):
            lsn = await writer.write(f"UPDATE t SET n = {n}")
        await kit.caught_up(reader, upto=lsn)
        await trio.sleep(15)
        assert writer.volume.read_points[-1] == held
        assert old.db.execute("SELECT n FROM t").fetchall() == [(0,)]
        old.unpin()
        old.close()
        await trio.sleep(1)
        assert writer.volume.read_points[-1] == lsn


async def test_a_vanished_reader_stops_holding_back_collection(autojump_clock: MockClock) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        reader.scope.cancel()
        lsn = await writer.write("UPDATE t SET n = 9")
        await trio.sleep(60)
        assert writer.volume.read_points[-1] == lsn


async def test_status_of_all_replicas_is_known_everywhere(autojump_clock: MockClock) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        other = await kit.start("c")
        await kit.caught_up(other, upto=writer.store.read_point)
        await trio.sleep(1)
        for node in (writer, reader, other):
            rows = {row.server_id: row for row in node.info.replica_statuses()}
            assert set(rows) == {"a", "b", "c"}
            assert rows["a"].session_id == "MASTER_SESSION_ID"
            assert rows["b"].session_id == "session of b"
            assert all(row.is_current and row.lag_ms < 20 for row in rows.values())


async def test_a_reader_without_a_writer_reads_on_and_its_lag_grows(
    autojump_clock: MockClock,
) -> None:
    async with running(Kit()) as kit:
        writer, reader = await pair(kit)
        writer.scope.cancel()
        await trio.sleep(30)
        assert await reader.read("SELECT n FROM t") == [(0,)]
        assert reader.info.lag_ms > 25_000
        back = await kit.start("a")
        await back.promote("back again")
        lsn = await back.write("UPDATE t SET n = 1")
        await kit.caught_up(reader, upto=lsn)
        assert await reader.read("SELECT n FROM t") == [(1,)]
        await trio.sleep(1)
        assert reader.info.lag_ms < 20


async def lose_stream(reader: Node) -> None:
    client = reader.follower._client
    assert client is not None
    client.close()
    await until(lambda: not reader.follower.connected)
