"""Calls, posts and notifications, over loopback and in memory."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.unit.wire.support import Stage, T, loopback_runtime, memory_runtime, start
from wire.rpc import Handler, Peer, RpcClosed, RpcError, encode_notify


async def echo(peer: Peer, payload: Any) -> Any:
    return payload


async def refuse(peer: Peer, payload: Any) -> Any:
    raise RpcError("stale_epoch", "epoch 3 is over", {"epoch": 4, "owner": "instance-2"})


async def crash(peer: Peer, payload: Any) -> Any:
    return payload["no such key"]


async def unpackable(peer: Peer, payload: Any) -> Any:
    return object()


async def tell(peer: Peer, payload: Any) -> None:
    for number in range(payload):
        assert peer.notify("told", number)


HANDLERS: dict[str, Handler] = {}
for _handler in (echo, refuse, crash, unpackable, tell):
    HANDLERS[_handler.__name__] = _handler
    HANDLERS[f"inline_{_handler.__name__}"] = _handler
INLINE = frozenset(name for name in HANDLERS if name.startswith("inline_"))
MODES = pytest.mark.parametrize("mode", ["", "inline_"])


@pytest.fixture(params=["loopback", "memory"])
async def stage(request: pytest.FixtureRequest, nursery: trio.Nursery) -> Stage:
    runtime = loopback_runtime() if request.param == "loopback" else memory_runtime()
    return await start(runtime, nursery, HANDLERS, INLINE)


@MODES
async def test_a_call_returns_its_reply(stage: Stage, mode: str) -> None:
    client = await stage.client()
    payload = [1, -1, 2**63, None, True, "text", b"bytes", {"a": [1.5]}, {7: 8}]
    assert await client.call(f"{mode}echo", payload, timeout=T) == payload
    assert await client.call(f"{mode}echo", timeout=T) is None


@MODES
async def test_large_payloads_pass(stage: Stage, mode: str) -> None:
    client = await stage.client()
    for size in (0, 65535, 65536, 1 << 20, 5_000_000):
        payload = bytes(size)
        assert await client.call(f"{mode}echo", payload, timeout=T) == payload


@MODES
async def test_a_refusal_is_typed(stage: Stage, mode: str) -> None:
    client = await stage.client()
    with pytest.raises(RpcError) as caught:
        await client.call(f"{mode}refuse", timeout=T)
    assert caught.value.code == "stale_epoch"
    assert caught.value.message == "epoch 3 is over"
    assert caught.value.details == {"epoch": 4, "owner": "instance-2"}
    assert str(caught.value) == "stale_epoch: epoch 3 is over"


@MODES
@pytest.mark.parametrize("method", ["crash", "unpackable"])
async def test_a_failing_handler_answers_and_is_logged(
    stage: Stage, mode: str, method: str
) -> None:
    client = await stage.client()
    with pytest.raises(RpcError, match="its log has the reason") as caught:
        await client.call(mode + method, {}, timeout=T)
    assert caught.value.code == "internal"
    assert stage.count("rpc_handler_failed") == 1
    assert await client.call("echo", 1, timeout=T) == 1


async def test_an_unknown_method_is_refused(stage: Stage) -> None:
    client = await stage.client()
    with pytest.raises(RpcError, match="no method 'format_disk'") as caught:
        await client.call("format_disk", timeout=T)
    assert caught.value.code == "unknown_method"
    client.notify("format_disk", None)
    assert await client.call("echo", 1, timeout=T) == 1
    assert stage.count("rpc_unknown_method") == 2


@MODES
async def test_many_calls_at_once_get_their_own_replies(stage: Stage, mode: str) -> None:
    client = await stage.client()
    replies: dict[int, Any] = {}

    async def one(number: int) -> None:
        replies[number] = await client.call(f"{mode}echo", number, timeout=T)

    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(one, number)
    assert replies == {number: number for number in range(200)}


async def test_posts_are_answered_in_order(stage: Stage) -> None:
    client = await stage.client()
    replies: list[Any] = []
    done = trio.Event()
    for number in range(1000):
        client.post("inline_echo", number, replies.append)
    client.post("inline_refuse", None, replies.append)
    client.post("inline_echo", None, lambda reply: done.set())
    await done.wait()
    assert replies[:-1] == list(range(1000))
    assert isinstance(replies[-1], RpcError)


async def test_a_receiver_may_post_again(stage: Stage) -> None:
    client = await stage.client()
    done = trio.Event()

    def next_one(reply: Any) -> None:
        if reply == 500:
            done.set()
        else:
            client.post("inline_echo", reply + 1, next_one)

    for _ in range(3):
        client.post("inline_echo", 0, next_one)
    await done.wait()


@MODES
async def test_the_server_notifies(stage: Stage, mode: str) -> None:
    heard: list[tuple[str, Any]] = []
    client = await stage.client(lambda method, payload: heard.append((method, payload)))
    await client.call(f"{mode}tell", 5, timeout=T)
    assert heard == [("told", number) for number in range(5)]


async def test_a_client_may_ignore_notifications(stage: Stage) -> None:
    client = await stage.client()
    await client.call("tell", 3, timeout=T)
    assert await client.call("echo", 1, timeout=T) == 1


async def test_one_notification_is_encoded_once_for_many(stage: Stage) -> None:
    heard: list[Any] = []
    clients = [await stage.client(lambda method, payload: heard.append(payload)) for _ in range(3)]
    for client in clients:
        await client.call("echo", timeout=T)
    frame = encode_notify("told", "news")
    assert [peer.notify_encoded(frame) for peer in stage.server.peers] == [True] * 3
    for client in clients:
        await client.call("echo", timeout=T)
    assert heard == ["news"] * 3


async def test_client_notifications_run_handlers_without_a_reply(nursery: trio.Nursery) -> None:
    seen: list[Any] = []

    async def note(peer: Peer, payload: Any) -> str:
        seen.append(payload)
        if payload == "bad":
            raise ValueError(payload)
        return "nobody reads this"

    stage = await start(
        memory_runtime(), nursery, {"note": note, "log": note, "echo": echo}, frozenset({"note"})
    )
    client = await stage.client()
    for payload in ("a", "bad", "b"):
        client.notify("note", payload)
        client.notify("log", payload)
    await client.call("echo", timeout=T)
    await wait_all_tasks_blocked()
    assert sorted(seen) == ["a", "a", "b", "b", "bad", "bad"]
    assert stage.count("rpc_handler_failed") == 2


async def test_slow_handlers_do_not_hold_up_others(nursery: trio.Nursery) -> None:
    release = trio.Event()

    async def slow(peer: Peer, payload: Any) -> str:
        await release.wait()
        return "slow"

    stage = await start(memory_runtime(), nursery, {"slow": slow, "echo": echo})
    client = await stage.client()
    replies: list[Any] = []
    client.post("slow", None, replies.append)
    assert await client.call("echo", 1, timeout=T) == 1
    assert replies == []
    release.set()
    await wait_all_tasks_blocked()
    assert replies == ["slow"]


async def test_inline_handlers_keep_arrival_order_across_suspensions(
    nursery: trio.Nursery,
) -> None:
    order: list[Any] = []

    async def append(peer: Peer, payload: Any) -> Any:
        order.append(("begin", payload))
        for _ in range(5 - payload):
            await trio.lowlevel.checkpoint()
        order.append(("end", payload))
        return payload

    stage = await start(memory_runtime(), nursery, {"append": append}, frozenset({"append"}))
    client = await stage.client()
    replies: list[Any] = []
    for number in range(5):
        client.post("append", number, replies.append)
    await wait_all_tasks_blocked()
    assert replies == list(range(5))
    assert order == [(step, number) for number in range(5) for step in ("begin", "end")]


async def test_an_unpackable_payload_is_the_callers_error(stage: Stage) -> None:
    client = await stage.client()
    with pytest.raises(TypeError):
        await client.call("echo", object(), timeout=T)
    with pytest.raises(TypeError):
        client.post("echo", object(), lambda reply: None)
    assert await client.call("echo", 1, timeout=T) == 1


async def test_calls_after_close_are_refused(stage: Stage) -> None:
    client = await stage.client()
    client.close()
    client.close()
    replies: list[Any] = []
    client.post("echo", None, replies.append)
    client.notify("echo", None)
    (reply,) = replies
    assert isinstance(reply, RpcClosed)
    assert "closed by this side" in str(reply)
    with pytest.raises(RpcClosed):
        await client.call("echo", timeout=T)
    await client.closed.wait()
