"""The whole instance but its volume: wire protocol, SQL, store, with the volume in memory."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.listener import Doors, Listener
from engine.protocol import constants as c
from engine.protocol.primitives import encode_string
from engine.results import STATUS_AUTOCOMMIT, STATUS_IN_TRANS, TYPE_LONG, TYPE_VAR_STRING
from engine.sessions import SessionRegistry
from engine.sql.bootstrap import create_system_schema
from engine.storebackend import StoreBackend
from runtime.net import Address
from tests.fakes.runtime import fake_runtime
from tests.unit.engine.protocol.wireclient import FLAGS, Err, Ok, Rows, Served, WireClient
from tests.unit.engine.sql.describekit import instance as instance_info
from tests.unit.engine.storekit import World

ROOT = {"user": "admin", "password": ""}


@asynccontextmanager
async def instance() -> AsyncIterator[Served]:
    world = await World.writer()
    first = world.store.connect()
    await first.begin_write(lock_wait=1)
    await create_system_schema(first)
    await first.commit()
    first.close()
    log: list[str] = []
    runtime = fake_runtime(lines=log)
    registry = SessionRegistry(1, runtime.clock.monotonic)
    info = evolve(instance_info(role="writer"), clock=runtime.clock, sessions=registry)
    backend: Any = StoreBackend(world.store, info)
    listener = Listener(runtime, backend, info.sessions)
    async with trio.open_nursery() as nursery:
        doors = await nursery.start(listener.run, Doors(Address("127.0.0.1", 0)))
        yield Served(runtime, backend, info.sessions, listener, doors, log)
        nursery.cancel_scope.cancel()
    assert not any(" ERROR component" in line for line in log), log


async def ready(server: Served, **login: Any) -> WireClient:
    """A client with a table `test.t` of three rows."""
    client = await server.client(**ROOT, **login)
    for sql in (
        "CREATE DATABASE test",
        "CREATE TABLE test.t (id INT PRIMARY KEY, v VARCHAR(20)) /*! ENGINE = innodb */",
        "INSERT INTO test.t VALUES (1, 'one'), (2, 'two'), (3, NULL)",
    ):
        answer = await client.query(sql)
        assert isinstance(answer, Ok), answer
    return client


async def test_text_statements() -> None:
    async with instance() as server:
        client = await ready(server)
        rows = await client.query("SELECT id, v FROM test.t ORDER BY id")
        assert rows == Rows(
            ["id", "v"], [("1", "one"), ("2", "two"), ("3", None)], STATUS_AUTOCOMMIT, 0
        )
        assert (await client.query("SELECT CONNECTION_ID()")).rows == [(str(client.connection_id),)]


async def test_prepared_statements() -> None:
    async with instance() as server:
        client = await ready(server)
        assert await client.prepare("SELECT v, id FROM test.t WHERE id = ?") == (1, 1, 2)
        key = b"\0\1" + bytes((TYPE_LONG, 0))
        for number, row in [
            (2, b"\0\0\x03two\2\0\0\0"),
            (3, b"\0\x04\3\0\0\0"),
        ]:
            answer = await client.execute(1, key + struct.pack("<i", number))
            assert isinstance(answer, Rows)
            assert answer.rows == [row]
        assert await client.prepare("UPDATE test.t SET v = ? WHERE id = ?") == (2, 2, 0)
        types = bytes((TYPE_VAR_STRING, 0, TYPE_LONG, 0))
        body = b"\0\1" + types + encode_string(b"new") + struct.pack("<i", 1)
        answer = await client.execute(2, body)
        assert isinstance(answer, Ok)
        assert answer.affected_rows == 1
        assert (await client.query("SELECT v FROM test.t WHERE id = 1")).rows == [("new",)]


async def test_a_statement_prepared_before_ddl() -> None:
    async with instance() as server:
        client = await ready(server)
        await client.prepare("SELECT * FROM test.t WHERE id = 1")
        assert (await client.execute(1)).rows == [b"\0\0\1\0\0\0\x03one"]  # type: ignore[union-attr]
        await client.query("ALTER TABLE test.t ADD COLUMN w INT")
        answer = await client.execute(1)
        assert isinstance(answer, Rows)
        assert answer.columns == ["id", "v", "w"]
        assert answer.rows == [b"\0\x10\1\0\0\0\x03one"]


async def test_status_flags() -> None:
    async with instance() as server:
        client = await ready(server)
        for sql, status in [
            ("SET autocommit = 0", 0),
            ("SELECT @@version", 0),
            ("SELECT * FROM test.t", STATUS_IN_TRANS),
            ("COMMIT", 0),
            ("SET autocommit = 1", STATUS_AUTOCOMMIT),
            ("BEGIN", STATUS_AUTOCOMMIT | STATUS_IN_TRANS),
            ("SELECT 1", STATUS_AUTOCOMMIT | STATUS_IN_TRANS),
            ("ROLLBACK", STATUS_AUTOCOMMIT),
        ]:
            assert (await client.query(sql)).status == status, sql


async def test_found_rows_follow_the_flag() -> None:
    async with instance() as server:
        client = await ready(server)
        counting = await server.client(**ROOT, flags=FLAGS | c.CLIENT_FOUND_ROWS)
        sql = "UPDATE test.t SET v = 'one' WHERE id = 1"
        assert (await client.query(sql)).affected_rows == 0
        assert (await counting.query(sql)).affected_rows == 1


@pytest.mark.parametrize(
    ("sql", "errno", "sqlstate"),
    [
        ("SELECT * FROM test.nope", 1146, "42S02"),
        ("SELECT nope FROM test.t", 1054, "42S22"),
        ("SELEC 1", 1064, "42000"),
        ("USE nope", 1049, "42000"),
        ("INSERT INTO test.t VALUES (1, 'again')", 1062, "23000"),
        ("SELECT 1; SELECT 2", 1064, "42000"),
        ("", 1065, "42000"),
        ("KILL 99", 1094, "HY000"),
    ],
)
async def test_errors(sql: str, errno: int, sqlstate: str) -> None:
    async with instance() as server:
        client = await ready(server)
        answer = await client.query(sql)
        assert isinstance(answer, Err)
        assert (answer.errno, answer.sqlstate) == (errno, sqlstate)
        assert (await client.query("SELECT 1")).rows == [("1",)]


async def test_default_databases() -> None:
    async with instance() as server:
        await ready(server)
        client = await server.client(**ROOT, database="test")
        assert (await client.query("SELECT DATABASE()")).rows == [("test",)]
        answer = await (await server.dial()).login(**ROOT, database="nope")
        assert isinstance(answer, Err)
        assert answer.errno == 1049
        assert isinstance(await client.ask(b"\x02mysql"), Ok)
        assert (await client.query("SELECT DATABASE()")).rows == [("mysql",)]


async def test_accounts_made_with_sql() -> None:
    async with instance() as server:
        client = await ready(server)
        made = await client.query("CREATE USER 'bob'@'%' IDENTIFIED BY 'pw'")
        assert isinstance(made, Ok), made
        bob = await server.client(user="bob", password="pw")
        assert (await bob.query("SELECT USER(), CURRENT_USER()")).rows == [
            ("bob@127.0.0.1", "bob@%")
        ]
        answer = await (await server.dial()).login(user="bob", password="no")
        assert isinstance(answer, Err)
        assert answer.errno == 1045


async def test_a_vanished_client_releases_its_locks(autojump_clock: MockClock) -> None:
    async with instance() as server:
        client = await ready(server)
        gone = await server.client(**ROOT)
        await gone.query("BEGIN")
        assert isinstance(await gone.query("DELETE FROM test.t WHERE id = 1"), Ok)
        await client.command(b"\x03UPDATE test.t SET v = 'x' WHERE id = 1")
        await wait_all_tasks_blocked()
        gone.stream.close()
        answer = await client.result(lambda packet, count: None)
        assert isinstance(answer, Ok)
        assert answer.affected_rows == 1


async def test_killing_with_sql(autojump_clock: MockClock) -> None:
    async with instance() as server:
        client = await ready(server)
        sleeper = await server.client(**ROOT)
        await sleeper.command(b"\x03SELECT SLEEP(1000)")
        await wait_all_tasks_blocked()
        listed = (await client.query("SHOW PROCESSLIST")).rows
        assert [row[7] for row in listed] == ["SHOW PROCESSLIST", "SELECT SLEEP(1000)"]
        assert isinstance(await client.query(f"KILL QUERY {sleeper.connection_id}"), Ok)
        answer = await sleeper.result(lambda packet, count: None)
        assert isinstance(answer, Err)
        assert answer.errno == 1317
        assert isinstance(await client.query(f"KILL {sleeper.connection_id}"), Ok)
        assert await sleeper.ended()


async def test_field_list_and_statistics() -> None:
    async with instance() as server:
        await ready(server)
        client = await server.client(**ROOT, database="test")
        await client.command(b"\x04t\0")
        packets = [await client.packet() for _ in range(3)]
        assert [b"id" in packets[0], b"\x01v" in packets[1], packets[2][0]] == [True, True, 0xFE]
        await client.command(b"\x09")
        assert (await client.packet()).startswith(b"Uptime: ")
