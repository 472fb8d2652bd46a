"""One session's SQLite connection on the shared volume: `engine.store` describes its two lives.

Invariants
- Without a snapshot nothing is read; with one, every statement sees exactly that state, whatever
  others commit. A write transaction sees the newest state, durable or not, and its own changes.
- However a write transaction ends, the write lock is released, the write set is empty and SQLite's
  page cache holds nothing that was not committed.

A connection belongs to one task at a time, and that task must have a greenback portal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import apsw
import greenback
import trio

from engine.txn.errors import Interrupted, ReadOnlyInstance, SessionCut
from engine.vfs import UNPINNED, SnapshotFile, SnapshotVfs
from volume.errors import Fenced, NotWritable
from volume.model import Lsn
from volume.quorum import WRITE_QUORUM

if TYPE_CHECKING:
    from engine.store import Change, Store

LARGE_WRITE_SET: Final = 512  # pages; making their deltas takes some 3 ms
YIELD_STEPS: Final = 5_000  # SQLite VM steps (a few hundred µs) between yields to other sessions
_USER_VERSION_AT: Final = slice(60, 64)  # in page 0, big-endian


class StoreConnection:
    """See the module docstring."""

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
            self._version = int.from_bytes(page0[_USER_VERSION_AT], "big")
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
        if store.volume.reachable < WRITE_QUORUM:
            await store.wait_quorum()
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
        store = self._store
        try:
            self.db.execute("COMMIT")
            writes = self._file.writes
            if len(writes) <= LARGE_WRITE_SET:
                changes = store.make_changes(writes.items())
            else:
                changes = await self._make_many_changes(list(writes.items()))
            self._check_generation()
            lsn = store.log(changes)
        except BaseException:
            self._undo()
            raise
        finally:
            self._end()
        await store.wait_durable(lsn)
        return Lsn(lsn)

    async def _make_many_changes(self, writes: list[tuple[int, bytes]]) -> list[Change]:
        """In turns with the other sessions. What is done is not cancelled: SQLite has committed."""
        changes: list[Change] = []
        with trio.CancelScope(shield=True):
            for start in range(0, len(writes), LARGE_WRITE_SET):
                changes += self._store.make_changes(writes[start : start + LARGE_WRITE_SET])
                await trio.lowlevel.checkpoint()
        return changes

    def _check_generation(self) -> None:
        """Others may have written the volume since this transaction began: its pages were then
        made from old ones."""
        if self._generation != self._store.generation:
            raise SessionCut("the instance stopped being the writer in this transaction")

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
