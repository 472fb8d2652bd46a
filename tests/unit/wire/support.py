"""A server and clients on one network, real or in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio
from attrs import define, field

from runtime.clock import SystemClock
from runtime.net import Address, ByteStream
from runtime.osnet import OsNet
from runtime.seams import Runtime
from tests.fakes import World, fake_runtime
from wire.rpc import Handler, OnNotify, RpcClient, RpcServer

LOOPBACK = Address("127.0.0.1", 0)
T = 30.0


def memory_runtime(lines: list[str] | None = None) -> Runtime:
    return fake_runtime(world=World(), lines=lines)


def loopback_runtime(lines: list[str] | None = None) -> Runtime:
    made = fake_runtime(lines=lines, clock=SystemClock())
    return Runtime(made.clock, made.rng, made.disk, OsNet(made.clock, made.trace), made.trace)


@define
class Stage:
    runtime: Runtime
    nursery: trio.Nursery
    server: RpcServer
    address: Address
    clients: list[RpcClient] = field(factory=list)

    async def client(self, on_notify: OnNotify | None = None) -> RpcClient:
        client = await RpcClient.open(
            self.runtime, self.address, nursery=self.nursery, timeout=T, on_notify=on_notify
        )
        self.clients.append(client)
        return client

    async def raw(self) -> ByteStream:
        return await self.runtime.net.dial(self.address, timeout=T)

    def count(self, event: str) -> int:
        return self.runtime.trace.counts[event]


async def start(
    runtime: Runtime,
    nursery: trio.Nursery,
    handlers: Mapping[str, Handler],
    inline: frozenset[str] = frozenset(),
    **options: Any,
) -> Stage:
    server = RpcServer(runtime, handlers, inline=inline, name="server", **options)

    async def serve(task_status: trio.TaskStatus[Address]) -> None:
        await server.serve(LOOPBACK, task_status=task_status)

    return Stage(runtime, nursery, server, await nursery.start(serve))


async def drain(stream: ByteStream) -> bytes:
    """Everything until the peer ends the stream or breaks it off."""
    chunks = []
    try:
        while chunk := await stream.receive_some():
            chunks.append(chunk)
    except trio.BrokenResourceError:
        pass
    return b"".join(chunks)
