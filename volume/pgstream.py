"""The log of one protection group on its way to six segments: boxcars and cursors. Pure.

Records pile up while a segment has its share of appends in flight; whatever is pending when a
segment can take more becomes one boxcar, encoded once and sent as the same bytes to every segment
that reaches it. There is no boxcar delay: batches grow by themselves under load (SIGMOD 2018,
section 2.2).

Invariants: a cursor only moves forward while attached; a segment sees the records of its protection
group in LSN order, without repeats in one attachment except right after it; boxcars below `floor`
are gone, and a cursor that pointed there skips ahead: the segment's peers fill the gap by gossip.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter

from attrs import define, frozen

from volume.model import Lsn

OUTSTANDING_MAX = 2
_COMPACT_AFTER = 1024


@frozen(slots=True)
class Boxcar:
    """Some consecutive records of one protection group."""

    last: Lsn
    blob: bytes


@define(slots=True)
class Cursor:
    """How far one segment was sent the log."""

    position: int = 0
    outstanding: int = 0
    skipped: int = 0


class PgStream:
    """The records of one protection group, newest at the end."""

    __slots__ = ("_base", "_boxcars", "_held", "_pending", "_pending_bytes", "end")

    def __init__(self, end: Lsn) -> None:
        self.end = end  # last LSN of this protection group, the next record's backlink
        self._boxcars: list[Boxcar] = []
        self._held = 0  # list index of the oldest boxcar still held
        self._base = 0  # position of list index 0
        self._pending: list[tuple[Lsn, bytes]] = []
        self._pending_bytes = 0

    def push(self, last: Lsn, blob: bytes) -> None:
        """One MTR's records of this protection group, or a part of them; `last` ends it."""
        self._pending.append((last, blob))
        self._pending_bytes += len(blob)
        self.end = last

    def take(self, cursor: Cursor, limit: int) -> bytes | None:
        """What the segment should be sent next, or None; moves the cursor past it."""
        boxcars = self._boxcars
        index = cursor.position - self._base
        if index < self._held:
            cursor.skipped += self._held - index
            index = self._held
        if index == len(boxcars):
            if not self._pending:
                return None
            self._seal(limit)
        first = boxcars[index]
        index += 1
        if index == len(boxcars):
            cursor.position = self._base + index
            return first.blob
        joined, size = [first.blob], len(first.blob)
        while index < len(boxcars) and size + len(boxcars[index].blob) <= limit:
            joined.append(boxcars[index].blob)
            size += len(boxcars[index].blob)
            index += 1
        cursor.position = self._base + index
        return joined[0] if len(joined) == 1 else b"".join(joined)

    def _seal(self, limit: int) -> None:
        pending = self._pending
        if len(pending) == 1:
            self._boxcars.append(Boxcar(*pending[0]))
        elif self._pending_bytes <= limit:
            blob = b"".join([blob for _, blob in pending])
            self._boxcars.append(Boxcar(pending[-1][0], blob))
        else:
            self._seal_in_parts(limit)
        self._pending = []
        self._pending_bytes = 0

    def _seal_in_parts(self, limit: int) -> None:
        part: list[bytes] = []
        size, end = 0, Lsn(0)
        for last, blob in self._pending:
            if part and size + len(blob) > limit:
                self._boxcars.append(Boxcar(end, b"".join(part)))
                part, size = [], 0
            part.append(blob)
            size += len(blob)
            end = last
        self._boxcars.append(Boxcar(end, b"".join(part)))

    def resume(self, cursor: Cursor, scl: Lsn) -> None:
        """The segment attached anew and is complete up to `scl`: go on from there if still held."""
        index = bisect_right(self._boxcars, scl, lo=self._held, key=_last_of)
        cursor.position = self._base + index
        cursor.outstanding = 0

    def trim(self, floor: Lsn) -> None:
        """Forget boxcars with nothing above `floor`."""
        boxcars, held = self._boxcars, self._held
        while held < len(boxcars) and boxcars[held].last <= floor:
            boxcars[held] = _DROPPED
            held += 1
        self._held = held
        if held > _COMPACT_AFTER:
            del boxcars[:held]
            self._base += held
            self._held = 0

    def has_more(self, cursor: Cursor) -> bool:
        return bool(self._pending) or cursor.position - self._base < len(self._boxcars)

    @property
    def boxcars_held(self) -> int:
        return len(self._boxcars) - self._held


_DROPPED = Boxcar(Lsn(0), b"")
_last_of = attrgetter("last")
