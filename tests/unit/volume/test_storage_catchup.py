"""Storage nodes that were away, cut off, wiped or damaged become whole again from their peers."""

from __future__ import annotations

import pytest
import trio

from runtime.rng import Rng
from tests.fakes.disk import Platter
from tests.unit.volume.history import History
from tests.unit.volume.storage_cluster import HandWriter, Nodes, volume_config
from volume import limits
from wire.rpc import RpcError

ALL = range(6)
UP = range(5)


@pytest.fixture
async def nodes():
    async with trio.open_nursery() as nursery:
        made = Nodes(nursery)
        await made.start_all()
        yield made
        nursery.cancel_scope.cancel()


@pytest.fixture
def tiny_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log files of a few records, none kept for long."""
    monkeypatch.setattr(limits, "LOG_FILE_BYTES", 600)
    monkeypatch.setattr(limits, "LOG_RETAIN_BYTES", 1)


async def test_a_hole_is_filled_at_once(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await writer.open(1, ALL)
    await writer.commit(history, 5, ALL)
    missed = history.write(3)
    await writer.send(history, missed, UP)
    assert await writer.send(history, history.write(2), [5]) == [5]
    began = trio.current_time()
    await nodes.settle(5, scl=10 - 2)
    assert trio.current_time() - began < 0.5
    assert nodes.running[5].node.catch_up.records == 3


async def test_a_node_that_slept_catches_up_from_log(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await writer.open(1, ALL)
    await writer.commit(history, 5, ALL)
    await nodes.crash(5)
    for _ in range(4):
        await writer.commit(history, 10, UP)
    await nodes.start(5)
    await nodes.settle(5, scl=45)
    assert nodes.running[5].node.catch_up.hydrations == 0
    await writer.check_pages(history, ALL, writer.vdl)
    assert not nodes.problems()


async def test_a_node_that_slept_too_long_starts_from_pages(autojump_clock, nodes, tiny_log):
    history, writer = History(), HandWriter(nodes)
    await writer.open(1, ALL)
    await writer.commit(history, 5, ALL)
    await nodes.crash(5)
    for _ in range(6):
        await writer.commit(history, 10, UP)
    await trio.sleep(5)
    assert all(nodes.segment(i).log.base > 5 for i in UP), "the peers still have the log"
    await nodes.start(5)
    await nodes.settle(5, scl=65)
    assert nodes.running[5].node.catch_up.hydrations == 1
    await writer.commit(history, 3, ALL)
    await writer.check_pages(history, ALL, writer.vdl)
    await nodes.crash(5, rng=Rng(1))
    await nodes.start(5)
    await nodes.settle(5, scl=68)
    await writer.check_pages(history, ALL, writer.vdl)
    assert not nodes.problems()


@pytest.mark.parametrize("collected", [False, True], ids=["from log", "from pages"])
async def test_a_node_that_slept_through_a_recovery_drops_what_was_annulled(
    autojump_clock, nodes, monkeypatch, collected
):
    if collected:
        monkeypatch.setattr(limits, "LOG_FILE_BYTES", 600)
        monkeypatch.setattr(limits, "LOG_RETAIN_BYTES", 1)
    history, writer = History(), HandWriter(nodes)
    await writer.open(1, ALL)
    await writer.commit(history, 8, ALL)
    await writer.send(history, history.write(4), [5])
    assert nodes.segment(5).scl == 12
    await nodes.crash(5)
    second = HandWriter(nodes, owner="second", vdl=8)
    history.recover(8, 1008)
    await second.open(2, UP, above=8)
    for _ in range(4):
        await second.commit(history, 6, UP)
    third = HandWriter(nodes, owner="third", vdl=second.vdl, ranges=second.ranges)
    lost = history.write(2)
    await second.send(history, lost, [0])
    history.recover(lost[0] - 1, lost[0] - 1 + 1000)
    await third.open(3, UP, above=lost[0] - 1)
    await third.commit(history, 5, UP)
    await trio.sleep(5)
    await nodes.start(5)
    await nodes.settle(5, scl=third.vdl)
    segment = nodes.segment(5)
    assert (segment.promise.epoch, segment.promise.attached_owner) == (3, "third")
    assert (nodes.running[5].node.catch_up.hydrations > 0) == collected
    await third.check_pages(history, ALL, third.vdl)
    with pytest.raises(RpcError, match="stale_epoch"):
        await writer.send(history, [], [5])
    assert not nodes.problems()


async def test_a_wiped_node_is_rebuilt(autojump_clock, nodes, tiny_log):
    history, writer = History(), HandWriter(nodes)
    await writer.open(1, ALL)
    for _ in range(5):
        await writer.commit(history, 10, ALL)
    await trio.sleep(5)
    await nodes.crash(5)
    nodes.platters[5] = Platter()
    await nodes.start(5)
    await nodes.settle(5, scl=50)
    await writer.check_pages(history, ALL, writer.vdl)


async def test_several_groups_are_found_and_filled(autojump_clock):
    async with trio.open_nursery() as nursery:
        nodes = Nodes(nursery, volume_config(pages=8))
        await nodes.start_all()
        await nodes.crash(4, 5)
        writers = []
        for pg in range(3):
            history = History(first_page=8 * pg)
            writer = HandWriter(nodes, pg=pg)
            await writer.open(1, range(4))
            await writer.commit(history, 12, range(4))
            writers.append((writer, history))
        await nodes.start(4, 5)
        for writer, history in writers:
            await nodes.settle(*ALL, scl=12, pg=writer.pg)
            await writer.check_pages(history, ALL, 12)
        nursery.cancel_scope.cancel()


async def test_all_nodes_lose_power_at_once_again_and_again(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    for turn in range(1, 8):
        await writer.open(turn, ALL)
        for _ in range(3):
            await writer.commit(history, 4, ALL)
        await nodes.crash(*ALL, rng=Rng(turn))
        await nodes.start_all()
        await writer.check_pages(history, ALL, writer.vdl)
    assert all(nodes.segment(i).scl == writer.vdl for i in ALL)
    assert not nodes.problems()


async def coalesced(nodes: Nodes, writer: HandWriter, history: History) -> None:
    """Some history, all of it in base images on all nodes."""
    await writer.open(1, ALL)
    for _ in range(3):
        await writer.commit(history, 10, ALL)
    await trio.sleep(5)
    for i in ALL:
        assert not nodes.segment(i).log.by_page
        nodes.hosted(i).replica.images.forget(range(8))


def damage(nodes: Nodes, i: int, page_no: int) -> None:
    """Flip a bit of a page's base image on one node's platter."""
    store = nodes.hosted(i).replica.pages
    entry = store.table.get(page_no)
    data = nodes.platters[i].files["pg-00000000/pages-000001.dat"].data
    data[entry.slot * 512 + 99] ^= 1


async def test_a_damaged_page_is_repaired_from_a_peer(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await coalesced(nodes, writer, history)
    damage(nodes, 2, 3)
    await writer.check_pages(history, [2], writer.vdl)
    nodes.hosted(2).replica.images.forget(range(8))
    assert await nodes.hosted(2).replica.pages.read(3) == history.page_at(3, writer.vdl)


async def test_scrubbing_finds_damage_before_a_reader_does(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await coalesced(nodes, writer, history)
    damage(nodes, 2, 3)
    await trio.sleep(10)
    assert nodes.running[2].node.background.pages_damaged == 1
    assert await nodes.hosted(2).replica.pages.read(3) == history.page_at(3, writer.vdl)


async def test_a_page_damaged_on_all_nodes_is_refused(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await coalesced(nodes, writer, history)
    for i in ALL:
        damage(nodes, i, 3)
    for i in ALL:
        with pytest.raises(RpcError, match="page_corrupt"):
            await writer.read(i, 3, writer.vdl)
    assert await writer.read(0, 4, writer.vdl) == history.page_at(4, writer.vdl)


async def test_a_damaged_page_index_brings_new_pages(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await coalesced(nodes, writer, history)
    await writer.commit(history, 10, ALL)
    await trio.sleep(5)
    await nodes.crash(2)
    nodes.platters[2].files["pg-00000000/pages-000001.idx"].data[20] ^= 1
    await nodes.start(2)
    await trio.sleep(5)
    await writer.check_pages(history, [2], writer.vdl)
    assert nodes.running[2].node.catch_up.hydrations == 1


async def test_damage_inside_the_log_is_filled_from_peers(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await writer.open(1, ALL)
    for _ in range(5):
        await writer.commit(history, 4, ALL)
    await nodes.crash(2)
    data = nodes.platters[2].files["pg-00000000/log-0000000001"].data
    data[len(data) // 2] ^= 1
    await nodes.start(2)
    await nodes.settle(2, scl=20)
    await writer.check_pages(history, [2], writer.vdl)
    await nodes.crash(2)
    await nodes.start(2)
    assert nodes.segment(2).promise.epoch == 1
    await nodes.settle(2, scl=20)


async def test_a_damaged_record_is_read_from_a_peer(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await writer.open(1, ALL)
    lsns = history.write(5)
    await writer.send(history, lsns, ALL)
    writer.vdl = 5
    await writer.send(history, [], ALL, pgmrpl=0)
    await nodes.crash(2)
    await nodes.start(2)
    log = nodes.segment(2).log
    position, length = next(
        extents[0] for p in range(8) if (extents := log.page_changes(p, 0, 5).extents)
    )
    data = nodes.platters[2].files["pg-00000000/log-0000000001"].data
    data[(position & 0xFFFFFFFF) + length - 1] ^= 1
    await writer.check_pages(history, [2], 5)
