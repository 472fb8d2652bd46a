"""The network as the rest of the program sees it: addresses, streams, dialling, hand-off.

`OsNet` (see `runtime.osnet`) is the real one. Errors a stream may raise are trio's:
`trio.BrokenResourceError` when the peer is gone, `trio.ClosedResourceError` when this side closed
it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import trio
from attrs import frozen

from runtime.errors import OperatingError

RECEIVE_SIZE = 65536  # below the allocator's mmap threshold, so that a receive costs no page faults
HANDOFF_META_MAX = 65536


class NetError(OperatingError):
    """The network refused."""


class ConnectFailed(NetError):
    """Nobody could be reached at an address in time."""


class ListenFailed(NetError):
    """An address cannot be listened on."""


class AddressInUse(ListenFailed):
    """Another process listens there already."""


@frozen(order=True)
class Address:
    """A TCP address. `host` is a name or a numeric address, IPv6 without brackets."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """From "host:port" or "[v6]:port"; ValueError says what is wrong."""
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{text!r}: put an IPv6 address in brackets, like [::1]:3306")
        if not colon or not host:
            raise ValueError(f"{text!r} is not an address; write host:port")
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ValueError(f"{text!r}: the port must be a number from 0 to 65535")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ByteStream(Protocol):
    """A connected stream of bytes. One task may receive and one may send at a time."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything. Suspends only when the peer is slow: it is not always a checkpoint."""
        ...

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        """Send what fits right now; returns the number of bytes taken, 0 when none fit."""
        ...

    async def wait_send_all_might_not_block(self) -> None: ...

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """At least one byte, or b"" once the peer has ended its side. Always a checkpoint."""
        ...

    async def send_eof(self) -> None: ...

    async def aclose(self) -> None: ...

    def close(self) -> None:
        """Give up this handle. A copy handed to another process keeps the connection alive."""
        ...

    def cut(self) -> None:
        """End the connection itself in both directions, for every process that holds a copy."""
        ...


class HandoffChannel(Protocol):
    """A channel between two local processes; a message may carry a live stream."""

    async def send_client(self, meta: bytes, stream: ByteStream) -> None:
        """Pass `stream` on. The sender keeps its handle: `close` drops it, `cut` ends both."""
        ...

    async def send(self, meta: bytes) -> None: ...

    async def receive(self) -> tuple[bytes, ByteStream | None]:
        """The next message; raises trio.EndOfChannel when the peer is gone."""
        ...

    async def aclose(self) -> None: ...

    def close(self) -> None: ...


StreamHandler = Callable[[ByteStream, Address], Awaitable[None]]
HandoffHandler = Callable[[HandoffChannel], Awaitable[None]]


class Net(Protocol):
    """A node's access to the network."""

    async def dial(self, address: Address, *, timeout: float) -> ByteStream:
        """Connect; raises ConnectFailed."""
        ...

    async def serve(
        self,
        address: Address,
        handler: StreamHandler,
        *,
        short: bool = False,
        task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; `started` gets the actual address. Raises ListenFailed.

        `short`: on a loopback address, also let peers on this machine in without TCP, where the
        system has a way; `dial` takes it by itself.

        The stream is closed when its handler returns. A handler that fails is logged and takes
        nobody else down.
        """
        ...

    async def serve_handoff(
        self,
        path: str,
        handler: HandoffHandler,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve hand-off channels at a local path until cancelled."""
        ...

    async def dial_handoff(self, path: str, *, timeout: float) -> HandoffChannel:
        """Connect to a hand-off path; raises ConnectFailed."""
        ...
