"""A volume in one process: six real storage nodes on a network and disks in memory.

Time is virtual in tests that use `autojump_clock`. Between a client and a node the test can hang a
connection (nothing arrives, nothing is refused) or cut it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager

import trio

from runtime.net import Address, ConnectFailed
from tests.fakes.disk import MemoryDisk
from tests.fakes.net import MemoryNet, World
from tests.fakes.runtime import fake_runtime
from volume.client import Volume
from volume.model import StorageNodeInfo, VolumeConfig
from volume.node import StorageConfig, run_storage
from volume.records import FULL

PAGE = 512
AZS = ("a", "a", "b", "b", "c", "c")


def config(segment_pages=1 << 20, count=6):
    nodes = tuple(
        StorageNodeInfo(f"s{n}", AZS[n], Address("127.0.0.1", 7000 + n)) for n in range(count)
    )
    return VolumeConfig("vol-1", PAGE, segment_pages * PAGE, nodes)


def page(number, text="x"):
    """A change that writes a whole page saying `text`."""
    return (number, FULL, text.encode().ljust(PAGE, b"."))


def image(text="x"):
    return text.encode().ljust(PAGE, b".")


class FlakyStream:
    """A client's connection that can hang in both directions."""

    def __init__(self, stream, net, port):
        self._stream, self._net, self._port = stream, net, port

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def send_nowait(self, data):
        if self._port in self._net.hung:
            self._net.swallowed[self._port] = self._net.swallowed.get(self._port, 0) + len(data)
            self._net.stuck.setdefault(self._port, []).append((self._stream, bytes(data)))
            return len(data)
        return self._stream.send_nowait(data)

    async def receive_some(self, max_bytes=None):
        data = await self._stream.receive_some(max_bytes)
        while self._port in self._net.hung and data:
            await self._net.changed.wait()
        return data


class FlakyNet:
    """A client's network: nodes by port can be hung (as by SIGSTOP) or cut off."""

    def __init__(self, net):
        self._net = net
        self.hung = set()
        self.cut = set()
        self.streams = {}
        self.swallowed = {}
        self.stuck = {}
        self.changed = trio.Event()

    def __getattr__(self, name):
        return getattr(self._net, name)

    async def dial(self, address, *, timeout):
        if address.port in self.cut:
            await trio.lowlevel.checkpoint()
            raise ConnectFailed(f"{address} is cut off")
        stream = FlakyStream(await self._net.dial(address, timeout=timeout), self, address.port)
        self.streams.setdefault(address.port, []).append(stream)
        return stream

    def cut_off(self, *nodes):
        for node in nodes:
            self.cut.add(7000 + node)
            for stream in self.streams.pop(7000 + node, []):
                stream.cut()

    def hang(self, *nodes):
        self.hung |= {7000 + node for node in nodes}

    def heal(self):
        self.cut.clear()
        self.hung.clear()
        for stuck in self.stuck.values():
            for stream, data in stuck:
                try:
                    stream.send_nowait(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    continue
        self.stuck.clear()
        self.changed.set()
        self.changed = trio.Event()


class VolumeWorld:
    """The storage nodes, and any number of clients."""

    def __init__(self, nursery, *, segment_pages=1 << 20):
        self.config = config(segment_pages)
        self.world = World()
        self.disks = [MemoryDisk() for _ in range(6)]
        self.lines = []
        self._nursery = nursery
        self._scopes = {}

    async def start(self, *nodes):
        for node in nodes:
            await self._nursery.start(self._run, node)

    async def _run(self, node, *, task_status=trio.TASK_STATUS_IGNORED):
        info = self.config.nodes[node]
        runtime = fake_runtime(
            seed=node, name=info.id, world=self.world, disk=self.disks[node], lines=self.lines
        )
        storage = StorageConfig(info.id, info.az, info.address, self.config)
        with trio.CancelScope() as self._scopes[node]:
            await run_storage(storage, runtime, ready=lambda _address: task_status.started())

    async def kill(self, *nodes):
        for node in nodes:
            self._scopes.pop(node).cancel()
        await trio.testing.wait_all_tasks_blocked()

    def runtime(self, name, seed=100):
        runtime = fake_runtime(seed=seed, name=name, world=self.world, lines=self.lines)
        return runtime.__class__(
            runtime.clock, runtime.rng, runtime.disk, FlakyNet(runtime.net), runtime.trace
        )

    async def client(self, name="i1", *, az=None, seed=100):
        """A running Volume; `volume.net` is its flaky network."""
        runtime = self.runtime(name, seed)
        volume = Volume(self.config, runtime, az=az)
        volume.net = runtime.net
        await self._nursery.start(volume.run)
        return volume

    async def writer(self, name="i1", **kwargs):
        volume = await self.client(name, **kwargs)
        await volume.open_for_writing(name)
        return volume


@asynccontextmanager
async def volume_world(started=range(6), **kwargs):
    async with trio.open_nursery() as nursery:
        world = VolumeWorld(nursery, **kwargs)
        await world.start(*started)
        yield world
        nursery.cancel_scope.cancel()


__all__ = ["PAGE", "MemoryNet", "VolumeWorld", "image", "page", "volume_world"]
