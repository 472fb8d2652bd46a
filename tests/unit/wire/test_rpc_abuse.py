"""Bytes and peers that misbehave: dropped, counted, logged; never a traceback, never unbounded."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from runtime.net import Address, ByteStream
from runtime.seams import Runtime
from tests.fakes.net import stream_pair
from tests.unit.wire.support import (
    LOOPBACK,
    Stage,
    T,
    drain,
    loopback_runtime,
    memory_runtime,
    start,
)
from wire.connection import Connection
from wire.envelope import encode_error, encode_reply, encode_request
from wire.frame import HEADER, MAGIC, MAX_FRAME, VERSION, encode_frame
from wire.rpc import Handler, Peer, RpcClient, RpcClosed, RpcError, RpcServer


async def echo(peer: Peer, payload: Any) -> Any:
    return payload


async def never(peer: Peer, payload: Any) -> Any:
    await trio.sleep_forever()


HANDLERS: dict[str, Handler] = {"echo": echo, "spawned_echo": echo, "never": never}
INLINE = frozenset({"echo"})

GOOD = encode_request(1, "echo", 1)
BAD = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "mysql": bytes.fromhex("200000018da20a0000000001ff"),
    "truncated header": GOOD[:7],
    "truncated body": GOOD[:-1],
    "broken checksum": GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    "oversized": HEADER.pack(MAGIC, VERSION, 0, MAX_FRAME + 1, 0),
    "other version": HEADER.pack(MAGIC, VERSION + 1, 0, 0, 0),
    "empty body": encode_frame(b""),
    "not msgpack": encode_frame(b"\xc1\xc1"),
    "not an envelope": encode_frame(b"\x01"),
    "deep nesting": encode_frame(b"\x94\x00\x01\xa1m" + b"\x91" * 5000),
    "a reply": encode_reply(1, None),
    "an error": encode_error(1, RpcError("x")),
    "unknown kind": encode_frame(b"\x94\x09\x01\xa1m\xc0"),
}


@pytest.fixture(params=["loopback", "memory"])
async def stage(request: pytest.FixtureRequest, nursery: trio.Nursery) -> Stage:
    lines: list[str] = []
    runtime = loopback_runtime(lines) if request.param == "loopback" else memory_runtime(lines)
    return await start(runtime, nursery, HANDLERS, INLINE)


@pytest.mark.parametrize("name", BAD)
async def test_bad_bytes_cost_the_sender_its_connection_only(stage: Stage, name: str) -> None:
    good = await stage.client()
    bad = await stage.raw()
    await bad.send_all(BAD[name])
    await bad.send_eof()
    assert await drain(bad) == b""
    bad.close()
    assert stage.count("rpc_bad_frame") == 1
    assert await good.call("echo", 1, timeout=T) == 1
    assert stage.count("rpc_handler_failed") == 0
    assert stage.count("connection_handler_failed") == 0


async def test_what_came_before_bad_bytes_is_answered(stage: Stage) -> None:
    raw = await stage.raw()
    await raw.send_all(GOOD + encode_request(2, "echo", 2) + b"garbage")
    assert await drain(raw) == encode_reply(1, 1) + encode_reply(2, 2)
    raw.close()
    assert stage.count("rpc_bad_frame") == 1


async def test_connecting_and_leaving_is_no_offence(stage: Stage) -> None:
    for _ in range(3):
        (await stage.raw()).close()
    client = await stage.client()
    await client.call("echo", timeout=T)
    await wait_all_tasks_blocked()
    assert stage.count("rpc_bad_frame") == 0


@settings(max_examples=50, deadline=None)
@given(chunks=st.lists(st.binary(min_size=1, max_size=100), max_size=5), good=st.booleans())
def test_no_bytes_bring_a_server_down(chunks: list[bytes], good: bool) -> None:
    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            stage = await start(memory_runtime(), nursery, HANDLERS, INLINE)
            raw = await stage.raw()
            try:
                for chunk in [GOOD, *chunks] if good else chunks:
                    await raw.send_all(chunk)
                await raw.send_eof()
            except trio.BrokenResourceError:
                pass
            await drain(raw)
            client = await stage.client()
            assert await client.call("echo", 1, timeout=T) == 1
            assert stage.count("connection_handler_failed") == 0
            nursery.cancel_scope.cancel()

    trio.run(scenario)


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n", encode_frame(b"\xc1"), encode_request(1, "echo", None)],
)
async def test_a_bad_server_costs_the_client_its_connection_only(
    nursery: trio.Nursery, answer: bytes
) -> None:
    runtime = memory_runtime()

    async def bad_server(stream: ByteStream, peer: Address) -> None:
        await stream.receive_some()
        await stream.send_all(answer)
        await trio.sleep_forever()

    client = await dial_handler(runtime, nursery, bad_server)
    with pytest.raises(RpcClosed, match="bad frame"):
        await client.call("echo", timeout=T)
    await client.closed.wait()
    assert runtime.trace.counts["rpc_bad_frame"] == 1


async def test_a_client_ignores_replies_nobody_asked_for(nursery: trio.Nursery) -> None:
    async def odd_server(stream: ByteStream, peer: Address) -> None:
        await stream.receive_some()
        await stream.send_all(encode_reply(99, "?") + encode_error(98, RpcError("?")))
        await stream.send_all(encode_reply(1, "right") + encode_reply(1, "twice"))
        await trio.sleep_forever()

    client = await dial_handler(memory_runtime(), nursery, odd_server)
    assert await client.call("echo", timeout=T) == "right"
    assert not client.closed.is_set()


async def dial_handler(runtime: Runtime, nursery: trio.Nursery, handler: Any) -> RpcClient:
    async def serve(task_status: trio.TaskStatus[Address]) -> None:
        await runtime.net.serve(LOOPBACK, handler, task_status=task_status)

    address = await nursery.start(serve)
    return await RpcClient.open(runtime, address, nursery=nursery, timeout=T)


@pytest.mark.parametrize("kind", ["loopback", "memory"])
async def test_notifications_to_a_slow_peer_are_bounded(nursery: trio.Nursery, kind: str) -> None:
    runtime = loopback_runtime() if kind == "loopback" else memory_runtime()
    stage = await start(runtime, nursery, HANDLERS, outbox_limit=100_000)
    raw = await stage.raw()
    await wait_all_tasks_blocked()
    (peer,) = stage.server.peers
    sent = 0
    while peer.notify("redo", bytes(1000)):
        sent += 1
    assert 100_000 <= peer.backlog_bytes < 102_000
    assert not peer.notify("redo", bytes(1000))
    received = 0
    frame = len(encode_frame(b"")) + 8 + 1000
    while received < sent * frame:
        received += len(await raw.receive_some())
    await wait_all_tasks_blocked()
    assert peer.backlog_bytes == 0
    assert peer.notify("redo", b"again")
    raw.close()


@pytest.mark.parametrize("method", ["echo", "spawned_echo"])
@pytest.mark.parametrize("kind", ["loopback", "memory"])
async def test_a_peer_that_reads_no_replies_is_not_read(
    nursery: trio.Nursery, kind: str, method: str
) -> None:
    runtime = loopback_runtime() if kind == "loopback" else memory_runtime()
    stage = await start(runtime, nursery, HANDLERS, INLINE, outbox_limit=100_000)
    raw = await stage.raw()
    request = encode_request(1, method, bytes(50_000))
    total = 2000
    sent = 0

    async def send() -> None:
        nonlocal sent
        for _ in range(total):
            await raw.send_all(request)
            sent += 1

    nursery.start_soon(send)
    await wait_all_tasks_blocked()
    await wait_all_tasks_blocked(0.01)
    assert sent < total
    (peer,) = stage.server.peers
    assert peer.backlog_bytes < 100_000 + 2 * (1 << 20)
    received = 0
    reply = len(encode_reply(1, bytes(50_000)))
    while received < total * reply:
        received += len(await raw.receive_some())
    assert received == total * reply
    raw.close()


async def test_running_handlers_are_bounded(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wire.server.MAX_RUNNING", 5)
    release = trio.Event()
    running = most = 0

    async def work(peer: Peer, payload: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        return payload

    stage = await start(memory_runtime(), nursery, {"work": work})
    client = await stage.client()
    replies: list[Any] = []
    for number in range(3):
        client.post("work", number, replies.append)
        await wait_all_tasks_blocked()
    for number in range(3, 40):
        client.post("work", number, replies.append)
        await wait_all_tasks_blocked()
    assert most == 5
    release.set()
    await wait_all_tasks_blocked()
    assert sorted(replies) == list(range(40))


async def test_a_client_whose_server_takes_nothing_gives_up(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr(Connection.__init__, "__kwdefaults__", {"limit": 10_000})

    async def deaf(stream: ByteStream, peer: Address) -> None:
        await trio.sleep_forever()

    client = await dial_handler(memory_runtime(), nursery, deaf)
    replies: list[Any] = []
    while not replies:
        client.post("echo", bytes(1000), replies.append)
    await client.closed.wait()
    assert all(isinstance(reply, RpcClosed) for reply in replies)
    assert "does not take its requests" in str(replies[0])


async def test_sending_is_joined_behind_a_slow_peer() -> None:
    ours, theirs = stream_pair(capacity=10)
    connection = Connection(ours, LOOPBACK)
    received = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run_sender)
        expected = b""
        for number in range(50):
            frame = encode_frame(b"%d" % number)
            expected += frame
            connection.send(frame)
        assert connection.backlog_bytes == len(expected) - 10
        while len(received) < len(expected):
            received += await theirs.receive_some()
        assert received == expected
        connection.close()
    assert connection.backlog_bytes == 0
    theirs.close()


async def test_a_corked_connection_writes_once() -> None:
    ours, theirs = stream_pair()
    connection = Connection(ours, LOOPBACK)
    connection.cork()
    connection.send(b"a")
    connection.send(b"b")
    connection.flush_corked()
    connection.send(b"c")
    assert await theirs.receive_some() == b"ab"
    connection.uncork()
    assert await theirs.receive_some() == b"c"
    connection.close()
    connection.send(b"swallowed")
    theirs.close()


def test_the_server_names_itself() -> None:
    assert RpcServer(memory_runtime(), {}, name="storage-1").name == "storage-1"
