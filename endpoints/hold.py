"""Pure: the waiting room for new connections while there is nobody to take them.

Purpose: a promotion shows to a connecting client as a pause, not as an error, within bounds: so
many at a time, so long each. Pure; the shell owns the sockets and calls with `now`.
Invariants: never more than `limit` inside; who leaves is counted exactly once, by how he left.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum

from attrs import define, field


class Left(Enum):
    SERVED = "served"
    GAVE_UP = "gave_up"  # the window ended first
    GONE = "gone"  # the client, or the router, ended it
    TURNED_AWAY = "turned_away"  # the room was full


@define
class WaitingRoom:
    limit: int
    window: float
    left: Counter[Left] = field(factory=Counter)
    _deadlines: dict[int, float] = field(factory=dict)

    def __len__(self) -> int:
        return len(self._deadlines)

    def enter(self, ticket: int, now: float) -> bool:
        """False when the room is full."""
        assert ticket not in self._deadlines, ticket
        if len(self._deadlines) >= self.limit:
            self.left[Left.TURNED_AWAY] += 1
            return False
        self._deadlines[ticket] = now + self.window
        return True

    def seconds_left(self, ticket: int, now: float) -> float:
        return max(0.0, self._deadlines[ticket] - now)

    def leave(self, ticket: int, how: Left) -> None:
        del self._deadlines[ticket]
        self.left[how] += 1

    def longest_wait(self, now: float) -> float:
        """How long the one who came first has been waiting; 0 in an empty room."""
        first = next(iter(self._deadlines.values()), now + self.window)
        return now - (first - self.window)
