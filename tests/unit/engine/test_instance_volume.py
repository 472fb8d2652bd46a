"""Instances on real storage nodes, all in one process on networks and disks in memory."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import greenback
import pytest
import trio
from trio.testing import MockClock

from engine.store import OutcomeUnknown, ReadOnlyInstance, VolumeUnavailable
from runtime.seams import Runtime
from tests.fakes.net import World as NetWorld
from tests.unit.engine.clusterkit import Kit, Node, running, until
from tests.unit.volume.client_world import VolumeWorld, volume_world
from volume.client import Volume


class RealKit(Kit):
    """The kit on six storage nodes; small segments give several protection groups."""

    def __init__(self, world: VolumeWorld) -> None:
        self.world = world
        self.pages_per_segment = world.config.pages_per_segment
        super().__init__()

    def make_net(self) -> NetWorld:
        return self.world.world

    def make_volume(self, runtime: Runtime) -> Any:
        return Volume(self.world.config, runtime, az=None)


@asynccontextmanager
async def cluster(segment_pages: int = 1 << 20) -> AsyncIterator[RealKit]:
    async with volume_world(segment_pages=segment_pages) as world, running(RealKit(world)) as kit:
        yield kit  # type: ignore[misc]


async def started(kit: RealKit) -> tuple[Node, Node, Node]:
    nodes = [await kit.start(name) for name in "abc"]
    await nodes[0].promote("test")
    lsn = await nodes[0].write("INSERT INTO t VALUES (1, 0)")
    await kit.caught_up(*nodes, upto=lsn)
    return nodes[0], nodes[1], nodes[2]


@pytest.mark.parametrize("segment_pages", [1 << 20, 4])
async def test_write_read_promote(autojump_clock: MockClock, segment_pages: int) -> None:
    async with cluster(segment_pages) as kit:
        first, second, third = await started(kit)
        for n in range(40):
            lsn = await first.write(
                f"INSERT INTO t (n) VALUES ({n})", "UPDATE t SET n = n + 1 WHERE id = 1"
            )
        await kit.caught_up(second, third, upto=lsn)
        expected = [(41, 40 + sum(range(40)))]
        for node in (first, second, third):
            assert await node.read("SELECT count(*), sum(n) FROM t") == expected
        first.scope.cancel()
        await second.promote("the writer died")
        assert await second.read("SELECT count(*), sum(n) FROM t") == expected
        lsn = await second.write("INSERT INTO t (n) VALUES (1000)")
        await kit.caught_up(third, upto=lsn)
        assert await third.read("SELECT max(n) FROM t") == [(1000,)]
        for node in (second, third):
            await node.check()


async def test_two_storage_nodes_down_and_then_a_third(autojump_clock: MockClock) -> None:
    async with cluster() as kit:
        first, second, _ = await started(kit)
        await kit.world.kill(0, 1)
        lsn = await first.write("UPDATE t SET n = 1")
        await kit.caught_up(second, upto=lsn)
        assert await second.read("SELECT n FROM t") == [(1,)]
        await kit.world.kill(2)
        for n in (2, 3):
            with pytest.raises(VolumeUnavailable, match="3 of 6"):
                await first.write(f"UPDATE t SET n = {n}")
        second.store.pool.clear(second.store.read_point)
        assert await second.read("SELECT n FROM t") == [(1,)]
        await kit.world.start(2)
        await until(lambda: first.volume.reachable >= 4)
        assert await first.read("SELECT n FROM t") == [(1,)]
        lsn = await first.write("UPDATE t SET n = 4")
        await kit.caught_up(second, upto=lsn)
        assert await second.read("SELECT n FROM t") == [(4,)]


async def test_everything_killed_at_once(autojump_clock: MockClock) -> None:
    async with cluster(64) as kit:
        nodes = await started(kit)
        acknowledged = 0
        for n in range(1, 30):
            await nodes[0].write(f"UPDATE t SET n = {n}", f"INSERT INTO t (n) VALUES ({-n})")
            acknowledged = n
        for node in nodes:
            node.scope.cancel()
        await kit.world.kill(*range(6))
        await kit.world.start(*range(6))
        for name in "abc":
            await kit.start(name)
        third = kit.nodes["c"]
        await third.promote("cold start")
        assert await third.read("SELECT max(n), count(*) FROM t") == [(acknowledged, 30)]
        await third.check()


@pytest.mark.parametrize("seed", [1, 2])
async def test_failovers_under_load_lose_nothing(autojump_clock: MockClock, seed: int) -> None:
    """Writers record what was acknowledged while the writer's role moves about."""
    async with cluster(16) as kit:
        await started(kit)
        acknowledged: set[int] = set()
        refused: list[int] = []
        attempted = 0
        stop = trio.Event()

        async def write(number: int) -> None:
            nonlocal attempted
            await greenback.ensure_portal()
            while not stop.is_set():
                attempted += 1
                key = 100 + attempted
                node = writer_of(kit)
                try:
                    if node is None:
                        raise ReadOnlyInstance("no writer")
                    await node.write(f"INSERT INTO t VALUES ({key}, {number})")
                    acknowledged.add(key)
                except (OutcomeUnknown, ReadOnlyInstance, VolumeUnavailable):
                    refused.append(key)
                await trio.sleep(0.01)  # time stands still while anybody works

        async def trouble() -> None:
            rng = random.Random(seed)
            for turn in range(6):
                await trio.sleep(0.5)
                old = writer_of(kit)
                assert old is not None
                target = kit.nodes[rng.choice([n for n in kit.nodes if n != old.name])]
                if turn % 3 == 0:
                    old.scope.cancel()  # the process dies ...
                    await target.promote("crash")
                    await kit.start(old.name)  # ... and is started again
                elif turn % 3 == 1:
                    await old.demote(1.0)
                    await target.promote("switchover")
                else:
                    await target.promote("the old writer was thought dead")
            await trio.sleep(0.5)
            stop.set()

        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(write, number)
            await trouble()
        writer = writer_of(kit)
        assert writer is not None
        assert len(acknowledged) > 50
        await kit.caught_up(*kit.nodes.values(), upto=writer.store.newest)
        for node in kit.nodes.values():
            found = {row[0] for row in await node.read("SELECT id FROM t")}
            assert acknowledged <= found
            await node.check()
        assert len({str(await n.read("SELECT * FROM t")) for n in kit.nodes.values()}) == 1


def writer_of(kit: Kit) -> Node | None:
    writers = [n for n in kit.nodes.values() if n.status()["role"] == "writer"]
    return max(writers, key=lambda node: node.info.epoch, default=None)
