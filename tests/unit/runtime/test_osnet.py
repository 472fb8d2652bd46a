from __future__ import annotations

import os
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from runtime.clock import SystemClock
from runtime.handoff import OsHandoffChannel
from runtime.net import Address, ByteStream, ConnectFailed, HandoffChannel, ListenFailed
from runtime.osnet import OsNet
from runtime.ports import why_not_free
from runtime.trace import Trace
from tests.fakes.clock import ManualClock

LOOPBACK = Address("127.0.0.1", 0)


def make() -> tuple[OsNet, Trace]:
    clock = ManualClock()
    trace = Trace(clock, "test", sink=lambda line: None)
    return OsNet(clock, trace), trace


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.dup(0)
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_server_survives_running_out_of_descriptors(nursery: trio.Nursery) -> None:
    net, trace = make()

    async def handler(stream: ByteStream, peer: Address) -> None:
        await stream.send_all(b"served")

    async def serve(task_status: trio.TaskStatus[Address]) -> None:
        await net.serve(LOOPBACK, handler, task_status=task_status)

    address = await nursery.start(serve)
    await trio.testing.wait_all_tasks_blocked()
    with socket.socket() as client:
        with no_more_descriptors():
            client.connect((address.host, address.port))
            while not trace.counts["accept_exhausted"]:
                await trio.lowlevel.checkpoint()
        client.setblocking(False)
        await trio.lowlevel.wait_readable(client)
        assert client.recv(100) == b"served"


async def test_a_dial_gives_up_in_time(autojump_clock: trio.testing.MockClock) -> None:
    net, _ = make()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = Address(*listener.getsockname())
        with pytest.raises(ConnectFailed, match=r"no answer within 2 s"):
            while True:  # until the backlog is full nobody has to accept for a dial to succeed
                (await net.dial(address, timeout=2)).close()


@pytest.mark.skipif(sys.platform != "linux", reason="abstract local sockets are Linux's")
async def test_peers_on_this_machine_take_the_short_way(nursery: trio.Nursery) -> None:
    net, _ = make()
    families: list[bool] = []

    async def handler(stream: ByteStream, peer: Address) -> None:
        families.append(peer.port == 0)  # a local socket's other end has no port
        await stream.send_all(b"served")

    async def serve(short: bool, task_status: trio.TaskStatus[Address]) -> None:
        await net.serve(LOOPBACK, handler, short=short, task_status=task_status)

    for short in (True, False):
        address = await nursery.start(serve, short)
        stream = await net.dial(address, timeout=2)
        assert await stream.receive_some() == b"served"
        stream.close()
        with socket.socket() as plain:  # the address itself serves everybody
            plain.connect((address.host, address.port))
            plain.setblocking(False)
            await trio.lowlevel.wait_readable(plain)
            assert plain.recv(100) == b"served"
    assert families == [True, False, False, False]


async def test_unknown_names_are_operating_errors() -> None:
    net, _ = make()
    nowhere = Address("no-such-host.invalid", 1)

    async def handler(stream: ByteStream, peer: Address) -> None:
        return

    with pytest.raises(ConnectFailed, match=r"cannot connect to no-such-host\.invalid:1"):
        await net.dial(nowhere, timeout=30)
    with pytest.raises(ListenFailed, match=r"cannot listen on no-such-host\.invalid:1"):
        await net.serve(nowhere, handler)
    with pytest.raises(ListenFailed, match="cannot listen on /no/such/directory/s"):
        await net.serve_handoff("/no/such/directory/s", channel_ignored)
    with pytest.raises(ListenFailed, match="too long"):
        await net.serve_handoff("/tmp/" + "x" * 200, channel_ignored)


async def test_hand_off_paths_may_lie_deep(tmp_path: Path) -> None:
    net, _ = make()
    directory = tmp_path.joinpath(*["a-directory-name"] * 10)
    directory.mkdir(parents=True)
    path = str(directory / "handoff")

    async def handler(channel: HandoffChannel) -> None:
        await channel.send(b"hello")

    async def serve(task_status: trio.TaskStatus[None]) -> None:
        await net.serve_handoff(path, handler, task_status=task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        channel = await net.dial_handoff(path, timeout=30)
        assert await channel.receive() == (b"hello", None)
        channel.close()
        nursery.cancel_scope.cancel()


async def channel_ignored(channel: HandoffChannel) -> None:
    return


def test_free_ports_are_told_from_taken_ones() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = Address(*listener.getsockname())
        error = why_not_free(taken)
        assert error is not None
        assert error.strerror == "Address already in use"
    assert why_not_free(taken) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "not a hand-off message"),
        (b"\x00\x00\x00\x01\x07x", "not a hand-off message"),
        (b"\x00\x00\x00\x01\x01x", "a descriptor is missing"),
    ],
)
async def test_a_hand_off_peer_that_talks_nonsense_is_dropped(data: bytes, reason: str) -> None:
    ours, theirs = socket.socketpair()
    channel = OsHandoffChannel(ours)
    theirs.send(data)
    with pytest.raises(trio.EndOfChannel, match=reason):
        await channel.receive()
    assert theirs.recv(1) == b""
    theirs.close()


async def test_a_handed_off_descriptor_must_be_a_socket(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    channel = OsHandoffChannel(ours)
    with (tmp_path / "f").open("wb") as file:
        socket.send_fds(theirs, [b"\x00\x00\x00\x00\x01"], [file.fileno()])
    with pytest.raises(trio.EndOfChannel, match="not a socket"):
        await channel.receive()
    theirs.close()


async def test_unclaimed_descriptors_are_closed_with_their_channel() -> None:
    ours, theirs = socket.socketpair()
    channel = OsHandoffChannel(ours)
    left, right = socket.socketpair()
    socket.send_fds(theirs, [b"\x00\x00\x00\x02\x01x"], [left.fileno()])
    left.close()
    theirs.close()
    with pytest.raises(trio.EndOfChannel):
        await channel.receive()
    channel.close()
    assert right.recv(1) == b""
    right.close()


async def test_hand_off_messages_split_anywhere() -> None:
    ours, theirs = socket.socketpair()
    channel = OsHandoffChannel(ours)
    left, right = socket.socketpair()
    data = b"\x00\x00\x00\x03\x00abc" + b"\x00\x00\x00\x01\x01x" + b"\x00\x00\x00\x00\x00"
    received: list[bytes] = []

    async def receiver() -> None:
        for _ in range(3):
            meta, stream = await channel.receive()
            received.append(meta)
            if stream is not None:
                stream.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver)
        for at in range(len(data)):
            fds = [left.fileno()] if at == 8 else []
            socket.send_fds(theirs, [data[at : at + 1]], fds) if fds else theirs.send(
                data[at : at + 1]
            )
            await trio.testing.wait_all_tasks_blocked()
    assert received == [b"abc", b"x", b""]
    left.close()
    assert right.recv(1) == b""
    right.close()
    theirs.close()
    channel.close()


def test_the_system_clock_moves_forward() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.wall() > 1_600_000_000
