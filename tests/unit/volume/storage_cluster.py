"""Real storage nodes in one trio run, over the in-memory disk and network, and a writer by hand.

``Nodes`` starts, crashes and restarts them; ``HandWriter`` speaks the storage messages directly,
so that a test decides which node gets which record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio
from attrs import define, field

from runtime.net import Address
from runtime.rng import Rng
from runtime.seams import Runtime
from tests.fakes.disk import MemoryDisk, Platter
from tests.fakes.net import World
from tests.fakes.runtime import fake_runtime
from tests.unit.volume.history import PAGE_SIZE, History
from volume import messages
from volume.messages import PageVersion, RaiseEpoch, ReadPage, Truncate
from volume.model import StorageNodeInfo, TruncationRange, VolumeConfig
from volume.node import StorageConfig, StorageNode
from wire.rpc import RpcClient, RpcError

CALL_SECONDS = 5.0


def volume_config(volume_id: str = "v", pages: int = 8, count: int = 6) -> VolumeConfig:
    infos = tuple(
        StorageNodeInfo(f"s{i}", "abc"[i // 2], Address("127.0.0.1", 7000 + i))
        for i in range(count)
    )
    return VolumeConfig(volume_id, PAGE_SIZE, pages * PAGE_SIZE, infos)


@define(eq=False)
class Running:
    """One running node."""

    node: StorageNode
    scope: trio.CancelScope
    stopped: trio.Event


@define(eq=False)
class Nodes:
    """The storage nodes of one volume."""

    nursery: trio.Nursery
    volume: VolumeConfig = field(factory=volume_config)
    world: World = field(factory=World)
    lines: list[str] = field(factory=list)
    platters: dict[int, Platter] = field(factory=dict)
    running: dict[int, Running] = field(factory=dict)

    def runtime(self, name: str, platter: Platter | None = None) -> Runtime:
        disk = MemoryDisk(platter or Platter())
        return fake_runtime(name=name, world=self.world, disk=disk, lines=self.lines)

    async def start_all(self) -> None:
        await self.start(*range(len(self.volume.nodes)))

    async def start(self, *which: int) -> None:
        for i in which:
            info = self.volume.nodes[i]
            runtime = self.runtime(info.id, self.platters.setdefault(i, Platter()))
            config = StorageConfig(info.id, info.az, info.address, self.volume)
            self.running[i] = await self.nursery.start(self._run, StorageNode(config, runtime))

    async def _run(self, node: StorageNode, *, task_status: trio.TaskStatus[Running]) -> None:
        stopped = trio.Event()
        with trio.CancelScope() as scope:
            await node.open()
            await node.run(lambda _address: task_status.started(Running(node, scope, stopped)))
        stopped.set()

    async def crash(self, *which: int, rng: Rng | None = None) -> None:
        """The power of these nodes fails: their disks first, so that nothing is tidied up."""
        for i in which:
            self.platters[i].crash(rng)
            self.running[i].scope.cancel()
            await self.running[i].stopped.wait()
            del self.running[i]

    def segment(self, i: int, pg: int = 0) -> Any:
        return self.running[i].node.hosting.get(pg).replica.segment

    def hosted(self, i: int, pg: int = 0) -> Any:
        return self.running[i].node.hosting.get(pg)

    async def settle(self, *which: int, scl: int, pg: int = 0) -> None:
        """Wait until these nodes are complete up to an LSN."""
        with trio.fail_after(60):
            for i in which:
                while self._scl(i, pg) < scl:  # noqa: ASYNC110 - the clock is a mock
                    await trio.sleep(0.05)

    def _scl(self, i: int, pg: int) -> int:
        segments = self.running[i].node.hosting.segments
        if pg not in segments or segments[pg].replica.segment.hydrating:
            return -1
        scl: int = segments[pg].replica.segment.scl
        return scl

    def problems(self) -> list[str]:
        return [line for line in self.lines if " ERROR " in line]


@define(eq=False)
class HandWriter:
    """Speaks for one writer with each node."""

    nodes: Nodes
    epoch: int = 0
    owner: str = "writer"
    ranges: tuple[TruncationRange, ...] = ()
    vdl: int = 0
    pg: int = 0

    async def call(self, i: int, method: str, payload: Any) -> Any:
        """One call over a connection of its own; raises RpcError for a refusal."""
        async with trio.open_nursery() as nursery:
            client = await RpcClient.open(
                self.nodes.runtime("client"),
                self.nodes.volume.nodes[i].address,
                nursery=nursery,
                timeout=CALL_SECONDS,
            )
            try:
                return await client.call(method, payload, timeout=CALL_SECONDS)
            except RpcError as error:
                refused = error
            finally:
                client.close()
                nursery.cancel_scope.cancel()
        raise refused

    @property
    def volume_id(self) -> str:
        return self.nodes.volume.volume_id

    async def open(
        self, epoch: int, which: Sequence[int], *, above: int | None = None, upto: int | None = None
    ) -> None:
        """Raise the epoch on these nodes, annul (above, upto], attach."""
        self.epoch = epoch
        if above is not None:
            self.ranges = (*self.ranges, TruncationRange(epoch, above, upto or above + 1000))
        for i in which:
            request = RaiseEpoch(self.volume_id, self.pg, epoch, self.owner)
            await self.call(i, messages.RAISE_EPOCH, request.encode())
            if above is not None:
                cut = Truncate(self.volume_id, self.pg, epoch, self.ranges[-1])
                await self.call(i, messages.TRUNCATE, cut.encode())
            await self.attach(i)

    async def attach(self, i: int) -> int:
        request = messages.Attach(self.volume_id, self.pg, self.epoch, self.owner, self.ranges)
        return messages.decode_scl(await self.call(i, messages.ATTACH, request.encode()))

    async def send(
        self, history: History, lsns: list[int], which: Sequence[int], *, pgmrpl: int | None = None
    ) -> list[int]:
        """Append to these nodes; returns their SCLs."""
        read_point = self.vdl if pgmrpl is None else pgmrpl
        tail = max((lsn for lsn in history.records if lsn <= self.vdl), default=0)
        payload = messages.encode_append(
            self.volume_id, self.pg, self.epoch, self.vdl, read_point, tail, history.blob(lsns)
        )
        replies = [await self.call(i, messages.APPEND, payload) for i in which]
        return [messages.decode_scl(reply) for reply in replies]

    async def commit(self, history: History, count: int, which: Sequence[int]) -> None:
        """Write and have it known durable."""
        lsns = history.write(count)
        await self.send(history, lsns, which)
        self.vdl = lsns[-1]
        await self.send(history, [], which)

    async def read(self, i: int, page_no: int, lsn: int) -> tuple[int, bytes | None]:
        request = ReadPage(self.volume_id, self.pg, page_no, lsn).encode()
        version = PageVersion.decode(await self.call(i, messages.READ_PAGE, request))
        return version.lsn, version.image

    async def check_pages(self, history: History, which: Sequence[int], lsn: int) -> None:
        """Each of these nodes tells the truth about each page."""
        for i in which:
            for page_no in range(history.first_page, history.first_page + history.page_count):
                expected = history.page_at(page_no, lsn)
                assert await self.read(i, page_no, lsn) == expected, f"node {i} page {page_no}"
