"""Pure: when to start a dead component again.

The first restart is quick, because a crash is usually alone; a component that keeps dying is
retried ever more slowly, and one that stayed up long enough starts over with the quick restart.
"""

from __future__ import annotations

from attrs import define

FIRST_DELAY = 0.05
MAX_DELAY = 5.0
GROWTH = 2.5
HEALTHY_AFTER = 10.0


@define
class Backoff:
    _next: float = FIRST_DELAY
    _started: float | None = None

    def started(self, now: float) -> None:
        self._started = now

    def died(self, now: float) -> float:
        """Seconds to wait before the next start."""
        if self._started is not None and now - self._started >= HEALTHY_AFTER:
            self._next = FIRST_DELAY
        delay = self._next
        self._next = min(self._next * GROWTH, MAX_DELAY)
        return delay
