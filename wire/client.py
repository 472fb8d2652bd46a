"""The calling side of RPC.

Invariants: every call and every post is answered exactly once: by its reply, by the remote error,
by `RpcTimeout` (calls only) or by `RpcClosed`; a cancelled call is forgotten and its late reply
dropped. One read loop per connection; no task and no cancel scope per call: one sweeper watches all
deadlines.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import outcome
import trio
from trio import lowlevel

from runtime.net import Address, ByteStream
from runtime.seams import Runtime
from wire.connection import Connection
from wire.envelope import (
    ERROR,
    NOTIFY,
    REPLY,
    EnvelopeError,
    RpcClosed,
    RpcError,
    RpcTimeout,
    decode,
    encode_notify,
    encode_request,
    error_from,
)
from wire.frame import FrameError

OnNotify = Callable[[str, Any], None]
OnReply = Callable[[Any], None]  # a payload, RpcError or RpcClosed


def _ignore_notify(method: str, payload: Any) -> None:
    return


class RpcClient:
    """A connection to one RPC server."""

    def __init__(
        self, runtime: Runtime, stream: ByteStream, address: Address, on_notify: OnNotify | None
    ) -> None:
        self.address = address
        self.closed = trio.Event()
        self._trace = runtime.trace
        self._clock = runtime.clock
        self._now = runtime.clock.monotonic
        self._connection = Connection(stream, address)
        self._on_notify = on_notify or _ignore_notify
        self._last_id = 0
        self._pending: dict[int, tuple[OnReply, float]] = {}  # id -> (receiver, deadline)
        self._reason = "the peer closed the connection"
        self._over = False
        self._wake_at = inf
        self._nap = trio.CancelScope()

    @classmethod
    async def open(
        cls,
        runtime: Runtime,
        address: Address,
        *,
        nursery: trio.Nursery,
        timeout: float,
        on_notify: OnNotify | None = None,
    ) -> RpcClient:
        """Connect; raises `runtime.net.ConnectFailed`. The connection lives in `nursery`."""
        stream = await runtime.net.dial(address, timeout=timeout)
        client = cls(runtime, stream, address, on_notify)
        nursery.start_soon(client._run, name=f"rpc client {address}")
        return client

    @property
    def pending(self) -> int:
        """How many calls and posts wait for an answer."""
        return len(self._pending)

    async def call(self, method: str, payload: Any = None, *, timeout: float) -> Any:
        """The reply's payload; raises RpcError, RpcClosed or RpcTimeout."""
        if self._over or self._connection.full:
            await self._wait_to_call(method, timeout)
        call_id = self._last_id = self._last_id + 1
        frame = encode_request(call_id, method, payload)
        task = lowlevel.current_task()

        def on_reply(reply: Any) -> None:
            lowlevel.reschedule(task, outcome.Value(reply))

        def abort(_: Any) -> lowlevel.Abort:
            self._pending.pop(call_id, None)
            return lowlevel.Abort.SUCCEEDED

        deadline = self._now() + timeout
        self._pending[call_id] = (on_reply, deadline)
        if deadline < self._wake_at:
            self._wake_at = deadline
            self._nap.cancel()
        self._connection.send(frame)
        reply = await lowlevel.wait_task_rescheduled(abort)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _wait_to_call(self, method: str, timeout: float) -> None:
        """The way in when the connection is over or its outbox full."""
        if not self._over:
            with trio.move_on_after(timeout):
                await self._connection.wait_room()
            if self._connection.full:
                raise RpcTimeout(f"{method}: {self.address} takes no more requests")
        if self._over or self._connection.closed:
            raise self._closed_error()

    def post(self, method: str, payload: Any, on_reply: OnReply) -> None:
        """Send a request without waiting; `on_reply` is called exactly once, from the read loop.

        On a connection that is already over it is called with RpcClosed before this returns. A peer
        that lets the outbox fill up counts as gone.
        """
        if self._connection.full:
            self._close("the peer does not take its requests")
        if self._over:
            on_reply(self._closed_error())
            return
        call_id = self._last_id = self._last_id + 1
        frame = encode_request(call_id, method, payload)
        self._pending[call_id] = (on_reply, inf)
        self._connection.send(frame)

    def notify(self, method: str, payload: Any) -> None:
        """Send a message that has no reply; lost when the connection is over."""
        if self._connection.full:
            self._close("the peer does not take its messages")
        if not self._over:
            self._connection.send(encode_notify(method, payload))

    def close(self) -> None:
        """End the connection; whatever is pending gets RpcClosed."""
        self._close("closed by this side")

    def _close(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._reason = reason
        self._connection.close()

    def _closed_error(self) -> RpcClosed:
        return RpcClosed(f"connection to {self.address}: {self._reason}")

    async def _run(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._connection.run_sender)
                nursery.start_soon(self._sweep)
                await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self._finish()

    async def _read(self) -> None:
        connection = self._connection
        try:
            while (bodies := await connection.receive()) is not None:
                if len(bodies) == 1:
                    self._dispatch(bodies[0])
                    continue
                connection.cork()
                try:
                    for body in bodies:
                        self._dispatch(body)
                finally:
                    connection.uncork()
        except (FrameError, EnvelopeError) as error:
            self._trace.warn("rpc_bad_frame", peer=self.address, reason=str(error))
            self._close(f"bad frame: {error}")

    def _dispatch(self, body: bytes) -> None:
        kind, call_id, method, payload = decode(body)
        if kind == REPLY:
            waiter = self._pending.pop(call_id, None)
            if waiter is not None:
                waiter[0](payload)
        elif kind == ERROR:
            waiter = self._pending.pop(call_id, None)
            if waiter is not None:
                waiter[0](error_from(method, payload))
        elif kind == NOTIFY:
            self._on_notify(method, payload)
        else:
            raise EnvelopeError(f"unexpected message kind {kind}")

    async def _sweep(self) -> None:
        """Time out calls. Sleeps until the earliest deadline; a nearer one cuts the nap short."""
        while True:
            self._wake_at = min((deadline for _, deadline in self._pending.values()), default=inf)
            with trio.CancelScope() as self._nap:
                if self._wake_at == inf:
                    await trio.sleep_forever()
                await self._clock.sleep(self._wake_at - self._now())
            now = self._now()
            late = [i for i, (_, deadline) in self._pending.items() if deadline <= now]
            for call_id in late:
                waiter = self._pending.pop(call_id, None)
                if waiter is not None:
                    waiter[0](RpcTimeout(f"no reply from {self.address} in time"))

    def _finish(self) -> None:
        """Tell everyone who still waits; one receiver that raises keeps it from no other."""
        self._close(self._reason)
        self.closed.set()
        pending, self._pending = self._pending, {}
        failures: list[Exception] = []
        for on_reply, _ in pending.values():
            try:
                on_reply(self._closed_error())
            except Exception as error:  # noqa: BLE001 - raised again below
                failures.append(error)
        if failures:
            raise ExceptionGroup("receivers of RpcClosed failed", failures)


__all__ = ["OnNotify", "OnReply", "RpcClient", "RpcClosed", "RpcError", "RpcTimeout"]
