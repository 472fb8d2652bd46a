"""Fake instances that speak the control RPC, and a fake store for the topology document.

They run on any `Net`: in memory under a mock clock, or on loopback sockets. A crash closes the
listener and every connection; a hang leaves them open and says nothing more.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import trio
from attrs import define, evolve, field
from trio.testing import MockClock

from failover.loop import Monitor
from failover.timeouts import Timeouts
from failover.topology import Member
from runtime.net import Address
from runtime.seams import Runtime
from tests.fakes import MemoryDisk, World, fake_runtime
from volume.errors import Conflict, QuorumLost
from wire.rpc import Peer, RpcError, RpcServer


@define(eq=False)
class FakeVolume:
    """Who opened the volume last. `available` False: the quorum is gone."""

    epoch: int = 0
    owner: str | None = None
    available: bool = True
    opened: list[tuple[int, str]] = field(factory=list)

    def open(self, owner: str) -> int:
        if not self.available:
            raise RpcError("quorum_lost", "3 of 6 storage nodes answer, 4 are needed")
        self.epoch += 1
        self.owner = owner
        self.opened.append((self.epoch, owner))
        return self.epoch


@define(eq=False)
class FakeStore:
    """Compare-and-set with a round trip of its own."""

    generation: int = 0
    data: bytes = b""
    available: bool = True
    latency: float = 0.0
    conflicts: int = 0

    async def read(self, *, timeout: float) -> tuple[int, bytes]:
        await self._round_trip()
        return self.generation, self.data

    async def write(self, expected_generation: int, data: bytes, *, timeout: float) -> int:
        await self._round_trip()
        if expected_generation != self.generation:
            self.conflicts += 1
            raise Conflict(self.generation)
        self.generation += 1
        self.data = data
        return self.generation

    async def _round_trip(self) -> None:
        await trio.sleep(self.latency)
        if not self.available:
            raise QuorumLost("3 of 6 storage nodes answer, 4 are needed")


@define(eq=False)
class FakeInstance:
    """One instance's control port."""

    id: str
    runtime: Runtime
    volume: FakeVolume
    tier: int = 1
    control: Address = field(factory=lambda: Address("127.0.0.1", 0))
    role: str = "reader"
    epoch: int = 0
    pid: int = 1
    # What a promote call meets: None works, a string is an RpcError's code, a callable is awaited.
    on_promote: Any = None
    on_demote: Any = None
    opening_takes: float = 0.0
    heartbeat: float = 0.1
    extra: dict[str, Any] = field(factory=dict)
    promotions: int = 0
    hung: bool = False
    _watchers: set[Peer] = field(factory=set)
    _life: trio.CancelScope | None = None
    _resumed: trio.Event = field(factory=trio.Event)
    _ended: trio.Event = field(factory=trio.Event)
    also_runs: list[Callable[..., Any]] = field(factory=list)

    @property
    def member(self) -> Member:
        return Member(self.id, "a", self.tier, self.control, Address("127.0.0.1", 3306))

    # -- life ---------------------------------------------------------------------------------

    async def start(self, nursery: trio.Nursery) -> None:
        self._ended = trio.Event()
        await nursery.start(self._run)

    async def _run(self, *, task_status) -> None:
        handlers = {
            "status": self._status,
            "watch": self._watch,
            "promote": self._promote,
            "demote": self._demote,
        }
        server = RpcServer(self.runtime, handlers, name=self.id)
        try:
            with trio.CancelScope() as self._life:
                async with trio.open_nursery() as nursery:
                    self.control = await nursery.start(server.serve, self.control)
                    for service in self.also_runs:
                        await nursery.start(service)
                    task_status.started()
                    await self._beat()
        finally:
            self._watchers.clear()
            self._ended.set()

    async def crash(self) -> None:
        """kill -9: the kernel closes everything."""
        self._life.cancel()
        await self._ended.wait()
        self.role, self.epoch = "reader", 0
        self.pid += 1

    async def restart(self, nursery: trio.Nursery) -> None:
        await self.crash()
        await self.start(nursery)

    def hang(self) -> None:
        """SIGSTOP: connections stay, nothing moves."""
        self.hung = True
        self._resumed = trio.Event()

    def resume(self) -> None:
        self.hung = False
        self._resumed.set()
        self.push()

    def forget_watchers(self) -> None:
        self._watchers.clear()

    async def _beat(self) -> None:
        while True:
            await trio.sleep(self.heartbeat)
            if self.role == "writer" and self.volume.epoch > self.epoch and not self.hung:
                self.role = "reader"  # the storage refused its last append
            self.push()

    def push(self) -> None:
        if self.hung:
            return
        for peer in list(self._watchers):
            if not peer.notify("status", self.status()):
                self._watchers.discard(peer)

    def become(self, role: str, epoch: int | None = None) -> None:
        self.role = role
        self.epoch = self.epoch if epoch is None else epoch
        self.push()

    # -- control RPC --------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "az": "a",
            "tier": self.tier,
            "role": self.role,
            "state": "ready",
            "epoch": self.epoch,
            "vdl": 0,
            "lag_ms": 0.0,
            "pid": self.pid,
            "mysql": "127.0.0.1:3306",
            "session_count": 0,
            **self.extra,
        }

    async def while_hung(self) -> None:
        while self.hung:
            await self._resumed.wait()

    async def _status(self, peer: Peer, payload: Any) -> dict[str, Any]:
        await self.while_hung()
        return self.status()

    async def _watch(self, peer: Peer, payload: Any) -> dict[str, Any]:
        await self.while_hung()
        self._watchers.add(peer)
        return self.status()

    async def _promote(self, peer: Peer, payload: Any) -> dict[str, Any]:
        await self.while_hung()
        if self.role == "writer":
            return self.status()  # asked twice, as two monitors may
        self.promotions += 1
        await self._obey(self.on_promote)
        self.become("opening")
        if self.opening_takes:
            await trio.sleep(self.opening_takes)
        try:
            epoch = self.volume.open(self.id)
        except RpcError:
            self.become("reader")
            raise
        self.become("writer", epoch)
        return self.status()

    async def _demote(self, peer: Peer, payload: Any) -> dict[str, Any]:
        await self.while_hung()
        self.become("demoting")
        try:
            await self._obey(self.on_demote)
        except RpcError:
            self.become("writer")
            raise
        self.become("reader")
        return self.status()

    async def _obey(self, order: Any) -> None:
        if isinstance(order, str):
            raise RpcError(order, f"{self.id} was told to answer {order}")
        if order is not None:
            await order()


@define(eq=False)
class FakeCluster:
    """Instances, volume and store in one in-memory world; monitors are started by the test."""

    nursery: trio.Nursery
    world: World = field(factory=World)
    volume: FakeVolume = field(factory=FakeVolume)
    store: FakeStore = field(factory=FakeStore)
    timeouts: Timeouts = field(factory=Timeouts)
    instances: dict[str, FakeInstance] = field(factory=dict)
    log: list[str] = field(factory=list)

    def runtime(self, name: str, disk: MemoryDisk | None = None) -> Runtime:
        return fake_runtime(name=name, world=self.world, disk=disk, lines=self.log)

    async def start(self, *tiers: int) -> FakeCluster:
        for number, tier in enumerate(tiers, start=1):
            name = f"instance-{number}"
            instance = FakeInstance(name, self.runtime(name), self.volume, tier, pid=1000 * number)
            self.instances[name] = instance
            await instance.start(self.nursery)
        return self

    def __getitem__(self, number: int) -> FakeInstance:
        return self.instances[f"instance-{number}"]

    def members(self) -> tuple[Member, ...]:
        return tuple(instance.member for instance in self.instances.values())

    def monitor(self, name: str = "monitor", disk: MemoryDisk | None = None) -> Monitor:
        return Monitor(
            self.runtime(name, disk), self.members(), self.store, seed=7, timeouts=self.timeouts
        )

    def writers(self) -> list[str]:
        return [item.id for item in self.instances.values() if item.role == "writer"]

    def promotions(self) -> int:
        return sum(item.promotions for item in self.instances.values())


async def until(condition: Callable[[], Any], *, within: float = 60.0) -> None:
    """Let the (mock) clock run until something is the case."""
    with trio.fail_after(within):
        while not condition():  # noqa: ASYNC110 - on a mock clock
            await trio.sleep(0.001)


def with_timeouts(**changes: float) -> Timeouts:
    return evolve(Timeouts(), **changes)


def on_mock_clock(*tiers: int) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Run an async test with a FakeCluster of these tiers, in a trio run of its own whose clock
    jumps; pytest-trio would only do that for tests that name the clock themselves."""

    def decorate(test: Callable[..., Any]) -> Callable[..., None]:
        @wraps(test)
        def run(**arguments: Any) -> None:
            async def main() -> None:
                async with trio.open_nursery() as nursery:
                    cluster = await FakeCluster(nursery).start(*tiers)
                    with trio.fail_after(100_000):
                        await test(cluster, **arguments)
                    nursery.cancel_scope.cancel()

            trio.run(main, clock=MockClock(autojump_threshold=0))

        signature = inspect.signature(test)
        without_cluster = list(signature.parameters.values())[1:]
        run.__signature__ = signature.replace(parameters=without_cluster)  # type: ignore[attr-defined]
        del run.__wrapped__  # type: ignore[attr-defined]
        return run

    return decorate
