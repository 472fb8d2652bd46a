"""A clock that follows trio's, so that `trio.testing.MockClock` moves it."""

from __future__ import annotations

import trio


class TrioClock:
    """Wall time is trio's time after a fixed start."""

    def __init__(self, wall_start: float = 1_700_000_000.0) -> None:
        self.wall_start = wall_start

    def monotonic(self) -> float:
        return trio.current_time()

    def wall(self) -> float:
        return self.wall_start + trio.current_time()

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(max(seconds, 0.0))


class ManualClock:
    """Time stands still until a test moves it; works outside trio."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_700_000_000.0 + self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await trio.lowlevel.checkpoint()
