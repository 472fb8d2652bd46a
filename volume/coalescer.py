"""Background work on one segment: coalescing, collecting old log, scrubbing.

It yields to the foreground: between pages it stops when told that somebody waits, unless the
situation is urgent.  One piece of background work at a time per segment, so that two never
replace the same base image.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from runtime.disk import DiskError, DiskFull
from runtime.trace import Trace
from volume import coalesce
from volume.coalesce import Situation
from volume.errors import PageCorrupt, TooOld
from volume.pageread import PageReader
from volume.pagestore import Page
from volume.replica import Replica
from volume.scrub import ScrubCursor


class Coalescer:
    """Background work on one segment."""

    def __init__(self, replica: Replica, reader: PageReader, trace: Trace) -> None:
        self._replica = replica
        self._reader = reader
        self._trace = trace
        self._cursor = ScrubCursor()
        self.lock = trio.Lock()

    async def round(self, situation: Situation, *, foreground_waits: Callable[[], bool]) -> int:
        """Coalesce some pages and collect log; returns the pages done, 0: nothing to do."""
        replica = self._replica
        segment = replica.segment
        if segment.hydrating or self.lock.locked():
            return 0
        async with self.lock:
            choice = coalesce.choose(segment.log, segment.coalesce_point, situation)
            done = await self._fold(choice, foreground_waits) if choice.pages else 0
            await replica.collect_log(situation.retain_bytes)
            if done:
                await replica.pages.compact_index()
        return done

    async def _fold(self, choice: coalesce.Choice, foreground_waits: Callable[[], bool]) -> int:
        replica = self._replica
        point = replica.segment.coalesce_point
        ready: list[Page] = []
        for page_no in choice.pages:
            page = await self._next_base(page_no, point)
            if page is not None:
                ready.append(page)
            await trio.lowlevel.checkpoint()
            if foreground_waits() and not choice.urgent:
                break
        if not ready:
            return 0
        try:
            await replica.pages.write(ready)
        except DiskFull as error:
            self._trace.warn("coalesce_no_room", pg=replica.pg, reason=error)
            return 0
        for page_no, lsn, _image in ready:
            replica.segment.log.fold(page_no, lsn)
        return len(ready)

    async def _next_base(self, page_no: int, point: int) -> Page | None:
        """The page as of the coalesce point, None if its base image is that already."""
        log, table = self._replica.segment.log, self._replica.pages.table
        try:
            lsn, image = await self._reader.version(page_no, point)
        except TooOld as refusal:
            # Hydrated from a newer image: its older records are in it.
            log.fold(page_no, refusal.low)
            return None
        except PageCorrupt:
            self._trace.error("page_lost", pg=self._replica.pg, page=page_no)
            return None
        base = table.lsn_of(page_no)
        if image is None or lsn <= base:
            log.fold(page_no, base)
            return None
        return page_no, lsn, image

    async def scrub(self, count: int) -> int:
        """Verify some base images; a bad one is repaired on the way.  Returns how many were bad."""
        replica = self._replica
        if replica.segment.hydrating or self.lock.locked():
            return 0
        bad = 0
        async with self.lock:
            for page_no in self._cursor.take(replica.pages.table, count):
                try:
                    await replica.pages.read(page_no)
                except PageCorrupt:
                    bad += 1
                    await self._mend(page_no)
                except DiskError as error:
                    self._trace.warn("scrub_failed", pg=replica.pg, page=page_no, reason=error)
                await trio.lowlevel.checkpoint()
        return bad

    async def _mend(self, page_no: int) -> None:
        try:
            await self._reader.repair(page_no)
        except PageCorrupt:
            self._trace.error("page_lost", pg=self._replica.pg, page=page_no)
