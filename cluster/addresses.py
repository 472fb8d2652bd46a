"""Which address each component listens on: the public ones are fixed by --port, the rest are found
free.

Public (the command-line contract): writer endpoint 127.0.0.1:PORT, reader endpoint
127.0.0.1:PORT+1, instance N on 127.0.0.(10+N):PORT on Linux, where all of 127/8 is loopback, else
127.0.0.1:PORT+10+N. Internal ports are taken from PORT+100 upward anew at each start; nothing
durable refers to them.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

from attrs import frozen

from cluster.exits import ExitCode, OperatorError
from runtime.net import Address
from runtime.ports import why_not_free

LOOPBACK = "127.0.0.1"
INTERNAL_OFFSET = 100
INTERNAL_SPAN = 2000


@frozen
class InstanceAddresses:
    mysql: Address
    control: Address
    relay: Address


@frozen
class Addresses:
    writer: Address
    reader: Address
    instances: tuple[InstanceAddresses, ...]
    storage: tuple[Address, ...]
    router_control: Address
    monitor: Address


def instance_address(port: int, number: int, *, platform: str = sys.platform) -> Address:
    """Where instance `number` (from 1) speaks MySQL."""
    if platform == "linux":
        return Address(f"127.0.0.{10 + number}", port)
    return Address(LOOPBACK, port + 10 + number)


def plan(port: int, *, instances: int, storage_nodes: int) -> Addresses:
    """Choose every address, refusing taken public ones."""
    if not 1 <= port <= 65535 - INTERNAL_OFFSET - 64:
        raise OperatorError(ExitCode.USAGE, "--port must leave 164 ports above it, at most 65371")
    writer, reader = Address(LOOPBACK, port), Address(LOOPBACK, port + 1)
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


def require_free(address: Address) -> None:
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


def _free_ports(first: int) -> Iterator[Address]:
    for port in range(first, min(first + INTERNAL_SPAN, 65536)):
        address = Address(LOOPBACK, port)
        if _bind_error(address) is None:
            yield address
    raise OperatorError(
        ExitCode.PORT_TAKEN,
        f"no free loopback ports between {first} and {first + INTERNAL_SPAN}; pass another --port",
    )


def _bind_error(address: Address) -> int | None:
    """The errno of listening on `address`, None when it is free now."""
    error = why_not_free(address)
    return None if error is None else error.errno or errno.EIO
