"""The store: SQLite connections on the shared volume, one snapshot and one write set each.

Life of a write: `begin_write` takes the instance's write lock and a snapshot of the newest state,
durable or not; `commit` lets SQLite hand over the changed pages, logs them as one MTR, makes them
visible to the next write transaction, releases the lock and only then waits for durability. So
commits queue up behind one another in the volume, not behind the lock.

Life of a read: `pin` fixes the read point (the VDL: only durable state is ever shown), statements
run on it, `unpin` lets it go. The oldest pinned LSN is what holds back garbage collection.

`engine.connection` has the half that belongs to one session, this file what all sessions share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import trio

from engine.bufferpool import BufferPool
from engine.connection import StoreConnection
from engine.txn.errors import (
    Interrupted,
    LockWaitTimeout,
    OutcomeUnknown,
    ReadOnlyInstance,
    SessionCut,
    StoreError,
    VolumeUnavailable,
)
from engine.txn.writelock import WriteLock
from engine.vfs import PageFetcher, PageReader, SnapshotVfs
from runtime.seams import Runtime
from volume.errors import Fenced, NotWritable, QuorumTimeout, VolumeError
from volume.model import Lsn, PageNo
from volume.quorum import WRITE_QUORUM, write_shortfall
from volume.records import make_change

__all__ = [
    "Interrupted",
    "LockWaitTimeout",
    "OutcomeUnknown",
    "ReadOnlyInstance",
    "SessionCut",
    "Store",
    "StoreConnection",
    "StoreError",
    "VolumeUnavailable",
]

QUORUM_PATIENCE: Final = 2.0  # seconds a new write waits for storage nodes to come back
QUORUM_POLL: Final = 0.05
COMMIT_TIMEOUT: Final = 5.0  # seconds until a commit without quorum is reported as unknown

_READ_ONLY: Final = "this instance is a reader: it refuses writes"


Change = tuple[tuple[PageNo, int, bytes], bytes]  # redo, and the page it leads to


class VolumeWriter(PageReader, Protocol):
    """What the store needs from the volume; `volume.client.Volume` is the real one."""

    @property
    def page_size(self) -> int: ...
    @property
    def writable(self) -> bool: ...
    @property
    def reachable(self) -> int: ...
    def log(self, changes: list[tuple[PageNo, int, bytes]]) -> Lsn: ...
    async def wait_room(self) -> None: ...
    async def wait_durable(self, lsn: Lsn, *, timeout: float) -> None: ...


class Store:
    """The instance's one store; connections share its pool, write lock and read point."""

    def __init__(
        self,
        volume: VolumeWriter,
        runtime: Runtime,
        *,
        pool_bytes: int,
        commit_timeout: float = COMMIT_TIMEOUT,
    ) -> None:
        self.volume = volume
        self.commit_timeout = commit_timeout
        self.pool = BufferPool(pool_bytes, volume.page_size)
        self.fetcher = PageFetcher(self.pool, volume)
        self.lock = WriteLock()
        self.newest = 0  # LSN of the newest MTR in the pool; the read point follows it
        self.commits = 0
        self.on_logged: Callable[[int], None] | None = None  # the redo feed, on the writer
        self.generation = 0  # counts role changes: cached plans do not survive one
        self._vfs = SnapshotVfs(runtime)
        self._refusal: StoreError | None = ReadOnlyInstance(_READ_ONLY)
        self._stalled_at = 0  # LSN of a commit that missed its deadline
        self._short_since: float | None = None  # when a write first found too few nodes
        self._available = trio.Event()
        self._clock = runtime.clock

    # -- state -----------------------------------------------------------------------------

    @property
    def read_only(self) -> bool:
        return self._refusal is not None

    @property
    def read_point(self) -> int:
        return self.pool.read_point

    async def wait_available(self) -> None:
        """Until there is a snapshot to read: a new instance has none, nor has a new volume."""
        while self.pool.read_point == 0:
            await self._available.wait()

    def note_available(self) -> None:
        """To be called when the read point was set from outside the commit path."""
        if self.pool.read_point:
            self._available.set()

    def check_writable(self) -> None:
        """Fail fast: raises why a write cannot begin now."""
        if self._refusal is not None:
            raise type(self._refusal)(self._refusal.message)
        if not self.volume.writable:
            raise ReadOnlyInstance("this instance has just lost its role as the writer")
        if self.pool.read_point < self._stalled_at:
            raise VolumeUnavailable("commits do not become durable: " + self._shortfall())

    async def wait_quorum(self) -> None:
        """A moment's patience with storage nodes that went away, and none once it was in vain.

        What fails here certainly did not happen; a commit that is already shipped when the quorum
        goes can only be reported as unknown.
        """
        clock = self._clock
        while self.volume.reachable < WRITE_QUORUM:
            now = clock.monotonic()
            if self._short_since is None:
                self._short_since = now
            if now - self._short_since > QUORUM_PATIENCE:
                raise VolumeUnavailable("nothing was written: " + self._shortfall())
            await clock.sleep(QUORUM_POLL)
        self._short_since = None

    def _shortfall(self) -> str:
        return write_shortfall(self.volume.reachable)

    def on_durable(self, vdl: int) -> None:
        """Everything up to `vdl` is durable; the writer's read point is the VDL."""
        if vdl > self.pool.read_point:
            self.pool.advance(vdl)
            if not self._available.is_set():
                self._available.set()

    # -- role changes ----------------------------------------------------------------------

    def allow_writes(self, vdl: int) -> None:
        """This instance opened the volume at `vdl`, and the pool holds nothing above it."""
        assert self.pool.read_point == vdl, (self.pool.read_point, vdl)
        self.newest = vdl
        self._stalled_at = 0
        self._refusal = None
        self.generation += 1

    def refuse_writes(self, why: str = _READ_ONLY) -> None:
        """No write begins from now on, and nobody waits for one any longer."""
        self._refusal = ReadOnlyInstance(why)
        self.lock.fail_waiters(ReadOnlyInstance(why))

    def resume_writes(self) -> None:
        """A demotion was called off: this instance is still the writer."""
        self._refusal = None

    def forget_undurable(self, vdl: int) -> None:
        """The volume annulled what this instance logged above `vdl`; sessions are cut already."""
        self.pool.cut_above(vdl)
        self.newest = self.pool.read_point
        self.generation += 1

    def close(self) -> None:
        self._vfs.unregister()

    # -- connections -----------------------------------------------------------------------

    def connect(self) -> StoreConnection:
        return StoreConnection(self, self._vfs)

    def make_changes(self, writes: Iterable[tuple[int, bytes]]) -> list[Change]:
        """The redo of written pages against their newest versions; unchanged pages drop out."""
        newest = self.pool.newest
        changes: list[Change] = []
        for page_no, image in writes:
            base = newest(page_no)
            if base != image:
                flags, payload = make_change(base, image)
                changes.append(((PageNo(page_no), flags, payload), image))
        return changes

    def log(self, changes: list[Change]) -> int:
        """Log one MTR and show it to the next write transaction."""
        if not changes:
            return self.newest
        try:
            cpl = self.volume.log([redo for redo, _ in changes])
        except (Fenced, NotWritable) as error:
            raise ReadOnlyInstance(f"not committed: {error}") from error
        except VolumeError as error:  # out of room below LAL: nothing was logged
            raise VolumeUnavailable(f"not committed: {error}") from error
        push = self.pool.push_image
        for redo, image in changes:  # all under the CPL: no snapshot lies within an MTR
            push(redo[0], cpl, image)
        self.newest = cpl
        self.commits += 1
        if self.on_logged is not None:
            self.on_logged(cpl)
        return cpl

    async def wait_durable(self, lsn: int) -> None:
        """Raises OutcomeUnknown after the deadline, or when the epoch is lost meanwhile: whether
        the next writer's recovery found the commit on enough segments, only it knows."""
        if lsn <= self.pool.read_point:
            return
        try:
            await self.volume.wait_durable(Lsn(lsn), timeout=self.commit_timeout)
        except QuorumTimeout as error:
            self._stalled_at = max(self._stalled_at, lsn)
            raise OutcomeUnknown(f"the outcome of the commit is unknown: {error}") from error
        except (Fenced, NotWritable) as error:
            raise OutcomeUnknown(f"the outcome of the commit is unknown: {error}") from error
        self.on_durable(lsn)
