"""Reading a page version: base image plus the records up to the read point.

A page or record that fails its checksum is replaced from a peer; if none can, the read is refused
with ``page_corrupt``.  Nothing is ever served that was not verified.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from runtime.disk import DiskError
from runtime.trace import Trace
from volume.errors import PageCorrupt, RecordError, TooOld
from volume.logstore import LogGone
from volume.materialize import PageBuilder
from volume.messages import PageVersion
from volume.replica import Replica

# (pg, page_no, lsn) -> that version from some peer, None if no peer has it.
PeerRead = Callable[[int, int, int], Awaitable[PageVersion | None]]

_ATTEMPTS = 4
# Records applied before other tasks get a turn.
_SLICE = 64


class _Moved(Exception):
    """The page changed its base while it was being read: start over."""


class PageReader:
    """Reads the pages of one segment."""

    def __init__(self, replica: Replica, peer_read: PeerRead, trace: Trace) -> None:
        self._replica = replica
        self._peer_read = peer_read
        self._trace = trace
        self._repairing: set[int] = set()

    async def read(self, page_no: int, lsn: int) -> tuple[int, bytes | None]:
        """(version's LSN, image); (0, None) if the page was never written by then."""
        self._replica.segment.check_readable(page_no, lsn)
        return await self.version(page_no, lsn)

    async def read_copy(self, page_no: int, lsn: int) -> tuple[int, bytes | None]:
        """As ``read``, without asking peers: for a peer, who would be asked in turn."""
        self._replica.segment.check_readable(page_no, lsn)
        return await self.version(page_no, lsn, repair=False)

    async def version(
        self, page_no: int, lsn: int, *, repair: bool = True
    ) -> tuple[int, bytes | None]:
        """As ``read``, for a caller that knows the LSN to be readable."""
        for _ in range(_ATTEMPTS):
            try:
                return await self._materialise(page_no, lsn)
            except (_Moved, LogGone):
                continue
            except (PageCorrupt, RecordError):
                if not repair:
                    raise PageCorrupt(page_no) from None
                version = await self._repair(page_no, lsn)
                if version is not None:
                    return version.lsn, version.image
        raise PageCorrupt(page_no)

    async def _materialise(self, page_no: int, lsn: int) -> tuple[int, bytes | None]:
        replica = self._replica
        base_lsn = replica.pages.table.lsn_of(page_no)
        if base_lsn > lsn:
            raise TooOld(base_lsn)
        cached = replica.images.get(page_no)
        if cached is not None and not base_lsn <= cached[0] <= lsn:
            cached = None
        start = cached[0] if cached is not None else base_lsn
        changes = replica.segment.log.page_changes(page_no, start, lsn)
        if cached is not None:
            base: bytes | None = cached[1]
        else:
            base = None if changes.full else await self._base(page_no, base_lsn)
        if not changes.extents:
            version, image = start, base
        else:
            version, image = changes.lsn, await self._apply(base, changes.extents)
        if image is not None and version <= replica.segment.vdl:
            # Above VDL it could still be annulled, while it is being read even.
            replica.images.put(page_no, version, image)
        return version, image

    async def _base(self, page_no: int, expected_lsn: int) -> bytes | None:
        store = self._replica.pages
        try:
            found = await store.read(page_no)
        except DiskError:
            if store is not self._replica.pages:
                raise _Moved from None
            raise PageCorrupt(page_no) from None
        if (found[0] if found is not None else 0) != expected_lsn:
            raise _Moved
        return found[1] if found is not None else None

    async def _apply(self, base: bytes | None, extents: list[tuple[int, int]]) -> bytes:
        builder = PageBuilder(base, self._replica.page_size)
        log = self._replica.log
        for count, (position, length) in enumerate(extents, 1):
            record = log.recent(position, length)
            if record is None:
                record = await log.read_record(position, length)
            builder.apply(record)
            if count % _SLICE == 0:
                await trio.lowlevel.checkpoint()
        return builder.image()

    async def repair(self, page_no: int) -> None:
        """Replace a damaged base image from a peer; PageCorrupt if none can."""
        await self._repair(page_no, self._replica.pages.table.lsn_of(page_no))

    async def _repair(self, page_no: int, lsn: int) -> PageVersion | None:
        """Replace what is damaged (None), or else get just the version that was asked for."""
        if page_no in self._repairing:
            # Once at a time; this reader can go to another segment meanwhile.
            raise PageCorrupt(page_no)
        self._repairing.add(page_no)
        try:
            self._trace.warn("page_damaged", pg=self._replica.pg, page=page_no)
            if await self._replace(page_no):
                return None
            found = await self._peer_read(self._replica.pg, page_no, lsn)
            if found is None:
                raise PageCorrupt(page_no)
            return found
        finally:
            self._repairing.discard(page_no)

    async def _replace(self, page_no: int) -> bool:
        """Put a peer's image in place of the base image and all records up to it."""
        replica = self._replica
        store, segment = replica.pages, replica.segment
        ours = store.table.lsn_of(page_no)
        wanted = max(ours, segment.coalesce_point)
        found = await self._peer_read(replica.pg, page_no, wanted)
        if found is None or found.image is None or not ours <= found.lsn <= wanted:
            return False
        if store is not replica.pages or store.damaged or not found.lsn:
            return False
        try:
            await store.write([(page_no, found.lsn, found.image)])
        except DiskError:
            return False
        if store is not replica.pages:
            return True
        segment.log.fold(page_no, found.lsn)
        replica.images.forget([page_no])
        self._trace.info("page_repaired", pg=replica.pg, page=page_no, lsn=found.lsn)
        return True
