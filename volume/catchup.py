"""Filling what this node's segments lack: the shell around ``volume.gossip``.

Once at start, every second, and at once when an append shows a hole.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from runtime.disk import DiskError
from runtime.seams import Runtime
from volume import gossip, limits, messages
from volume.errors import BadRequest, StorageBroken, VolumeError
from volume.gossip import Ask, Want
from volume.hosting import Hosted, Hosting
from volume.messages import FetchLog, FetchPages, LogPart, PagesPart
from volume.model import VolumeConfig
from volume.pagestore import PageStore
from volume.peers import CALL_FAILED, Peers
from volume.replica import Replica
from wire.rpc import RpcError

# Questions in one round before other segments get their turn.
_QUESTIONS = 1000
# Rounds follow each other no faster than this, however many holes appear.
_PAUSE_SECONDS = 0.02
# Size of one reply: indexing its records must not hold up an append for long.
_PART_BYTES = 1024**2
_PART_SECONDS = 5.0


class CatchUp:
    """Keeps the node's segments up with their peers."""

    def __init__(
        self,
        runtime: Runtime,
        volume: VolumeConfig,
        hosting: Hosting,
        peers: Peers,
        fail: Callable[[StorageBroken], None],
    ) -> None:
        self._runtime = runtime
        self._volume = volume
        self._hosting = hosting
        self._peers = peers
        self._fail = fail
        self._wanted = trio.Event()
        self._busy: set[int] = set()
        self.records = 0
        self.hydrations = 0

    def kick(self) -> None:
        """Something is missing: do not wait for the next second."""
        self._wanted.set()

    async def run(self) -> None:
        clock, rng = self._runtime.clock, self._runtime.rng
        async with trio.open_nursery() as nursery:
            while True:
                await self._round(nursery)
                await clock.sleep(_PAUSE_SECONDS)
                with trio.move_on_after(limits.GOSSIP_SECONDS * rng.uniform(0.8, 1.2)):
                    await self._wanted.wait()
                self._wanted = trio.Event()

    async def _round(self, nursery: trio.Nursery) -> None:
        """Hear from all peers, then let each segment ask for what it lacks.

        One task per segment: a long hydration holds up nobody else.
        """
        await self._peers.poll()
        for pg in sorted(self._peers.groups() - self._hosting.segments.keys()):
            await self._hosting.get_or_create(pg)
        for hosted in self._hosting:
            pg = hosted.replica.pg
            if pg not in self._busy and self._next_question(hosted, frozenset()):
                self._busy.add(pg)
                nursery.start_soon(self._one_segment, hosted)

    async def _one_segment(self, hosted: Hosted) -> None:
        replica = hosted.replica
        try:
            await self._catch_up(hosted)
        except StorageBroken as error:
            self._fail(error)
        except DiskError as error:
            self._runtime.trace.warn("gossip_failed", pg=replica.pg, reason=error)
        finally:
            self._busy.discard(replica.pg)

    def _next_question(self, hosted: Hosted, avoid: frozenset[str]) -> Ask | None:
        replica = hosted.replica
        return gossip.choose(
            replica.status(),
            self._peers.segments_of(replica.pg),
            damaged_pages=replica.segment.hydrating,
            avoid=avoid,
        )

    async def _catch_up(self, hosted: Hosted) -> None:
        avoid: frozenset[str] = frozenset()
        for _ in range(_QUESTIONS):
            ask = self._next_question(hosted, avoid)
            if ask is None:
                return
            if not await self._ask(hosted, ask):
                avoid |= {ask.node_id}

    async def _ask(self, hosted: Hosted, ask: Ask) -> bool:
        """Put one question; whether it brought anything."""
        try:
            if ask.want is Want.PAGES:
                return await self._hydrate(hosted, ask)
            return await self._fetch_log(hosted.replica, ask)
        except CALL_FAILED as error:
            if isinstance(error, RpcError) and error.code == "out_of_log":
                return self._peer_has_collected(hosted.replica, ask, error)
            self._report(hosted, ask, error)
        except StorageBroken:
            raise
        except VolumeError as error:
            self._report(hosted, ask, error)
        return False

    def _report(self, hosted: Hosted, ask: Ask, error: Exception) -> None:
        self._runtime.trace.warn(
            "gossip_failed", pg=hosted.replica.pg, peer=ask.node_id, reason=error
        )

    def _peer_has_collected(self, replica: Replica, ask: Ask, error: RpcError) -> bool:
        low = error.details.get("low") if isinstance(error.details, dict) else None
        if type(low) is not int or low <= ask.after:
            return False
        self._peers.heard(ask.node_id, replica.pg, low=low)
        return True

    async def _fetch_log(self, replica: Replica, ask: Ask) -> bool:
        request = FetchLog(self._volume.volume_id, replica.pg, ask.after, _PART_BYTES).encode()
        raw = await self._peers.call(ask.node_id, messages.FETCH_LOG, request, _PART_SECONDS)
        part = LogPart.decode(raw)
        before = self._progress(replica)
        self.records += await replica.ingest(part)
        self._peers.heard(
            ask.node_id,
            replica.pg,
            scl=part.scl,
            vdl=part.vdl,
            tail=part.tail,
            attached=part.attached,
        )
        return self._progress(replica) != before

    def _progress(self, replica: Replica) -> tuple[int, int, int]:
        status = replica.status()
        return status.scl, status.vdl, status.attached

    async def _hydrate(self, hosted: Hosted, ask: Ask) -> bool:
        """Start from a peer's pages: the log in between is gone, or the pages here are damaged."""
        replica = hosted.replica
        trace = self._runtime.trace
        trace.info("hydrating", pg=replica.pg, peer=ask.node_id, scl=replica.segment.scl)
        async with hosted.coalescer.lock:
            store = await replica.new_pages()
            try:
                base = await self._fill(replica, store, ask.node_id)
            except Exception:
                await store.remove()
                raise
            await replica.adopt_pages(store, base)
        self.hydrations += 1
        trace.info("hydrated", pg=replica.pg, base=base, pages=store.table.count)
        return True

    async def _fill(self, replica: Replica, store: PageStore, node_id: str) -> int:
        """Copy a peer's pages; returns where the log goes on.

        That is the first part's base: later parts may be folded further.
        """
        part = await self._fetch_pages(replica, node_id, 0)
        base = part.base_lsn
        await store.write(part.pages)
        while part.next is not None:
            part = await self._fetch_pages(replica, node_id, part.next)
            await store.write(part.pages)
        return base

    async def _fetch_pages(self, replica: Replica, node_id: str, start: int) -> PagesPart:
        request = FetchPages(self._volume.volume_id, replica.pg, start, _PART_BYTES).encode()
        raw = await self._peers.call(node_id, messages.FETCH_PAGES, request, _PART_SECONDS)
        part = PagesPart.decode(raw)
        if part.next is not None and part.next <= start:
            raise BadRequest("the peer's pages do not go on")
        for page_no, _lsn, image in part.pages:
            replica.segment.check_page(page_no)
            if len(image) != replica.page_size:
                raise BadRequest(f"page {page_no} has {len(image)} bytes")
        return part
