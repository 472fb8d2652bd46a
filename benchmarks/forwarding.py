"""What a hop costs: round trips per second of a trivial echo, direct, handed off and relayed.

Three processes, as in a cluster: a client, the router (`endpoints.router`), and an instance whose
doors answer every message with the same bytes. No SQL: the work per round trip is as small as it
can be, so the ratio is the worst case for the hop. The rounds alternate between the ways, and the
table gives the median of the rounds.

Run: python -m benchmarks.forwarding [--seconds 2] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import trio

from endpoints.router import RoutedInstance, RouterConfig, run_router
from engine.handoff import HandedClient, SessionClosed, decode, encode_closed
from engine.protocol import proxyheader
from runtime.net import Address, ByteStream, HandoffChannel
from runtime.seams import Runtime
from wire.rpc import Peer, RpcServer

MESSAGE = b"x" * 30  # about a COM_STMT_EXECUTE with one parameter
WAYS = ("direct", "handoff", "relay")
BASE_PORT = 29300
HEARTBEAT = 0.1


def ports(way: str) -> tuple[Address, Address, Address]:
    base = BASE_PORT + 10 * WAYS.index(way)
    return tuple(Address("127.0.0.1", base + n) for n in range(3))  # type: ignore[return-value]


MYSQL = Address("127.0.0.1", BASE_PORT + 40)
RELAY = Address("127.0.0.1", BASE_PORT + 41)
CONTROL = Address("127.0.0.1", BASE_PORT + 42)


class EchoInstance:
    """An instance's doors and control port, with an echo behind them."""

    def __init__(self, runtime: Runtime, handoff_path: str) -> None:
        self._runtime = runtime
        self._path = handoff_path
        self._watchers: set[Peer] = set()
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        handlers = {"watch": self._watch}
        server = RpcServer(self._runtime, handlers, name="echo")
        net = self._runtime.net
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            await nursery.start(net.serve, MYSQL, self._direct)
            await nursery.start(net.serve, RELAY, self._relayed)
            await nursery.start(net.serve_handoff, self._path, self._handed)
            await nursery.start(server.serve, CONTROL)
            print("ready", flush=True)
            while True:
                await self._runtime.clock.sleep(HEARTBEAT)
                for peer in list(self._watchers):
                    if not peer.notify("status", self._status()):
                        self._watchers.discard(peer)

    def _status(self) -> dict[str, Any]:
        role = {"role": "writer", "state": "ready", "epoch": 1, "vdl": 1, "lag_ms": 0.0}
        return {"id": "echo", "pid": os.getpid(), **role}

    async def _watch(self, peer: Peer, payload: Any) -> dict[str, Any]:
        self._watchers.add(peer)
        return self._status()

    async def _direct(self, stream: ByteStream, peer: Address) -> None:
        while data := await stream.receive_some():
            await stream.send_all(data)

    async def _relayed(self, stream: ByteStream, peer: Address) -> None:
        data = b""
        while (client := proxyheader.parse(data)) is None:
            data += await stream.receive_some()
        if early := data[client.length :]:
            await stream.send_all(early)
        await self._direct(stream, peer)

    async def _handed(self, channel: HandoffChannel) -> None:
        assert self._nursery is not None
        while True:
            meta, stream = await channel.receive()
            message = decode(meta)
            assert isinstance(message, HandedClient)
            assert stream is not None
            self._nursery.start_soon(self._session, channel, message, stream)

    async def _session(
        self, channel: HandoffChannel, message: HandedClient, stream: ByteStream
    ) -> None:
        with suppress(trio.BrokenResourceError):  # the client is gone, which ends it as well
            await self._direct(stream, message.client)
        stream.close()
        await channel.send(encode_closed(SessionClosed(message.session)))


async def route(way: str, runtime: Runtime, handoff_path: str) -> None:
    instance = RoutedInstance("echo", "a", 0, CONTROL, MYSQL, RELAY, handoff_path)
    config = RouterConfig(*ports(way), instances=(instance,), forwarding=way)
    await run_router(config, runtime, ready=lambda _: print("ready", flush=True))


def measure(address: Address, connections: int, seconds: float) -> float:
    """Round trips per second, from a client that does as little as it can itself."""
    poll = select.epoll()
    sockets = {}
    for _ in range(connections):
        sock = socket.create_connection((address.host, address.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(MESSAGE)
        received = 0
        while received < len(MESSAGE):  # through the door before the clock starts
            received += len(sock.recv(65536))
        sockets[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    for sock in sockets.values():
        sock.send(MESSAGE)
    began = time.perf_counter()
    done = 0
    while (now := time.perf_counter()) - began < seconds:
        for fd, _ in poll.poll(1.0):
            if sockets[fd].recv(65536):
                done += 1
                sockets[fd].send(MESSAGE)
    for sock in sockets.values():
        sock.close()
    return done / (now - began)


def measure_connects(address: Address, seconds: float) -> float:
    """Milliseconds from connecting to the first answer, the median of one after the other."""
    taken = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        with socket.create_connection((address.host, address.port)) as sock:
            sock.sendall(MESSAGE)
            sock.recv(65536)
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def spawn(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.forwarding", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"ready"), arguments
    return process


def cpu_seconds(pid: int) -> float:
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def compare(seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/echo.sock"
        processes = [spawn("instance", path)]
        routers = {}
        try:
            for way in WAYS[1:]:
                routers[way] = spawn("router", path, way)
                processes.append(routers[way])
            print("connections  way       round trips/s   of direct   router CPU per round trip")
            for connections in (1, 8, 32):
                table(connections, seconds, rounds, {w: p.pid for w, p in routers.items()})
            print("connecting  way       ms to the first answer")
            for way in WAYS:
                address = MYSQL if way == "direct" else ports(way)[0]
                print(f"{'':10}  {way:8}  {measure_connects(address, seconds):6.3f}")
        finally:
            for process in processes:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()


def table(connections: int, seconds: float, rounds: int, routers: dict[str, int]) -> None:
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    burnt: dict[str, float] = dict.fromkeys(WAYS, 0.0)
    for _ in range(rounds):
        for way in WAYS:
            address = MYSQL if way == "direct" else ports(way)[0]
            before = cpu_seconds(routers[way]) if way in routers else 0.0
            found[way].append(measure(address, connections, seconds))
            if way in routers:
                burnt[way] += cpu_seconds(routers[way]) - before
    direct = statistics.median(found["direct"])
    for way in WAYS:
        rate = statistics.median(found[way])
        trips = sum(found[way]) * seconds
        micro = f"{burnt[way] / trips * 1e6:.1f} µs" if way in routers else "-"
        print(f"{connections:11}  {way:8}  {rate:13.0f}   {rate / direct:9.2f}   {micro:>10}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("part", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not options.part:
        compare(options.seconds, options.rounds)
        return
    name, path, *way = options.part
    with tempfile.TemporaryDirectory() as directory:
        runtime = Runtime.system(root=Path(directory), seed=1, name=name)
        if name == "instance":
            trio.run(EchoInstance(runtime, path).run)
        else:
            trio.run(route, way[0], runtime, path)


if __name__ == "__main__":
    main()
