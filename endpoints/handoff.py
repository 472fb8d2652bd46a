"""Hand-off: the instance gets the client's own socket (SCM_RIGHTS), the router keeps a copy.

Purpose: on one machine a session then costs the router nothing. The copy lets the router end a
session whose instance is hung, and must be dropped when the instance says that the session is over,
or the client would never see the end of its connection.
Invariants: one channel per instance, dialled when first needed; a channel's end is the end of the
instance's process, so every session that went through it is cut at once.
Called by the router; the messages are engine/handoff.py.
"""

from __future__ import annotations

import trio
from attrs import define, field

from endpoints.forward import ForwardFailed, Session
from engine.handoff import HandedClient, HandoffError, SessionClosed, decode, encode_client
from runtime.net import ByteStream, ConnectFailed, HandoffChannel
from runtime.seams import Runtime

DIAL_TIMEOUT = 0.25


@define(eq=False)
class HandedSession:
    """The router's end of a session it gave away."""

    client: ByteStream
    over: trio.Event = field(factory=trio.Event)

    async def wait(self) -> None:
        await self.over.wait()

    def cut(self) -> None:
        if not self.over.is_set():
            self.client.cut()
            self.over.set()


class HandOff:
    """The way to one instance, through its hand-off path."""

    def __init__(self, runtime: Runtime, nursery: trio.Nursery, instance: str, path: str) -> None:
        self._runtime = runtime
        self._nursery = nursery
        self._instance = instance
        self._path = path
        self._lock = trio.Lock()
        self._channel: _Channel | None = None

    async def open(self, session: Session, client: ByteStream) -> HandedSession:
        channel = await self._connected()
        handed = HandedSession(client)
        channel.sessions[session.id] = handed
        message = encode_client(HandedClient(session.id, session.client, session.endpoint))
        try:
            await channel.raw.send_client(message, client)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            # The message did not leave as a whole, so the instance has no copy of the socket.
            channel.sessions.pop(session.id, None)
            channel.raw.close()
            raise ForwardFailed(f"{self._instance}: {error}") from error
        except BaseException:
            channel.sessions.pop(session.id, None)
            raise
        return handed

    async def _connected(self) -> _Channel:
        if self._channel is not None and not self._channel.ended:
            return self._channel
        async with self._lock:
            if self._channel is None or self._channel.ended:
                self._channel = await self._dial()
            return self._channel

    async def _dial(self) -> _Channel:
        try:
            raw = await self._runtime.net.dial_handoff(self._path, timeout=DIAL_TIMEOUT)
        except ConnectFailed as error:
            raise ForwardFailed(f"{self._instance}: {error}") from error
        channel = _Channel(self._runtime, self._instance, raw)
        self._nursery.start_soon(channel.run, name=f"hand-off to {self._instance}")
        return channel


@define(eq=False)
class _Channel:
    """One connection to an instance's hand-off path and the sessions that went through it."""

    runtime: Runtime
    instance: str
    raw: HandoffChannel
    sessions: dict[int, HandedSession] = field(factory=dict)
    ended: bool = False

    async def run(self) -> None:
        """Hear which sessions are over, until the instance ends."""
        try:
            while True:
                meta, stray = await self.raw.receive()
                if stray is not None:
                    stray.cut()  # an instance has no sockets to give
                self._heard(meta)
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            self.runtime.trace.info("handoff_ended", instance=self.instance, reason=str(error))
        finally:
            self._end()

    def _heard(self, meta: bytes) -> None:
        try:
            message = decode(meta)
        except HandoffError as error:
            self.runtime.trace.warn("handoff_bad", instance=self.instance, reason=str(error))
            return
        if isinstance(message, SessionClosed):
            handed = self.sessions.pop(message.session, None)
            if handed is not None:
                handed.over.set()

    def _end(self) -> None:
        self.ended = True
        self.raw.close()
        sessions, self.sessions = self.sessions, {}
        for handed in sessions.values():
            handed.cut()
