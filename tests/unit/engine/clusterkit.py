"""Instances without SQL and listener, in one process: control ports on a network in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import greenback
import trio

from engine.control import ControlServer
from engine.info import InstanceInfo
from engine.lifecycle import Lifecycle
from engine.replication.feed import RedoFeed
from engine.replication.follower import RedoFollower
from engine.sessions import SessionRegistry
from engine.store import Store, StoreConnection
from runtime.net import Address
from runtime.seams import Runtime
from tests.fakes.net import World as NetWorld
from tests.fakes.runtime import fake_runtime
from tests.fakes.volume import FakeStorage, FakeVolume
from tests.unit.engine.storekit import WAIT, pinned
from wire.rpc import RpcClient, RpcError

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)"


async def bootstrap(conn: StoreConnection) -> None:
    conn.db.execute(TABLE)


class Node:
    """One instance of the kit."""

    def __init__(self, kit: Kit, name: str, index: int, *, pool_bytes: int = 16 << 20) -> None:
        self.kit = kit
        self.name = name
        self.address = kit.addresses[name]
        self.runtime: Runtime = fake_runtime(
            seed=index, name=name, world=kit.net, clock=kit.clock, lines=kit.lines
        )
        self.volume = kit.make_volume(self.runtime)
        self.store = Store(self.volume, self.runtime, pool_bytes=pool_bytes)
        clock = self.runtime.clock
        self.info = InstanceInfo(
            instance_id=name,
            az="a",
            tier=1,
            port=0,
            server_uuid=name,
            session_id=f"session of {name}",
            clock=clock,
            rng=self.runtime.rng,
            started_at_wall=clock.wall(),
            started_at=clock.monotonic(),
            sessions=SessionRegistry(index, clock.monotonic),
        )
        self.follower = RedoFollower(
            self.runtime,
            self.volume,
            self.store,
            self.info,
            kit.addresses,
            pages_per_segment=kit.pages_per_segment,
        )
        self.control = ControlServer(self.runtime, self)
        self.lifecycle = Lifecycle(
            self.runtime,
            self.volume,
            self.store,
            self.info,
            self.follower,
            bootstrap=bootstrap,
            on_change=self.control.publish,
        )
        self.scope = trio.CancelScope()
        self.promote = self.lifecycle.promote
        self.demote = self.lifecycle.demote

    @property
    def feed(self) -> RedoFeed | None:
        return self.lifecycle.feed

    def status(self) -> dict[str, Any]:
        return {"id": self.name, "role": self.lifecycle.role.role.value, "epoch": self.info.epoch}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with self.scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.volume.run)
                await nursery.start(self.lifecycle.run)
                await nursery.start(self.control.run, self.address)
                task_status.started()

    async def write(self, *statements: str) -> int:
        await greenback.ensure_portal()
        conn = self.store.connect()
        try:
            await conn.begin_write(lock_wait=WAIT)
            for statement in statements:
                conn.db.execute(statement)
            return await conn.commit()
        finally:
            conn.close()

    async def read(self, sql: str) -> list[tuple[Any, ...]]:
        await greenback.ensure_portal()
        conn = self.store.connect()
        try:
            with pinned(conn):
                return conn.db.execute(sql).fetchall()
        finally:
            conn.close()

    async def check(self) -> None:
        assert await self.read("PRAGMA integrity_check") == [("ok",)]


class Kit:
    """A cluster."""

    pages_per_segment = 1 << 20

    def __init__(self, names: str = "abc") -> None:
        self.storage = FakeStorage()
        self.net = self.make_net()
        self.clock = None
        self.lines: list[str] = []
        self.addresses = {name: Address("127.0.0.1", 8000 + n) for n, name in enumerate(names)}
        self.nodes: dict[str, Node] = {}
        self._nursery: trio.Nursery | None = None

    def make_net(self) -> NetWorld:
        return NetWorld()

    def make_volume(self, runtime: Runtime) -> Any:
        return FakeVolume(self.storage)

    async def start(self, name: str, **options: Any) -> Node:
        assert self._nursery is not None
        index = 1 + list(self.addresses).index(name)
        node = self.nodes[name] = Node(self, name, index, **options)
        await self._nursery.start(node.run)
        return node

    async def caught_up(self, *nodes: Node, upto: int) -> None:
        await until(lambda: all(node.store.read_point >= upto for node in nodes))

    async def call(self, node: Node, method: str, payload: Any = None) -> Any:
        failure: RpcError | None = None
        reply = None
        async with trio.open_nursery() as nursery:
            runtime = fake_runtime(name="caller", world=self.net)
            client = await RpcClient.open(runtime, node.address, nursery=nursery, timeout=1)
            try:
                reply = await client.call(method, payload, timeout=5)
            except RpcError as error:
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return reply


@asynccontextmanager
async def running(kit: Kit) -> AsyncIterator[Kit]:
    await greenback.ensure_portal()
    with trio.fail_after(3600):  # seconds of the mock clock
        async with trio.open_nursery() as nursery:
            kit._nursery = nursery
            try:
                yield kit
            except BaseException:
                print(*(line for line in kit.lines if "DEBUG" not in line), sep="")
                raise
            nursery.cancel_scope.cancel()


async def until(condition: Callable[[], bool], *, step: float = 0.002) -> None:
    """Let virtual time pass until something holds; `running` bounds it."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(step)
