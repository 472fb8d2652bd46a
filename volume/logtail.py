"""Recent log kept in memory, so that fresh records are read without the disk.

Each segment has a ``LogTail``; all of a node share one ``TailBudget``, which drops the oldest
batches of any segment when the node's bound is reached.  Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque

_COMPACT = 256


class TailBudget:
    """The node-wide bound, in bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._order: deque[tuple[LogTail, int]] = deque()

    def added(self, tail: LogTail, size: int) -> None:
        self._order.append((tail, size))
        self.used_bytes += size
        while self.used_bytes > self.limit_bytes and len(self._order) > 1:
            oldest, freed = self._order.popleft()
            self.used_bytes -= freed
            oldest.drop_oldest()


class LogTail:
    """One segment's recent batches, by position."""

    def __init__(self, budget: TailBudget) -> None:
        self._budget = budget
        self._starts: array[int] = array("Q")
        self._blobs: list[bytes | None] = []
        self._head = 0

    def add(self, position: int, data: bytes) -> None:
        """Positions only grow."""
        self._starts.append(position)
        self._blobs.append(data)
        self._budget.added(self, len(data))

    def drop_oldest(self) -> None:
        self._blobs[self._head] = None
        self._head += 1
        if self._head >= _COMPACT and self._head * 2 >= len(self._blobs):
            del self._starts[: self._head]
            del self._blobs[: self._head]
            self._head = 0

    def find(self, position: int, length: int) -> bytes | None:
        """The bytes at a position, if their batch is still here."""
        at = bisect_right(self._starts, position) - 1
        if at < self._head:
            return None
        data = self._blobs[at]
        start = position - self._starts[at]
        if data is None or start + length > len(data):
            return None
        return data[start : start + length]
