"""Logging in, being refused, and what a refused client can reach: nothing."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.limits import SessionLimits
from engine.protocol import constants as c
from engine.protocol.framing import frame
from engine.protocol.primitives import PayloadReader
from tests.unit.engine.protocol.wireclient import (
    FLAGS,
    Err,
    Ok,
    WireClient,
    login_response,
    native_proof,
    parse_reply,
    served,
)


async def test_a_good_login_is_served() -> None:
    async with served() as server:
        client = await server.dial()
        answer = await client.login(database="test")
        assert answer == Ok(0, 0, 2, 0, "")
        assert server.backend.opened[0].database == "test"
        identity = server.backend.opened[0].identity
        assert (identity.user, identity.client_host, identity.charset_id) == (
            "admin",
            "127.0.0.1",
            45,
        )
        assert identity.connection_id == client.connection_id == 7 << 24 | 1
        assert (await client.query("select 1")).rows == [("1",)]


async def refused(client: WireClient, **login: str) -> Err:
    """A refused login with a statement pipelined behind it."""
    await client.greeting()
    data = frame(login_response(challenge=client.challenge, **login), 1)
    await client.stream.send_all(data + frame(b"\x03select 1", 0))
    client.reader.sequence = 2
    answer = parse_reply(await client.packet())
    assert isinstance(answer, Err)
    assert await client.ended()
    return answer


@pytest.mark.parametrize(
    ("user", "password", "word"),
    [
        ("admin", "wrong", "YES"),
        ("admin", "", "NO"),
        ("nobody", "secret", "YES"),
        ("nobody", "", "NO"),
        ("guest", "secret", "YES"),
    ],
)
async def test_a_refused_client_executes_nothing(user: str, password: str, word: str) -> None:
    async with served() as server:
        answer = await refused(await server.dial(), user=user, password=password)
        assert answer == Err(
            1045,
            "28000",
            f"Access denied for user '{user}'@'127.0.0.1' (using password: {word})",
        )
        assert server.backend.executed == []
        assert server.backend.opened == []
        await server.check_alive()


async def test_an_unknown_user_costs_the_same_lookup() -> None:
    async with served() as server:
        await refused(await server.dial(), user="nobody", password="x")
        await refused(await server.dial(), user="admin", password="x")
        assert server.backend.lookups == [("nobody", "127.0.0.1"), ("admin", "127.0.0.1")]


async def test_an_unknown_default_database_is_1049_and_closes() -> None:
    async with served() as server:
        client = await server.dial()
        answer = await client.login(database="nowhere")
        assert isinstance(answer, Err)
        assert (answer.errno, answer.sqlstate) == (1049, "42000")
        assert await client.ended()
        assert server.backend.opened[0].closed
        await server.check_alive()


async def test_an_empty_default_database_is_none() -> None:
    async with served() as server:
        await server.client(database="")
        assert server.backend.opened[0].database is None


@pytest.mark.parametrize(("password", "accepted"), [("secret", True), ("wrong", False)])
async def test_switching_to_the_native_plugin(password: str, accepted: bool) -> None:
    async with served() as server:
        client = await server.dial()
        await client.greeting()
        await client.send(
            login_response("admin", "", client.challenge, plugin="caching_sha2_password")
        )
        reader = PayloadReader(await client.packet())
        assert reader.integer(1) == 0xFE
        assert reader.until_nul() == b"mysql_native_password"
        await client.send(native_proof(password, reader.until_nul()))
        answer = parse_reply(await client.packet())
        assert isinstance(answer, Ok) == accepted
        if not accepted:
            assert isinstance(answer, Err)
            assert answer.errno == 1045
            assert await client.ended()


@pytest.mark.parametrize(
    "flags",
    [
        FLAGS & ~c.CLIENT_PLUGIN_AUTH_LENENC,
        FLAGS & ~(c.CLIENT_PLUGIN_AUTH | c.CLIENT_PLUGIN_AUTH_LENENC),
        FLAGS | 1 << 27,
    ],
    ids=["go", "mysqljs", "mysql2"],
)
async def test_smaller_clients(flags: int) -> None:
    async with served() as server:
        client = await server.client(flags=flags)
        assert (await client.query("select 1")).rows == [("1",)]


async def test_a_health_check_that_quits_without_waiting() -> None:
    """HAProxy sends the response and COM_QUIT in one go, and does not read the OK."""
    async with served() as server:
        client = await server.dial()
        await client.greeting()
        login = frame(login_response("guest", "", client.challenge), 1)
        await client.stream.send_all(login + frame(b"\x01", 0))
        client.reader.sequence = 2
        assert isinstance(parse_reply(await client.packet()), Ok)
        assert await client.ended()
        assert not any("WARN" in line or "ERROR" in line for line in server.log)


async def test_a_client_that_hangs_up_at_the_greeting() -> None:
    async with served() as server:
        client = await server.dial()
        client.stream.close()
        await server.check_alive()


@pytest.mark.parametrize("talks", [False, True])
async def test_a_silent_client_is_dropped(autojump_clock: MockClock, talks: bool) -> None:
    async with served(SessionLimits(login_seconds=10)) as server:
        client = await server.dial()
        await client.greeting()
        if talks:
            # A byte now and then is no login either.
            async def drip() -> None:
                for byte in b"\x20\0\0\1" + b"x" * 20:
                    await client.stream.send_all(bytes((byte,)))
                    await trio.sleep(1)

            with pytest.raises(trio.BrokenResourceError):
                await drip()
        assert await client.ended()
        assert 10 <= trio.current_time() < 12
        assert len(server.registry) == 0


@pytest.mark.parametrize(
    ("data", "errno"),
    [
        (b"\x05\0\0\1GET /", 1043),
        (b"\x05\0\0\0hello", 1156),
        (b"\xff\xff\xff\1", 1153),
        (b"GET / HTTP/1.1\r\n", 1156),
        (b"\x01\0\0\1\0", 1043),
        (b"\0\0\0\1", 1043),
    ],
)
async def test_garbage_instead_of_a_response(data: bytes, errno: int) -> None:
    async with served() as server:
        client = await server.dial()
        await client.greeting()
        await client.stream.send_all(data)
        answer = await client.stream.receive_some()
        assert answer[4:7] == b"\xff" + errno.to_bytes(2, "little")
        assert await client.ended()
        assert server.backend.lookups == []
        await server.check_alive()


async def test_too_many_connections() -> None:
    async with served(SessionLimits(max_connections=2)) as server:
        first = await server.client()
        await server.client()
        turned_away = await server.dial()
        packet = await turned_away.packet()
        assert packet[:3] == b"\xff\x10\x04"
        assert packet[3:] == b"Too many connections"
        assert await turned_away.ended()
        first.stream.close()
        await trio.testing.wait_all_tasks_blocked()
        await server.client()
