"""Page reads, log reads and discovery, by writers and by instances that only read."""

from __future__ import annotations

import pytest
import trio
from attrs import evolve

from tests.unit.volume.client_world import image, page, volume_world
from tests.unit.volume.test_client_writing import commit
from volume.client import Volume
from volume.errors import QuorumLost
from volume.pagerouting import (
    BEHIND_SECONDS,
    HEDGE_MAX_SECONDS,
    HEDGE_MIN_SECONDS,
    PROBE_EVERY,
    PageRouting,
)
from volume.records import iter_records


async def test_a_reader_reads_at_a_vdl_it_was_told(autojump_clock):
    async with volume_world() as world:
        writer = await world.writer()
        await commit(writer, page(0, "a"))
        lsn = await commit(writer, page(0, "b"))
        reader = await world.client("i2")
        await trio.sleep(0.5)
        assert await reader.read_page(0, lsn) == (2, image("b"))
        assert await reader.read_page(0, 1) == (1, image("a"))
        assert await reader.read_page(7, lsn) == (0, None)


async def test_a_reader_may_know_a_vdl_before_a_segment_has_it(autojump_clock):
    """The nearest segment lags: it refuses, another one serves."""
    async with volume_world() as world:
        writer = await world.writer()
        reader = await world.client("i2", az="a")
        await commit(writer, page(0, "a"))
        writer.net.hang(0, 1)
        lsn = await commit(writer, page(0, "b"))
        for _ in range(5):
            start = trio.current_time()
            assert await reader.read_page(0, lsn) == (2, image("b"))
            assert trio.current_time() - start < 0.1


async def test_a_hung_segment_costs_one_hedge_and_is_then_avoided(autojump_clock):
    async with volume_world() as world:
        writer = await world.writer()
        lsn = await commit(writer, page(0, "a"))
        reader = await world.client("i2", az="a")
        await trio.sleep(0.5)
        await reader.read_page(0, lsn)
        reader.net.hang(0, 1)
        start = trio.current_time()
        for _ in range(100):
            assert await reader.read_page(0, lsn) == (1, image("a"))
        assert trio.current_time() - start < 0.1


async def test_a_page_of_a_group_nobody_ever_wrote_is_absent(autojump_clock):
    async with volume_world(segment_pages=4) as world:
        writer = await world.writer()
        lsn = await commit(writer, page(0, "a"))
        assert await writer.read_page(40, lsn) == (0, None)


async def test_reads_go_on_with_one_complete_segment_and_stop_without(autojump_clock):
    async with volume_world() as world:
        writer = await world.writer()
        lsn = await commit(writer, page(0, "a"))
        await trio.sleep(1)
        await world.kill(0, 1, 2, 3, 4)
        assert await writer.read_page(0, lsn) == (1, image("a"))
        await world.kill(5)
        with pytest.raises(QuorumLost, match="page 0 at LSN 1 cannot be read: 0 of 6"):
            await writer.read_page(0, lsn)


async def test_a_read_waits_for_segments_that_lag(autojump_clock):
    async with volume_world() as world:
        writer = await world.writer()
        reader = await world.client("i2")
        await commit(writer, page(0, "a"))
        values = []

        async def ahead():
            values.append(await reader.read_page(0, 2))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ahead)
            await trio.sleep(1)
            assert not values
            await commit(writer, page(0, "b"))
        assert values == [(2, image("b"))]


async def test_log_is_fetched_exactly_between_two_lsns(autojump_clock):
    async with volume_world() as world:
        writer = await world.writer()
        for n in range(20):
            await commit(writer, page(n, "x" * 400), page(n + 1))
        reader = await world.client("i2")
        await trio.sleep(0.5)
        blob = await reader.fetch_log(0, 4, 31)
        assert [record.lsn for record in iter_records(blob)] == list(range(5, 32))
        assert await reader.fetch_log(0, 40, 40) == b""
        with pytest.raises(QuorumLost, match="no storage node has the log of group 0 up to 99"):
            await reader.fetch_log(0, 40, 99)


async def test_discovery_tells_epoch_owner_and_vdl_from_a_read_quorum(autojump_clock):
    async with volume_world() as world:
        reader = await world.client("i9")
        state = await reader.discover()
        assert (state.epoch, state.owner, state.vdl) == (0, "", 0)
        writer = await world.writer("i1")
        await commit(writer, page(0))
        await trio.sleep(0.5)
        await world.kill(0, 1, 2)
        state = await reader.discover()
        assert (state.epoch, state.owner, state.vdl) == (1, "i1", 1)
        assert (reader.epoch, reader.vdl) == (1, 1)
        await world.kill(3)
        with pytest.raises(QuorumLost, match="2 of 6 storage nodes reachable, a quorum read needs"):
            await reader.discover(timeout=1)


async def test_nodes_of_another_volume_are_refused_and_named_once(autojump_clock):
    async with volume_world() as world:
        runtime = world.runtime("stranger")
        stranger = Volume(evolve(world.config, volume_id="other"), runtime, az=None)
        world._nursery.start_soon(stranger.run)
        await trio.sleep(5)
        assert stranger.reachable == 0
        complaints = [line for line in world.lines if "storage_link_refused" in line]
        assert len(complaints) == 6


# ------------------------------------------------------------------------- routing


def test_the_own_az_is_preferred_until_it_is_much_slower():
    routing = PageRouting(("a", "a", "b", "b", "c", "c"), "b")
    everyone = range(6)
    assert routing.order(everyone, (), 0.0)[:2] == [2, 3]
    for _ in range(50):
        routing.answered(2, 0.0008)
        routing.answered(3, 0.0009)
    assert routing.order(everyone, (), 0.0)[:2] == [2, 3]
    for _ in range(50):
        routing.answered(2, 0.01)
    assert routing.order(everyone, (), 0.0)[0] == 3
    assert routing.order(everyone, (), 0.0)[-1] == 2


def test_segments_that_lack_the_records_come_last():
    routing = PageRouting(("a",) * 6, None)
    assert routing.order(range(6), (0, 1), 0.0) == [2, 3, 4, 5, 0, 1]
    routing.behind(2, 5.0)
    assert routing.order(range(6), (0,), 5.0) == [1, 3, 4, 5, 0, 2]
    assert routing.order(range(6), (), 5.0 + BEHIND_SECONDS)[2] == 2


def test_now_and_then_another_segment_is_probed():
    routing = PageRouting(("a",) * 6, None)
    firsts = [routing.order(range(6), (5,), 0.0)[0] for _ in range(PROBE_EVERY * 8)]
    assert firsts.count(0) == PROBE_EVERY * 8 - 8
    assert set(firsts) == {0, 1, 2, 3, 4}


def test_a_hedge_comes_soon_but_not_at_once():
    routing = PageRouting(("a",) * 6, None)
    assert routing.hedge_after(0) == HEDGE_MIN_SECONDS
    routing.slow(0, 0.01)
    assert routing.hedge_after(0) == pytest.approx(0.04)
    routing.slow(0, 9.0)
    assert routing.hedge_after(0) == HEDGE_MAX_SECONDS
