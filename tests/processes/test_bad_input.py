"""Bytes from strangers: an error and a closed connection at most; every process lives on."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pymysql
import pytest
import trio

from cluster.ask import ask
from runtime.net import Address
from runtime.seams import Runtime
from tests.processes.real_cluster import RealCluster

TIMEOUT = 20.0
GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x00" * 64,
    b"\xff" * 4096,
    bytes(range(256)) * 64,
    # The head of a frame that promises more than any frame may hold.
    b"\x16\x6f" + b"\x01\x00" + b"\xff\xff\xff\x7f" + b"\x00" * 4,
]


@pytest.fixture(autouse=True)
def everybody_lives_on(shared_cluster: RealCluster):
    before = {name: part["process"]["pid"] for name, part in shared_cluster.components().items()}
    yield
    after = {name: part["process"]["pid"] for name, part in shared_cluster.components().items()}
    assert after == before, shared_cluster.evidence()
    for address in (None, shared_cluster.reader_endpoint):
        with shared_cluster.connect(address) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("login", [{"user": "nobody"}, {"user": "admin", "password": "wrong"}])
def test_a_refused_login_gets_1045_and_is_closed(
    shared_cluster: RealCluster, login: dict[str, str]
):
    with pytest.raises(pymysql.err.OperationalError) as caught:
        pymysql.connect(host="127.0.0.1", port=shared_cluster.port, **login)
    assert caught.value.args[0] == 1045


def test_nothing_is_executed_after_a_refused_login(shared_cluster: RealCluster):
    """The refusal and the end of the connection, although a command follows in the same segment."""
    with connected(shared_cluster.port) as client:
        read_packet(client)
        login = struct.pack("<IIB23x", 0x0008A201, 1 << 24, 45) + b"nobody\0" + b"\x00"
        client.sendall(packet(login, 1) + packet(b"\x03SELECT 1", 0))
        answer = read_packet(client)
        assert answer[:1] == b"\xff"
        assert struct.unpack("<H", answer[1:3]) == (1045,)
        assert reads_to_the_end(client) == b""


def garbage_login(client: socket.socket) -> None:
    client.sendall(packet(b"\xff" * 300, 1))


def truncated_login(client: socket.socket) -> None:
    client.sendall(packet(b"\x05\xa6", 1))


def half_a_packet(client: socket.socket) -> None:
    client.sendall(struct.pack("<I", 500)[:3] + b"\x01" + b"abc")
    client.shutdown(socket.SHUT_WR)


def wrong_sequence(client: socket.socket) -> None:
    client.sendall(packet(b"\x00" * 40, 77))


def oversized_login(client: socket.socket) -> None:
    client.sendall(b"\xff\xff\xff\x01" + b"a" * (1 << 20))
    client.shutdown(socket.SHUT_WR)


def http(client: socket.socket) -> None:
    client.sendall(GARBAGE[0])
    client.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    "attack",
    [garbage_login, truncated_login, half_a_packet, wrong_sequence, oversized_login, http],
)
def test_bad_packets_before_login(
    shared_cluster: RealCluster, attack: Callable[[socket.socket], None]
):
    status = shared_cluster.status()
    for address in (status["writer_endpoint"], status["instances"][1]["address"]):
        host, _, port = address.rpartition(":")
        with connected(int(port), host) as client:
            read_packet(client)
            try:
                attack(client)
                reads_to_the_end(client)
            except (ConnectionResetError, BrokenPipeError):
                continue


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"\x05\x00\x00\x09\x03SELE", id="wrong-sequence"),
        pytest.param(b"\x01\x00\x00\x00\xfa", id="unknown-command"),
        pytest.param(b"\x02\x00\x00\x00\x17\x01", id="truncated-execute"),
        pytest.param(b"\x00\x00\x00\x00", id="empty-command"),
    ],
)
def test_bad_packets_after_login(shared_cluster: RealCluster, bad: bytes):
    connection = shared_cluster.connect()
    try:
        client: socket.socket = connection._sock
        client.settimeout(TIMEOUT)
        client.sendall(bad)
        assert read_packet(client)[:1] == b"\xff"
    finally:
        connection._force_close()


def test_garbage_on_every_internal_port(shared_cluster: RealCluster):
    """Storage, control, relay, router and monitor ports: dropped, counted, logged."""
    ports = {
        name: int(part["control"].rpartition(":")[2])
        for name, part in shared_cluster.components().items()
    }
    for port in ports.values():
        for garbage in GARBAGE:
            with connected(port) as client:
                try:
                    client.sendall(garbage)
                    client.shutdown(socket.SHUT_WR)
                    reads_to_the_end(client)
                except (ConnectionResetError, BrokenPipeError):
                    continue
    for name in ports:
        log = (shared_cluster.data / "log" / f"{name}.log").read_text()
        assert "Traceback" not in log, log[-3000:]
        assert "rpc_bad_frame" in log, f"{name} did not log the garbage"
    assert monitor_counters(shared_cluster)["rpc_bad_frame"] >= len(GARBAGE)


def monitor_counters(cluster: RealCluster) -> dict[str, int]:
    address = Address.parse(cluster.components()["monitor"]["control"])

    async def status() -> dict[str, int]:
        runtime = Runtime.system(root=cluster.data / "run", seed=None, name="test")
        reply = await ask(runtime, address, "status", None, seconds=5.0)
        counters: dict[str, int] = reply["counters"]
        return counters

    return trio.run(status)


def connected(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=TIMEOUT)


def packet(payload: bytes, sequence: int) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([sequence]) + payload


def read_packet(client: socket.socket) -> bytes:
    head = read_exactly(client, 4)
    return read_exactly(client, int.from_bytes(head[:3], "little"))


def read_exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = client.recv(count - len(data))
        assert chunk, f"closed after {data!r}"
        data += chunk
    return data


def reads_to_the_end(client: socket.socket) -> bytes:
    """Everything until the server closes; a server that does not close fails by timeout."""
    data = b""
    while chunk := client.recv(65536):
        data += chunk
    return data
