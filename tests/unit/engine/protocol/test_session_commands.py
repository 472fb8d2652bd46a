"""The command phase, one command after another."""

from __future__ import annotations

import struct

import pytest

from engine.limits import SessionLimits
from engine.protocol import constants as c
from engine.protocol.framing import frame
from engine.results import STATUS_AUTOCOMMIT, STATUS_IN_TRANS, STATUS_MORE_RESULTS_EXISTS
from tests.unit.engine.protocol.wireclient import (
    FLAGS,
    Err,
    Ok,
    Rows,
    column_name,
    execute_packet,
    is_eof,
    login_response,
    served,
    text_row,
)

MULTI = FLAGS | c.CLIENT_MULTI_STATEMENTS


async def test_text_queries() -> None:
    async with served() as server:
        client = await server.client()
        assert await client.query("select 1") == Rows(["1"], [("1",)], STATUS_AUTOCOMMIT, 0)
        assert await client.query("rows 0") == Rows(["n", "c"], [], STATUS_AUTOCOMMIT, 0)
        rows = (await client.query("rows 700")).rows
        assert rows == [(str(i), f"row {i}") for i in range(700)]


async def test_ok_carries_everything() -> None:
    async with served() as server:
        client = await server.client()
        assert await client.query("affect 3 9 0 ") == Ok(3, 9, STATUS_AUTOCOMMIT, 0, "")
        info = "Rows matched: 300  Changed: 300  Warnings: 2"
        assert await client.query(f"affect 300 70000 2 {info}") == Ok(
            300, 70000, STATUS_AUTOCOMMIT, 2, info
        )
        assert await client.query("affect 250 250 0 ") == Ok(250, 250, STATUS_AUTOCOMMIT, 0, "")


async def test_status_flags_follow_the_session() -> None:
    async with served() as server:
        client = await server.client()
        assert (await client.query("begin")).status == STATUS_AUTOCOMMIT | STATUS_IN_TRANS
        assert (await client.query("select 1")).status == STATUS_AUTOCOMMIT | STATUS_IN_TRANS
        assert (await client.ask(b"\x1f")).status == STATUS_AUTOCOMMIT


@pytest.mark.parametrize("sql", ["fail", "", " "])
async def test_a_failed_statement_leaves_the_session_alone(sql: str) -> None:
    async with served() as server:
        client = await server.client()
        answer = await client.query(sql)
        assert isinstance(answer, Err)
        assert (answer.errno, answer.sqlstate) == (
            (1146, "42S02") if sql == "fail" else (1065, "42000")
        )
        assert (await client.query("select 1")).rows == [("1",)]


async def test_an_error_among_the_rows_takes_the_next_ones_place() -> None:
    async with served() as server:
        client = await server.client()
        for count in (0, 3, 5000):
            answer = await client.query(f"failrows {count}")
            assert isinstance(answer, Err)
            assert answer.errno == 1317
        assert (await client.query("select 1")).rows == [("1",)]


async def test_a_bug_is_no_traceback_to_the_client() -> None:
    async with served() as server:
        client = await server.client()
        answer = await client.query("boom")
        assert isinstance(answer, Err)
        assert answer.errno == 1815
        assert "secret" not in answer.message
        assert await client.ended()
        assert server.backend.opened[0].closed
        assert any("session_failed" in line and "secret details" in line for line in server.log)
        await server.check_alive()


async def test_several_statements_need_the_flag() -> None:
    async with served() as server:
        client = await server.client()
        answer = await client.query("select 1; select 1")
        assert isinstance(answer, Err)
        assert answer.errno == 1064
        assert server.backend.executed == []
        assert (await client.query("select 1;")).rows == [("1",)]


async def test_several_results() -> None:
    async with served() as server:
        client = await server.client(flags=MULTI)
        more = STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS_EXISTS
        first = await client.query("select 1; begin; rows 2")
        assert first == Rows(["1"], [("1",)], more, 0)
        assert await client.result(text_row) == Ok(0, 0, more | STATUS_IN_TRANS, 0, "")
        last = await client.result(text_row)
        assert isinstance(last, Rows)
        assert last.rows == [("0", "row 0"), ("1", "row 1")]
        assert last.status == STATUS_AUTOCOMMIT | STATUS_IN_TRANS


async def test_an_error_stops_the_rest() -> None:
    async with served() as server:
        client = await server.client(flags=MULTI)
        assert (await client.query("select 1; fail; select 1")).rows == [("1",)]
        answer = await client.result(text_row)
        assert isinstance(answer, Err)
        assert server.backend.executed == ["select 1", "fail"]
        assert await client.ask(b"\x0e") == Ok(0, 0, STATUS_AUTOCOMMIT, 0, "")


async def test_set_option_switches_multi_statements() -> None:
    async with served() as server:
        client = await server.client()
        await client.command(b"\x1b\0\0")
        assert is_eof(await client.packet())
        assert isinstance(await client.query("select 1; select 1"), Rows)
        assert isinstance(await client.result(text_row), Rows)
        await client.command(b"\x1b\1\0")
        assert is_eof(await client.packet())
        assert (await client.query("select 1; select 1")).errno == 1064
        assert (await client.ask(b"\x1b\2\0")).errno == 1047


async def test_prepared_statements() -> None:
    async with served() as server:
        client = await server.client()
        prepared = await client.prepare("echo ?, ?")
        assert prepared == (1, 2, 2)
        body = b"\0\1" + bytes((8, 0, 253, 0)) + struct.pack("<q", -5) + b"\2hi"
        answer = await client.execute(1, body)
        assert isinstance(answer, Rows)
        assert answer.rows == [b"\0\0\x02-5\x02hi"]
        assert server.backend.opened[0].params == [(-5, "hi")]
        # Types are remembered; a NULL has no value.
        answer = await client.execute(1, b"\2\0" + struct.pack("<q", 6))
        assert isinstance(answer, Rows)
        assert answer.rows == [b"\0\x08\x016"]


async def test_begin_is_prepared_too() -> None:
    async with served() as server:
        client = await server.client()
        assert await client.prepare("begin") == (1, 0, 0)
        answer = await client.execute(1)
        assert answer == Ok(0, 0, STATUS_AUTOCOMMIT | STATUS_IN_TRANS, 0, "")


async def test_binary_rows_are_streamed() -> None:
    async with served() as server:
        client = await server.client()
        await client.prepare("rows 3000")
        answer = await client.execute(1)
        assert isinstance(answer, Rows)
        assert [struct.unpack_from("<q", row, 2)[0] for row in answer.rows] == list(range(3000))


async def test_long_data() -> None:
    async with served() as server:
        client = await server.client()
        await client.prepare("echo ?")
        for piece in (b"long ", b"data"):
            await client.command(b"\x18\1\0\0\0\0\0" + piece)
        await client.execute(1, b"\0\1" + bytes((252, 0)))
        await client.command(b"\x18\1\0\0\0\0\0dropped")
        assert isinstance(await client.ask(b"\x1a\1\0\0\0"), Ok)
        await client.execute(1, b"\0\0" + b"\1x")
        assert server.backend.opened[0].params == [(b"long data",), (b"x",)]


async def test_closed_statements_are_unknown() -> None:
    async with served() as server:
        client = await server.client()
        await client.prepare("select 1")
        await client.command(b"\x19\1\0\0\0")
        for payload, name in [
            (execute_packet(1), "mysqld_stmt_execute"),
            (b"\x1a\1\0\0\0", "mysqld_stmt_reset"),
        ]:
            assert await client.ask(payload) == Err(
                1243, "HY000", f"Unknown prepared statement handler (1) given to {name}"
            )
        # Long data for a statement that is gone has no answer at all.
        await client.command(b"\x18\1\0\0\0\0\0x")
        assert isinstance(await client.ask(b"\x0e"), Ok)
        assert server.registry.prepared == 0


async def test_fetching_needs_a_cursor() -> None:
    async with served() as server:
        client = await server.client()
        await client.prepare("select 1")
        answer = await client.ask(b"\x1c\1\0\0\0\1\0\0\0")
        assert isinstance(answer, Err)
        assert answer.errno == 1421


async def test_a_cursor_wish_gets_all_rows() -> None:
    async with served() as server:
        client = await server.client()
        await client.prepare("rows 3")
        await client.command(b"\x17" + struct.pack("<IBI", 1, 1, 1))
        answer = await client.result(lambda packet, count: packet)
        assert isinstance(answer, Rows)
        assert len(answer.rows) == 3
        assert answer.status == STATUS_AUTOCOMMIT


async def test_prepared_statements_are_counted() -> None:
    async with served(SessionLimits(max_prepared_stmt_count=2)) as server:
        client, other = await server.client(), await server.client()
        await client.prepare("select 1")
        await other.prepare("select 1")
        answer = await client.prepare("select 1")
        assert isinstance(answer, Err)
        assert (answer.errno, answer.sqlstate) == (1461, "42000")
        await other.command(b"\x01")
        assert await other.ended()
        assert await client.prepare("select 1") == (2, 0, 1)
        assert isinstance(await client.ask(b"\x1f"), Ok)
        assert server.registry.prepared == 0


async def test_failed_preparations() -> None:
    async with served() as server:
        client = await server.client()
        for sql, errno in [("", 1065), ("select 1; select 1", 1064)]:
            answer = await client.prepare(sql)
            assert isinstance(answer, Err)
            assert answer.errno == errno
        assert await client.prepare("select 1;") == (1, 0, 1)


async def test_init_db() -> None:
    async with served() as server:
        client = await server.client()
        assert isinstance(await client.ask(b"\x02other"), Ok)
        assert server.backend.opened[0].database == "other"
        assert (await client.ask(b"\x02nowhere")).errno == 1049
        assert server.backend.opened[0].database == "other"


async def test_ping_and_statistics() -> None:
    async with served() as server:
        client = await server.client()
        assert await client.ask(b"\x0e") == Ok(0, 0, STATUS_AUTOCOMMIT, 0, "")
        await client.command(b"\x09")
        assert await client.packet() == b"Uptime: 1  Threads: 1"


@pytest.mark.parametrize(("pattern", "names"), [("", ["n", "c"]), ("C%", ["c"]), ("_x", [])])
async def test_field_list(pattern: str, names: list[str]) -> None:
    async with served() as server:
        client = await server.client()
        await client.command(b"\x04t\0" + pattern.encode())
        found = []
        while not is_eof(packet := await client.packet()):
            assert packet.endswith(b"\xfb")
            found.append(column_name(packet[:-1]))
        assert found == names


async def test_reset_connection() -> None:
    async with served() as server:
        client = await server.client()
        await client.prepare("select 1")
        assert isinstance(await client.ask(b"\x1f"), Ok)
        assert server.backend.opened[0].resets == 1
        assert (await client.ask(execute_packet(1))).errno == 1243


@pytest.mark.parametrize("code", [0x00, 0x05, 0x07, 0x12, 0x1D, 0x20, 0xFF])
async def test_unknown_commands_are_1047_and_no_more(code: int) -> None:
    async with served() as server:
        client = await server.client()
        assert await client.ask(bytes((code,)) + b"x") == Err(1047, "08S01", "Unknown command")
        assert (await client.query("select 1")).rows == [("1",)]


async def test_quit_behind_a_query() -> None:
    async with served() as server:
        client = await server.client()
        await client.stream.send_all(frame(b"\x03select 1", 0) + frame(b"\x01", 0))
        client.reader.sequence = 1
        assert (await client.result(text_row)).rows == [("1",)]
        assert await client.ended()
        assert server.backend.opened[0].closed
        assert server.backend.opened[0].connection.closed
        assert len(server.registry) == 0


@pytest.mark.parametrize(("password", "accepted"), [("", True), ("bad", False)])
async def test_change_user(password: str, accepted: bool) -> None:
    async with served() as server:
        client = await server.client(database="test")
        await client.prepare("begin")
        await client.execute(1)
        response = login_response("guest", password, client.challenge)
        proof = response[32 + len("guest") + 1 :].split(b"\0")[0] if password else b"\0"
        packet = b"\x11guest\0" + proof.rstrip(b"\0") + (b"" if password else b"\0") + b"other\0"
        answer = await client.ask(packet + b"\x2d\0mysql_native_password\0")
        assert isinstance(answer, Ok) == accepted
        assert server.backend.opened[0].closed
        if not accepted:
            assert answer.errno == 1045
            assert await client.ended()
            return
        assert answer.status == STATUS_AUTOCOMMIT
        assert server.backend.opened[1].identity.user == "guest"
        assert server.backend.opened[1].database == "other"
        assert (await client.ask(execute_packet(1))).errno == 1243
        assert (await client.query("select 1")).rows == [("1",)]


async def test_change_user_to_an_unknown_database_closes() -> None:
    async with served() as server:
        client = await server.client()
        answer = await client.ask(b"\x11guest\0\0nowhere\0")
        assert answer.errno == 1049
        assert await client.ended()
        assert all(session.closed for session in server.backend.opened)


async def test_sessions_fed_byte_by_byte() -> None:
    async with served() as server:
        client = await server.dial()
        await client.greeting()
        payloads = [
            frame(login_response("admin", "secret", client.challenge), 1),
            frame(b"\x03select 1", 0),
            frame(b"\x16echo ?", 0),
            frame(execute_packet(1, b"\0\1" + bytes((8, 0)) + struct.pack("<q", 7)), 0),
            frame(b"\x01", 0),
        ]
        for byte in b"".join(payloads):
            await client.stream.send_all(bytes((byte,)))
        assert await client.ended()
        assert server.backend.executed == ["select 1", "echo ?"]
        assert server.backend.opened[0].params == [(), (7,)]
