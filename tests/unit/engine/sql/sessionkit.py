"""SQL sessions over a plain SQLite file, without a volume."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from typing import Any

import apsw

from engine.results import Ok, ResultSet
from engine.sql.bootstrap import create_system_schema
from engine.sql.executor import SqlSession
from engine.txn.errors import LockWaitTimeout, ReadOnlyInstance
from tests.unit.engine.sql.describekit import instance


class MemoryStore:
    """One database in a temporary directory; one writer at a time, no waiting."""

    def __init__(self) -> None:
        directory = tempfile.mkdtemp(prefix="sixfold-sql-")
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        self.path = f"{directory}/data"
        keeper = apsw.Connection(self.path)
        keeper.execute("PRAGMA journal_mode=WAL").fetchall()
        keeper.close()
        self.read_only = False
        self.writer: MemoryConnection | None = None
        self.commits = 0

    def connect(self) -> MemoryConnection:
        return MemoryConnection(self)


class MemoryConnection:
    """StoreConnection's interface on it; snapshots are SQLite's own read transactions."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.db = apsw.Connection(store.path)
        self.db.execute("PRAGMA synchronous=OFF").fetchall()
        self.db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        self.writing = False
        self.pins = 0

    def pin(self) -> None:
        self.pins = 1

    def unpin(self) -> None:
        self.pins = 0

    def user_version(self) -> int:
        return int(self.db.execute("PRAGMA user_version").get)

    catalog_version = user_version

    def bump_catalog_version(self) -> None:
        assert self.writing
        self.db.execute(f"PRAGMA user_version={self.user_version() + 1}")

    async def begin_write(self, *, lock_wait: float) -> None:
        assert not self.writing
        if self.store.read_only:
            raise ReadOnlyInstance("a reader")
        if self.store.writer is not None:
            raise LockWaitTimeout(f"waited {lock_wait} s")
        assert self.db.txn_state() == apsw.SQLITE_TXN_NONE, "a result set is still open"
        self.db.execute("BEGIN IMMEDIATE")
        self.store.writer = self
        self.writing = True

    async def commit(self) -> int:
        self.db.execute("COMMIT")
        self.store.commits += 1
        self._end()
        return self.store.commits

    def rollback(self) -> None:
        if self.writing:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self._end()

    def _end(self) -> None:
        self.writing = False
        self.store.writer = None
        self.unpin()

    def interrupt(self) -> None:
        self.db.interrupt()

    def close(self) -> None:
        self.rollback()
        self.db.close()


class Kit:
    """An instance with a bootstrapped store; `session()` connects a client."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.info = instance()
        self._ids = 0

    async def start(self) -> Kit:
        conn: Any = self.store.connect()
        await conn.begin_write(lock_wait=1)
        await create_system_schema(conn)
        await conn.commit()
        conn.close()
        session = self.session(None)
        await session.run(await session.prepare("CREATE DATABASE test"))
        await session.close()
        session.conn.close()
        return self

    def session(self, database: str | None = "test", flags: int = 0) -> SqlSession:
        self._ids += 1
        conn: Any = self.store.connect()
        session = SqlSession(conn, self.info, "admin", "localhost", self._ids, 255, flags, None)
        if database is not None:
            session.set_database(database)
        return session


async def run(session: SqlSession, sql: str, *params: Any) -> Ok | ResultSet:
    """One statement, as a client would send it."""
    (text,) = session.split(sql, False)
    statement = await session.prepare(text)
    result = await session.run(statement, params)
    if isinstance(result, ResultSet):
        rows = list(result.rows)
        result.close()
        return ResultSet(result.columns, rows, result.warnings)
    return result


async def rows(session: SqlSession, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    result = await run(session, sql, *params)
    assert isinstance(result, ResultSet), result
    return list(result.rows)


async def value(session: SqlSession, sql: str, *params: Any) -> Any:
    found = await rows(session, sql, *params)
    assert len(found) == 1 and len(found[0]) == 1, found
    return found[0][0]
