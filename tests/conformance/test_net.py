"""Every `Net` keeps the same promises: the machine's and the one in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import pytest
import trio

from runtime.clock import SystemClock
from runtime.net import Address, AddressInUse, ByteStream, ConnectFailed, HandoffChannel, Net
from runtime.osnet import OsNet
from runtime.trace import Severity, Trace
from tests.fakes.net import MemoryNet, World

HOST = Address("127.0.0.1", 0)
T = 30.0


@attrs.define
class Setup:
    net: Net
    trace: Trace
    lines: list[str]
    path: str

    async def listen(
        self, nursery: trio.Nursery, handler: Callable[[ByteStream, Address], Awaitable[None]]
    ) -> Address:
        async def serve(task_status: trio.TaskStatus[Address]) -> None:
            await self.net.serve(HOST, handler, task_status=task_status)

        address = await nursery.start(serve)
        assert isinstance(address, Address)
        return address

    async def connected(self, nursery: trio.Nursery) -> tuple[ByteStream, ByteStream]:
        """A client's end and the server's end of one connection."""
        send, receive = trio.open_memory_channel[ByteStream](1)

        async def handler(stream: ByteStream, peer: Address) -> None:
            send.send_nowait(stream)
            await trio.sleep_forever()

        client = await self.net.dial(await self.listen(nursery, handler), timeout=T)
        return client, await receive.receive()

    async def channels(self, nursery: trio.Nursery) -> tuple[HandoffChannel, HandoffChannel]:
        send, receive = trio.open_memory_channel[HandoffChannel](1)

        async def handler(channel: HandoffChannel) -> None:
            send.send_nowait(channel)
            await trio.sleep_forever()

        async def serve(task_status: trio.TaskStatus[None]) -> None:
            await self.net.serve_handoff(self.path, handler, task_status=task_status)

        await nursery.start(serve)
        return await self.net.dial_handoff(self.path, timeout=T), await receive.receive()


@pytest.fixture(params=["os", "memory"])
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Setup:
    lines: list[str] = []
    clock = SystemClock()
    trace = Trace(clock, "test", sink=lines.append, least=Severity.DEBUG)
    net: Net = OsNet(clock, trace) if request.param == "os" else MemoryNet(World(), trace)
    return Setup(net, trace, lines, str(tmp_path / "handoff"))


async def receive_exactly(stream: ByteStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = await stream.receive_some(count - len(data))
        assert chunk, f"ended after {len(data)} of {count} bytes"
        data += chunk
    return data


async def fill(stream: ByteStream) -> int:
    """Send until the peer's and our buffers are full."""
    total = 0
    while True:
        sent = stream.send_nowait(bytes(1 << 16))
        if sent == 0:
            return total
        total += sent


async def test_bytes_flow_both_ways(setup: Setup, nursery: trio.Nursery) -> None:
    client, server = await setup.connected(nursery)
    await client.send_all(b"hello")
    assert await receive_exactly(server, 5) == b"hello"
    assert server.send_nowait(memoryview(b"back")) == 4
    assert await receive_exactly(client, 4) == b"back"
    client.close()


async def test_receive_honours_its_limit(setup: Setup, nursery: trio.Nursery) -> None:
    client, server = await setup.connected(nursery)
    await client.send_all(b"abcdef")
    assert await server.receive_some(2) == b"ab"
    assert await receive_exactly(server, 4) == b"cdef"
    client.close()


async def test_closing_ends_the_peers_stream(setup: Setup, nursery: trio.Nursery) -> None:
    client, server = await setup.connected(nursery)
    await client.send_all(b"last words")
    client.close()
    client.close()
    assert await receive_exactly(server, 10) == b"last words"
    assert await server.receive_some() == b""
    with pytest.raises(trio.ClosedResourceError):
        await client.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        client.send_nowait(b"x")
    await client.aclose()


async def test_half_close(setup: Setup, nursery: trio.Nursery) -> None:
    client, server = await setup.connected(nursery)
    await client.send_eof()
    assert await server.receive_some() == b""
    await server.send_all(b"still here")
    assert await receive_exactly(client, 10) == b"still here"
    client.close()


async def test_sending_to_a_gone_peer_breaks(setup: Setup, nursery: trio.Nursery) -> None:
    client, server = await setup.connected(nursery)
    server.close()
    assert await client.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        while True:  # the first send may still go out: the refusal comes back after it
            await client.send_all(b"x")
            await trio.lowlevel.checkpoint()
    client.close()


async def test_a_closed_stream_wakes_its_receiver(setup: Setup, nursery: trio.Nursery) -> None:
    client, _ = await setup.connected(nursery)
    woken = trio.Event()

    async def receiver() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await client.receive_some()
        woken.set()

    nursery.start_soon(receiver)
    await trio.testing.wait_all_tasks_blocked()
    client.close()
    await woken.wait()


async def test_slow_receivers_push_back(setup: Setup, nursery: trio.Nursery) -> None:
    client, server = await setup.connected(nursery)
    sent = await fill(client)
    assert sent > 0
    done = trio.Event()

    async def rest() -> None:
        await client.send_all(bytes(1 << 20))
        done.set()

    nursery.start_soon(rest)
    await trio.testing.wait_all_tasks_blocked()
    assert not done.is_set()
    await receive_exactly(server, sent + (1 << 20))
    await done.wait()
    client.close()


async def test_cut_ends_both_directions_for_everybody(setup: Setup, nursery: trio.Nursery) -> None:
    client, server = await setup.connected(nursery)
    client.cut()
    client.cut()
    assert await server.receive_some() == b""
    with pytest.raises(trio.ClosedResourceError):
        await client.receive_some()


async def test_nobody_listens(setup: Setup, nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as inner:

        async def handler(stream: ByteStream, peer: Address) -> None:
            return

        address = await setup.listen(inner, handler)
        inner.cancel_scope.cancel()
    with pytest.raises(ConnectFailed, match=f"cannot connect to {address}"):
        await setup.net.dial(address, timeout=T)


async def test_an_address_is_used_once(setup: Setup, nursery: trio.Nursery) -> None:
    async def handler(stream: ByteStream, peer: Address) -> None:
        return

    address = await setup.listen(nursery, handler)
    with pytest.raises(AddressInUse, match=f"{address} is in use"):
        await setup.net.serve(address, handler)


async def test_a_failing_handler_harms_nobody_else(setup: Setup, nursery: trio.Nursery) -> None:
    async def handler(stream: ByteStream, peer: Address) -> None:
        data = await stream.receive_some()
        if data == b"bad":
            raise ValueError("a mistake\nin a handler")
        await stream.send_all(data)

    address = await setup.listen(nursery, handler)
    good, bad = await setup.net.dial(address, timeout=T), await setup.net.dial(address, timeout=T)
    await bad.send_all(b"bad")
    assert await bad.receive_some() == b""
    await good.send_all(b"good")
    assert await receive_exactly(good, 4) == b"good"
    assert await good.receive_some() == b""  # closed when its handler returned
    assert setup.trace.counts["connection_handler_failed"] == 1
    assert len(setup.lines) == 1
    good.close()
    bad.close()


async def test_a_handler_whose_peer_vanished_is_no_error(
    setup: Setup, nursery: trio.Nursery
) -> None:
    finished = trio.Event()

    async def handler(stream: ByteStream, peer: Address) -> None:
        try:
            await stream.receive_some()
            while True:
                await stream.send_all(b"x")
                await trio.lowlevel.checkpoint()
        finally:
            finished.set()

    client = await setup.net.dial(await setup.listen(nursery, handler), timeout=T)
    client.close()
    await finished.wait()
    await trio.testing.wait_all_tasks_blocked()
    assert setup.trace.counts["connection_handler_failed"] == 0
    assert setup.trace.counts["connection_lost"] == 1


async def test_cancelling_a_server_ends_its_connections(setup: Setup) -> None:
    async with trio.open_nursery() as nursery:
        client, _ = await setup.connected(nursery)
        nursery.cancel_scope.cancel()
    assert await client.receive_some() == b""
    client.close()


async def test_handoff_passes_a_live_stream(setup: Setup, nursery: trio.Nursery) -> None:
    client, accepted = await setup.connected(nursery)
    router, instance = await setup.channels(nursery)
    await router.send_client(b"session 1", accepted)
    meta, session = await instance.receive()
    assert meta == b"session 1"
    assert session is not None
    accepted.close()  # only the router's handle
    await client.send_all(b"to the instance")
    assert await receive_exactly(session, 15) == b"to the instance"
    await session.send_all(b"and back")
    assert await receive_exactly(client, 8) == b"and back"
    session.close()
    assert await client.receive_some() == b""
    client.close()
    router.close()


async def test_the_giver_of_a_stream_can_cut_it(setup: Setup, nursery: trio.Nursery) -> None:
    client, accepted = await setup.connected(nursery)
    router, instance = await setup.channels(nursery)
    await router.send_client(b"", accepted)
    _, session = await instance.receive()
    assert session is not None
    accepted.cut()
    assert await session.receive_some() == b""
    assert await client.receive_some() == b""
    session.close()
    client.close()
    router.close()


async def test_handoff_messages_keep_their_streams_in_order(
    setup: Setup, nursery: trio.Nursery
) -> None:
    router, instance = await setup.channels(nursery)
    clients = []
    for number in range(5):
        client, accepted = await setup.connected(nursery)
        clients.append(client)
        await router.send(b"plain %d" % number)
        await router.send_client(b"stream %d" % number, accepted)
        accepted.close()
    for number in range(5):
        assert await instance.receive() == (b"plain %d" % number, None)
        meta, session = await instance.receive()
        assert meta == b"stream %d" % number
        assert session is not None
        await session.send_all(meta)
        session.close()
    for number, client in enumerate(clients):
        assert await receive_exactly(client, 8) == b"stream %d" % number
        client.close()
    await instance.send(b"reply")
    assert await router.receive() == (b"reply", None)
    router.close()


async def test_handoff_notices_a_gone_peer(setup: Setup, nursery: trio.Nursery) -> None:
    router, instance = await setup.channels(nursery)
    await router.send(b"before")
    router.close()
    assert await instance.receive() == (b"before", None)
    with pytest.raises(trio.EndOfChannel):
        await instance.receive()
    with pytest.raises(trio.BrokenResourceError):
        await instance.send(b"after")
    with pytest.raises(trio.ClosedResourceError):
        await router.receive()
    with pytest.raises(trio.ClosedResourceError):
        await router.send(b"closed")


async def test_handoff_paths(setup: Setup) -> None:
    async def handler(channel: HandoffChannel) -> None:
        return

    for _ in range(2):  # a restarted process takes the path over
        async with trio.open_nursery() as nursery:
            await nursery.start(lambda task_status: _serve(setup, handler, task_status))
            with pytest.raises(AddressInUse, match="in use"):
                await setup.net.serve_handoff(setup.path, handler)
            nursery.cancel_scope.cancel()
    with pytest.raises(ConnectFailed, match="cannot connect"):
        await setup.net.dial_handoff(setup.path, timeout=T)


async def _serve(
    setup: Setup,
    handler: Callable[[HandoffChannel], Awaitable[None]],
    task_status: trio.TaskStatus[None],
) -> None:
    await setup.net.serve_handoff(setup.path, handler, task_status=task_status)
