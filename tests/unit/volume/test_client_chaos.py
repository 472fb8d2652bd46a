"""Commits and failovers while nodes die, hang and are cut off, never more than the quorum bears.

Afterwards every acknowledged commit is there, and each page holds the last value acknowledged for
it or one that was written later with an unknown outcome.
"""

from __future__ import annotations

from random import Random

import pytest
import trio

from runtime.net import Address
from runtime.seams import Runtime
from tests.unit.volume.client_world import config, image, page, volume_world
from volume import durability
from volume import writer as writer_module
from volume.client import Volume
from volume.errors import Fenced, NotWritable, QuorumLost, QuorumTimeout, StaleEpoch
from volume.model import StorageNodeInfo, VolumeConfig
from volume.node import StorageConfig, run_storage
from volume.records import FULL

PAGES = 12


class Ledger:
    """What may stand on each page: the last acknowledged value, or any later one."""

    def __init__(self):
        self.allowed = {n: [""] for n in range(PAGES)}
        self.acknowledged = 0

    def attempt(self, number, text):
        self.allowed[number].append(text)

    def acknowledge(self, number, text):
        at = self.allowed[number].index(text)
        self.allowed[number] = self.allowed[number][at:]
        self.acknowledged += 1


class Chaos:
    def __init__(self, world, seed):
        self.rng = Random(seed)
        self.world = world
        self.ledger = Ledger()
        self.volumes = []
        self.writer = None
        self.done = False

    async def failovers(self, count):
        for n in range(count):
            volume = await self.world.client(f"i{n}", seed=n)
            self.volumes.append(volume)
            await self.isolate_old_writer(volume)
            while True:
                try:
                    await volume.open_for_writing(f"i{n}", timeout=20)
                    break
                except (StaleEpoch, QuorumLost):
                    await trio.sleep(0.1)
            await self.verify(volume)
            self.writer = volume
            await trio.sleep(self.rng.uniform(0.5, 3))
        self.done = True

    async def isolate_old_writer(self, new):
        """The old one is left with some nodes, of which the new one does not see the first two."""
        if self.writer is not None:
            order = self.rng.sample(range(6), 6)
            left = self.rng.randint(1, 3)
            self.writer.net.cut_off(*order[left:])
            await trio.sleep(self.rng.uniform(0.1, 1))
            new.net.cut_off(*order[: min(left, 2)])

    async def commits(self, number):
        """Each page has one committer, so that its history is a line."""
        count = 0
        while not self.done:
            volume = self.writer
            if volume is None:
                await trio.sleep(0.01)
                continue
            count += 1
            text = f"{number}-{count}"
            try:
                await volume.wait_room()
                self.ledger.attempt(number, text)
                lsn = volume.log([page(number, text), page(number + PAGES, text)])
                await volume.wait_durable(lsn, timeout=5)
                self.ledger.acknowledge(number, text)
            except (Fenced, NotWritable, QuorumTimeout):
                await trio.sleep(0.02)
            await trio.sleep(self.rng.uniform(0, 0.3))

    async def trouble(self):
        """One fault at a time, on at most two nodes."""
        while True:
            nodes = self.rng.sample(range(6), self.rng.randint(1, 2))
            kind = self.rng.choice(["kill", "hang", "cut"])
            if kind == "kill":
                await self.world.kill(*nodes)
            for volume in self.volumes:
                if kind == "hang":
                    volume.net.hang(*nodes)
                elif kind == "cut":
                    volume.net.cut_off(*nodes)
            await trio.sleep(self.rng.uniform(0.05, 2))
            for volume in self.volumes:
                volume.net.heal()
            if kind == "kill":
                await self.world.start(*nodes)
            await trio.sleep(self.rng.uniform(0, 1))

    async def verify(self, volume):
        """Just opened: nobody has written anything since that could hide a loss."""
        for number, allowed in self.ledger.allowed.items():
            found = []
            for half in (number, number + PAGES):
                _, contents = await volume.read_page(half, volume.vdl)
                found.append("" if contents is None else contents.rstrip(b".").decode())
            assert found[0] == found[1], f"half an MTR: {found}"
            assert found[0] in allowed, (number, found, allowed)


async def run(seed):
    with trio.fail_after(100):  # of virtual time
        async with volume_world(segment_pages=[4, 1000][seed % 2]) as world:
            chaos = Chaos(world, seed)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(chaos.trouble)
                async with trio.open_nursery() as work:
                    work.start_soon(chaos.failovers, 3)
                    for number in range(PAGES):
                        work.start_soon(chaos.commits, number)
                nursery.cancel_scope.cancel()
            for node in range(6):
                if node not in world._scopes:
                    await world.start(node)
            for volume in chaos.volumes:
                volume.net.heal()
            await chaos.verify(await world.writer("judge", seed=99))
            return chaos.ledger.acknowledged


@pytest.mark.parametrize("seed", range(10))
async def test_nothing_acknowledged_is_lost_in_chaos(seed, autojump_clock):
    assert await run(seed) > 50


async def test_the_check_finds_a_writer_that_acknowledges_at_one_of_six(
    monkeypatch, autojump_clock
):
    monkeypatch.setattr(durability, "pg_complete", max)
    with pytest.raises((BaseExceptionGroup, trio.TooSlowError)):
        for seed in range(10):
            await run(seed)


async def test_back_pressure_holds_writers_while_too_much_is_not_durable(
    monkeypatch, autojump_clock
):
    monkeypatch.setattr(writer_module, "UNDURABLE_BYTES_MAX", 5_000)
    async with volume_world() as world:
        volume = await world.writer()
        await world.kill(0, 1, 2)
        logged = 0
        with trio.move_on_after(5):
            while True:
                await volume.wait_room()
                volume.log([page(0, str(logged))])
                logged += 1
        assert 9 <= logged <= 11
        await world.start(0)
        await volume.wait_room()
        await volume.wait_durable(volume.newest_lsn, timeout=5)


async def test_an_mtr_larger_than_an_append_is_shipped_in_parts(monkeypatch, autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        changes = [(n, FULL, bytes([n % 251]) * 512) for n in range(20_000)]
        lsn = volume.log(changes)
        await volume.wait_durable(lsn, timeout=60)
        for number in (0, 9_999, 19_999):
            assert (await volume.read_page(number, lsn))[1] == bytes([number % 251]) * 512


async def test_on_real_sockets_and_disks(tmp_path):
    """The same on loopback TCP, with files: commit, lose two nodes, restart all, fail over."""
    runtimes = [Runtime.system(root=tmp_path / f"s{n}", seed=n, name=f"s{n}") for n in range(6)]
    scopes = {}
    base = config()
    async with trio.open_nursery() as nursery:
        nodes = [
            StorageNodeInfo(node.id, node.az, Address("127.0.0.1", await _free_port(runtimes[0])))
            for node in base.nodes
        ]
        volume_config = VolumeConfig(base.volume_id, base.page_size, 8 * 512, tuple(nodes))

        async def node(n, *, task_status=trio.TASK_STATUS_IGNORED):
            (tmp_path / f"s{n}").mkdir(exist_ok=True)
            storage = StorageConfig(nodes[n].id, nodes[n].az, nodes[n].address, volume_config)
            with trio.CancelScope() as scopes[n]:
                await run_storage(
                    storage, runtimes[n], ready=lambda _address: task_status.started()
                )

        async def client(name):
            runtime = Runtime.system(root=tmp_path, seed=None, name=name)
            volume = Volume(volume_config, runtime, az="a")
            await nursery.start(volume.run)
            await volume.open_for_writing(name)
            return volume

        for n in range(6):
            await nursery.start(node, n)
        first = await client("i1")
        for n in range(50):
            lsn = first.log([page(n % 20, str(n))])
            if n == 20:
                scopes[1].cancel()
                scopes[4].cancel()
            await first.wait_durable(lsn, timeout=10)
        for n in (0, 2, 3, 5):
            scopes[n].cancel()
        await trio.testing.wait_all_tasks_blocked()
        for n in range(6):
            await nursery.start(node, n)
        second = await client("i2")
        assert second.vdl == 50
        for n in range(30, 50):
            assert (await second.read_page(n % 20, second.vdl))[1] == image(str(n))
        nursery.cancel_scope.cancel()


async def _free_port(runtime):
    async def refuse(_stream, _address):
        return

    async with trio.open_nursery() as nursery:
        address = await nursery.start(runtime.net.serve, Address("127.0.0.1", 0), refuse)
        nursery.cancel_scope.cancel()
    return address.port
