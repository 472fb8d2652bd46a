"""Handing a live connection to another local process (SCM_RIGHTS over a local socket).

Format: length u32 big-endian (of the message), flags u8 (1 = a descriptor comes with it), message.
The descriptor travels with the first byte of its message, so when a message is complete its
descriptor has arrived; descriptors are matched to messages in order. A peer that breaks the format
is cut off and every descriptor received from it is closed.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections import deque
from typing import NoReturn

import trio
from trio import lowlevel

from runtime.net import HANDOFF_META_MAX, ByteStream
from runtime.stream import SocketStream

_HEAD = struct.Struct(">IB")
_WITH_FD = 1
_FDS_PER_RECEIVE = 64
_ANCILLARY = socket.CMSG_SPACE(_FDS_PER_RECEIVE * array.array("i").itemsize)
_RECEIVE = 65536


class OsHandoffChannel:
    """One end of a hand-off channel."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._send_lock = trio.Lock()
        self._buffer = bytearray()
        self._fds: deque[int] = deque()

    async def send_client(self, meta: bytes, stream: ByteStream) -> None:
        assert isinstance(stream, SocketStream), (
            "only a connection of this machine can be handed off"
        )
        await self._send(meta, stream)

    async def send(self, meta: bytes) -> None:
        await self._send(meta, None)

    async def _send(self, meta: bytes, stream: SocketStream | None) -> None:
        assert len(meta) <= HANDOFF_META_MAX, f"hand-off message of {len(meta)} bytes"
        data = _HEAD.pack(len(meta), 0 if stream is None else _WITH_FD) + meta
        async with self._send_lock:
            fds = [] if stream is None else [stream.detach_copy()]
            sent = 0
            while sent < len(data):
                sent += await self._send_part(data[sent:], fds if sent == 0 else [])

    async def _send_part(self, data: bytes, fds: list[int]) -> int:
        while True:
            if self._sock.fileno() < 0:
                raise trio.ClosedResourceError("the channel is closed")
            try:
                return socket.send_fds(self._sock, [data], fds) if fds else self._sock.send(data)
            except BlockingIOError:
                await lowlevel.wait_writable(self._sock)
            except OSError as error:
                raise trio.BrokenResourceError(f"hand-off channel lost: {error}") from error

    async def receive(self) -> tuple[bytes, ByteStream | None]:
        while (message := self._next_message()) is None:
            await self._receive_more()
        return message

    async def _receive_more(self) -> None:
        if self._sock.fileno() < 0:
            raise trio.ClosedResourceError("the channel is closed")
        await lowlevel.wait_readable(self._sock)
        try:
            data, ancillary, flags, _ = self._sock.recvmsg(_RECEIVE, _ANCILLARY)
        except BlockingIOError:
            return
        except OSError as error:
            raise trio.EndOfChannel(f"hand-off channel lost: {error}") from error
        self._keep_descriptors(ancillary)
        if flags & socket.MSG_CTRUNC:
            self._broken("descriptors were lost")
        if not data:
            raise trio.EndOfChannel("the peer closed the hand-off channel")
        self._buffer += data

    def _keep_descriptors(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
                for fd in fds:
                    os.set_inheritable(fd, False)
                    self._fds.append(fd)

    def _next_message(self) -> tuple[bytes, ByteStream | None] | None:
        if len(self._buffer) < _HEAD.size:
            return None
        length, flags = _HEAD.unpack_from(self._buffer)
        if length > HANDOFF_META_MAX or flags > _WITH_FD:
            self._broken("not a hand-off message")
        if len(self._buffer) < _HEAD.size + length:
            return None
        if flags and not self._fds:
            self._broken("a descriptor is missing")
        meta = bytes(self._buffer[_HEAD.size : _HEAD.size + length])
        del self._buffer[: _HEAD.size + length]
        return meta, self._take_stream() if flags else None

    def _take_stream(self) -> SocketStream:
        fd = self._fds.popleft()
        try:
            return SocketStream(socket.socket(fileno=fd))
        except OSError:
            os.close(fd)
            self._broken("a descriptor is not a socket")

    def _broken(self, reason: str) -> NoReturn:
        self.close()
        raise trio.EndOfChannel(f"hand-off channel dropped: {reason}")

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            lowlevel.notify_closing(self._sock)
            self._sock.close()
        while self._fds:
            os.close(self._fds.popleft())

    async def aclose(self) -> None:
        self.close()
        await lowlevel.checkpoint()
