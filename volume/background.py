"""The node's background loop: coalesce, collect, scrub.  The foreground goes first.

Idle means no redo and no page read for a while; heartbeats do not count.  While the foreground is
busy only what cannot wait is done (``volume.coalesce`` says what), in small rounds with pauses.
"""

from __future__ import annotations

from runtime.seams import Runtime
from volume import coalesce, limits
from volume.hosting import Hosting

SCRUB_PAGES = 16
_TICK_SECONDS = 0.1
_IDLE_PAUSE_SECONDS = 0.001
_BUSY_PAUSE_SECONDS = 0.02


class Background:
    """See the module's text."""

    def __init__(self, runtime: Runtime, hosting: Hosting) -> None:
        self._clock = runtime.clock
        self._hosting = hosting
        self._last_foreground = runtime.clock.monotonic()
        self._last_scrub = self._last_foreground
        self.pages_coalesced = 0
        self.pages_damaged = 0

    def foreground(self) -> None:
        """Called for every append with records and every page read."""
        self._last_foreground = self._clock.monotonic()

    def _idle(self) -> bool:
        return self._clock.monotonic() - self._last_foreground >= limits.IDLE_SECONDS

    async def run(self) -> None:
        while True:
            idle = self._idle()
            done = await self.round(idle=idle)
            if done:
                await self._clock.sleep(_IDLE_PAUSE_SECONDS if idle else _BUSY_PAUSE_SECONDS)
                continue
            if idle:
                await self._scrub()
            await self._clock.sleep(_TICK_SECONDS)

    async def round(self, *, idle: bool) -> int:
        """One round over all segments; returns the pages coalesced."""
        began = self._last_foreground
        sizes = [hosted.replica.log.size for hosted in self._hosting]
        situation = coalesce.situation(sizes, idle=idle)
        done = 0
        for hosted in self._hosting:
            done += await hosted.coalescer.round(
                situation, foreground_waits=lambda: self._last_foreground != began
            )
        self.pages_coalesced += done
        return done

    async def _scrub(self) -> None:
        now = self._clock.monotonic()
        if now - self._last_scrub < 1.0:
            return
        self._last_scrub = now
        for hosted in self._hosting:
            self.pages_damaged += await hosted.coalescer.scrub(SCRUB_PAGES)
