"""The control port of an instance: status and its stream, promotion, demotion, and the redo feed.

Who may be the writer is decided elsewhere, and proven by the volume epoch; this server only asks
the instance to try. Garbage on the port is an error reply or a dropped connection (`wire.server`).
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import trio

from engine.lifecycle import OPEN_SECONDS
from engine.replication.feed import RedoFeed
from engine.replication.messages import REPORT, SUBSCRIBE, BadMessage, Report, Subscribe
from runtime.net import Address
from runtime.seams import Runtime
from volume.errors import VolumeError
from wire.envelope import encode_notify
from wire.rpc import Peer, RpcError, RpcServer

STATUS: Final = "status"
WATCH: Final = "watch"
PROMOTE: Final = "promote"
DEMOTE: Final = "demote"
HEARTBEAT_SECONDS: Final = 0.1
DRAIN_SECONDS: Final = 2.0  # for a demotion whose request names no time


class Controlled(Protocol):
    """The instance as its control port sees it."""

    @property
    def feed(self) -> RedoFeed | None: ...
    def status(self) -> dict[str, Any]: ...
    async def promote(self, reason: str, timeout: float) -> int: ...
    async def demote(self, timeout: float) -> int: ...


class ControlServer:
    """See the module docstring."""

    def __init__(self, runtime: Runtime, instance: Controlled) -> None:
        self._clock = runtime.clock
        self._instance = instance
        self._watchers: set[Peer] = set()
        handlers = {
            STATUS: self._status,
            WATCH: self._watch,
            PROMOTE: self._promote,
            DEMOTE: self._demote,
            SUBSCRIBE: self._subscribe,
            REPORT: self._report,
        }
        inline = frozenset((STATUS, WATCH, SUBSCRIBE, REPORT))
        self._server = RpcServer(runtime, handlers, inline=inline, name="control")

    async def run(
        self, address: Address, *, task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED
    ) -> None:
        async with trio.open_nursery() as nursery:
            actual = await nursery.start(self._serve, address)
            nursery.start_soon(self._beat)
            task_status.started(actual)

    async def _serve(self, address: Address, *, task_status: trio.TaskStatus[Address]) -> None:
        await self._server.serve(address, task_status=task_status)

    def publish(self) -> None:
        """Tell every watcher the present status."""
        if not self._watchers:
            return
        frame = encode_notify(STATUS, self._instance.status())
        for peer in list(self._watchers):
            if peer.closed.is_set():
                self._watchers.discard(peer)
            elif not peer.notify_encoded(frame):
                peer.close()
                self._watchers.discard(peer)

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(HEARTBEAT_SECONDS)
            self.publish()

    # -- handlers --------------------------------------------------------------------------

    async def _status(self, _peer: Peer, _payload: Any) -> Any:
        return self._instance.status()

    async def _watch(self, peer: Peer, _payload: Any) -> Any:
        self._watchers.add(peer)
        return self._instance.status()

    async def _promote(self, _peer: Peer, payload: Any) -> Any:
        reason = payload.get("reason") if isinstance(payload, dict) else None
        timeout = _timeout(payload, OPEN_SECONDS)
        try:
            epoch = await self._instance.promote(str(reason or "asked to")[:200], timeout)
        except VolumeError as error:
            raise RpcError(error.code, error.message, error.details) from error
        return {"epoch": epoch}

    async def _demote(self, _peer: Peer, payload: Any) -> Any:
        return {"epoch": await self._instance.demote(_timeout(payload, DRAIN_SECONDS))}

    async def _subscribe(self, peer: Peer, payload: Any) -> Any:
        feed = self._instance.feed
        if feed is None:
            raise RpcError("not_writer", "this instance is not the writer")
        return feed.subscribe(peer, _checked(Subscribe.decode, payload)).encode()

    async def _report(self, peer: Peer, payload: Any) -> Any:
        feed = self._instance.feed
        if feed is not None:
            feed.report(peer, _checked(Report.decode, payload))
        return None


def _timeout(payload: Any, default: float) -> float:
    wish = payload.get("timeout") if isinstance(payload, dict) else None
    return float(wish) if isinstance(wish, int | float) and wish >= 0 else default


def _checked(decode: Any, payload: Any) -> Any:
    try:
        return decode(payload)
    except BadMessage as error:
        raise RpcError("bad_request", str(error)) from error
