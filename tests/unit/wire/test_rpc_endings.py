"""How calls and connections end: timeouts, cancellation, death, shutdown; one answer each."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.unit.wire.support import Stage, T, loopback_runtime, memory_runtime, start
from wire.rpc import Handler, Peer, RpcClient, RpcClosed, RpcServer, RpcTimeout


async def echo(peer: Peer, payload: Any) -> Any:
    return payload


async def never(peer: Peer, payload: Any) -> Any:
    await trio.sleep_forever()


async def after(peer: Peer, payload: Any) -> Any:
    await trio.sleep(payload)
    return payload


async def hang_up(peer: Peer, payload: Any) -> None:
    peer.close()


HANDLERS: dict[str, Handler] = {"echo": echo, "never": never, "after": after, "hang_up": hang_up}


@pytest.fixture
async def memory(nursery: trio.Nursery) -> Stage:
    return await start(memory_runtime(), nursery, HANDLERS)


@pytest.fixture(params=["loopback", "memory"])
async def stage(request: pytest.FixtureRequest, nursery: trio.Nursery) -> Stage:
    runtime = loopback_runtime() if request.param == "loopback" else memory_runtime()
    return await start(runtime, nursery, HANDLERS)


async def failed_call(client: RpcClient, errors: list[Exception], timeout: float = T) -> None:
    try:
        await client.call("never", timeout=timeout)
    except (RpcClosed, RpcTimeout) as error:
        errors.append(error)


async def test_a_call_times_out(autojump_clock: MockClock, memory: Stage) -> None:
    client = await memory.client()
    began = trio.current_time()
    with pytest.raises(RpcTimeout, match="no reply from"):
        await client.call("never", timeout=2.5)
    assert trio.current_time() - began == pytest.approx(2.5)
    assert await client.call("echo", 1, timeout=1) == 1


async def test_each_call_keeps_its_own_deadline(autojump_clock: MockClock, memory: Stage) -> None:
    client = await memory.client()
    ended: list[tuple[float, float]] = []

    async def one(timeout: float) -> None:
        with pytest.raises(RpcTimeout):
            await client.call("never", timeout=timeout)
        ended.append((timeout, trio.current_time()))

    async with trio.open_nursery() as nursery:
        for timeout in (5.0, 1.0, 3.0, 0.5, 4.0, 2.0):
            nursery.start_soon(one, timeout)
            await trio.testing.wait_all_tasks_blocked()
    assert [timeout for timeout, _ in ended] == [0.5, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert [at for _, at in ended] == pytest.approx([0.5, 1.0, 2.0, 3.0, 4.0, 5.0], abs=0.01)


async def test_a_late_reply_is_dropped(autojump_clock: MockClock, memory: Stage) -> None:
    client = await memory.client()
    with pytest.raises(RpcTimeout):
        await client.call("after", 2.0, timeout=1.0)
    await trio.sleep(5)
    assert await client.call("after", 0.5, timeout=1.0) == 0.5


async def test_a_timeout_of_nothing(autojump_clock: MockClock, memory: Stage) -> None:
    client = await memory.client()
    with pytest.raises(RpcTimeout):
        await client.call("never", timeout=0)


async def test_posts_have_no_deadline(autojump_clock: MockClock, memory: Stage) -> None:
    client = await memory.client()
    replies: list[Any] = []
    client.post("after", 3600.0, replies.append)
    with pytest.raises(RpcTimeout):
        await client.call("never", timeout=1)
    await trio.sleep(3601)
    assert replies == [3600.0]


async def test_a_cancelled_call_is_forgotten(stage: Stage) -> None:
    client = await stage.client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(never_returns, client)
        await client.call("echo", timeout=T)
        nursery.cancel_scope.cancel()
    assert client.pending == 0
    assert await client.call("echo", 1, timeout=T) == 1
    client.close()
    await client.closed.wait()


async def never_returns(client: RpcClient) -> None:
    await client.call("never", timeout=T)
    raise AssertionError("a cancelled call returned")


async def test_a_cancelled_caller_whose_reply_is_on_the_way(nursery: trio.Nursery) -> None:
    stage = await start(memory_runtime(), nursery, HANDLERS, frozenset({"echo"}))
    client = await stage.client()
    for turns in range(12):  # cancel at every scheduling point of a round trip
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(ends_either_way, client)
                for _ in range(turns):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        assert client.pending == 0
    assert await client.call("echo", 1, timeout=T) == 1


async def ends_either_way(client: RpcClient) -> None:
    assert await client.call("echo", 7, timeout=T) == 7


async def test_everything_pending_ends_once_when_the_peer_goes(stage: Stage) -> None:
    client = await stage.client()
    posted: list[Any] = []
    errors: list[Exception] = []
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            client.post("never", None, posted.append)
            nursery.start_soon(failed_call, client, errors)
        await client.call("echo", timeout=T)
        client.post("hang_up", None, posted.append)
        await client.closed.wait()
    assert len(posted) == 4
    assert len(errors) == 3
    assert {type(error) for error in [*posted, *errors]} == {RpcClosed}
    assert len({id(error) for error in [*posted, *errors]}) == 7
    assert "the peer closed the connection" in str(errors[0])


async def test_closing_ends_everything_pending_once(stage: Stage) -> None:
    client = await stage.client()
    posted: list[Any] = []
    errors: list[Exception] = []
    async with trio.open_nursery() as nursery:
        client.post("never", None, posted.append)
        nursery.start_soon(failed_call, client, errors)
        await client.call("echo", timeout=T)
        client.close()
        await client.closed.wait()
    assert [type(error) for error in [*posted, *errors]] == [RpcClosed, RpcClosed]
    assert "closed by this side" in str(errors[0])


async def test_cancelling_the_clients_nursery_ends_everything_pending_once(stage: Stage) -> None:
    posted: list[Any] = []
    errors: list[Exception] = []
    async with trio.open_nursery() as outer, trio.open_nursery() as nursery:
        client = await RpcClient.open(stage.runtime, stage.address, nursery=nursery, timeout=T)
        client.post("never", None, posted.append)
        outer.start_soon(failed_call, client, errors)
        await client.call("echo", timeout=T)
        nursery.cancel_scope.cancel()
    assert [type(error) for error in [*posted, *errors]] == [RpcClosed, RpcClosed]
    assert client.closed.is_set()


async def test_a_failing_receiver_does_not_rob_the_others(memory: Stage) -> None:
    posted: list[Any] = []

    def bad(reply: Any) -> None:
        raise ValueError("a mistake in a receiver")

    with pytest.raises(ExceptionGroup) as caught:
        async with trio.open_nursery() as nursery:
            client = await RpcClient.open(
                memory.runtime, memory.address, nursery=nursery, timeout=T
            )
            client.post("never", None, posted.append)
            client.post("never", None, bad)
            client.post("never", None, posted.append)
            await client.call("echo", timeout=T)
            client.close()
    assert caught.group_contains(ValueError, match="a mistake in a receiver")
    assert [type(reply) for reply in posted] == [RpcClosed, RpcClosed]


async def test_the_server_forgets_a_client_that_goes(stage: Stage) -> None:
    client = await stage.client()
    await client.call("echo", timeout=T)
    (peer,) = stage.server.peers
    client.post("never", None, lambda reply: None)
    client.close()
    await peer.closed.wait()
    await wait_all_tasks_blocked()
    assert not stage.server.peers
    assert not peer.notify("told", 1)
    assert stage.count("rpc_bad_frame") == 0
    assert stage.count("rpc_handler_failed") == 0


async def test_handlers_are_cancelled_with_their_connection(nursery: trio.Nursery) -> None:
    cancelled = trio.Event()

    async def slow(peer: Peer, payload: Any) -> None:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    stage = await start(loopback_runtime(), nursery, {"slow": slow, "echo": echo})
    client = await stage.client()
    client.post("slow", None, lambda reply: None)
    await client.call("echo", timeout=T)
    client.close()
    await cancelled.wait()


async def test_stopping_a_server_ends_its_clients() -> None:
    async with trio.open_nursery() as outer:
        async with trio.open_nursery() as nursery:
            stage = await start(loopback_runtime(), nursery, HANDLERS)
            client = await RpcClient.open(stage.runtime, stage.address, nursery=outer, timeout=T)
            errors: list[Exception] = []
            outer.start_soon(failed_call, client, errors)
            await client.call("echo", timeout=T)
            nursery.cancel_scope.cancel()
        await client.closed.wait()
    assert [type(error) for error in errors] == [RpcClosed]
    assert not stage.server.peers


async def test_too_many_connections_are_turned_away(
    memory: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wire.server.MAX_CONNECTIONS", 2)
    first = await memory.client()
    await memory.client()
    await wait_all_tasks_blocked()
    third = await memory.client()
    with pytest.raises(RpcClosed):
        await third.call("echo", timeout=T)
    assert await first.call("echo", 1, timeout=T) == 1
    assert memory.count("rpc_too_many_connections") == 1


def test_an_inline_method_needs_a_handler() -> None:
    with pytest.raises(AssertionError, match="no handler for"):
        RpcServer(memory_runtime(), {}, inline=frozenset({"append"}), name="x")
