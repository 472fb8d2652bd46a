"""Getting a new client to an instance: choose, hold while there is none, forward, try again.

Purpose: what happens between accept and the end of a session. Nothing is sent to a client before it
is forwarded or refused, so until then any instance will do.
Called by: the router's two listeners, one task per client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import trio
from attrs import define, field

from endpoints.forward import Forwarder, ForwardFailed, Link, Session
from endpoints.hold import Left, WaitingRoom
from endpoints.refusal import room_full, waited_in_vain
from endpoints.routes import Endpoint, Routes, Wait
from runtime.net import Address, ByteStream
from runtime.seams import Runtime

RETRY_PAUSE = 0.05  # after an instance that looked well refused a client
LINGER = 1.0  # for a refused client to read why


class _Refused(Exception):
    """Carries the ERR packet the client gets."""

    def __init__(self, packet: bytes) -> None:
        self.packet = packet


@define(eq=False)
class LiveSession:
    session: Session
    link: Link


@define(eq=False)
class Admission:
    """Clients of one endpoint."""

    endpoint: Endpoint
    runtime: Runtime
    routes: Routes
    ways: Mapping[str, Forwarder]
    room: WaitingRoom
    live: dict[int, LiveSession]
    tickets: Iterator[int]  # shared by a router's endpoints: session ids are unique over both
    address: Address
    _news: trio.Event = field(factory=trio.Event)

    def wake(self) -> None:
        """Routes may have changed."""
        news, self._news = self._news, trio.Event()
        news.set()

    async def serve(self, client: ByteStream, peer: Address) -> None:
        """One client from accept to end; the caller closes the stream afterwards."""
        ticket = next(self.tickets)
        try:
            admitted = await self._admitted(ticket, client, peer)
        except _Refused as refused:
            await self._refuse(client, refused.packet)
            return
        if admitted is None:
            return
        instance = admitted.session.instance
        try:
            await admitted.link.wait()
        finally:
            admitted.link.cut()
            del self.live[ticket]
            self.routes.closed(instance)

    async def _admitted(self, ticket: int, client: ByteStream, peer: Address) -> LiveSession | None:
        """None when the client left before anyone took it."""
        now = await self._attempt(ticket, client, peer)
        if isinstance(now, LiveSession):
            return now
        if not self.room.enter(ticket, self.runtime.clock.monotonic()):
            raise _Refused(room_full(self.endpoint.value, self.room.limit, now.reason))
        left = Left.GONE
        try:
            held = await self._held(ticket, client, peer)
            left = Left.SERVED if isinstance(held, LiveSession) else left
            if isinstance(held, Wait):
                left = Left.GAVE_UP
                packet = waited_in_vain(self.endpoint.value, self.room.window, held.reason)
                raise _Refused(packet)
            return held
        finally:
            self.room.leave(ticket, left)

    async def _held(
        self, ticket: int, client: ByteStream, peer: Address
    ) -> LiveSession | Wait | None:
        """Until there is a route, the client leaves (None), or the window ends (Wait)."""
        while True:
            news = self._news
            attempt = await self._attempt(ticket, client, peer)
            if isinstance(attempt, LiveSession):
                return attempt
            seconds = self.room.seconds_left(ticket, self.runtime.clock.monotonic())
            if seconds <= 0:
                return attempt
            if attempt.retry:
                seconds = min(seconds, RETRY_PAUSE)
            if await self._left_while_waiting(client, news, seconds):
                return None

    async def _attempt(self, ticket: int, client: ByteStream, peer: Address) -> LiveSession | Wait:
        choice = self.routes.choose(self.endpoint)
        if isinstance(choice, Wait):
            return choice
        session = Session(ticket, self.endpoint.value, peer, self.address, choice.instance)
        # Counted before the first await: many clients at once must see each other's choices.
        self.routes.opened(choice.instance)
        try:
            link = await self.ways[choice.instance].open(session, client)
        except ForwardFailed as error:
            self.routes.closed(choice.instance)
            self.runtime.trace.info("forward_failed", reason=str(error))
            return Wait(str(error), retry=True)
        except BaseException:
            self.routes.closed(choice.instance)
            raise
        live = LiveSession(session, link)
        self.live[ticket] = live
        if not self.routes.still_valid(choice):
            link.cut()  # it was given up while the client was on its way there
        return live

    async def _left_while_waiting(
        self, client: ByteStream, news: trio.Event, seconds: float
    ) -> bool:
        """A client has nothing to say before the greeting: any byte or end means it is no use."""
        gone = False

        async def listen() -> None:
            nonlocal gone
            try:
                await client.receive_some(1)
            except trio.BrokenResourceError:
                self.runtime.trace.debug("held_client_lost")
            gone = True
            nursery.cancel_scope.cancel()

        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(listen)
                await news.wait()
                nursery.cancel_scope.cancel()
        return gone

    async def _refuse(self, client: ByteStream, packet: bytes) -> None:
        """Send the reason and let it arrive: closing at once could reset the connection."""
        with trio.move_on_after(LINGER):
            try:
                await client.send_all(packet)
                await client.send_eof()
                while await client.receive_some():
                    continue
            except trio.BrokenResourceError:
                return
