"""The machine's network: TCP and local sockets.

One accept loop per listener, one task per connection. Running out of descriptors is an operating
state: the loop waits and tries again while running sessions go on.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import trio
from trio import lowlevel

from runtime.clock import Clock
from runtime.handoff import OsHandoffChannel
from runtime.net import (
    Address,
    AddressInUse,
    ConnectFailed,
    HandoffHandler,
    ListenFailed,
    StreamHandler,
)
from runtime.stream import SocketStream
from runtime.trace import Trace, where

BACKLOG = 1024
ACCEPTS_PER_WAKE = 64
EXHAUSTED_PAUSE = 0.1
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # seconds, seconds, probes
LOCAL_PATH_MAX = 100  # bytes; systems allow 103 to 107
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Accepted = Callable[[socket.socket], Awaitable[None]]


class OsNet:
    """Dials and serves on the machine's own network stack."""

    def __init__(self, clock: Clock, trace: Trace) -> None:
        self._clock = clock
        self._trace = trace

    async def dial(self, address: Address, *, timeout: float) -> SocketStream:
        reason = f"no answer within {timeout:g} s"
        with trio.move_on_after(timeout):
            short = await _connect_short(address)
            if short is not None:
                return SocketStream(short)
            try:
                return SocketStream(await _connect_any(address))
            except OSError as error:
                reason = error.strerror or str(error)
        raise ConnectFailed(f"cannot connect to {address}: {reason}")

    async def serve(
        self,
        address: Address,
        handler: StreamHandler,
        *,
        short: bool = False,
        task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        listener = await _listen(address)

        async def accepted(sock: socket.socket) -> None:
            try:
                peer = _peer_of(sock, address)
                _tune(sock)
            except OSError:
                sock.close()  # gone before it was accepted
                return
            stream = SocketStream(sock)
            try:
                await handler(stream, peer)
            finally:
                stream.close()

        with listener:
            actual = _address_of(listener.getsockname())
            name = _short_way(actual) if short else None
            if name is None:
                await self._accept_loop(listener, accepted, lambda: task_status.started(actual))
                return
            socket_of_name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with _bound(socket_of_name, name, f"the short way to {actual}") as beside:
                async with trio.open_nursery() as nursery:
                    await nursery.start(self._accept_beside, beside, accepted)
                    await self._accept_loop(listener, accepted, lambda: task_status.started(actual))

    async def _accept_beside(
        self,
        listener: socket.socket,
        accepted: Accepted,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        await self._accept_loop(listener, accepted, task_status.started)

    async def serve_handoff(
        self,
        path: str,
        handler: HandoffHandler,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        listener = _listen_local(path)

        async def accepted(sock: socket.socket) -> None:
            channel = OsHandoffChannel(sock)
            try:
                await handler(channel)
            finally:
                channel.close()

        with listener:
            await self._accept_loop(listener, accepted, task_status.started)

    async def dial_handoff(self, path: str, *, timeout: float) -> OsHandoffChannel:
        reason = f"no answer within {timeout:g} s"
        with trio.move_on_after(timeout):
            try:
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                with _short_name(path) as name:
                    await _connect(sock, name)
                return OsHandoffChannel(sock)
            except OSError as error:
                reason = error.strerror or str(error)
        raise ConnectFailed(f"cannot connect to {path}: {reason}")

    async def _accept_loop(
        self, listener: socket.socket, accepted: Accepted, started: Callable[[], None]
    ) -> None:
        async with trio.open_nursery() as nursery:
            started()
            while True:
                await lowlevel.wait_readable(listener)
                try:
                    for _ in range(ACCEPTS_PER_WAKE):
                        sock, _ = listener.accept()
                        nursery.start_soon(self._guarded, accepted, sock)
                except BlockingIOError:
                    continue
                except OSError as error:
                    await self._accept_failed(error)

    async def _accept_failed(self, error: OSError) -> None:
        if error.errno in _EXHAUSTED:
            self._trace.warn("accept_exhausted", reason=error.strerror)
            await self._clock.sleep(EXHAUSTED_PAUSE)
        else:
            self._trace.debug("accept_failed", reason=error.strerror)

    async def _guarded(self, accepted: Accepted, sock: socket.socket) -> None:
        """One connection's task: whatever its handler raises ends here."""
        try:
            await accepted(sock)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.EndOfChannel) as error:
            self._trace.debug("connection_lost", reason=str(error))
        except Exception as error:  # noqa: BLE001 - the top of a connection's task
            self._trace.error("connection_handler_failed", error=error, at=where(error))
        finally:
            sock.close()


def _short_way(address: Address) -> str | None:
    """The name beside a loopback address under which a server may be reached without TCP.

    A send over loopback TCP walks the whole stack and costs some 15 µs; a local socket's costs 3.
    The abstract namespace needs no file and is gone with its process.
    """
    if sys.platform != "linux" or not address.host.startswith("127."):
        return None
    return f"\0sixfold/{address}"


async def _connect_short(address: Address) -> socket.socket | None:
    """A local connection to a server of this machine that offers one; None: use TCP."""
    name = _short_way(address)
    if name is None:
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        await _connect(sock, name)
    except OSError:
        return None  # TCP says what is wrong
    return sock


def _peer_of(sock: socket.socket, server: Address) -> Address:
    """Who connected; a local socket's other end has no name, it is on the server's host."""
    if sock.family == socket.AF_UNIX:
        return Address(server.host, 0)
    return _address_of(sock.getpeername())


async def _connect_any(address: Address) -> socket.socket:
    """Try each of a name's addresses in turn; raises the last one's OSError."""
    failure = OSError("the name has no address")
    for family, kind, proto, _, target in await trio.socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, proto)
        try:
            await _connect(sock, target)
        except OSError as error:
            failure = error
            continue
        _tune(sock)
        if sock.getsockname() != sock.getpeername():
            return sock
        # A port in the ephemeral range can connect to itself when nobody listens there.
        sock.close()
        failure = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    raise failure


async def _connect(sock: socket.socket, target: object) -> None:
    """Connect; whatever goes wrong, cancellation included, the socket is closed."""
    try:
        sock.setblocking(False)
        code = sock.connect_ex(target)  # type: ignore[arg-type]
        if code == errno.EINPROGRESS:
            await lowlevel.wait_writable(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise


async def _listen(address: Address) -> socket.socket:
    try:
        found = await trio.socket.getaddrinfo(
            address.host,
            address.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except OSError as error:
        raise ListenFailed(f"cannot listen on {address}: {error.strerror or error}") from error
    # A name such as localhost may have both kinds of address; IPv4 is what the others dial.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    family, kind, proto, _, target = found[0]
    sock = socket.socket(family, kind, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _bound(sock, target, str(address))


def _listen_local(path: str) -> socket.socket:
    try:
        with _short_name(path) as name:
            _remove_stale(name)
            return _bound(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), name, path)
    except OSError as error:
        raise ListenFailed(f"cannot listen on {path}: {error.strerror or error}") from error


@contextmanager
def _short_name(path: str) -> Iterator[str]:
    """A name for `path` that fits into a socket address, however deep the data directory lies."""
    if len(os.fsencode(path)) <= LOCAL_PATH_MAX or not os.path.isdir("/proc/self/fd"):
        yield path
        return
    directory, name = os.path.split(path)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{name}"
    finally:
        os.close(fd)


def _bound(sock: socket.socket, target: object, label: str) -> socket.socket:
    try:
        sock.setblocking(False)
        sock.bind(target)  # type: ignore[arg-type]
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"{label} is in use by another process") from error
        raise ListenFailed(f"cannot listen on {label}: {error.strerror or error}") from error
    return sock


def _remove_stale(path: str) -> None:
    """Remove the socket file of a process that is gone; a live one's stays and makes bind fail."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        if probe.connect_ex(path) == errno.ECONNREFUSED:
            try:
                os.unlink(path)
            except FileNotFoundError:
                return


def _tune(sock: socket.socket) -> None:
    """No waiting to fill packets; a machine that vanished without a word is noticed in time.

    Deliberately no TCP_USER_TIMEOUT: it would also cut a client that merely reads slowly.
    """
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _address_of(name: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    return Address(name[0], name[1])
