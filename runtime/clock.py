"""Time. The one place that reads the machine's clocks.

`monotonic` never goes back and is what every deadline is measured with; `wall` is for people, file
names and SQL's NOW() and decides nothing. One clock per node, so that a simulation can give each
its own drift.
"""

from __future__ import annotations

import time
from typing import Protocol

import trio


class Clock(Protocol):
    """What a node may know about time; seconds throughout."""

    def monotonic(self) -> float: ...

    def wall(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clocks."""

    __slots__ = ()

    # Bound directly: these are read several times per request.
    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(max(seconds, 0.0))
