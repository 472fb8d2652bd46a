"""The router and the monitor on real loopback sockets: descriptors really travel, connections
really break. Nothing is timed; what must happen is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from endpoints.router import RoutedInstance, RouterConfig, run_router
from failover.loop import Monitor
from failover.timeouts import Timeouts
from runtime.net import Address
from runtime.seams import Runtime
from tests.unit.endpoints.doors import Client, Doors
from tests.unit.failover.fakes import FakeInstance, FakeStore, FakeVolume

ANY = Address("127.0.0.1", 0)
# Shorter than in production, so that a hang is found soon; the relations hold all the same.
QUICK = Timeouts(silent_after=0.5, hung_after=0.9, cold_start=0.9, redial_backoff_max=0.5)
GUARD = 30


@pytest.fixture(params=["handoff", "relay"])
def forwarding(request):
    return request.param


class RealCluster:
    def __init__(self, nursery: trio.Nursery, root: Path) -> None:
        self.nursery = nursery
        self.root = root
        self.volume = FakeVolume()
        self.instances: dict[str, FakeInstance] = {}
        self.doors: dict[str, Doors] = {}
        self.net = self.runtime("client").net
        self.writer = ANY
        self.clients: list[Client] = []

    def runtime(self, name: str) -> Runtime:
        root = self.root / name
        root.mkdir(exist_ok=True)
        return Runtime.system(root=root, seed=1, name=name)

    async def start(self, forwarding: str) -> RealCluster:
        for number in (1, 2):
            name = f"instance-{number}"
            instance = FakeInstance(name, self.runtime(name), self.volume, number, pid=number)
            self.doors[name] = Doors(instance, handoff_path=str(self.root / f"{number}.sock"))
            self.instances[name] = instance
            await instance.start(self.nursery)
        self.instances["instance-1"].become("writer", self.volume.open("instance-1"))
        routed = tuple(
            RoutedInstance(i.id, "a", i.tier, i.control, ANY, d.relay, d.handoff_path)
            for i, d in zip(self.instances.values(), self.doors.values(), strict=True)
        )
        config = RouterConfig(ANY, ANY, ANY, routed, forwarding, QUICK)
        listening = trio.Event()

        def ready(address: Address) -> None:
            self.writer = address
            listening.set()

        self.nursery.start_soon(lambda: run_router(config, self.runtime("router"), ready=ready))
        await listening.wait()
        return self

    async def client(self) -> Client:
        self.clients.append(await Client.connect(self.net, self.writer))
        return self.clients[-1]


@pytest.fixture
async def cluster(nursery, tmp_path, forwarding):
    with trio.fail_after(GUARD):
        made = await RealCluster(nursery, tmp_path).start(forwarding)
        yield made
        for client in made.clients:
            client.stream.close()


async def test_bytes_of_every_size_arrive(cluster):
    client = await cluster.client()
    assert await client.greeted() == "instance-1"
    for size in (1, 30, 70_000):
        data = bytes(range(256)) * (size // 256 + 1)
        assert await client.echo(data[:size]) == data[:size]


async def test_the_end_reaches_the_client(cluster):
    client = await cluster.client()
    await client.greeted()
    await client.stream.send_all(b"bye")
    assert await client.rest() == b""


async def test_a_crash_cuts_and_a_promotion_lets_in(cluster):
    client = await cluster.client()
    await client.greeted()
    await cluster.instances["instance-1"].crash()
    assert await client.rest() == b""
    held = await cluster.client()
    cluster.instances["instance-2"].become("writer", cluster.volume.open("instance-2"))
    assert await held.greeted() == "instance-2"


async def test_a_hang_is_cut_without_the_instances_help(cluster):
    client = await cluster.client()
    await client.greeted()
    cluster.instances["instance-1"].hang()
    assert await client.rest() == b""


async def test_with_a_monitor_a_crash_ends_in_a_new_writer(cluster):
    members = tuple(instance.member for instance in cluster.instances.values())
    monitor = Monitor(cluster.runtime("monitor"), members, FakeStore(), seed=1, timeouts=QUICK)
    await cluster.nursery.start(monitor.run)
    client = await cluster.client()
    await client.greeted()
    await cluster.instances["instance-1"].crash()
    assert await client.rest() == b""
    assert await (await cluster.client()).greeted() == "instance-2"
