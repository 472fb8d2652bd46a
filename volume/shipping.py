"""The writer's shell: moves the log of `volume.writer` to the segments and wakes who waits for it.

Shipping starts in the same turn of the event loop as the first record, after every task of that
turn has added its own; each acknowledgement sends on what piled up meanwhile. Everything on this
path is synchronous: no task per append, one wake-up per committed transaction.

A group other than 0 is used on a node only after group 0 was seen unfenced there *after* the
group's attach. A recovery fences group 0 first and lists a node's groups afterwards; so it either
finds this group, or this writer finds the fence.

Invariants: one `stale_epoch` from any segment ends writing for good (the object is then only good
for raising Fenced); a segment is attached before it is sent anything on a connection; nothing
waits for a particular segment. (SIGMOD 2018, sections 2.2 and 2.4.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import trio
from trio import lowlevel

from runtime.seams import Runtime
from volume import messages
from volume.errors import Fenced, NotWritable, QuorumTimeout, StaleEpoch, VolumeError, from_wire
from volume.feed import SegmentFeed
from volume.limits import HEARTBEAT_SECONDS
from volume.links import Links
from volume.model import Lsn, PgId, VolumeConfig
from volume.quorum import write_shortfall
from volume.recovery import FIRST_GROUP
from volume.waits import DurabilityWaits
from volume.writer import Change, LogWriter, OpenedVolume
from wire.rpc import RpcClient, RpcClosed, RpcError

# A segment that leaves something unanswered this long is not counted as reachable ...
SUSPECT_SECONDS: Final = 1.0
# ... and this long loses its connection: a fresh one may work, and its backlog is forgotten.
DROP_SECONDS: Final = 8.0
# A segment that cannot take appends (disk full) is tried again this often.
RETRY_SECONDS: Final = 1.0

OnDurable = Callable[[Lsn], None]
OnFenced = Callable[[int, str], None]


class _Attachment:
    """One segment on one connection, from the attach on; late replies of a dead one are ignored."""

    __slots__ = ("client", "feed", "live", "shipper")

    def __init__(self, shipper: LogShipper, feed: SegmentFeed, client: RpcClient) -> None:
        self.shipper = shipper
        self.feed = feed
        self.client = client
        self.live = True

    def on_attached(self, reply: Any) -> None:
        if self.live:
            self.shipper._attached(self, reply)

    def on_appended(self, reply: Any) -> None:
        if self.live:
            self.shipper._appended(self, reply)

    def on_confirmed(self, scl: Lsn, reply: Any) -> None:
        if self.live:
            self.shipper._confirmed(self, scl, reply)


class LogShipper:
    """Writes for one epoch, from the opening until it is fenced or closed."""

    def __init__(
        self,
        config: VolumeConfig,
        runtime: Runtime,
        links: Links,
        opened: OpenedVolume,
        *,
        on_durable: list[OnDurable],
        on_fenced: list[OnFenced],
    ) -> None:
        self.opened = opened
        self.writer = LogWriter(opened, config.pages_per_segment)
        self.read_floor = Lsn(0)  # PGMRPL: the lowest read point in use anywhere
        self._why_ended: Callable[[], VolumeError] | None = None
        self._volume_id = config.volume_id
        self._runtime = runtime
        self._now = runtime.clock.monotonic
        self._links = links
        self._on_durable = on_durable
        self._on_fenced = on_fenced
        self._waits = DurabilityWaits()
        self._room = trio.Event()
        self._attachments: dict[tuple[int, PgId], _Attachment] = {}
        self._feeds: dict[PgId, list[SegmentFeed]] = {}
        self._retry_at: dict[tuple[int, PgId], float] = {}
        self._flusher: lowlevel.Task | None = None  # while it sleeps
        for pg in opened.ends:
            self._add_group(pg)

    @property
    def ended(self) -> bool:
        """Fenced, or closed."""
        return self._why_ended is not None

    # ------------------------------------------------------------ for the engine

    def log(self, changes: Sequence[Change]) -> Lsn:
        """Append one MTR and have it shipped; returns its CPL."""
        if self._why_ended is not None:
            raise self._why_ended()
        cpl = self.writer.log(changes)
        if self._flusher is not None:
            lowlevel.reschedule(self._flusher)
            self._flusher = None
        return cpl

    async def wait_durable(self, lsn: Lsn, timeout: float) -> None:
        """Until VDL >= lsn; raises Fenced, NotWritable, or QuorumTimeout (outcome unknown)."""
        if lsn <= self.writer.durability.vdl:
            return
        if self._why_ended is not None:
            raise self._why_ended()
        await self._waits.wait(lsn, self._now() + timeout)

    async def wait_room(self) -> None:
        """Until another MTR may start (LAL, memory)."""
        while self._why_ended is None and not self.writer.has_room():
            await self._room.wait()
        if self._why_ended is not None:
            raise self._why_ended()

    def incomplete_at(self, pg: PgId, at: Lsn) -> Sequence[int]:
        """The nodes whose segment is known to lack records of the group at or below `at`."""
        feeds = self._feeds.get(pg)
        if feeds is None:
            return ()
        needed = min(at, self.writer.durability.pgcl(pg))
        return [feed.node for feed in feeds if feed.scl < needed]

    def close(self) -> None:
        """Stop shipping; whoever still waits hears NotWritable."""
        self._end(lambda: NotWritable("this instance has stopped writing"))

    async def run(self) -> None:
        """Ship and keep in touch until writing ends or the task is cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._flush_forever)
            await self._beat_until_ended()
            nursery.cancel_scope.cancel()

    # ------------------------------------------------------------------ sending

    async def _flush_forever(self) -> None:
        touched = self.writer.touched
        while True:
            if not touched:
                self._flusher = lowlevel.current_task()
                await lowlevel.wait_task_rescheduled(self._forget_flusher)
            self._ship()
            await lowlevel.checkpoint_if_cancelled()

    def _forget_flusher(self, _: object) -> lowlevel.Abort:
        self._flusher = None
        return lowlevel.Abort.SUCCEEDED

    def _ship(self) -> None:
        """Offer what was logged to every segment of the groups it belongs to."""
        writer = self.writer
        if writer.new_groups:
            fresh, writer.new_groups = writer.new_groups, []
            for pg in fresh:
                self._add_group(pg)
                self._attach_group(pg)
        now = self._now()
        groups = list(writer.touched)
        writer.touched.clear()
        for pg in groups:
            for feed in self._feeds[pg]:
                if feed.attached:
                    self._pump(feed, now)

    def _pump(self, feed: SegmentFeed, now: float) -> None:
        while (blob := feed.next_append(now)) is not None:
            self._append(feed, blob)

    def _append(self, feed: SegmentFeed, blob: bytes) -> None:
        attachment = self._attachments[feed.node, feed.pg]
        payload = self._append_payload(feed.pg, blob)
        attachment.client.post(messages.APPEND, payload, attachment.on_appended)

    def _append_payload(self, pg: PgId, blob: bytes) -> list[Any]:
        durability = self.writer.durability
        vdl, tail = durability.vdl, durability.pgcl(pg)
        return messages.encode_append(
            self._volume_id, pg, self.opened.epoch, vdl, self.read_floor, tail, blob
        )

    # ---------------------------------------------------------------- answers

    def _appended(self, attachment: _Attachment, reply: Any) -> None:
        scl = _scl_of(reply)
        if scl is None:
            self._append_failed(attachment, reply)
            return
        feed = attachment.feed
        now = self._now()
        if feed.acked(scl, now):
            self._vdl_moved()
        if attachment.live:
            self._pump(feed, now)

    def _vdl_moved(self) -> None:
        writer = self.writer
        writer.vdl_moved()
        vdl = writer.durability.vdl
        self._waits.reached(vdl)
        for callback in self._on_durable:
            callback(vdl)
        if self._room.statistics().tasks_waiting and writer.has_room():
            self._room.set()
            self._room = trio.Event()

    def _append_failed(self, attachment: _Attachment, reply: Any) -> None:
        """The segment did not take an append; what it missed is sent after the next attach."""
        if isinstance(reply, RpcClosed):
            return  # link_down follows
        feed = attachment.feed
        feed.detach()
        attachment.live = False
        error = _refusal(reply)
        if isinstance(error, StaleEpoch):
            self._fenced(error)
            return
        self._runtime.trace.warn(
            "append_refused", node=self._links[feed.node].info.id, pg=feed.pg, reason=str(reply)
        )
        self._retry_at[feed.node, feed.pg] = self._now() + RETRY_SECONDS

    # --------------------------------------------------------------- attaching

    def _add_group(self, pg: PgId) -> None:
        stream, durability = self.writer.streams[pg], self.writer.durability
        self._feeds[pg] = [
            SegmentFeed(link.index, pg, stream, durability) for link in self._links.all
        ]

    def _attach_group(self, pg: PgId) -> None:
        for feed in self._feeds[pg]:
            self._attach(feed)

    def _attach(self, feed: SegmentFeed) -> None:
        client = self._links[feed.node].client
        self._detach(feed)
        if client is None or not (feed.pg == FIRST_GROUP or self._first(feed.node).attached):
            return  # `link_up` or the attach of group 0 comes back to it
        attachment = _Attachment(self, feed, client)
        self._attachments[feed.node, feed.pg] = attachment
        feed.attach_sent(self._now())
        opened = self.opened
        request = messages.Attach(
            self._volume_id, feed.pg, opened.epoch, opened.owner, opened.truncations
        )
        client.post(messages.ATTACH, request.encode(), attachment.on_attached)

    def _first(self, node: int) -> SegmentFeed:
        return self._feeds[FIRST_GROUP][node]

    def _detach(self, feed: SegmentFeed) -> None:
        feed.detach()
        attachment = self._attachments.pop((feed.node, feed.pg), None)
        if attachment is not None:
            attachment.live = False
        self._retry_at.pop((feed.node, feed.pg), None)

    def _attached(self, attachment: _Attachment, reply: Any) -> None:
        scl = _scl_of(reply)
        if scl is None:
            self._append_failed(attachment, reply)
        elif attachment.feed.pg == FIRST_GROUP:
            self._start_feeding(attachment, scl)
            for pg, feeds in self._feeds.items():
                if pg != FIRST_GROUP:
                    self._attach(feeds[attachment.feed.node])
        else:
            payload = self._append_payload(FIRST_GROUP, b"")
            on_reply = partial(attachment.on_confirmed, scl)
            attachment.client.post(messages.APPEND, payload, on_reply)

    def _confirmed(self, attachment: _Attachment, scl: Lsn, reply: Any) -> None:
        if _scl_of(reply) is None:
            self._append_failed(attachment, reply)
        else:
            self._start_feeding(attachment, scl)

    def _start_feeding(self, attachment: _Attachment, scl: Lsn) -> None:
        now = self._now()
        if attachment.feed.attach(scl, now):
            self._vdl_moved()
        if attachment.live:
            self._pump(attachment.feed, now)

    def link_up(self, node: int) -> None:
        self._attach(self._first(node))

    def link_down(self, node: int) -> None:
        for feeds in self._feeds.values():
            self._detach(feeds[node])

    # ----------------------------------------------------------- once per beat

    async def _beat_until_ended(self) -> None:
        self._attach_group(FIRST_GROUP)
        while not self.ended:
            await self._runtime.clock.sleep(HEARTBEAT_SECONDS)
            now = self._now()
            self._watch_silence(now)
            for key in [key for key, at in self._retry_at.items() if at <= now]:
                self._attach(self._feeds[key[1]][key[0]])
            self._spread_vdl(now)
            self._waits.expire(now, self._timeout_error)

    def _spread_vdl(self, now: float) -> None:
        """Tell idle segments the VDL; a paused writer that was replaced learns of it this way."""
        for feeds in self._feeds.values():
            for feed in feeds:
                if feed.wants_heartbeat():
                    feed.sending(now)
                    self._append(feed, b"")

    def _watch_silence(self, now: float) -> None:
        for link in self._links.all:
            if link.client is None:
                continue
            silent = max(feeds[link.index].silent_for(now) for feeds in self._feeds.values())
            link.suspect = silent > SUSPECT_SECONDS
            if silent > DROP_SECONDS:
                link.drop(f"an append was unanswered for {silent:.1f} s")

    def _timeout_error(self, lsn: Lsn) -> Exception:
        shortfall = write_shortfall(self._links.reachable)
        return QuorumTimeout(f"LSN {lsn} did not become durable in time: {shortfall}")

    # ------------------------------------------------------------------- ending

    def _fenced(self, error: StaleEpoch) -> None:
        if self.ended:
            return
        self._runtime.trace.warn("writer_fenced", epoch=error.current, owner=error.owner)
        self._end(lambda: Fenced(error.current, error.owner))
        for callback in list(self._on_fenced):
            callback(error.current, error.owner)

    def _end(self, error: Callable[[], VolumeError]) -> None:
        if self.ended:
            return
        self._why_ended = error
        for feeds in self._feeds.values():
            for feed in feeds:
                self._detach(feed)
        self._waits.fail(lambda _lsn: error())
        self._room.set()


def _scl_of(reply: Any) -> Lsn | None:
    """The SCL of a well-formed acknowledgement."""
    if type(reply) is list and len(reply) == 1 and type(reply[0]) is int:
        return Lsn(reply[0])
    return None


def _refusal(reply: Any) -> VolumeError | None:
    if isinstance(reply, RpcError):
        return from_wire(reply.code, reply.message, reply.details)
    return None
