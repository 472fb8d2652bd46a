"""Other people's clients against a listener on real sockets: PyMySQL and the MariaDB tools."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pymysql
import pytest
import trio
from pymysql.constants import CLIENT

from engine.handoff import HandedClient, SessionClosed, decode, encode_client
from engine.listener import Doors, Listener
from engine.sessions import SessionRegistry
from runtime.net import Address, ByteStream
from runtime.seams import Runtime
from tests.unit.engine.protocol.fakes import FakeBackend

MARIADB = shutil.which("mariadb") or shutil.which("mysql")


@asynccontextmanager
async def listening(root: Path, **doors: Any) -> AsyncIterator[tuple[int, FakeBackend]]:
    runtime = Runtime.system(root=root, seed=1, name="test")
    registry = SessionRegistry(1, runtime.clock.monotonic)
    backend = FakeBackend(registry)
    listener = Listener(runtime, backend, registry)
    async with trio.open_nursery() as nursery:
        doors = await nursery.start(listener.run, Doors(Address("127.0.0.1", 0), **doors))
        yield doors.mysql.port, backend
        nursery.cancel_scope.cancel()


async def in_pymysql(port: int, work: Callable[[Any], Any], **options: Any) -> Any:
    """Run `work` with a PyMySQL connection, in a thread because PyMySQL blocks."""

    def run() -> Any:
        settings = {"user": "admin", "password": "secret", "database": "test"} | options
        with pymysql.connect(host="127.0.0.1", port=port, **settings) as connection:
            return work(connection)

    with trio.fail_after(20):
        return await trio.to_thread.run_sync(run)


def fetched(connection: Any, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


async def test_pymysql_queries(tmp_path: Path) -> None:
    async with listening(tmp_path) as (port, _):
        assert await in_pymysql(port, lambda c: fetched(c, "select 1")) == ((1,),)
        rows = await in_pymysql(port, lambda c: fetched(c, "rows 20000"))
        assert rows == tuple((i, f"row {i}") for i in range(20000))


async def test_pymysql_large_values(tmp_path: Path) -> None:
    size = (1 << 24) + 7
    async with listening(tmp_path) as (port, backend):
        (row,) = await in_pymysql(port, lambda c: fetched(c, f"big {size}"))
        assert len(row[0]) == size
        await in_pymysql(port, lambda c: fetched(c, "select " + "1" * size))
        assert len(backend.executed[-1]) == size + len("select ")


async def test_pymysql_metadata(tmp_path: Path) -> None:
    def describe(connection: Any) -> Any:
        connection.autocommit(True)
        with connection.cursor() as cursor:
            count = cursor.execute("affect 3 17 0 ")
            return (
                count,
                cursor.lastrowid,
                connection.get_server_info(),
                connection.thread_id(),
                connection.get_autocommit(),
            )

    async with listening(tmp_path) as (port, backend):
        assert await in_pymysql(port, describe) == (3, 17, "8.0.36-fake", 1 << 24 | 1, True)
        # The greeting says autocommit is on, so it is not asked for again.
        assert "SET AUTOCOMMIT = 1" not in backend.executed


async def test_pymysql_multi_statements(tmp_path: Path) -> None:
    def both(connection: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("select 1; rows 2")
            first = cursor.fetchall()
            assert cursor.nextset()
            return first, cursor.fetchall()

    async with listening(tmp_path) as (port, _):
        expected = ((1,),), ((0, "row 0"), (1, "row 1"))
        flag = CLIENT.MULTI_STATEMENTS
        assert await in_pymysql(port, both, client_flag=flag) == expected
        with pytest.raises(pymysql.err.ProgrammingError) as raised:
            await in_pymysql(port, both)
        assert raised.value.args[0] == 1064


@pytest.mark.parametrize(
    ("options", "errno"),
    [
        ({"password": "wrong"}, 1045),
        ({"user": "nobody"}, 1045),
        ({"database": "nowhere"}, 1049),
    ],
)
async def test_pymysql_refusals(tmp_path: Path, options: dict[str, str], errno: int) -> None:
    async with listening(tmp_path) as (port, backend):
        with pytest.raises(pymysql.err.OperationalError) as raised:
            await in_pymysql(port, lambda connection: None, **options)
        assert raised.value.args[0] == errno
        assert backend.executed == []


async def test_pymysql_kill_and_ping(tmp_path: Path) -> None:
    def kill(connection: Any) -> None:
        connection.ping(reconnect=False)
        other = pymysql.connect(host="127.0.0.1", port=connection.port, user="guest")
        connection.kill(other.thread_id())
        with pytest.raises(pymysql.err.OperationalError) as raised:
            other.query("select 1")
        assert raised.value.args[0] in (2006, 2013)

    async with listening(tmp_path) as (port, _):
        await in_pymysql(port, kill)


async def mariadb(port: int, *arguments: str) -> CompletedProcess[bytes]:
    command = [MARIADB or "", "--no-defaults", "-h", "127.0.0.1", "-P", str(port), *arguments]
    with trio.fail_after(20):
        return await trio.run_process(
            command, check=False, capture_stdout=True, capture_stderr=True, stdin=b""
        )


@pytest.mark.skipif(MARIADB is None, reason="no mysql or mariadb client installed")
async def test_command_line_client(tmp_path: Path) -> None:
    async with listening(tmp_path) as (port, _):
        done = await mariadb(
            port, "-uadmin", "-psecret", "-N", "test", "-e", "rows 2; select 1; \\s"
        )
        assert done.stdout.startswith(b"0\trow 0\n1\trow 1\n1\n")
        assert b"Threads: 1" in done.stdout
        assert b"8.0.36-fake" in done.stdout
        refused = await mariadb(port, "-uadmin", "-pwrong", "-e", "select 1")
        assert refused.returncode == 1
        assert refused.stderr.decode().startswith(
            "ERROR 1045 (28000): Access denied for user 'admin'"
        )
        unknown = await mariadb(port, "-uguest", "nowhere", "-e", "select 1")
        assert "ERROR 1049 (42000): Unknown database 'nowhere'" in unknown.stderr.decode()
        failed = await mariadb(port, "-uguest", "-e", "fail")
        assert "ERROR 1146 (42S02) at line 1: Table 'test.t'" in failed.stderr.decode()


async def test_handed_over_socket(tmp_path: Path) -> None:
    """A router's side in small: accept, pass on, keep a copy, hear of the end."""
    runtime = Runtime.system(root=tmp_path, seed=2, name="router")
    path = str(tmp_path / "instance.sock")
    async with (
        listening(tmp_path, handoff_path=path) as (_, backend),
        trio.open_nursery() as nursery,
    ):
        channel = await runtime.net.dial_handoff(path, timeout=5)
        over = trio.Event()

        async def hand(stream: ByteStream, peer: Address) -> None:
            await channel.send_client(encode_client(HandedClient(3, peer, "writer")), stream)
            meta, _ = await channel.receive()
            assert decode(meta) == SessionClosed(3)
            over.set()

        address = await nursery.start(runtime.net.serve, Address("127.0.0.1", 0), hand)
        assert await in_pymysql(address.port, lambda c: fetched(c, "select 1")) == ((1,),)
        with trio.fail_after(10):
            await over.wait()
        assert backend.lookups == [("admin", "127.0.0.1")]
        await channel.aclose()
        nursery.cancel_scope.cancel()
