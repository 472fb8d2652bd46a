"""One client's bytes: packets in, replies out, and noticing that it went away.

While a statement runs nobody reads the client's socket, so its disappearance would go unseen and
its locks stay held. Reading along for every statement would cost a task each; instead the
listener looks at all sessions now and then, and only for one found in the same statement twice
does it start `watch`, which reads ahead (a bounded amount) until the statement ends.
"""

from __future__ import annotations

from typing import Final

import trio

from engine.protocol.constants import MAX_LOGIN_PACKET
from engine.protocol.framing import PacketReader, frame
from runtime.net import ByteStream

READ_AHEAD: Final = 65536
WRITE_SECONDS: Final = 60.0  # net_write_timeout
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 64 * 1024 * 1024


class ClientGone(Exception):
    """The client closed its connection, or the network did."""


class _Watch:
    """A read that runs beside a statement."""

    __slots__ = ("done", "early", "scope")

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.done = trio.Event()
        self.early = b""


class ClientStream:
    """A client's packets over a byte stream."""

    __slots__ = ("_stream", "_watch", "reader")

    def __init__(self, stream: ByteStream, early: bytes = b"") -> None:
        """`early` is what was read together with a PROXY header."""
        self._stream = stream
        self._watch: _Watch | None = None
        self.reader = PacketReader(MAX_LOGIN_PACKET)
        if early:
            self.reader.hold(early)

    async def command(self) -> bytes:
        """The next command; sequence ids start anew."""
        reader = self.reader
        packet = reader.next_command() if reader.buffered else None
        while packet is None:
            packet = reader.next_command(await self._receive())
        return packet

    async def packet(self) -> bytes:
        """The next packet of an exchange in progress."""
        packet = self.reader.next() if self.reader.buffered else None
        while packet is None:
            packet = self.reader.next(await self._receive())
        return packet

    async def send(self, data: bytes) -> None:
        """Suspends only while the client is slow to take it."""
        try:
            sent = self._stream.send_nowait(data)
            if sent != len(data):
                await self._send_rest(data, sent)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ClientGone from None

    async def _send_rest(self, data: bytes, sent: int) -> None:
        """A client that takes nothing for long is gone: its snapshot must not be held for ever."""
        view = memoryview(data)
        while sent < len(view):
            with trio.move_on_after(WRITE_SECONDS) as patience:
                await self._stream.wait_send_all_might_not_block()
            if patience.cancelled_caught:
                raise ClientGone
            sent += self._stream.send_nowait(view[sent:])

    async def reply(self, payload: bytes) -> None:
        """One packet that answers the one just read."""
        sequence = self.reader.sequence
        self.reader.sequence = (sequence + 1) & 0xFF
        await self.send(frame(payload, sequence))

    async def _receive(self) -> bytes:
        if self._watch is not None and (early := await self._end_watch(self._watch)):
            return early
        try:
            data = await self._stream.receive_some()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ClientGone from None
        if not data:
            raise ClientGone
        return data

    @property
    def watched(self) -> bool:
        return self._watch is not None

    async def watch(self) -> bool:
        """Read ahead until the session itself reads again; True when the client is gone."""
        assert self._watch is None, "one watch at a time"
        watch = self._watch = _Watch()
        gone = False
        try:
            with watch.scope:
                gone = await self._read_ahead(watch)
        finally:
            watch.done.set()
        return gone

    async def _read_ahead(self, watch: _Watch) -> bool:
        try:
            while len(watch.early) < READ_AHEAD:
                data = await self._stream.receive_some()
                if not data:
                    return True
                watch.early += data
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return True
        # A client that sends on while it waits for an answer is there; it is read later.
        await watch.done.wait()
        return False

    async def _end_watch(self, watch: _Watch) -> bytes:
        watch.scope.cancel()
        await watch.done.wait()
        self._watch = None
        return watch.early

    async def linger(self) -> None:
        """Let the last packet arrive: a socket closed over unread bytes takes it back."""
        with trio.move_on_after(LINGER_SECONDS):
            try:
                await self._stream.send_eof()
                left = LINGER_BYTES
                while left > 0:
                    if self._watch is not None:
                        await self._end_watch(self._watch)
                    data = await self._stream.receive_some()
                    if not data:
                        return
                    left -= len(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    def close(self) -> None:
        self._stream.close()
