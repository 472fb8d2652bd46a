"""The writer's end of the redo stream.

One task sends whatever is new to all readers when the VDL has moved: at once when the last message
is `FLUSH_SECONDS` old, otherwise with the next move of the VDL after that, or at the next sweep. So
under load the commits themselves are the clock: a timer per message would cost more than the
message. The bytes are encoded once for all. Records above the VDL go
along, so that at the next message a reader has most of what it may then show.

Nothing here waits for a reader: one whose outbox is full loses its connection and subscribes again.
What readers report is what garbage collection must spare: `oldest_needed` is the lowest snapshot of
any instance (PGMRPL, Verbitski et al. 2018, section 3.4).
"""

from __future__ import annotations

from typing import Final, Protocol

import trio
from attrs import define, field

from engine.info import InstanceInfo
from engine.replication.messages import (
    REDO,
    REPLICAS,
    Redo,
    Replicas,
    Report,
    Subscribe,
    Subscribed,
)
from runtime.seams import Runtime
from volume.model import Lsn
from wire.envelope import encode_notify
from wire.rpc import Peer, RpcError

FLUSH_SECONDS: Final = 0.002
SWEEP_SECONDS: Final = 0.004  # how late the last commit of a burst may leave
HEARTBEAT_SECONDS: Final = 0.1
LOST_SECONDS: Final = 10.0  # a reader that went is expected back within this: its snapshots count
SILENT_SECONDS: Final = 30.0  # one that is connected but stopped must not hold the log for ever


class RedoSource(Protocol):
    """What the feed needs of the volume."""

    @property
    def vdl(self) -> Lsn: ...
    def redo_since(self, after: Lsn, upto: Lsn) -> list[bytes] | None: ...


@define(eq=False)
class Subscriber:
    """One reader."""

    instance_id: str
    peer: Peer
    sent: int
    oldest: int
    heard_at: float
    gone_at: float | None = field(default=None)


class RedoFeed:
    """Serves the readers while this instance is the writer of `epoch`."""

    def __init__(
        self, runtime: Runtime, source: RedoSource, info: InstanceInfo, *, epoch: int
    ) -> None:
        self.epoch = epoch
        self.flushes = 0
        self._clock = runtime.clock
        self._trace = runtime.trace
        self._source = source
        self._info = info
        self._readers: dict[str, Subscriber] = {}
        self._news: trio.Event | None = None  # while the sending task sleeps
        self._late: trio.Event | None = None  # while the sweeper sleeps
        self._flushed_at = 0.0
        self._sent_vdl = int(source.vdl)
        self._durable_at = runtime.clock.wall()
        self._opened_at = runtime.clock.monotonic()
        self._newest = int(source.vdl)  # last LSN logged; before the first MTR there is none

    # -- called on the commit path: keep it short ------------------------------------------

    def on_logged(self, cpl: int) -> None:
        self._newest = cpl

    def on_durable(self) -> None:
        if self._durable_at == 0.0:
            self._durable_at = self._clock.wall()
        if self._clock.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self._wake()
        elif self._late is not None:
            self._late.set()
            self._late = None

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None

    # -- readers ---------------------------------------------------------------------------

    def subscribe(self, peer: Peer, wish: Subscribe) -> Subscribed:
        """The new subscriber gets its first batch from the sending task, after this reply."""
        source = self._source
        vdl = source.vdl
        if wish.after > vdl:
            raise RpcError("stale_writer", f"this writer is at {vdl}, you are at {wish.after}")
        available = source.redo_since(Lsn(wish.after), vdl) is not None
        start = wish.after if available else int(vdl)
        old = self._readers.get(wish.instance_id)
        if old is not None and old.peer is not peer:
            old.peer.close()
        self._readers[wish.instance_id] = Subscriber(
            wish.instance_id, peer, start, wish.oldest, self._clock.monotonic()
        )
        self._trace.info(
            "reader_subscribed", reader=wish.instance_id, after=wish.after, start=start
        )
        self._wake()
        return Subscribed(self.epoch, start)

    def report(self, peer: Peer, report: Report) -> None:
        reader = self._readers.get(report.status.server_id)
        if reader is not None and reader.peer is peer:
            reader.oldest = max(reader.oldest, report.oldest)
            reader.heard_at = self._clock.monotonic()
            self._info.note_replica(report.status)

    def oldest_needed(self, own: int) -> int:
        """The lowest LSN any instance may still read at; 0: collect nothing for now."""
        now = self._clock.monotonic()
        for reader in list(self._readers.values()):
            if reader.gone_at is None and now - reader.heard_at > SILENT_SECONDS:
                self._lose(reader, "is connected but silent")
            if reader.gone_at is not None and now - reader.gone_at > LOST_SECONDS:
                del self._readers[reader.instance_id]
        if now - self._opened_at < LOST_SECONDS:
            return 0  # not every reader has found this writer yet
        return min([own, *(reader.oldest for reader in self._readers.values())])

    def close(self) -> None:
        """This writer is one no longer: its readers look for the next."""
        for reader in self._readers.values():
            reader.peer.close()
        self._readers.clear()

    # -- sending ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Send until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._beat)
            nursery.start_soon(self._sweep)
            await self._flush_forever()

    async def _flush_forever(self) -> None:
        while True:
            news = self._news = trio.Event()
            await news.wait()
            self.flush()

    async def _sweep(self) -> None:
        """Send what came too soon after a message and was not followed by more."""
        while True:
            if not self._anything_new():
                late = self._late = trio.Event()
                await late.wait()
            await self._clock.sleep(SWEEP_SECONDS)
            if self._anything_new() and (
                self._clock.monotonic() - self._flushed_at >= FLUSH_SECONDS
            ):
                self._wake()

    def _anything_new(self) -> bool:
        return self._source.vdl > self._sent_vdl or any(
            reader.sent < self._newest
            for reader in self._readers.values()
            if reader.gone_at is None
        )

    def flush(self) -> None:
        """Send every reader what it lacks."""
        self.flushes += 1
        self._flushed_at = self._clock.monotonic()
        source = self._source
        vdl, newest = source.vdl, Lsn(self._newest)
        durable_at = self._durable_at or self._clock.wall()
        frames: dict[int, bytes] = {}
        for reader in self._readers.values():
            if reader.gone_at is not None:
                continue
            frame = frames.get(reader.sent)
            if frame is None:
                blobs = source.redo_since(Lsn(reader.sent), newest)
                if blobs is None:  # too far behind for the log buffer: it starts over
                    self._lose(reader, "fell out of the log buffer")
                    continue
                redo = Redo(self.epoch, reader.sent, int(vdl), durable_at, b"".join(blobs))
                frame = frames[reader.sent] = encode_notify(REDO, redo.encode())
            if reader.peer.notify_encoded(frame):
                reader.sent = self._newest
            else:
                self._lose(reader, "does not take the redo")
        self._sent_vdl = int(vdl)
        self._durable_at = 0.0

    def _lose(self, reader: Subscriber, why: str) -> None:
        reader.gone_at = self._clock.monotonic()
        if not reader.peer.closed.is_set():
            self._trace.warn("reader_dropped", reader=reader.instance_id, reason=why)
        reader.peer.close()

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(HEARTBEAT_SECONDS)
            statuses = tuple(self._info.replica_statuses())
            beat = Replicas(self.epoch, self._clock.wall(), statuses)
            frame = encode_notify(REPLICAS, beat.encode())
            for reader in self._readers.values():
                if reader.gone_at is None and not reader.peer.notify_encoded(frame):
                    self._lose(reader, "does not take heartbeats")
