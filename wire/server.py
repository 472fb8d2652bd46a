"""The serving side of RPC.

Invariants: per connection, inline methods run one after the other in arrival order and their
replies keep that order; every request gets one reply unless the connection ends first; a handler's
failure is an error reply, a bad frame ends that connection, and neither touches another connection.
Memory per connection is bounded: requests are not read while the replies wait for the peer, or
while `MAX_RUNNING` handlers run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from runtime.net import Address, ByteStream
from runtime.seams import Runtime
from runtime.trace import where
from wire.connection import OUTBOX_LIMIT, Connection
from wire.envelope import (
    NOTIFY,
    REQUEST,
    EnvelopeError,
    RpcError,
    decode,
    encode_error,
    encode_notify,
    encode_reply,
)
from wire.frame import FrameError

MAX_RUNNING = 256
MAX_CONNECTIONS = 4096
# A reply waits for the rest of its batch so that one write carries all, but not longer than this.
BATCH_DELAY = 0.0001


class Peer:
    """The other end of one connection, as a handler sees it."""

    __slots__ = ("_connection", "address", "closed", "idle", "running", "state")

    def __init__(self, connection: Connection) -> None:
        self.address: Address = connection.address
        self.closed = trio.Event()
        self.state: Any = None  # for the handlers' own use
        self.running = 0
        self.idle = trio.Event()
        self._connection = connection

    def notify(self, method: str, payload: Any) -> bool:
        """Send a message that has no reply. False when nothing was sent: the peer is gone, or its
        outbox is over the limit."""
        return self.notify_encoded(encode_notify(method, payload))

    def notify_encoded(self, frame: bytes) -> bool:
        """Like `notify`, with a frame from `encode_notify` that many peers share."""
        connection = self._connection
        if connection.closed or connection.full:
            return False
        connection.send(frame)
        return True

    @property
    def backlog_bytes(self) -> int:
        return self._connection.backlog_bytes

    def close(self) -> None:
        self._connection.close()


Handler = Callable[[Peer, Any], Awaitable[Any]]


class RpcServer:
    """Answers calls by method name."""

    def __init__(
        self,
        runtime: Runtime,
        handlers: Mapping[str, Handler],
        *,
        inline: frozenset[str] = frozenset(),
        name: str,
        outbox_limit: int = OUTBOX_LIMIT,
    ) -> None:
        assert inline <= handlers.keys(), f"no handler for {sorted(inline - handlers.keys())}"
        self.name = name
        self.peers: dict[Peer, None] = {}  # in order of arrival
        self._net = runtime.net
        self._trace = runtime.trace
        self._now = runtime.clock.monotonic
        self._inline = {method: handlers[method] for method in inline}
        self._spawned = {m: handler for m, handler in handlers.items() if m not in inline}
        self._outbox_limit = outbox_limit

    async def serve(
        self,
        address: Address,
        *,
        task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; `started` gets the actual address. Raises ListenFailed."""
        await self._net.serve(address, self.serve_stream, short=True, task_status=task_status)

    async def serve_stream(self, stream: ByteStream, address: Address) -> None:
        """Serve one connection until it ends."""
        if len(self.peers) >= MAX_CONNECTIONS:
            self._trace.warn("rpc_too_many_connections", server=self.name, peer=address)
            return
        connection = Connection(stream, address, limit=self._outbox_limit)
        peer = Peer(connection)
        self.peers[peer] = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.run_sender)
                await self._read(connection, peer, nursery)
                nursery.cancel_scope.cancel()
        finally:
            del self.peers[peer]
            connection.close()
            peer.closed.set()

    async def _read(self, connection: Connection, peer: Peer, nursery: trio.Nursery) -> None:
        try:
            while (bodies := await connection.receive()) is not None:
                if len(bodies) == 1:
                    await self._dispatch(connection, peer, nursery, bodies[0])
                elif bodies:
                    await self._dispatch_batch(connection, peer, nursery, bodies)
                if connection.full:
                    await connection.wait_room()
                while peer.running >= MAX_RUNNING:
                    peer.idle = trio.Event()
                    await peer.idle.wait()
            if connection.partial_frame:
                self._bad_frame(peer, "the connection ended inside a frame")
        except (FrameError, EnvelopeError) as error:
            self._bad_frame(peer, str(error))

    async def _dispatch_batch(
        self, connection: Connection, peer: Peer, nursery: trio.Nursery, bodies: list[bytes]
    ) -> None:
        began = self._now()
        connection.cork()
        try:
            for body in bodies:
                await self._dispatch(connection, peer, nursery, body)
                if (now := self._now()) - began > BATCH_DELAY:
                    connection.flush_corked()
                    began = now
        finally:
            connection.uncork()

    async def _dispatch(
        self, connection: Connection, peer: Peer, nursery: trio.Nursery, body: bytes
    ) -> None:
        kind, call_id, method, payload = decode(body)
        if kind != REQUEST and kind != NOTIFY:
            raise EnvelopeError(f"unexpected message kind {kind}")
        handler = self._inline.get(method)
        if handler is None:
            self._spawn(connection, peer, nursery, (kind, call_id, method, payload))
            return
        try:
            frame = encode_reply(call_id, await handler(peer, payload))
        except RpcError as error:
            frame = encode_error(call_id, error)
        except Exception as error:  # noqa: BLE001 - the top of a request
            frame = self._internal_error(call_id, method, error)
        if kind == REQUEST:
            connection.send(frame)

    def _spawn(
        self,
        connection: Connection,
        peer: Peer,
        nursery: trio.Nursery,
        message: tuple[int, int, str, Any],
    ) -> None:
        kind, call_id, method, _ = message
        handler = self._spawned.get(method)
        if handler is not None:
            peer.running += 1
            nursery.start_soon(self._run_handler, connection, peer, handler, message)
            return
        self._trace.warn("rpc_unknown_method", server=self.name, peer=peer.address, method=method)
        if kind == REQUEST:
            error = RpcError("unknown_method", f"{self.name} has no method {method[:100]!r}")
            connection.send(encode_error(call_id, error))

    async def _run_handler(
        self,
        connection: Connection,
        peer: Peer,
        handler: Handler,
        message: tuple[int, int, str, Any],
    ) -> None:
        kind, call_id, method, payload = message
        try:
            if connection.full:  # earlier replies wait for the peer: let the request wait instead
                await connection.wait_room()
            frame = encode_reply(call_id, await handler(peer, payload))
        except RpcError as error:
            frame = encode_error(call_id, error)
        except Exception as error:  # noqa: BLE001 - the top of a request
            frame = self._internal_error(call_id, method, error)
        finally:
            peer.running -= 1
            peer.idle.set()
        if kind == REQUEST:
            connection.send(frame)

    def _internal_error(self, call_id: int, method: str, error: Exception) -> bytes:
        self._trace.error(
            "rpc_handler_failed", server=self.name, method=method, error=error, at=where(error)
        )
        text = f"{method} failed on {self.name}; its log has the reason"
        return encode_error(call_id, RpcError("internal", text))

    def _bad_frame(self, peer: Peer, reason: str) -> None:
        self._trace.warn("rpc_bad_frame", server=self.name, peer=peer.address, reason=reason)


__all__ = ["Handler", "Peer", "RpcServer"]
