"""Which address each component listens on: the public ones are fixed by --port, the rest are found
free.

Public (the command-line contract): writer endpoint 127.0.0.1:PORT, reader endpoint
127.0.0.1:PORT+1, instance N on 127.0.0.(10+N):PORT on Linux, where all of 127/8 is loopback, else
127.0.0.1:PORT+10+N. Internal ports are taken from PORT+100 upward anew at each start; nothing
durable refers to them.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator

from attrs import frozen

from cluster.exits import ExitCode, OperatorError

LOOPBACK = "127.0.0.1"
INTERNAL_OFFSET = 100
INTERNAL_SPAN = 2000


@frozen
class HostPort:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@frozen
class InstanceAddresses:
    mysql: HostPort
    control: HostPort
    relay: HostPort


@frozen
class Addresses:
    writer: HostPort
    reader: HostPort
    instances: tuple[InstanceAddresses, ...]
    storage: tuple[HostPort, ...]
    router_control: HostPort
    monitor: HostPort


def instance_address(port: int, number: int, *, platform: str = sys.platform) -> HostPort:
    """Where instance `number` (from 1) speaks MySQL."""
    if platform == "linux":
        return HostPort(f"127.0.0.{10 + number}", port)
    return HostPort(LOOPBACK, port + 10 + number)


def plan(port: int, *, instances: int, storage_nodes: int) -> Addresses:
    """Choose every address, refusing taken public ones."""
    if not 1 <= port <= 65535 - INTERNAL_OFFSET - 64:
        raise OperatorError(ExitCode.USAGE, "--port must leave 164 ports above it, at most 65371")
    writer, reader = HostPort(LOOPBACK, port), HostPort(LOOPBACK, port + 1)
    mysql = [instance_address(port, number) for number in range(1, instances + 1)]
    for address in (writer, reader, *mysql):
        require_free(address)
    free = _free_ports(port + INTERNAL_OFFSET)
    return Addresses(
        writer=writer,
        reader=reader,
        storage=tuple(next(free) for _ in range(storage_nodes)),
        instances=tuple(InstanceAddresses(own, next(free), next(free)) for own in mysql),
        router_control=next(free),
        monitor=next(free),
    )


def require_free(address: HostPort) -> None:
    reason = _bind_error(address)
    if reason is None:
        return
    if reason == errno.EADDRINUSE:
        raise OperatorError(
            ExitCode.PORT_TAKEN,
            f"port {address.port} on {address.host} is taken; stop what listens there or pass "
            f"another --port",
        )
    if reason == errno.EACCES:
        raise OperatorError(
            ExitCode.PORT_TAKEN,
            f"port {address.port} needs privileges; pass a --port above 1023",
        )
    raise OperatorError(
        ExitCode.FAILED,
        f"cannot listen on {address} ({errno.errorcode.get(reason, reason)}); "
        "check that it is a loopback address of this machine",
    )


def _free_ports(first: int) -> Iterator[HostPort]:
    for port in range(first, min(first + INTERNAL_SPAN, 65536)):
        address = HostPort(LOOPBACK, port)
        if _bind_error(address) is None:
            yield address
    raise OperatorError(
        ExitCode.PORT_TAKEN,
        f"no free loopback ports between {first} and {first + INTERNAL_SPAN}; pass another --port",
    )


def _bind_error(address: HostPort) -> int | None:
    """The errno of listening on `address`, None when it is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As a listener would: a port whose last connections linger in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError as error:
            return error.errno or errno.EIO
    return None
