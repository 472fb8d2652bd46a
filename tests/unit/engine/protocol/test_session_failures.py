"""Broken packets, vanished clients, slow clients, kills: the session ends, the others live on."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.limits import SessionLimits
from engine.protocol.constants import MAX_PAYLOAD
from engine.protocol.framing import frame
from tests.unit.engine.protocol.wireclient import (
    Err,
    Rows,
    WireClient,
    execute_packet,
    login_response,
    parse_reply,
    served,
)


@pytest.mark.parametrize(
    ("data", "errno", "sequence"),
    [
        (frame(b"\x03select 1", 1), 1156, 2),
        (frame(b"\x03select 1", 255), 1156, 0),
        (b"\xfe\xff\xff\0", 1153, 1),
        (frame(b"", 0), 1835, 1),
        (frame(b"\x17\1\0\0", 0), 1835, 1),
        (frame(b"\x19\1", 0), 1835, 1),
        (frame(b"\x18\1\0\0\0\0", 0), 1835, 1),
        (frame(b"\x0c\1", 0), 1835, 1),
        (frame(b"\x11bob", 0), 1835, 1),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_a_broken_packet_is_answered_and_ends_the_session(
    data: bytes, errno: int, sequence: int
) -> None:
    async with served(SessionLimits(max_allowed_packet=1 << 20)) as server:
        client = await server.client()
        await client.stream.send_all(data + frame(b"\x03select 1", 0))
        reply = await client.stream.receive_some()
        assert reply[3] == sequence
        answer = parse_reply(reply[4:])
        assert isinstance(answer, Err)
        assert answer.errno == errno
        assert await client.ended()
        assert server.backend.executed == []
        assert server.backend.opened[0].closed
        await server.check_alive()


async def test_a_packet_in_pieces_of_sixteen_megabytes() -> None:
    async with served() as server:
        client = await server.client()
        sql = "select " + "1" * (MAX_PAYLOAD + 10)
        assert isinstance(await client.query(sql), Rows)
        assert server.backend.executed == [sql]


async def test_a_row_in_pieces_of_sixteen_megabytes() -> None:
    async with served() as server:
        client = await server.client()
        answer = await client.query(f"big {MAX_PAYLOAD}")
        assert len(answer.rows[0][0]) == MAX_PAYLOAD
        assert (await client.query("select 1")).rows == [("1",)]


async def test_an_oversized_packet_is_refused_while_it_is_being_sent() -> None:
    """The client learns why, although it is still busy sending."""
    async with served(SessionLimits(max_allowed_packet=1 << 16)) as server:
        client = await server.client()
        errors: list[int] = []

        async def listen() -> None:
            answer = parse_reply(await client.packet())
            assert isinstance(answer, Err)
            errors.append(answer.errno)

        client.reader.sequence = 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await client.stream.send_all(frame(b"\x03" + b"x" * (1 << 22), 0))
        assert errors == [1153]


async def test_a_slow_reader_holds_its_own_query_up() -> None:
    """Nothing read: what fits the connection and one piece, some 130 kB, is all that is made."""
    async with served() as server:
        client = await server.client()
        await client.command(b"\x03rows 50000")
        await wait_all_tasks_blocked()
        assert 3_000 < server.backend.produced < 12_000
        await server.check_alive()
        assert server.backend.produced < 12_000
        rows = await client.result(lambda packet, count: None)
        assert isinstance(rows, Rows)
        assert len(rows.rows) == 50_000


async def test_a_client_that_reads_nothing_is_given_up(autojump_clock: MockClock) -> None:
    async with served() as server:
        client = await server.client()
        await client.command(b"\x03rows 50000")
        await server.backend.opened[0].ended.wait()
        assert 60 <= trio.current_time() < 62
        assert len(server.registry) == 0


async def start_waiting(client: WireClient) -> None:
    await client.command(b"\x03wait")


@pytest.mark.parametrize("pipelined", [b"", frame(b"\x01", 0)], ids=["plain", "with quit"])
async def test_a_client_that_leaves_its_statement(
    autojump_clock: MockClock, pipelined: bytes
) -> None:
    """Locks must not stay held for somebody who is gone."""
    async with served() as server:
        client = await server.client()
        await start_waiting(client)
        await server.backend.waiting.wait()
        await client.stream.send_all(pipelined)
        client.stream.close()
        began = trio.current_time()
        await server.backend.opened[0].ended.wait()
        assert trio.current_time() - began < 1
        assert server.backend.opened[0].connection.closed
        assert len(server.registry) == 0
        await server.check_alive()


async def test_a_long_statement_of_a_client_that_stays(autojump_clock: MockClock) -> None:
    """Watching reads ahead; what it read is the next command."""
    async with served() as server:
        client = await server.client()
        await start_waiting(client)
        await server.backend.waiting.wait()
        await trio.sleep(1)
        await client.stream.send_all(frame(b"\x03select 1", 0) + frame(b"\x03select 1", 0)[:3])
        await trio.sleep(1)
        assert server.backend.executed == ["wait"]
        assert server.registry.kill(client.connection_id, query_only=True)
        assert parse_reply(await client.packet()) == Err(
            1317, "70100", "Query execution was interrupted"
        )
        client.reader.sequence = 1
        assert isinstance(await client.result(lambda packet, count: None), Rows)
        await client.stream.send_all(frame(b"\x03select 1", 0)[3:])
        client.reader.sequence = 1
        assert isinstance(await client.result(lambda packet, count: None), Rows)


async def test_kill_query_of_an_idle_session_does_nothing() -> None:
    async with served() as server:
        client = await server.client()
        assert server.registry.kill(client.connection_id, query_only=True)
        assert not server.backend.opened[0].connection.interrupted.is_set()
        assert (await client.query("select 1")).rows == [("1",)]


@pytest.mark.parametrize("busy", [False, True])
async def test_kill_connection(busy: bool) -> None:
    async with served() as server:
        victim, killer = await server.client(), await server.client()
        if busy:
            await start_waiting(victim)
            await server.backend.waiting.wait()
        assert not isinstance(await killer.query(f"kill {victim.connection_id}"), Err)
        assert await victim.ended()
        assert server.backend.opened[0].closed
        assert (await killer.query("select 1")).rows == [("1",)]
        assert (await killer.query(f"kill {victim.connection_id}")).errno == 1094


async def test_com_process_kill_follows_the_statement() -> None:
    async with served() as server:
        client = await server.client()
        answer = await client.ask(b"\x0c\x39\x30\0\0")
        assert answer == Err(1094, "HY000", "Unknown thread id: 12345")
        assert server.backend.executed == ["KILL 12345"]


async def test_killing_oneself() -> None:
    async with served() as server:
        client = await server.client()
        await client.command(b"\x03" + f"kill {client.connection_id}".encode())
        assert await client.ended()
        assert len(server.registry) == 0


async def test_cutting_all() -> None:
    async with served() as server:
        clients = [await server.client() for _ in range(5)]
        await start_waiting(clients[0])
        await server.backend.waiting.wait()
        half_way = await server.dial()
        await half_way.greeting()
        assert server.listener.cut_sessions() == 6
        for client in [*clients, half_way]:
            assert await client.ended()
        assert all(session.closed for session in server.backend.opened)
        await server.check_alive()


async def test_an_idle_session_is_told_and_closed(autojump_clock: MockClock) -> None:
    async with served(SessionLimits(idle_seconds=60)) as server:
        client = await server.client()
        await trio.sleep(30)
        assert (await client.query("select 1")).rows == [("1",)]
        began = trio.current_time()
        client.reader.sequence = 0
        answer = parse_reply(await client.packet())
        assert isinstance(answer, Err)
        assert answer.errno == 4031
        assert await client.ended()
        assert 60 <= trio.current_time() - began < 62


async def test_the_process_list() -> None:
    async with served() as server:
        client, other = await server.client(database="test"), await server.client()
        await start_waiting(other)
        await server.backend.waiting.wait()
        idle, busy = server.registry.processes()
        assert (idle.id, idle.user, idle.database) == (client.connection_id, "admin", "test")
        assert (idle.command, idle.info) == ("Sleep", None)
        assert (busy.command, busy.state, busy.info) == ("Query", "executing", "wait")


PACKETS = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.tuples(st.integers(0, 0x20), st.binary(max_size=40)).map(
            lambda pair: bytes((pair[0],)) + pair[1]
        ),
        st.binary(max_size=30).map(lambda body: execute_packet(1, body)),
        st.just(b"\x16echo ?, ?"),
        st.just(b"\x03select 1"),
    ),
    max_size=8,
)
SAFE = (b"wait", b"boom", b"kill", b"big", b"rows", b"failrows")


@settings(max_examples=150, deadline=None)
@given(
    PACKETS,
    st.lists(st.integers(0, 255), max_size=3),
    st.booleans(),
    st.lists(st.integers(1, 40), max_size=10),
)
def test_fuzzed_sessions(
    packets: list[bytes], sequences: list[int], logged_in: bool, steps: list[int]
) -> None:
    """Whatever comes in, before or after the login: answers or an end, never a hang or a bug."""
    payloads = [p for p in packets if not any(word in p for word in SAFE)]
    framed = [
        frame(payload, sequences[i] if i < len(sequences) and sequences[i] % 5 == 0 else 0)
        for i, payload in enumerate(payloads)
    ]
    data = b"".join(framed)

    async def run() -> None:
        with trio.fail_after(20):
            async with served() as server:
                client = await server.dial()
                await client.greeting()
                if logged_in:
                    await client.send(login_response("admin", "secret", client.challenge))
                await feed(client, data, steps)
                await client.stream.send_eof()
                assert await client.ended()
                assert not any("session_failed" in line for line in server.log), server.log
                await server.check_alive()

    trio.run(run)


async def feed(client: WireClient, data: bytes, steps: list[int]) -> None:
    at = 0
    for step in [*steps, len(data)]:
        try:
            await client.stream.send_all(data[at : at + step])
        except trio.BrokenResourceError:
            return
        at += step
        await trio.lowlevel.checkpoint()
