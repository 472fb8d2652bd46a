"""A small SQL side for protocol tests: accounts in a dict, a handful of statements.

It behaves as `engine.backend` demands and notes what was asked of it. Statements:
`select 1`, `echo ?, ...` (gives its parameters back), `rows N`, `big N` (one value of N bytes),
`wait` (until released or interrupted), `boom` (a bug), `fail` (a SqlError), `failrows N`,
`begin`, `kill N`, everything else is an OK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import trio
from attrs import define, field

from engine.auth import native_hash
from engine.backend import Account, Identity
from engine.errors import (
    SqlError,
    empty_query,
    query_interrupted,
    syntax_error,
    unknown_database,
    unknown_thread,
)
from engine.results import (
    CHARSET_BINARY,
    STATUS_AUTOCOMMIT,
    STATUS_IN_TRANS,
    TYPE_LONGLONG,
    TYPE_VAR_STRING,
    Column,
    Ok,
    Result,
    ResultSet,
)
from engine.sessions import SessionRegistry


def number_column(name: str = "n", flags: int = 0) -> Column:
    return Column(name, name, "t", "t", "test", TYPE_LONGLONG, CHARSET_BINARY, 20, flags, 0)


def text_column(name: str = "c") -> Column:
    return Column(name, name, "t", "t", "test", TYPE_VAR_STRING, 255, 480, 0, 0)


ONE = (number_column("1"),)
NUMBERS = (number_column(), text_column())
BIG = (text_column("big"),)


@define
class FakeStatement:
    sql: str
    param_count: int
    columns: tuple[Column, ...]


@define(eq=False)
class FakeBackend:
    """Users `admin`/`secret` and `guest` without a password; databases `test` and `other`."""

    registry: SessionRegistry | None = None
    server_version: str = "8.0.36-fake"
    accounts: dict[str, str] = field(factory=lambda: {"admin": native_hash("secret"), "guest": ""})
    executed: list[str] = field(factory=list)
    opened: list[FakeSqlSession] = field(factory=list)
    lookups: list[tuple[str, str]] = field(factory=list)
    produced: int = 0
    waiting: trio.Event = field(factory=trio.Event)

    async def connect(self) -> FakeConnection:
        return FakeConnection(self)

    def statistics(self) -> str:
        return "Uptime: 1  Threads: 1"


@define(eq=False)
class FakeConnection:
    backend: FakeBackend
    interrupted: trio.Event = field(factory=trio.Event)
    closed: bool = False

    async def find_account(self, user: str, host: str) -> Account | None:
        self.backend.lookups.append((user, host))
        stored = self.backend.accounts.get(user)
        if stored is None:
            return None
        return Account(user, "%", "mysql_native_password", stored)

    def start(self, identity: Identity) -> FakeSqlSession:
        session = FakeSqlSession(self, identity)
        self.backend.opened.append(session)
        return session

    def interrupt(self) -> None:
        self.interrupted.set()

    def close(self) -> None:
        self.closed = True


@define(eq=False)
class FakeSqlSession:
    connection: FakeConnection
    identity: Identity
    database: str | None = None
    status_flags: int = STATUS_AUTOCOMMIT
    client_charset: int = 255
    results_charset: int | None = 255
    ended: trio.Event = field(factory=trio.Event)
    resets: int = 0
    params: list[tuple[Any, ...]] = field(factory=list)

    @property
    def backend(self) -> FakeBackend:
        return self.connection.backend

    def split(self, sql: bytes, multi: bool) -> list[str]:
        text = sql.decode("utf-8", "surrogateescape")
        parts = [part.strip() for part in text.split(";") if part.strip()]
        if len(parts) > 1 and not multi:
            raise syntax_error(parts[1])
        return parts

    async def prepare(self, sql: str) -> FakeStatement:
        word = (sql.split() or [""])[0]
        if not word:
            raise empty_query()
        columns: tuple[Column, ...] = ()
        if word == "select":
            columns = ONE
        elif word in ("rows", "failrows"):
            columns = NUMBERS
        elif word == "big":
            columns = BIG
        elif word == "echo":
            columns = tuple(text_column(f"p{i}") for i in range(sql.count("?")))
        return FakeStatement(sql, sql.count("?"), columns)

    async def run(self, statement: FakeStatement, params: Sequence[Any]) -> Result:
        self.backend.executed.append(statement.sql)
        self.params.append(tuple(params))
        word, _, rest = statement.sql.partition(" ")
        if word == "select":
            return ResultSet(statement.columns, [(1,)])
        if word == "echo":
            return ResultSet(statement.columns, [tuple(params)])
        if word == "rows":
            return ResultSet(statement.columns, self._rows(int(rest)))
        if word == "failrows":
            return ResultSet(statement.columns, _failing_rows(int(rest)))
        if word == "big":
            return ResultSet(statement.columns, [("x" * int(rest),)])
        return await self._without_rows(word.lower(), rest)

    def _rows(self, count: int) -> Iterator[tuple[Any, ...]]:
        for i in range(count):
            self.backend.produced += 1
            yield i, f"row {i}"

    async def _without_rows(self, word: str, rest: str) -> Ok:
        if word == "wait":
            await self._wait()
        elif word == "boom":
            raise RuntimeError("a bug with secret details")
        elif word == "fail":
            raise SqlError(1146, "42S02", "Table 'test.t' doesn't exist")
        elif word == "begin":
            self.status_flags |= STATUS_IN_TRANS
        elif word == "kill":
            assert self.backend.registry is not None
            if not self.backend.registry.kill(int(rest)):
                raise unknown_thread(int(rest))
        elif found := re.fullmatch(r"affect (\d+) (\d+) (\d+) (.*)", f"{word} {rest}"):
            rows, insert_id, warnings, info = found.groups()
            return Ok(int(rows), int(insert_id), info, int(warnings))
        return Ok()

    async def _wait(self) -> None:
        self.backend.waiting.set()
        await self.connection.interrupted.wait()
        self.connection.interrupted = trio.Event()
        raise query_interrupted()

    async def use(self, database: str) -> None:
        if database not in ("test", "other"):
            raise unknown_database(database)
        self.database = database

    async def field_list(self, table: str) -> tuple[Column, ...]:
        return NUMBERS

    async def reset(self) -> None:
        self.resets += 1
        self.status_flags = STATUS_AUTOCOMMIT

    async def close(self) -> None:
        self.ended.set()

    @property
    def closed(self) -> bool:
        return self.ended.is_set()


def _failing_rows(count: int) -> Iterator[tuple[Any, ...]]:
    for i in range(count):
        yield i, f"row {i}"
    raise SqlError(1317, "70100", "Query execution was interrupted")
