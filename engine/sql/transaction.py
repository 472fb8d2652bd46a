"""One session's transactions: autocommit, BEGIN ... COMMIT, savepoints, snapshots.

Outside a transaction every statement is one of its own. Inside, the first read pins a snapshot
(REPEATABLE READ; under READ COMMITTED it is let go after each statement) and the first write
takes the write lock. Savepoints set before that are SQLite savepoints of the same depth once the
write transaction exists.
"""

from __future__ import annotations

from attrs import define, field

from engine.errors import error, read_only_transaction
from engine.results import STATUS_AUTOCOMMIT, STATUS_IN_TRANS, STATUS_IN_TRANS_READONLY
from engine.sql.faults import FAULTS, as_sql_error
from engine.sql.variables import SessionVariables
from engine.store import StoreConnection


@define(eq=False)
class Transaction:
    """See the module docstring."""

    conn: StoreConnection
    variables: SessionVariables
    explicit: bool = False  # BEGIN was said
    touched: bool = False  # autocommit is off and a table was used
    read_only: bool = False
    keep_snapshot: bool = True
    _held: bool = False  # LOCK TABLES ... READ: the snapshot stays until UNLOCK TABLES
    _savepoints: list[str] = field(factory=list)

    @property
    def active(self) -> bool:
        return self.explicit or self.touched

    @property
    def lasting(self) -> bool:
        """Whether the next statement belongs to a transaction that outlives it."""
        return self.explicit or not self.variables.autocommit

    def status(self) -> int:
        flags = STATUS_AUTOCOMMIT if self.variables.autocommit else 0
        if self.explicit or self.touched:
            flags |= STATUS_IN_TRANS
            if self.read_only:
                flags |= STATUS_IN_TRANS_READONLY
        return flags

    # beginning

    def begin(self, *, read_only: bool | None, consistent_snapshot: bool) -> None:
        self.explicit = True
        self._settle(read_only)
        if consistent_snapshot:
            self.conn.pin()

    def _settle(self, read_only: bool | None) -> None:
        """Characteristics of the transaction that begins now."""
        variables = self.variables
        if read_only is None:
            read_only = variables.next_read_only
        self.read_only = variables.transaction_read_only if read_only is None else read_only
        isolation = variables.next_isolation or variables.transaction_isolation
        self.keep_snapshot = isolation in ("REPEATABLE-READ", "SERIALIZABLE")

    def touch(self) -> None:
        """A table is used: with autocommit off this begins a transaction."""
        if not self.variables.autocommit and not self.explicit and not self.touched:
            self.touched = True
            self._settle(None)

    async def begin_write(self) -> None:
        """Take the write lock, unless this transaction has it."""
        conn = self.conn
        if conn.writing:
            return
        if self.read_only and self.active:
            raise read_only_transaction()
        if not self.active and self.variables.transaction_read_only:
            raise read_only_transaction()
        conn.unpin()
        try:
            await conn.begin_write(lock_wait=self.variables.lock_wait)
        except FAULTS as problem:
            raise as_sql_error(problem) from problem
        for name in self._savepoints:
            conn.db.execute(f"SAVEPOINT {_quoted(name)}")

    # after a statement

    def statement_done(self) -> None:
        """A read outside a transaction, or under READ COMMITTED, keeps no snapshot."""
        if (not self.active or not self.keep_snapshot) and not self._held:
            self.conn.unpin()

    def hold_snapshot(self) -> None:
        self.conn.pin()
        self._held = True

    def let_go(self) -> None:
        self._held = False
        self.statement_done()

    # ending

    async def commit(self) -> None:
        conn = self.conn
        self._forget()
        if not conn.writing:
            self.statement_done()
            return
        try:
            await conn.commit()
        except FAULTS as problem:
            raise as_sql_error(problem) from problem

    def rollback(self) -> None:
        conn = self.conn
        self._forget()
        try:
            conn.rollback()
        except FAULTS as problem:
            raise as_sql_error(problem) from problem
        finally:
            self.statement_done()

    def _forget(self) -> None:
        self.explicit = self.touched = self.read_only = False
        self.keep_snapshot = True
        self._savepoints.clear()
        self.variables.transaction_ended()

    # savepoints

    def savepoint(self, name: str) -> None:
        if not self.lasting:
            return  # autocommit: the savepoint's transaction ends with this statement
        self.touch()
        if name.lower() in self._savepoints:
            self._savepoints.remove(name.lower())
        self._savepoints.append(name.lower())
        if self.conn.writing:
            self.conn.db.execute(f"SAVEPOINT {_quoted(name)}")

    def rollback_to(self, name: str) -> None:
        at = self._find(name)
        del self._savepoints[at + 1 :]
        if self.conn.writing:
            self.conn.db.execute(f"ROLLBACK TO {_quoted(name)}")

    def release(self, name: str) -> None:
        """Removes the savepoint and those set after it."""
        at = self._find(name)
        del self._savepoints[at:]
        if self.conn.writing:
            self.conn.db.execute(f"RELEASE {_quoted(name)}")

    def _find(self, name: str) -> int:
        if name.lower() not in self._savepoints:
            raise error(1305, "SAVEPOINT", name)
        return self._savepoints.index(name.lower())


def _quoted(name: str) -> str:
    """The prefix keeps a client's names apart from those of statements."""
    return '"s.' + name.lower().replace('"', '""') + '"'
