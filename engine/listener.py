"""Where an instance's clients come in, by three doors.

- its own TCP port, for clients that connect to the instance itself;
- a relay port, where the router forwards bytes: a PROXY v2 header must come first;
- a hand-off channel, where the router passes accepted sockets and is told when each has ended.

All three lead to the same `ClientSession`. Sessions handed over outlive the channel they came
through: a router that restarts costs its clients nothing.
"""

from __future__ import annotations

from typing import Final

import trio
from attrs import define, field, frozen

from engine.backend import Backend
from engine.clientstream import ClientGone, ClientStream
from engine.errors import too_many_connections
from engine.handoff import HandedClient, HandoffError, SessionClosed, decode, encode_closed
from engine.limits import SessionLimits
from engine.protocol import proxyheader
from engine.protocol.framing import frame
from engine.protocol.proxyheader import ProxyHeaderError
from engine.protocol.replies import err_before_login
from engine.resultformat import FormatCache
from engine.session import ClientSession, Host
from engine.sessions import SessionRegistry
from runtime.net import Address, ByteStream, HandoffChannel
from runtime.seams import Runtime
from runtime.trace import where

LOOK_SECONDS: Final = 0.1  # a client that left a statement is noticed after two looks
PROXY_HEADER_SECONDS: Final = 5.0


@frozen
class Doors:
    """Where to listen; as an answer, where that turned out to be."""

    mysql: Address
    relay: Address | None = None
    handoff_path: str | None = None


@define(eq=False)
class Listener:
    """Accepts clients and keeps their sessions until they end or are cut."""

    runtime: Runtime
    backend: Backend
    registry: SessionRegistry
    limits: SessionLimits = field(factory=SessionLimits)
    _host: Host = field(init=False)
    _nursery: trio.Nursery | None = None

    def __attrs_post_init__(self) -> None:
        self._host = Host(self.runtime, self.backend, self.registry, FormatCache(), self.limits)

    async def run(
        self, doors: Doors, *, task_status: trio.TaskStatus[Doors] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled; `started` says where. Raises AddressInUse, ListenFailed."""
        net = self.runtime.net
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            mysql = await nursery.start(net.serve, doors.mysql, self._direct)
            relay = None
            if doors.relay is not None:
                relay = await nursery.start(net.serve, doors.relay, self._relayed)
            if doors.handoff_path is not None:
                await nursery.start(net.serve_handoff, doors.handoff_path, self._handed)
            nursery.start_soon(self._look_after)
            task_status.started(Doors(mysql, relay, doors.handoff_path))

    def cut_sessions(self) -> int:
        """End every session at once, as losing the writer's role does."""
        return self.registry.cut_all()

    async def _look_after(self) -> None:
        assert self._nursery is not None
        clock = self.runtime.clock
        while True:
            await clock.sleep(LOOK_SECONDS)
            now = clock.monotonic()
            for session in self.registry:
                if session.look(now):
                    self._nursery.start_soon(session.watch)

    # --- the three doors -------------------------------------------------------------------------

    async def _direct(self, stream: ByteStream, peer: Address) -> None:
        await self._serve(stream, peer)

    async def _relayed(self, stream: ByteStream, peer: Address) -> None:
        with trio.move_on_after(PROXY_HEADER_SECONDS) as patience:
            try:
                client, early = await _read_proxy_header(stream, peer)
            except ProxyHeaderError as problem:
                self.runtime.trace.warn("relay_refused", peer=str(peer), reason=str(problem))
                return
        if patience.cancelled_caught:
            self.runtime.trace.warn("relay_refused", peer=str(peer), reason="no PROXY header")
            return
        await self._serve(stream, client, early)

    async def _handed(self, channel: HandoffChannel) -> None:
        assert self._nursery is not None
        while True:
            try:
                meta, stream = await channel.receive()
            except (trio.EndOfChannel, trio.ClosedResourceError):
                return
            try:
                message = decode(meta)
            except HandoffError as problem:
                self.runtime.trace.warn("handoff_refused", reason=str(problem))
                message = None
            if isinstance(message, HandedClient) and stream is not None:
                self._nursery.start_soon(self._serve_handed, channel, message, stream)
            elif stream is not None:
                stream.cut()

    async def _serve_handed(
        self, channel: HandoffChannel, client: HandedClient, stream: ByteStream
    ) -> None:
        try:
            await self._serve(stream, client.client)
        except Exception as problem:  # noqa: BLE001 - the top of a session: the others live on
            self.runtime.trace.error("session_failed", error=problem, at=where(problem))
        finally:
            stream.close()
        try:
            await channel.send(encode_closed(SessionClosed(client.session)))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # that router is gone, and with it whoever wanted to know

    async def _serve(self, stream: ByteStream, client: Address, early: bytes = b"") -> None:
        if len(self.registry) >= self.limits.max_connections:
            await _turn_away(stream)
            return
        await ClientSession(self._host, stream, client, early).run()


async def _turn_away(stream: ByteStream) -> None:
    """1040 in place of the greeting."""
    client = ClientStream(stream)
    try:
        await client.send(frame(err_before_login(too_many_connections()), 0))
    except ClientGone:
        return
    await client.linger()


async def _read_proxy_header(stream: ByteStream, peer: Address) -> tuple[Address, bytes]:
    """The client behind the router, and what it has already sent."""
    data = b""
    while True:
        try:
            more = await stream.receive_some()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            more = b""
        if not more:
            raise ProxyHeaderError("closed before its PROXY header")
        data += more
        found = proxyheader.parse(data)
        if found is not None:
            client = peer if found.host is None else Address(found.host, found.port)
            return client, data[found.length :]
