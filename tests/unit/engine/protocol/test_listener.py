"""The three doors of an instance."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.handoff import (
    HandedClient,
    HandoffError,
    SessionClosed,
    decode,
    encode_client,
    encode_closed,
)
from engine.protocol.framing import frame
from engine.protocol.proxyheader import ProxyHeaderError, parse
from engine.sessions import SessionRegistry
from runtime.net import Address
from tests.fakes.net import stream_pair
from tests.unit.engine.protocol.wireclient import (
    Ok,
    WireClient,
    login_response,
    parse_reply,
    served,
)

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
V4 = SIGNATURE + bytes.fromhex("2111000c" + "c0000205" + "7f000001" + "c001" + "0cea")
RELAY = Address("127.0.0.1", 0)


def test_proxy_header_v4_and_v6() -> None:
    found = parse(V4 + b"early")
    assert found is not None
    assert (found.host, found.port, found.length) == ("192.0.2.5", 0xC001, 28)
    v6 = SIGNATURE + bytes.fromhex("21210024" + "20010db8" + "00" * 11 + "01" + "00" * 16)
    found = parse(v6 + bytes.fromhex("c0010cea"))
    assert found is not None
    assert (found.host, found.port) == ("2001:db8::1", 0xC001)


def test_proxy_header_of_the_router_itself() -> None:
    found = parse(SIGNATURE + bytes.fromhex("20000000"))
    assert found is not None
    assert found.host is None


def test_every_prefix_needs_more() -> None:
    for cut in range(len(V4)):
        assert parse(V4[:cut]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"P",
        SIGNATURE[:5] + b"x",
        SIGNATURE + bytes.fromhex("1111000c"),
        SIGNATURE + bytes.fromhex("2111ffff"),
        SIGNATURE + bytes.fromhex("21110004") + b"abcd",
        SIGNATURE + bytes.fromhex("2131000c") + b"x" * 12,
    ],
)
def test_other_headers_are_refused(data: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        parse(data)


@pytest.mark.parametrize("step", [1, 5, 1000])
async def test_relayed_clients_keep_their_address(step: int) -> None:
    async with served(relay=RELAY) as server:
        assert server.doors.relay is not None
        stream = await server.runtime.net.dial(server.doors.relay, timeout=1)
        for at in range(0, len(V4), step):
            await stream.send_all(V4[at : at + step])
        client = WireClient(stream)
        assert isinstance(await client.login(), Ok)
        assert server.backend.lookups == [("admin", "192.0.2.5")]
        assert server.registry.processes()[0].host == "192.0.2.5:49153"


async def test_bytes_behind_the_proxy_header_are_not_lost() -> None:
    async with served(relay=RELAY) as server:
        assert server.doors.relay is not None
        stream = await server.runtime.net.dial(server.doors.relay, timeout=1)
        # A client that does not wait for the greeting, with no password to prove.
        early = login_response("guest", "", b"x" * 20)
        await stream.send_all(V4 + frame(early, 1) + frame(b"\x01", 0))
        client = WireClient(stream)
        await client.greeting()
        client.reader.sequence = 2
        assert isinstance(parse_reply(await client.packet()), Ok)
        assert await client.ended()


async def test_the_relay_port_takes_nobody_without_a_header(autojump_clock: MockClock) -> None:
    async with served(relay=RELAY) as server:
        assert server.doors.relay is not None
        for data in (b"hello", V4[:-1]):
            stream = await server.runtime.net.dial(server.doors.relay, timeout=1)
            await stream.send_all(data)
            assert await stream.receive_some() == b""
        assert server.runtime.trace.counts["relay_refused"] == 2
        assert server.backend.lookups == []
        await server.check_alive()


MESSAGES = [
    HandedClient(5, Address("192.0.2.5", 4711), "writer"),
    SessionClosed(5),
]


NINE = encode_client(HandedClient(9, Address("192.0.2.9", 5), "writer"))


def test_handoff_messages() -> None:
    assert decode(encode_client(MESSAGES[0])) == MESSAGES[0]
    assert decode(encode_closed(MESSAGES[1])) == MESSAGES[1]


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x93", b"\x01", encode_closed(SessionClosed(1))[:-1]]
)
def test_handoff_garbage(data: bytes) -> None:
    with pytest.raises(HandoffError):
        decode(data)


async def test_handed_clients() -> None:
    async with served(handoff_path="instance.sock") as server:
        channel = await server.runtime.net.dial_handoff("instance.sock", timeout=1)
        ours, theirs = stream_pair()
        await channel.send_client(NINE, theirs)
        client = WireClient(ours)
        assert isinstance(await client.login(), Ok)
        assert server.backend.lookups == [("admin", "192.0.2.9")]
        await client.command(b"\x01")
        meta, stream = await channel.receive()
        assert stream is None
        assert decode(meta) == SessionClosed(9)


async def test_handed_sessions_outlive_their_channel() -> None:
    async with served(handoff_path="instance.sock") as server:
        channel = await server.runtime.net.dial_handoff("instance.sock", timeout=1)
        ours, theirs = stream_pair()
        await channel.send_client(NINE, theirs)
        client = WireClient(ours)
        assert isinstance(await client.login(), Ok)
        channel.close()
        await wait_all_tasks_blocked()
        assert (await client.query("select 1")).rows == [("1",)]
        await client.command(b"\x01")
        theirs.close()
        assert await client.ended()
        assert len(server.registry) == 0


async def test_a_handed_client_nobody_understands_is_cut() -> None:
    async with served(handoff_path="instance.sock") as server:
        channel = await server.runtime.net.dial_handoff("instance.sock", timeout=1)
        ours, theirs = stream_pair()
        await channel.send_client(b"garbage", theirs)
        with trio.fail_after(5):
            assert await ours.receive_some() == b""
        await server.check_alive()


def test_connection_ids_are_unique_over_instances() -> None:
    one, two = SessionRegistry(1, lambda: 0.0), SessionRegistry(2, lambda: 0.0)
    ids = {registry.new_id() for registry in (one, two) for _ in range(1000)}
    assert len(ids) == 2000
    assert all(0 < found < 1 << 32 for found in ids)


def test_connection_ids_wrap_around_the_living() -> None:
    registry = SessionRegistry(255, lambda: 0.0)

    class Living:
        connection_id = 255 << 24 | 1
        questions = 5

    registry.add(Living())  # type: ignore[arg-type]
    registry._counter = (1 << 24) - 2
    assert registry.new_id() == 0xFFFFFFFF
    assert registry.new_id() == 255 << 24 | 2
    assert registry.questions == 5
