"""One segment on this node: its state machine joined to its log and its pages.

Every change of a promise or of the records goes: plan (pure), write and sync, take effect; one at
a time through the turnstile, so that a reply never speaks of something that a crash could undo,
and an append can not slip in between a promise and its answer.
"""

from __future__ import annotations

from attrs import define, field

from runtime.seams import Runtime
from volume import limits
from volume.errors import FormatMismatch, NotComplete, OutOfLog
from volume.hotlog import Promise
from volume.imagecache import ImageCache
from volume.logindex import LogIndex
from volume.logstore import HotLog, LogGone, Recovered
from volume.logtail import TailBudget
from volume.messages import EpochRaised, LogPart, PagesPart, SegmentStatus
from volume.model import TruncationRange, VolumeConfig, annulled
from volume.pagestore import PageStore
from volume.records import ScannedRecord
from volume.segment import Fresh, Segment
from volume.turnstile import Turnstile


@define(eq=False)
class NodeResources:
    """What the segments of one node share."""

    images: ImageCache = field(factory=lambda: ImageCache(limits.IMAGE_CACHE_BYTES))
    tail: TailBudget = field(factory=lambda: TailBudget(limits.LOG_TAIL_BYTES))


def directory_of(pg: int) -> str:
    return f"pg-{pg:08d}"


class Replica:
    """See the module's text."""

    def __init__(
        self, runtime: Runtime, volume: VolumeConfig, pg: int, shared: NodeResources
    ) -> None:
        pages = volume.pages_per_segment
        self.pg = pg
        self.page_size = volume.page_size
        self.images = shared.images
        self.directory = directory_of(pg)
        self.segment = Segment(pg, pg * pages, pages)
        self.log = HotLog(runtime.disk, self.directory, pg, shared.tail)
        self.pages = self._page_store(runtime, 1)
        self._runtime = runtime
        self._gate = Turnstile()

    def _page_store(self, runtime: Runtime, generation: int) -> PageStore:
        first = self.segment.first_page
        return PageStore(runtime.disk, self.directory, generation, self.page_size, first)

    # -- opening -------------------------------------------------------------------------------

    async def open(self) -> None:
        """Create the segment, or find it as the last promise left it."""
        await self._runtime.disk.makedirs(self.directory)
        recovered = await self.log.open()
        if recovered is None:
            await self._check_no_pages()
            await self.log.create(self.segment.promise)
            await self.pages.open()
            return
        await self._recover(recovered)

    async def _check_no_pages(self) -> None:
        """A segment begins with its log: pages alone mean that promises were lost."""
        names = await self._runtime.disk.listdir(self.directory)
        if any(name.startswith("pages-") for name in names):
            raise FormatMismatch(
                f"{self.directory} in the data directory has pages but no hot log: move it away"
                " and start again, the segment is then rebuilt from its peers"
            )

    async def _recover(self, recovered: Recovered) -> None:
        promise = recovered.promise
        self.pages = self._page_store(self._runtime, promise.page_generation)
        await self.pages.open()
        await self._remove_other_generations()
        s = self.segment
        self.segment = Segment(self.pg, s.first_page, s.pages, promise, LogIndex(promise.base))
        self.segment.learn(recovered.vdl, recovered.tail)
        await self.log.replay(self._replay)
        log, table = self.segment.log, self.pages.table
        for page_no in list(log.by_page):
            log.fold(page_no, table.lsn_of(page_no))
        self.segment.hydrating = self.pages.damaged
        self._report(recovered)

    def _replay(self, records: list[ScannedRecord], position: int) -> None:
        promise = self.segment.promise
        base, ranges = promise.base, promise.truncations
        ceiling = max((r.upto for r in ranges), default=0)
        if any(record[0] <= max(base, ceiling) for record in records):
            records = [r for r in records if r[0] > base and not annulled(r[0], ranges)]
        self.segment.log.add(records, position)

    def _report(self, recovered: Recovered) -> None:
        trace = self._runtime.trace
        if recovered.torn_bytes:
            trace.info("hot_log_torn_tail", pg=self.pg, bytes=recovered.torn_bytes)
        if recovered.damaged_bytes:
            trace.error("hot_log_damaged", pg=self.pg, bytes=recovered.damaged_bytes)
        if self.pages.damaged:
            trace.error("page_index_damaged", pg=self.pg, remedy="pages come anew from a peer")
        trace.info("segment_open", pg=self.pg, scl=self.segment.scl, vdl=self.segment.vdl)

    async def _remove_other_generations(self) -> None:
        """Leftovers of an interrupted hydration, or of one just before a crash."""
        for name in await self._runtime.disk.listdir(self.directory):
            if name.startswith("pages-") and name not in self.pages.names:
                await self._runtime.disk.remove(f"{self.directory}/{name}")

    async def close(self) -> None:
        await self.log.close()
        await self.pages.close()

    # -- promises ------------------------------------------------------------------------------

    def status(self) -> SegmentStatus:
        return self.segment.status()

    async def raise_epoch(self, epoch: int, owner: str) -> EpochRaised:
        async with self._gate:
            await self._promise(self.segment.plan_raise(epoch, owner))
            return self.segment.raised()

    async def truncate(self, epoch: int, new: TruncationRange) -> int:
        async with self._gate:
            await self._promise(self.segment.plan_truncate(epoch, new))
            return self.segment.scl

    async def attach(self, epoch: int, owner: str, ranges: tuple[TruncationRange, ...]) -> int:
        async with self._gate:
            await self._promise(self.segment.plan_attach(epoch, owner, ranges))
            return self.segment.scl

    async def _promise(self, promise: Promise | None) -> None:
        """Make a promise durable, then let it take effect."""
        if promise is None:
            return
        s = self.segment
        await self.log.append_promise(promise, s.vdl, s.tail)
        before = s.promise
        s.adopt(promise)
        if promise.truncations != before.truncations:
            self.images.forget_above(s.first_page, s.first_page + s.pages, s.scl)
        if promise.epoch != before.epoch or promise.attached != before.attached:
            self._runtime.trace.info(
                "epoch", pg=self.pg, epoch=promise.epoch, attached=promise.attached, scl=s.scl
            )

    # -- records -------------------------------------------------------------------------------

    async def append(self, epoch: int, vdl: int, pgmrpl: int, tail: int, blob: bytes) -> int:
        """The writer's records made durable; returns the SCL."""
        async with self._gate:
            segment = self.segment
            fresh = segment.prepare(epoch, blob)
            if fresh.records:
                await self._write(fresh)
            segment.learn(vdl, tail)
            segment.pgmrpl = pgmrpl
            return segment.scl

    async def _write(self, fresh: Fresh) -> None:
        s = self.segment
        high = fresh.records[-1][0]
        position = await self.log.append_records(fresh.data, high, s.promise, s.vdl, s.tail)
        s.accept(fresh, position)

    async def ingest(self, part: LogPart) -> int:
        """What a peer sent: its newer epoch first, then its records; returns how many were new."""
        async with self._gate:
            s = self.segment
            await self._promise(s.plan_adopt(part.attached, part.owner, part.truncations))
            fresh = s.prepare_gossip(part.records)
            if fresh.records:
                await self._write(fresh)
            if part.attached == s.promise.attached:
                s.learn(part.vdl, part.tail)
            return len(fresh.records)

    async def log_after(self, after: int, limit_bytes: int) -> LogPart:
        """Complete-chain records above an LSN, and the epoch they are to be read under."""
        s = self.segment
        s.check_log(after)
        promise, scl, vdl, tail = s.promise, s.scl, s.vdl, s.tail
        parts = []
        try:
            for position, length in s.log.extents_after(after, limit_bytes):
                parts.append(await self.log.read(position, length))
        except LogGone:
            raise OutOfLog(s.log.base) from None
        return LogPart(
            records=b"".join(parts),
            scl=scl,
            vdl=vdl,
            tail=tail,
            epoch=promise.epoch,
            attached=promise.attached,
            owner=promise.attached_owner,
            truncations=promise.truncations,
        )

    async def pages_after(self, start: int, limit_bytes: int) -> PagesPart:
        """Base images from a page number on, for a peer that has to start from pages."""
        if self.segment.hydrating:
            raise NotComplete(0)
        base = self.segment.log.folded()
        found: list[tuple[int, int, bytes]] = []
        size = 0
        for page_no in self.pages.table.pages_from(start):
            if found and size >= limit_bytes:
                return PagesPart(tuple(found), page_no, base)
            page = await self.pages.read(page_no)
            if page is not None:
                found.append((page_no, *page))
                size += len(page[1])
        return PagesPart(tuple(found), None, base)

    # -- pages and the log's beginning -----------------------------------------------------------

    async def collect_log(self, retain_bytes: int) -> int:
        """Delete old log files whose records are all in pages; returns how many."""
        log = self.segment.log
        if self.segment.hydrating:
            return 0
        sequences, high = self.log.collectable(log.folded(), retain_bytes)
        if not sequences:
            return 0
        async with self._gate:
            base = log.last_at(high)
            if base > log.base:
                await self._promise(self.segment.plan_base(base, self.pages.generation))
                log.trim(base)
            await self.log.remove(sequences)
        return len(sequences)

    async def new_pages(self) -> PageStore:
        """An empty page store of the next generation, to be filled and then adopted."""
        await self._remove_other_generations()
        store = self._page_store(self._runtime, self.pages.generation + 1)
        await store.open()
        return store

    async def adopt_pages(self, store: PageStore, base: int) -> None:
        """Switch to hydrated pages that hold everything up to ``base``."""
        async with self._gate:
            s = self.segment
            await self._promise(s.plan_base(base, store.generation))
            s.log.rebase(base, store.table.lsn_of)
            old, self.pages = self.pages, store
            s.hydrating = False
            self.images.forget_above(s.first_page, s.first_page + s.pages, 0)
        await old.remove()
