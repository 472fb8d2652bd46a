"""Relay: bytes copied between client and instance, after a PROXY v2 header.

Purpose: the way that works when router and instance are on different machines (containers).
Invariants: a direction that ends is ended on the other side too, and the other direction goes on
until it ends itself; whatever breaks, both connections are closed.
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
                nursery.start_soon(self._copy, self.client, self.instance, nursery)
                nursery.start_soon(self._copy, self.instance, self.client, nursery)
        finally:
            self.instance.close()

    def cut(self) -> None:
        if not self._is_cut:
            self._is_cut = True
            self.client.cut()
            self.instance.cut()

    async def _copy(self, source: ByteStream, sink: ByteStream, nursery: trio.Nursery) -> None:
        try:
            while data := await source.receive_some():
                await sink.send_all(data)
            await sink.send_eof()
        except _GONE:
            nursery.cancel_scope.cancel()  # one broken connection ends both directions


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
