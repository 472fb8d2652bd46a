"""A fake instance with doors: a hand-off path and a relay port behind which an echo answers.

Its greeting names the instance and the client it was told of, so a test sees where it landed.
"""

from __future__ import annotations

import trio

from engine.handoff import HandedClient, SessionClosed, decode, encode_closed
from engine.protocol import proxyheader
from runtime.net import Address, HandoffChannel
from tests.unit.failover.fakes import FakeInstance


class Doors:
    """Attached to a FakeInstance; lives and dies with it."""

    def __init__(self, instance: FakeInstance, *, handoff_path: str) -> None:
        self.instance = instance
        self.handoff_path = handoff_path
        self.relay = Address("127.0.0.1", 0)
        self.sessions = 0
        self.channels: list[HandoffChannel] = []
        self._net = instance.runtime.net
        self._nursery: trio.Nursery | None = None
        instance.also_runs += [self._run]

    async def _run(self, *, task_status) -> None:
        async with trio.open_nursery() as self._nursery:
            self.relay = await self._nursery.start(self._net.serve, self.relay, self._relayed)
            await self._nursery.start(self._net.serve_handoff, self.handoff_path, self._channel)
            task_status.started()
            await trio.sleep_forever()

    async def _channel(self, channel: HandoffChannel) -> None:
        self.channels.append(channel)
        while True:
            meta, stream = await channel.receive()
            message = decode(meta)
            assert isinstance(message, HandedClient)
            self._nursery.start_soon(self._handed, channel, message, stream)

    async def _handed(self, channel, message, stream) -> None:
        try:
            await self._echo(stream, message.client, b"handoff")
        finally:
            stream.close()
        await channel.send(encode_closed(SessionClosed(message.session)))

    async def _relayed(self, stream, peer) -> None:
        data = b""
        while (client := proxyheader.parse(data)) is None:
            data += await stream.receive_some()
        await self._echo(stream, Address(client.host, client.port), b"relay")

    async def _echo(self, stream, client: Address, way: bytes) -> None:
        self.sessions += 1
        try:
            greeting = b"%s %s %s\n" % (self.instance.id.encode(), way, str(client).encode())
            await stream.send_all(greeting)
            while data := await stream.receive_some():
                await self.instance.while_hung()
                if data == b"bye":
                    return
                await stream.send_all(data)
        except trio.BrokenResourceError:
            return
        finally:
            self.sessions -= 1


class Client:
    """A client of an endpoint."""

    def __init__(self, stream) -> None:
        self.stream = stream
        self.greeting = b""

    @classmethod
    async def connect(cls, net, address: Address) -> Client:
        return cls(await net.dial(address, timeout=5))

    async def greeted(self) -> str:
        """The instance it was brought to."""
        while not self.greeting.endswith(b"\n"):
            data = await self.stream.receive_some()
            assert data, f"closed after {self.greeting!r}"
            self.greeting += data
        return self.greeting.split()[0].decode()

    async def echo(self, data: bytes) -> bytes:
        await self.stream.send_all(data)
        back = b""
        while len(back) < len(data):
            more = await self.stream.receive_some()
            if not more:
                raise EOFError(back)
            back += more
        return back

    async def rest(self) -> bytes:
        """Everything until the connection ends."""
        found = b""
        try:
            while data := await self.stream.receive_some():
                found += data
        except trio.BrokenResourceError:
            return found
        return found
