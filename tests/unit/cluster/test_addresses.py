"""Addresses: the public ones as documented, the internal ones free."""

from __future__ import annotations

import socket

import pytest

from cluster import addresses
from cluster.exits import ExitCode, OperatorError
from runtime.net import Address


@pytest.fixture
def port() -> int:
    """A port that is free with the one above it."""
    for candidate in range(31000, 32000):
        if all(addresses._bind_error(Address("127.0.0.1", candidate + n)) is None for n in (0, 1)):
            return candidate
    raise AssertionError("no free ports")


def test_public_addresses_follow_the_contract(port: int):
    found = addresses.plan(port, instances=3, storage_nodes=6)
    assert (str(found.writer), str(found.reader)) == (f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}")
    assert addresses.instance_address(3306, 2, platform="linux") == Address("127.0.0.12", 3306)
    assert addresses.instance_address(3306, 2, platform="darwin") == Address("127.0.0.1", 3318)


def test_internal_ports_are_distinct_loopback_and_above(port: int):
    found = addresses.plan(port, instances=3, storage_nodes=6)
    internal = [
        *found.storage,
        *(one.control for one in found.instances),
        *(one.relay for one in found.instances),
        found.router_control,
        found.monitor,
    ]
    assert len({one.port for one in internal}) == len(internal) == 14
    assert all(one.host == "127.0.0.1" and one.port >= port + 100 for one in internal)


def test_a_taken_public_port_is_refused_by_name(port: int):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port + 1))
        holder.listen()
        with pytest.raises(OperatorError, match=f"port {port + 1} on 127.0.0.1 is taken") as caught:
            addresses.plan(port, instances=1, storage_nodes=6)
    assert caught.value.code is ExitCode.PORT_TAKEN


def test_a_taken_internal_port_is_stepped_over(port: int):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port + 100))
        holder.listen()
        found = addresses.plan(port, instances=1, storage_nodes=6)
    assert found.storage[0].port > port + 100


@pytest.mark.parametrize("port", [0, -1, 65500, 70000])
def test_ports_without_room_are_refused(port: int):
    with pytest.raises(OperatorError, match="--port"):
        addresses.plan(port, instances=1, storage_nodes=6)
