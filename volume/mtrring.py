"""The newest MTRs of the log, kept in memory for readers and for segments that were away. Pure.

Invariants: MTRs are in LSN order; one above VDL is never dropped; the ring holds every MTR with a
CPL above `floor`, so a request from below the floor is answered with None instead of a hole.
"""

from __future__ import annotations

from bisect import bisect_right

from volume.model import Lsn

_COMPACT_AFTER = 4096


class MtrRing:
    """Bounded by bytes; what is not yet durable does not count against the bound."""

    __slots__ = ("_blobs", "_cpls", "_head", "bytes", "floor", "limit")

    def __init__(self, floor: Lsn, limit: int) -> None:
        self.floor = floor
        self.limit = limit
        self.bytes = 0
        self._cpls: list[Lsn] = []
        self._blobs: list[bytes] = []
        self._head = 0  # entries before it are dropped; the lists are cut now and then

    def append(self, cpl: Lsn, blob: bytes) -> None:
        self._cpls.append(cpl)
        self._blobs.append(blob)
        self.bytes += len(blob)

    def trim(self, vdl: Lsn) -> bool:
        """Drop the oldest durable MTRs until the ring fits; whether the floor moved."""
        head, cpls, blobs = self._head, self._cpls, self._blobs
        while self.bytes > self.limit and head < len(cpls) and cpls[head] <= vdl:
            self.bytes -= len(blobs[head])
            blobs[head] = b""
            self.floor = cpls[head]
            head += 1
        if head == self._head:
            return False
        self._head = head
        if head > _COMPACT_AFTER:
            del cpls[:head], blobs[:head]
            self._head = 0
        return True

    def since(self, after: Lsn, upto: Lsn) -> list[bytes] | None:
        """The MTRs with after < CPL <= upto, whole; None when some of them are gone."""
        if after < self.floor:
            return None
        cpls = self._cpls
        low = bisect_right(cpls, after, self._head)
        return self._blobs[low : bisect_right(cpls, upto, low)]

    def entries_since(self, after: Lsn) -> list[tuple[Lsn, bytes]] | None:
        """Every MTR above `after` with its CPL, durable or not; None when some are gone."""
        if after < self.floor:
            return None
        low = bisect_right(self._cpls, after, self._head)
        return list(zip(self._cpls[low:], self._blobs[low:], strict=True))
