"""The store: SQLite connections on the shared volume, one snapshot and one write set each.

Life of a write: `begin_write` takes the instance's write lock and a snapshot of the newest state,
durable or not; `commit` lets SQLite hand over the changed pages, logs them as one MTR, makes them
visible to the next write transaction, releases the lock and only then waits for durability. So
commits queue up behind one another in the volume, not behind the lock.

Life of a read: `pin` fixes the read point (the VDL: only durable state is ever shown), statements
run on it, `unpin` lets it go. The oldest pinned LSN is what holds back garbage collection.

A connection belongs to one task at a time, and that task must have a greenback portal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import apsw
import greenback
import trio

from engine.bufferpool import BufferPool
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
from engine.vfs import UNPINNED, PageFetcher, PageReader, SnapshotFile, SnapshotVfs
from runtime.seams import Runtime
from volume.errors import Fenced, NotWritable, QuorumTimeout, VolumeError
from volume.model import Lsn, PageNo
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

COMMIT_TIMEOUT: Final = 5.0  # seconds until a commit without quorum is reported as unknown
YIELD_STEPS: Final = 5_000  # SQLite VM steps (a few hundred µs) between yields to other sessions
_USER_VERSION_AT: Final = 60  # in page 0, 4 bytes, big-endian

_READ_ONLY: Final = "this instance is a reader: it refuses writes"


class VolumeWriter(PageReader, Protocol):
    """What the store needs from the volume; `volume.client.Volume` is the real one."""

    @property
    def page_size(self) -> int: ...
    @property
    def writable(self) -> bool: ...
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
        self._available = trio.Event()

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
        if not self.volume.writable or self.pool.read_point < self._stalled_at:
            raise VolumeUnavailable("the volume has no write quorum: try again later")

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

    def log(self, writes: dict[int, bytes]) -> int:
        """Log a write set as one MTR and show it to the next write transaction."""
        pool = self.pool
        changes: list[tuple[PageNo, int, bytes]] = []
        images: list[tuple[int, bytes]] = []
        for page_no, image in writes.items():
            base = pool.newest(page_no)
            if base == image:
                continue
            flags, payload = make_change(base, image)
            changes.append((PageNo(page_no), flags, payload))
            images.append((page_no, image))
        if not changes:
            return self.newest
        try:
            cpl = self.volume.log(changes)
        except (Fenced, NotWritable) as error:
            raise ReadOnlyInstance(f"not committed: {error}") from error
        except VolumeError as error:  # out of room below LAL: nothing was logged
            raise VolumeUnavailable(f"not committed: {error}") from error
        for page_no, image in images:  # all under the CPL: no snapshot lies within an MTR
            pool.push_image(page_no, cpl, image)
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


class StoreConnection:
    """One session's SQLite connection; see the module docstring for its two lives."""

    def __init__(self, store: Store, vfs: SnapshotVfs) -> None:
        self._store = store
        self._pool = store.pool
        self._file = SnapshotFile(store.pool, store.fetcher)
        self.writing = False
        self.closed = False
        self._generation = 0  # of the store when the write transaction began
        self._version_page: bytes | None = None
        self._version = 0
        self.pin()
        try:
            self.db = vfs.connect(self._file)
            self._configure()
        finally:
            self.unpin()

    def _configure(self) -> None:
        db = self.db
        db.set_busy_timeout(0)
        db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        db.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        for pragma in (
            f"page_size={self._file.page_size}",
            "auto_vacuum=NONE",
            "journal_mode=MEMORY",
            "cache_spill=OFF",
            "temp_store=MEMORY",
            "synchronous=OFF",
            "secure_delete=OFF",
            "foreign_keys=OFF",
        ):
            db.execute(f"PRAGMA {pragma}").fetchall()
        db.set_progress_handler(self._yield_to_others, YIELD_STEPS)

    # -- reading ---------------------------------------------------------------------------

    @property
    def pinned(self) -> bool:
        return self._file.at != UNPINNED

    @property
    def snapshot(self) -> int:
        """The LSN this connection reads at; UNPINNED when it holds no snapshot."""
        return self._file.at

    def pin(self) -> None:
        """Fix the snapshot at the current read point, unless one is held already."""
        file = self._file
        if file.at == UNPINNED:
            pool = self._pool
            at = pool.read_point
            pool.pin(at)
            file.at = at

    def unpin(self) -> None:
        """Let the snapshot go; a write transaction keeps its own until it ends."""
        file = self._file
        if file.at != UNPINNED and not self.writing:
            self._pool.unpin(file.at)
            file.at = UNPINNED

    def catalog_version(self) -> int:
        """A number that differs whenever the schema does, as this connection sees it now.

        Compare for equality only: beside SQLite's user_version it contains the instance's count of
        role changes, since undurable DDL of a fenced writer leaves the same number behind.
        """
        generation = self._store.generation << 32
        if self.writing:  # DDL of the open transaction is in SQLite's own cache only
            return generation | self.user_version()
        page0 = self._file.page(0)
        if page0 is not self._version_page:
            self._version_page = page0
            self._version = int.from_bytes(page0[_USER_VERSION_AT : _USER_VERSION_AT + 4], "big")
        return generation | self._version

    def user_version(self) -> int:
        """SQLite's user_version in the working state."""
        value = self.db.execute("PRAGMA user_version").get
        return int(value)

    def bump_catalog_version(self) -> None:
        """Announce DDL; part of the write transaction that does it."""
        assert self.writing
        self.db.execute(f"PRAGMA user_version={(self.user_version() + 1) & 0x7FFFFFFF}").fetchall()

    # -- writing ---------------------------------------------------------------------------

    async def begin_write(self, *, lock_wait: float) -> None:
        """Take the write lock and the newest snapshot, and begin SQLite's transaction.

        Raises LockWaitTimeout, ReadOnlyInstance or VolumeUnavailable, with nothing begun.
        """
        assert not self.writing
        store = self._store
        store.check_writable()
        if not store.lock.try_acquire(self):
            await store.lock.acquire(self, timeout=lock_wait)
        try:
            await store.volume.wait_room()
            store.check_writable()  # the world may have changed while this session waited
            self._begin()
        except BaseException as error:
            self.unpin()
            self._release()
            if isinstance(error, Fenced | NotWritable):
                raise ReadOnlyInstance(f"the write cannot begin: {error}") from error
            raise

    def _begin(self) -> None:
        if self.db.txn_state() != apsw.SQLITE_TXN_NONE:
            raise RuntimeError("a result set was still open when a write transaction began")
        self.unpin()
        file, pool, at = self._file, self._pool, self._store.newest
        pool.pin(at)
        file.at = at
        self.db.execute("BEGIN IMMEDIATE")
        self.writing = True
        self._generation = self._store.generation

    async def commit(self) -> Lsn:
        """Commit, and return once the transaction is durable.

        Raises OutcomeUnknown; anything else (ReadOnlyInstance, VolumeUnavailable, SQLite's error)
        means that it was rolled back. The transaction is over in every case.
        """
        assert self.writing
        lsn = self._commit_pages()
        await self._store.wait_durable(lsn)
        return Lsn(lsn)

    def _commit_pages(self) -> int:
        file = self._file
        try:
            if self._generation != self._store.generation:
                # Others may have written the volume since: these pages were made from old ones.
                raise SessionCut("the instance stopped being the writer in this transaction")
            self.db.execute("COMMIT")
            return self._store.log(file.writes)
        except BaseException:
            self._undo()
            raise
        finally:
            self._end()

    def rollback(self) -> None:
        """Undo the transaction; also right after a failed statement ended it in SQLite."""
        if not self.writing:
            return
        try:
            self._undo()
        finally:
            self._end()

    def _undo(self) -> None:
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        elif self._file.writes:
            # SQLite committed, the volume refused: its page cache holds what never happened.
            self._file.distrust_cache()

    def _end(self) -> None:
        """Every end of a write transaction comes through here."""
        self._file.writes = {}
        self.writing = False
        self.unpin()
        self._release()

    def _release(self) -> None:
        lock = self._store.lock
        if lock.holder is self:
            lock.release(self)

    # -- the rest --------------------------------------------------------------------------

    def _yield_to_others(self) -> bool:
        greenback.await_(trio.lowlevel.checkpoint())  # noqa: ASYNC105
        return False

    def interrupt(self) -> None:
        """Stop the running statement, from another task, wherever it waits.

        It ends with apsw.InterruptError or Interrupted. A commit that was logged is not stopped.
        """
        self.db.interrupt()
        self._file.interrupt()
        self._store.lock.give_up(self, Interrupted("Query execution was interrupted"))

    def close(self) -> None:
        """Roll back and close; the connection must not be inside a statement."""
        if self.closed:
            return
        self.closed = True
        try:
            self.rollback()
        finally:
            self.unpin()
            self.db.close(True)
