"""Six storage nodes and the volume's client over real sockets and real files."""

from __future__ import annotations

import pytest
import trio

from runtime.net import Address
from runtime.rng import Rng
from runtime.seams import Runtime
from tests.unit.volume.history import PAGE_SIZE
from volume.client import Volume
from volume.errors import Fenced
from volume.model import PageNo, StorageNodeInfo, VolumeConfig
from volume.node import StorageConfig, run_storage
from volume.records import make_change

PAGES = 20


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on right now."""
    sockets = [trio.socket.socket() for _ in range(count)]
    ports = []
    for sock in sockets:
        sock._sock.bind(("127.0.0.1", 0))
        ports.append(sock.getsockname()[1])
    for sock in sockets:
        sock.close()
    return ports


class Cluster:
    """The nodes of one volume, each to be stopped and started."""

    def __init__(self, nursery: trio.Nursery, root) -> None:
        self.nursery = nursery
        self.root = root
        infos = tuple(
            StorageNodeInfo(f"s{i}", "abc"[i // 2], Address("127.0.0.1", port))
            for i, port in enumerate(free_ports(6))
        )
        # Eight pages to a protection group: the volume has three of them.
        self.volume = VolumeConfig("loopback", PAGE_SIZE, 8 * PAGE_SIZE, infos)
        self.scopes: dict[int, trio.CancelScope] = {}
        self.stopped: dict[int, trio.Event] = {}

    async def start(self, *which: int) -> None:
        for i in which:
            await self.nursery.start(self._run, i)

    async def _run(self, i: int, task_status: trio.TaskStatus[None]) -> None:
        info = self.volume.nodes[i]
        runtime = Runtime.system(root=self.root / info.id, seed=i, name=info.id)
        config = StorageConfig(info.id, info.az, info.address, self.volume)
        self.stopped[i] = trio.Event()
        with trio.CancelScope() as self.scopes[i]:
            await run_storage(config, runtime, ready=lambda _address: task_status.started())
        runtime.disk.close()
        self.stopped[i].set()

    async def stop(self, *which: int) -> None:
        for i in which:
            self.scopes[i].cancel()
            await self.stopped[i].wait()

    async def client(self, name: str) -> Volume:
        runtime = Runtime.system(root=self.root / name, seed=77, name=name)
        volume = Volume(self.volume, runtime, az="a")
        await self.nursery.start(volume.run)
        return volume


class Workload:
    """Commits random changes and remembers what was acknowledged."""

    def __init__(self) -> None:
        self.rng = Rng(5)
        self.pages: dict[int, bytes] = {}

    async def commit(self, volume: Volume, count: int) -> None:
        for _ in range(count):
            changed = {self.rng.randrange(PAGES) for _ in range(3)}
            changes = []
            for page_no in sorted(changed):
                new = bytearray(self.pages.get(page_no, bytes(PAGE_SIZE)))
                at = self.rng.randrange(PAGE_SIZE - 8)
                new[at : at + 8] = self.rng.randbytes(8)
                flags, payload = make_change(self.pages.get(page_no), bytes(new))
                changes.append((PageNo(page_no), flags, payload))
                self.pages[page_no] = bytes(new)
            await volume.wait_room()
            lsn = volume.log(changes)
            await volume.wait_durable(lsn, timeout=30)

    async def check(self, volume: Volume) -> None:
        for page_no, image in self.pages.items():
            _lsn, found = await volume.read_page(PageNo(page_no), volume.vdl)
            assert found == image


@pytest.fixture
async def cluster(tmp_path):
    async with trio.open_nursery() as nursery:
        made = Cluster(nursery, tmp_path)
        await made.start(*range(6))
        yield made
        nursery.cancel_scope.cancel()


async def test_what_is_committed_is_read_back_by_the_next_writer(cluster):
    work = Workload()
    first = await cluster.client("first")
    assert await first.open_for_writing("instance-1") == 0
    await work.commit(first, 50)
    await work.check(first)
    second = await cluster.client("second")
    assert await second.open_for_writing("instance-2") >= first.vdl
    assert second.epoch == 2
    await work.check(second)
    with pytest.raises(Fenced):
        await work.commit(first, 5)
    survivor = Workload()
    survivor.pages.update({p: (await second.read_page(p, second.vdl))[1] for p in range(PAGES)})
    await survivor.commit(second, 20)
    await survivor.check(second)


async def test_an_az_may_go_and_come_back_and_then_another(cluster):
    work = Workload()
    writer = await cluster.client("writer")
    await writer.open_for_writing("instance-1")
    await work.commit(writer, 20)
    for az in ((0, 1), (2, 3), (4, 5)):
        await cluster.stop(*az)
        await work.commit(writer, 20)
        await work.check(writer)
        await cluster.start(*az)
        await work.commit(writer, 5)
    await work.check(writer)


async def test_all_nodes_may_stop_at_once(cluster):
    work = Workload()
    for turn in range(3):
        writer = await cluster.client(f"writer-{turn}")
        await writer.open_for_writing("instance-1")
        await work.check(writer)
        await work.commit(writer, 20)
        await cluster.stop(*range(6))
        await cluster.start(*range(6))
    reader = await cluster.client("reader")
    state = await reader.discover()
    for page_no, image in work.pages.items():
        assert (await reader.read_page(PageNo(page_no), state.vdl))[1] == image
