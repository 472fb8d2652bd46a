"""One connection's two directions: frames in, frames out.

Out: a frame is written at once when nothing waits before it; what the kernel does not take is kept
and written, joined, by one sender task. `cork`/`uncork` around a batch joins its frames into one
write. The backlog is counted in bytes; whoever produces checks `full`. In: every receive may
complete many frames, which the caller handles as one batch.
"""

from __future__ import annotations

import trio

from runtime.net import RECEIVE_SIZE, Address, ByteStream
from wire.frame import FrameReader

OUTBOX_LIMIT = 16 << 20
BULK_RECEIVE_SIZE = 1 << 20
SEND_SIZE = 1 << 20


class Connection:
    """Frames over a byte stream. Closing is idempotent and wakes both directions."""

    __slots__ = (
        "_backlog",
        "_corked",
        "_drained",
        "_reader",
        "_receive_size",
        "_stalled",
        "_stream",
        "_work",
        "address",
        "backlog_bytes",
        "closed",
        "limit",
    )

    def __init__(self, stream: ByteStream, address: Address, *, limit: int = OUTBOX_LIMIT) -> None:
        self.address = address
        self.limit = limit
        self.backlog_bytes = 0
        self.closed = False
        self._stream = stream
        self._reader = FrameReader()
        self._receive_size = RECEIVE_SIZE
        self._backlog: list[bytes | memoryview] = []  # views are rests of what was half sent
        self._corked = False
        self._stalled = False  # the kernel's buffer was full: the sender task has the backlog
        self._work = trio.Event()
        self._drained = trio.Event()

    @property
    def full(self) -> bool:
        return self.backlog_bytes >= self.limit

    @property
    def partial_frame(self) -> bool:
        return self._reader.pending > 0

    async def receive(self) -> list[bytes] | None:
        """The frames the next bytes complete, maybe none; None once the connection has ended.

        Raises FrameError when the peer's bytes are not frames, after everything before was
        returned.
        """
        if self._reader.failure is not None:
            raise self._reader.failure
        try:
            data = await self._stream.receive_some(self._receive_size)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return None
        if not data:
            return None
        self._receive_size = BULK_RECEIVE_SIZE if len(data) >= RECEIVE_SIZE else RECEIVE_SIZE
        return self._reader.feed(data)

    def send(self, frame: bytes) -> None:
        """Write or queue a frame; a connection that is gone swallows it."""
        if self._corked or self._stalled:
            self._backlog.append(frame)
            self.backlog_bytes += len(frame)
            return
        try:
            sent = self._stream.send_nowait(frame)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.close()
            return
        if sent < len(frame):
            self._backlog.append(memoryview(frame)[sent:])
            self.backlog_bytes += len(frame) - sent
            self._stall()

    def cork(self) -> None:
        self._corked = True

    def uncork(self) -> None:
        self._corked = False
        if self._backlog and not self._stalled:
            self._flush()

    def flush_corked(self) -> None:
        """Write what a batch has produced so far."""
        if self._backlog and not self._stalled:
            self._flush()

    async def wait_room(self) -> None:
        """Wait until the backlog is below its limit, or the connection is closed."""
        while self.full and not self.closed:
            await self._drained.wait()

    async def run_sender(self) -> None:
        """The sender task: writes the backlog whenever the peer had been too slow to take it."""
        while not self.closed:
            await self._work.wait()
            self._work = trio.Event()
            while self._stalled and not self.closed:
                try:
                    await self._stream.wait_send_all_might_not_block()
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self.close()
                    return
                self._stalled = False
                self._flush()

    def _flush(self) -> None:
        data = self._take_backlog()
        try:
            sent = self._stream.send_nowait(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.close()
            return
        if sent < len(data):
            self._backlog.insert(0, memoryview(data)[sent:])
            self.backlog_bytes += len(data) - sent
        if self._backlog:
            self._stall()
        if not self.full:
            self._tell_drained()

    def _take_backlog(self) -> bytes | memoryview:
        """The backlog's first frames, joined, about `SEND_SIZE` bytes of them."""
        backlog = self._backlog
        data: bytes | memoryview
        if len(backlog) == 1 or len(backlog[0]) >= SEND_SIZE:
            data = backlog.pop(0)
        elif self.backlog_bytes <= SEND_SIZE:
            data = b"".join(backlog)
            backlog.clear()
        else:
            count = size = 0
            while count < len(backlog) and size < SEND_SIZE:
                size += len(backlog[count])
                count += 1
            data = b"".join(backlog[:count])
            del backlog[:count]
        self.backlog_bytes -= len(data)
        return data

    def _stall(self) -> None:
        self._stalled = True
        self._work.set()

    def _tell_drained(self) -> None:
        if self._drained.statistics().tasks_waiting:
            self._drained.set()
            self._drained = trio.Event()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._backlog.clear()
        self.backlog_bytes = 0
        self._stream.cut()
        self._work.set()
        self._tell_drained()
