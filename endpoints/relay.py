"""Relay: bytes copied between client and instance, after a PROXY v2 header.

Purpose: the way that works when router and instance are on different machines (containers).
Invariants: the instance's end is the session's end, after everything it said has been delivered; a
client's end is passed on, and the instance answers it with its own. Whatever breaks, both
connections are closed.
"""

from __future__ import annotations

import trio
from attrs import define, field

from endpoints.forward import ForwardFailed, Session
from endpoints.proxyheader import encode
from runtime.net import Address, ByteStream, ConnectFailed
from runtime.seams import Runtime

DIAL_TIMEOUT = 0.5
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


@define(eq=False)
class RelayedSession:
    client: ByteStream
    instance: ByteStream
    _is_cut: bool = field(default=False, init=False)

    async def wait(self) -> None:
        """Copies while waiting: a relayed session lives in this call."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._to_instance, nursery.cancel_scope)
                await self._copy(self.instance, self.client)
                nursery.cancel_scope.cancel()
        finally:
            self.instance.close()

    async def _to_instance(self, session: trio.CancelScope) -> None:
        if await self._copy(self.client, self.instance):
            await self.instance.send_eof()
        else:
            session.cancel()

    def cut(self) -> None:
        if not self._is_cut:
            self._is_cut = True
            self.client.cut()
            self.instance.cut()

    async def _copy(self, source: ByteStream, sink: ByteStream) -> bool:
        """Until the source ends (True) or either breaks (False)."""
        try:
            while data := await source.receive_some():
                await sink.send_all(data)
        except _GONE:
            return False
        return True


class Relay:
    """The way to one instance, through its relay port."""

    def __init__(self, runtime: Runtime, instance: str, address: Address) -> None:
        self._runtime = runtime
        self._instance = instance
        self._address = address

    async def open(self, session: Session, client: ByteStream) -> RelayedSession:
        try:
            stream = await self._runtime.net.dial(self._address, timeout=DIAL_TIMEOUT)
        except ConnectFailed as error:
            raise ForwardFailed(f"{self._instance}: {error}") from error
        try:
            await stream.send_all(encode(session.client, session.endpoint_address))
        except _GONE as error:
            stream.close()
            raise ForwardFailed(f"{self._instance}: {error}") from error
        except BaseException:
            stream.close()
            raise
        return RelayedSession(client, stream)
