"""A network in memory: bounded buffers, partial sends, refused and lost connections, hand-off.

Everything that shares a `World` can reach everything else in it. Delivery is immediate; delay, loss
and partitions belong to the simulation, not here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import trio
from trio.lowlevel import ParkingLot

from runtime.net import (
    HANDOFF_META_MAX,
    Address,
    AddressInUse,
    ByteStream,
    ConnectFailed,
    HandoffHandler,
    StreamHandler,
)
from runtime.trace import Trace, where

BUFFER = 65536
FIRST_FREE_PORT = 40000


class Pipe:
    """One direction of a connection."""

    def __init__(self, capacity: int = BUFFER) -> None:
        self.capacity = capacity
        self.data = bytearray()
        self.ended = False  # the sender will send no more
        self.broken = False  # the receiver will take no more
        self.changed = ParkingLot()

    def wake(self) -> None:
        self.changed.unpark_all()


class _Endpoint:
    """One side of a connection, shared by every handle on it."""

    def __init__(self, incoming: Pipe, outgoing: Pipe) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self.handles = 0

    def end(self) -> None:
        self.outgoing.ended = True
        self.incoming.broken = True
        self.outgoing.wake()
        self.incoming.wake()


class MemoryStream:
    """A handle on one side of a connection."""

    def __init__(self, endpoint: _Endpoint) -> None:
        self._endpoint = endpoint
        self._closed = False
        endpoint.handles += 1

    def copy(self) -> MemoryStream:
        self._need_open()
        return MemoryStream(self._endpoint)

    def _need_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("the stream is closed")

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        self._need_open()
        pipe = self._endpoint.outgoing
        if pipe.broken or pipe.ended:
            raise trio.BrokenResourceError("connection lost")
        count = min(len(data), pipe.capacity - len(pipe.data))
        if count:
            pipe.data += data[:count]
            pipe.wake()
        return count

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        sent = self.send_nowait(data)
        while sent < len(data):
            await self.wait_send_all_might_not_block()
            sent += self.send_nowait(data[sent:])

    async def wait_send_all_might_not_block(self) -> None:
        self._need_open()
        pipe = self._endpoint.outgoing
        await trio.lowlevel.checkpoint()
        while not self._closed and not pipe.broken and len(pipe.data) >= pipe.capacity:
            await pipe.changed.park()
        self._need_open()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        self._need_open()
        await trio.lowlevel.checkpoint()
        pipe = self._endpoint.incoming
        while not (pipe.data or pipe.ended or pipe.broken or self._closed):
            await pipe.changed.park()
        self._need_open()
        data = bytes(pipe.data[: max_bytes or BUFFER])
        del pipe.data[: len(data)]
        pipe.wake()
        return data

    async def send_eof(self) -> None:
        self._need_open()
        self._endpoint.outgoing.ended = True
        self._endpoint.outgoing.wake()
        await trio.lowlevel.checkpoint()

    def cut(self) -> None:
        self._endpoint.end()
        self.close()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._endpoint.handles -= 1
        if self._endpoint.handles == 0:
            self._endpoint.end()
        else:
            self._endpoint.incoming.wake()
            self._endpoint.outgoing.wake()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()


def stream_pair(capacity: int = BUFFER) -> tuple[MemoryStream, MemoryStream]:
    """The two ends of a new connection."""
    there, back = Pipe(capacity), Pipe(capacity)
    return MemoryStream(_Endpoint(back, there)), MemoryStream(_Endpoint(there, back))


class MemoryHandoffChannel:
    """One end of a hand-off channel."""

    def __init__(self) -> None:
        self.peer = self
        self._queue: deque[tuple[bytes, ByteStream | None]] = deque()
        self._closed = False
        self._changed = ParkingLot()

    async def send_client(self, meta: bytes, stream: ByteStream) -> None:
        assert isinstance(stream, MemoryStream)
        await self._send(meta, stream)

    async def send(self, meta: bytes) -> None:
        await self._send(meta, None)

    async def _send(self, meta: bytes, stream: MemoryStream | None) -> None:
        assert len(meta) <= HANDOFF_META_MAX
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError("the channel is closed")
        if self.peer._closed:
            raise trio.BrokenResourceError("hand-off channel lost")
        self.peer._queue.append((meta, None if stream is None else stream.copy()))
        self.peer._changed.unpark_all()

    async def receive(self) -> tuple[bytes, ByteStream | None]:
        await trio.lowlevel.checkpoint()
        while not (self._queue or self._closed or self.peer._closed):
            await self._changed.park()
        if self._closed:
            raise trio.ClosedResourceError("the channel is closed")
        if not self._queue:
            raise trio.EndOfChannel("the peer closed the hand-off channel")
        return self._queue.popleft()

    def close(self) -> None:
        self._closed = True
        for _, stream in self._queue:
            if stream is not None:
                stream.close()
        self._queue.clear()
        self._changed.unpark_all()
        self.peer._changed.unpark_all()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()


def handoff_pair() -> tuple[MemoryHandoffChannel, MemoryHandoffChannel]:
    a, b = MemoryHandoffChannel(), MemoryHandoffChannel()
    a.peer, b.peer = b, a
    return a, b


class World:
    """What listens where."""

    def __init__(self) -> None:
        self.listeners: dict[Address, Callable[[MemoryStream, Address], None]] = {}
        self.handoffs: dict[str, Callable[[MemoryHandoffChannel], None]] = {}
        self.next_port = FIRST_FREE_PORT

    def free_port(self) -> int:
        self.next_port += 1
        return self.next_port


class MemoryNet:
    """A node's access to a world."""

    def __init__(self, world: World, trace: Trace, host: str = "127.0.0.1") -> None:
        self.world = world
        self.host = host
        self._trace = trace

    async def dial(self, address: Address, *, timeout: float) -> MemoryStream:
        await trio.lowlevel.checkpoint()
        accept = self.world.listeners.get(address)
        if accept is None:
            raise ConnectFailed(f"cannot connect to {address}: Connection refused")
        ours, theirs = stream_pair()
        accept(theirs, Address(self.host, self.world.free_port()))
        return ours

    async def serve(
        self,
        address: Address,
        handler: StreamHandler,
        *,
        short: bool = False,
        task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        if address.port == 0:
            address = Address(address.host, self.world.free_port())
        if address in self.world.listeners:
            raise AddressInUse(f"{address} is in use by another process")

        async def run(stream: MemoryStream, peer: Address) -> None:
            try:
                await self._guard(handler(stream, peer))
            finally:
                stream.close()

        async with trio.open_nursery() as nursery:
            self.world.listeners[address] = lambda *args: nursery.start_soon(run, *args)
            try:
                task_status.started(address)
                await trio.sleep_forever()
            finally:
                del self.world.listeners[address]

    async def serve_handoff(
        self,
        path: str,
        handler: HandoffHandler,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        if path in self.world.handoffs:
            raise AddressInUse(f"{path} is in use by another process")

        async def run(channel: MemoryHandoffChannel) -> None:
            try:
                await self._guard(handler(channel))
            finally:
                channel.close()

        async with trio.open_nursery() as nursery:
            self.world.handoffs[path] = lambda channel: nursery.start_soon(run, channel)
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                del self.world.handoffs[path]

    async def dial_handoff(self, path: str, *, timeout: float) -> MemoryHandoffChannel:
        await trio.lowlevel.checkpoint()
        accept = self.world.handoffs.get(path)
        if accept is None:
            raise ConnectFailed(f"cannot connect to {path}: no such file")
        ours, theirs = handoff_pair()
        accept(theirs)
        return ours

    async def _guard(self, running: Awaitable[None]) -> None:
        try:
            await running
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.EndOfChannel) as error:
            self._trace.debug("connection_lost", reason=str(error))
        except Exception as error:  # noqa: BLE001 - the top of a connection's task
            self._trace.error("connection_handler_failed", error=error, at=where(error))
