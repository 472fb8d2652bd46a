"""Sessions over the real store: what a vanished or killed client leaves behind, which is nothing.

The SQL layer here passes SQLite statements on, so that what is tested is a cancelled session in the
middle of a page fetch inside SQLite, of a lock wait, of a commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import apsw
import pytest
import trio
from attrs import define, field
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.auth import native_hash
from engine.backend import Account, Identity
from engine.errors import query_interrupted
from engine.listener import Doors, Listener
from engine.results import (
    CHARSET_BINARY,
    STATUS_AUTOCOMMIT,
    TYPE_VAR_STRING,
    Column,
    Ok,
    Result,
    ResultSet,
)
from engine.sessions import SessionRegistry
from engine.store import StoreConnection
from engine.txn.errors import Interrupted
from runtime.net import Address
from tests.fakes.runtime import fake_runtime
from tests.unit.engine.protocol.wireclient import Err, Served, WireClient
from tests.unit.engine.protocol.wireclient import Ok as OkReply
from tests.unit.engine.storekit import World

LOCK_WAIT = 50.0


@define(eq=False)
class PlainStatement:
    sql: str
    param_count: int = 0
    columns: tuple[Column, ...] = ()


@define(eq=False)
class PlainSession:
    """SQLite's dialect; `write ...` begins a transaction, `commit` ends it."""

    connection: StoreConnection
    identity: Identity
    database: str | None = None
    status_flags: int = STATUS_AUTOCOMMIT
    client_charset: int = 255
    results_charset: int | None = 255

    def split(self, sql: bytes, multi: bool) -> list[str]:
        return [sql.decode()]

    async def prepare(self, sql: str) -> PlainStatement:
        return PlainStatement(sql)

    async def run(self, statement: PlainStatement, params: Sequence[Any]) -> Result:
        connection, sql = self.connection, statement.sql
        try:
            if sql == "commit":
                await connection.commit()
                return Ok()
            if sql.startswith("write "):
                if not connection.writing:
                    await connection.begin_write(lock_wait=LOCK_WAIT)
                connection.db.execute(sql.removeprefix("write "))
                return Ok()
            connection.pin()
            cursor = connection.db.execute(sql)
        except (apsw.InterruptError, Interrupted):
            connection.unpin()
            raise query_interrupted() from None
        names = [name for name, _ in cursor.get_description()]
        columns = tuple(
            Column(n, n, "", "", "", TYPE_VAR_STRING, CHARSET_BINARY, 255, 0, 0) for n in names
        )
        return ResultSet(columns, self._rows(cursor), 0, self._done)

    def _rows(self, cursor: apsw.Cursor) -> Iterator[tuple[Any, ...]]:
        try:
            yield from cursor
        except (apsw.InterruptError, Interrupted):
            raise query_interrupted() from None
        finally:
            self._done()

    def _done(self) -> None:
        self.connection.unpin()

    async def use(self, database: str) -> None:
        self.database = database

    async def field_list(self, table: str) -> tuple[Column, ...]:
        return ()

    async def reset(self) -> None:
        self.connection.rollback()

    async def close(self) -> None:
        self.connection.rollback()


@define(eq=False)
class PlainConnection:
    connection: StoreConnection

    async def find_account(self, user: str, host: str) -> Account | None:
        return Account("admin", "%", "mysql_native_password", native_hash("secret"))

    def start(self, identity: Identity) -> PlainSession:
        return PlainSession(self.connection, identity)

    def interrupt(self) -> None:
        self.connection.interrupt()

    def close(self) -> None:
        self.connection.close()


@define(eq=False)
class PlainBackend:
    world: World
    server_version: str = "8.0.36-plain"
    made: list[StoreConnection] = field(factory=list)

    async def connect(self) -> PlainConnection:
        self.made.append(self.world.store.connect())
        return PlainConnection(self.made[-1])

    def statistics(self) -> str:
        return ""


@asynccontextmanager
async def instance() -> AsyncIterator[tuple[Served, World]]:
    world = await World.writer()
    await world.write(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        "INSERT INTO t SELECT i, printf('%0100d', i) FROM n",
    )
    log: list[str] = []
    runtime = fake_runtime(lines=log)
    registry = SessionRegistry(1, runtime.clock.monotonic)
    backend: Any = PlainBackend(world)
    listener = Listener(runtime, backend, registry)
    async with trio.open_nursery() as nursery:
        doors = await nursery.start(listener.run, Doors(Address("127.0.0.1", 0)))
        yield Served(runtime, backend, registry, listener, doors, log), world
        nursery.cancel_scope.cancel()


def cold(world: World) -> None:
    """Nothing is cached, and the volume does not answer."""
    world.forget_pages()
    world.volume.read_gate = trio.Event()


async def all_gone(served: Served, world: World, left: int = 0) -> None:
    """Only `left` sessions remain, and none of the others holds anything."""
    with trio.fail_after(5):
        while len(served.registry) > left:  # noqa: ASYNC110 - there is no event for it
            await trio.sleep(0.05)
    connections: list[StoreConnection] = served.backend.made  # type: ignore[attr-defined]
    assert sum(not each.closed for each in connections) == left
    world.volume.read_gate.set()
    assert not any("session_failed" in line or "ERROR" in line for line in served.log), served.log


async def leave(served: Served, client: WireClient, how: str) -> None:
    match how:
        case "disconnect":
            client.stream.close()
        case "kill":
            assert served.registry.kill(client.connection_id)
        case "cut all":
            served.listener.cut_sessions()


LEAVING = pytest.mark.parametrize("how", ["disconnect", "kill", "cut all"])


@LEAVING
async def test_in_the_middle_of_a_page_fetch(autojump_clock: MockClock, how: str) -> None:
    async with instance() as (served, world):
        client = await served.client()
        cold(world)
        await client.command(b"\x03SELECT count(*), max(v) FROM t")
        await wait_all_tasks_blocked()
        await leave(served, client, how)
        await all_gone(served, world)
        assert world.store.pool.oldest_snapshot() == world.store.read_point
        newcomer = await served.client()
        assert (await newcomer.query("SELECT count(*) FROM t")).rows == [("3000",)]
        world.check()


@LEAVING
async def test_in_the_middle_of_streamed_rows(autojump_clock: MockClock, how: str) -> None:
    async with instance() as (served, world):
        client = await served.client()
        await client.command(b"\x03SELECT a.id, a.v FROM t a, t b")
        await wait_all_tasks_blocked()
        await leave(served, client, how)
        await all_gone(served, world)
        newcomer = await served.client()
        assert (await newcomer.query("SELECT count(*) FROM t")).rows == [("3000",)]


@LEAVING
async def test_in_the_middle_of_a_write(autojump_clock: MockClock, how: str) -> None:
    """Half an UPDATE was done when its next page did not come."""
    async with instance() as (served, world):
        client = await served.client()
        await client.query("write UPDATE t SET v = 'x' WHERE id = 1")
        cold(world)
        await client.command(b"\x03write UPDATE t SET v = 'x'")
        await wait_all_tasks_blocked()
        await leave(served, client, how)
        await all_gone(served, world)
        newcomer = await served.client()
        assert isinstance(await newcomer.query("write UPDATE t SET v = 'y' WHERE id = 2"), OkReply)
        assert isinstance(await newcomer.query("commit"), OkReply)
        rows = (await newcomer.query("SELECT id FROM t WHERE v IN ('x', 'y')")).rows
        assert rows == [("2",)]
        world.check()


@LEAVING
async def test_between_the_statements_of_a_transaction(autojump_clock: MockClock, how: str) -> None:
    async with instance() as (served, world):
        client = await served.client()
        await client.query("write DELETE FROM t")
        await leave(served, client, how)
        await all_gone(served, world)
        assert world.store.lock.holder is None
        newcomer = await served.client()
        assert (await newcomer.query("SELECT count(*) FROM t")).rows == [("3000",)]


@pytest.mark.parametrize("how", ["disconnect", "kill"])
async def test_while_waiting_for_a_lock(autojump_clock: MockClock, how: str) -> None:
    async with instance() as (served, world):
        holder, waiter = await served.client(), await served.client()
        await holder.query("write DELETE FROM t WHERE id = 1")
        await waiter.command(b"\x03write DELETE FROM t WHERE id = 2")
        await wait_all_tasks_blocked()
        began = trio.current_time()
        await leave(served, waiter, how)
        await all_gone(served, world, left=1)
        assert trio.current_time() - began < 1
        assert isinstance(await holder.query("commit"), OkReply)
        assert (await holder.query("SELECT count(*) FROM t")).rows == [("2999",)]


@pytest.mark.parametrize("where", ["fetch", "lock"])
async def test_kill_query_leaves_the_session(autojump_clock: MockClock, where: str) -> None:
    async with instance() as (served, world):
        holder, client = await served.client(), await served.client()
        if where == "lock":
            await holder.query("write DELETE FROM t WHERE id = 1")
            await client.command(b"\x03write DELETE FROM t WHERE id = 2")
        else:
            cold(world)
            await client.command(b"\x03SELECT max(v) FROM t")
        await wait_all_tasks_blocked()
        served.registry.kill(client.connection_id, query_only=True)
        answer = await client.result(lambda packet, count: None)
        assert isinstance(answer, Err)
        assert answer.errno == 1317
        world.volume.read_gate.set()
        assert (await client.query("SELECT count(*) FROM t")).rows == [("3000",)]


async def test_a_commit_under_way_when_the_client_leaves(autojump_clock: MockClock) -> None:
    """It was shipped: it may become durable, and nobody is told."""
    async with instance() as (served, world):
        client = await served.client()
        await client.query("write DELETE FROM t WHERE id = 1")
        world.storage.hold()
        await client.command(b"\x03commit")
        await wait_all_tasks_blocked()
        client.stream.close()
        await all_gone(served, world)
        assert world.store.lock.holder is None
        world.storage.release()
        newcomer = await served.client()
        assert (await newcomer.query("SELECT count(*) FROM t")).rows == [("2999",)]
