"""A non-blocking socket as a trio stream, with less work per call than trio.SocketStream.

Receiving waits for readability first: on the request-response path a read tried early nearly always
fails, and an exception plus a system call is more than the wait costs. Waiting first also makes
every receive a checkpoint, so a busy peer cannot starve others. Sending tries at once and suspends
only when the kernel's buffer is full.
"""

from __future__ import annotations

import socket

import trio
from trio import lowlevel

from runtime.net import RECEIVE_SIZE


class SocketStream(trio.abc.HalfCloseableStream):
    """Owns one connected stream socket, TCP or local."""

    __slots__ = ("_fd", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._fd = sock.fileno()

    def detach_copy(self) -> int:
        """The descriptor, for passing on; it stays owned by this stream."""
        if self._fd < 0:
            raise trio.ClosedResourceError("the stream is closed")
        return self._fd

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while True:
            if self._fd < 0:
                raise trio.ClosedResourceError("the stream is closed")
            await lowlevel.wait_readable(self._fd)
            try:
                return self._sock.recv(max_bytes or RECEIVE_SIZE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._gone(error) from error

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._gone(error) from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        sent = self.send_nowait(data)
        if sent == len(data):
            return
        with memoryview(data) as view:
            while sent < len(view):
                await self.wait_send_all_might_not_block()
                with view[sent:] as rest:
                    sent += self.send_nowait(rest)

    async def wait_send_all_might_not_block(self) -> None:
        if self._fd < 0:
            raise trio.ClosedResourceError("the stream is closed")
        await lowlevel.wait_writable(self._fd)

    async def send_eof(self) -> None:
        self._shutdown(socket.SHUT_WR)
        await lowlevel.checkpoint()

    def cut(self) -> None:
        self._shutdown(socket.SHUT_RDWR)
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            lowlevel.notify_closing(self._fd)
            self._fd = -1
            self._sock.close()

    async def aclose(self) -> None:
        self.close()
        await lowlevel.checkpoint()

    def _shutdown(self, how: int) -> None:
        try:
            self._sock.shutdown(how)
        except OSError:
            # Already disconnected or closed: what was asked for is the case.
            return

    def _gone(self, error: OSError) -> Exception:
        if self._fd < 0:
            return trio.ClosedResourceError("the stream is closed")
        return trio.BrokenResourceError(f"connection lost: {error.strerror or error}")
