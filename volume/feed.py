"""What one segment is being sent: its cursor in the log and its appends in flight. Pure.

Invariants: nothing is sent before the attach was answered; at most `OUTSTANDING_MAX` appends are
unanswered; after a reconnect the feed goes on from the segment's SCL, so an append whose answer was
lost is sent again (segments ignore what they have). A segment that is away, hung or slow holds up
nobody: its cursor just stays behind, and skips what the log no longer holds.
"""

from __future__ import annotations

from volume import limits
from volume.durability import Durability
from volume.model import Lsn, PgId
from volume.pgstream import OUTSTANDING_MAX, Cursor, PgStream


class SegmentFeed:
    """One segment, from the writer's side. `next_append` and `acked` are the hot path."""

    __slots__ = (
        "_durability",
        "attached",
        "attaching",
        "cursor",
        "node",
        "pg",
        "progress_at",
        "quiet",
        "scl",
        "sent_vdl",
        "stream",
    )

    def __init__(self, node: int, pg: PgId, stream: PgStream, durability: Durability) -> None:
        self.node = node
        self.pg = pg
        self.stream = stream
        self.cursor = Cursor()
        self.attached = False
        self.attaching = False
        self.scl = Lsn(0)
        self.sent_vdl = Lsn(0)
        self.quiet = True  # nothing was sent since the last heartbeat round
        self.progress_at = 0.0  # when it last answered, or was first sent something after that
        self._durability = durability

    def attach_sent(self, now: float) -> None:
        """The segment was asked to accept this writer."""
        self.attaching = True
        self.progress_at = now

    def attach(self, scl: Lsn, now: float) -> bool:
        """The segment accepted this writer and is complete up to `scl`; whether VDL moved."""
        self.attached = True
        self.attaching = False
        self.scl = scl
        self.progress_at = now
        self.stream.resume(self.cursor, scl)
        return self._durability.acknowledged(self.node, self.pg, scl)

    def detach(self) -> None:
        """The connection is gone, or the segment wants to be attached again."""
        self.attached = self.attaching = False
        self.cursor.outstanding = 0

    def next_append(self, now: float) -> bytes | None:
        """The records to send now, or None; counts as in flight from here on."""
        cursor = self.cursor
        if cursor.outstanding >= OUTSTANDING_MAX or not self.attached:
            return None
        blob = self.stream.take(cursor, limits.APPEND_BYTES_MAX)
        if blob is not None:
            self.sending(now)
        return blob

    def sending(self, now: float) -> None:
        """An append, maybe an empty one, goes out."""
        cursor = self.cursor
        if cursor.outstanding == 0:
            self.progress_at = now
        cursor.outstanding += 1
        self.quiet = False
        self.sent_vdl = self._durability.vdl

    def acked(self, scl: Lsn, now: float) -> bool:
        """An append was answered; whether VDL moved."""
        self.cursor.outstanding -= 1
        self.progress_at = now
        self.scl = scl
        return self._durability.acknowledged(self.node, self.pg, scl)

    def wants_heartbeat(self) -> bool:
        """Called once per round: whether this segment should hear of VDL without new records."""
        was_quiet, self.quiet = self.quiet, True
        idle = self.attached and was_quiet and self.cursor.outstanding == 0
        return idle and (self.pg == 0 or self.sent_vdl < self._durability.vdl)

    def silent_for(self, now: float) -> float:
        """Seconds that something has been unanswered."""
        waiting = self.attaching or self.cursor.outstanding
        return now - self.progress_at if waiting else 0.0
