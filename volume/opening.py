"""Drives the recovery machine of `volume.recovery` over the links: requests out, outcomes in.

Gives up with StaleEpoch when another opener won, and with QuorumLost at the deadline. A node that
leaves a request unanswered for too long loses its connection, so that the machine asks another one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import trio

from runtime.seams import Runtime
from volume import limits, messages
from volume.errors import BadRequest, QuorumLost, VolumeError, from_wire
from volume.links import Links
from volume.recovery import (
    Ask,
    AskAppend,
    AskAttach,
    AskFetch,
    AskRaise,
    AskStatus,
    Opening,
    Phase,
    Request,
)
from volume.writer import OpenedVolume
from wire.rpc import RpcClosed, RpcError

# How long the slow ones are waited for when a write quorum has answered already.
PATIENCE_SECONDS: Final = 0.1
# A request unanswered for this long ends the connection it went out on.
ANSWER_SECONDS: Final = 2.0

_Event = Callable[[], list[Ask]]


class VolumeOpener:
    """One attempt to open the volume; tell it about links coming and going while `run` runs."""

    def __init__(
        self, volume_id: str, runtime: Runtime, links: Links, owner: str, epoch_floor: int
    ) -> None:
        self._machine = Opening(owner, epoch_floor=epoch_floor)
        self._volume_id = volume_id
        self._runtime = runtime
        self._links = links
        self._sent_at: dict[Ask, float] = {}
        self._send, self._receive = trio.open_memory_channel[_Event](math.inf)

    def link_up(self, node: int) -> None:
        self._send.send_nowait(partial(self._machine.node_up, node))

    def link_down(self, node: int) -> None:
        self._send.send_nowait(partial(self._machine.node_down, node))

    async def run(self, timeout: float) -> OpenedVolume:
        """The opened volume; raises StaleEpoch or QuorumLost."""
        machine, clock = self._machine, self._runtime.clock
        deadline = clock.monotonic() + timeout
        for link in self._links.all:
            if link.client is not None:
                self.link_up(link.index)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tick)
            while machine.phase not in (Phase.OPEN, Phase.LOST):
                event = await self._receive.receive()
                self._perform(event())
                if clock.monotonic() >= deadline:
                    raise_lost = QuorumLost(f"cannot open the volume: {machine.waiting_for()}")
                    nursery.cancel_scope.cancel()
                    break
            else:
                raise_lost = None
                nursery.cancel_scope.cancel()
        return self._result(raise_lost)

    def _result(self, lost: QuorumLost | None) -> OpenedVolume:
        machine, trace = self._machine, self._runtime.trace
        if machine.lost_to is not None:
            trace.info("opening_lost", epoch=machine.epoch, to=machine.lost_to.owner)
            raise machine.lost_to
        if lost is not None:
            raise lost
        assert machine.point is not None
        point = machine.point
        trace.info("volume_opened", epoch=machine.epoch, vdl=point.vdl, vcl=point.vcl)
        return machine.opened

    async def _tick(self) -> None:
        """Time passes for the machine in steps of its patience."""
        while True:
            await self._runtime.clock.sleep(PATIENCE_SECONDS)
            now = self._runtime.clock.monotonic()
            for ask in [a for a, at in self._sent_at.items() if now - at > ANSWER_SECONDS]:
                self._links[ask.node].drop(f"no answer to {type(ask.request).__name__}")
                del self._sent_at[ask]
            self._send.send_nowait(self._machine.hurry)
            self._send.send_nowait(self._machine.look_again)

    def _perform(self, asks: list[Ask]) -> None:
        for ask in asks:
            client = self._links[ask.node].client
            if client is None:
                continue  # link_down is on its way to the machine
            method, payload = _encode(self._volume_id, ask.request)
            self._sent_at[ask] = self._runtime.clock.monotonic()
            client.post(method, payload, partial(self._answered, ask))

    def _answered(self, ask: Ask, reply: Any) -> None:
        self._sent_at.pop(ask, None)
        if isinstance(reply, RpcClosed):
            return  # link_down follows
        if isinstance(reply, RpcError):
            error = from_wire(reply.code, reply.message, reply.details) or BadRequest(str(reply))
            self._refused(ask, error)
            return
        try:
            decoded = _decode(ask.request, reply)
        except BadRequest as error:
            self._refused(ask, error)
        else:
            self._send.send_nowait(partial(self._machine.replied, ask, decoded))

    def _refused(self, ask: Ask, error: VolumeError) -> None:
        self._runtime.trace.info(
            "opening_refused",
            node=self._links[ask.node].info.id,
            request=type(ask.request).__name__,
            reason=str(error),
        )
        self._send.send_nowait(partial(self._machine.refused, ask, error))


def _encode(volume_id: str, request: Request) -> tuple[str, list[Any]]:
    match request:
        case AskStatus():
            return messages.STATUS, [volume_id]
        case AskRaise(pg, epoch, owner):
            return messages.RAISE_EPOCH, messages.RaiseEpoch(volume_id, pg, epoch, owner).encode()
        case AskAttach(pg, epoch, owner, truncations):
            attach = messages.Attach(volume_id, pg, epoch, owner, truncations)
            return messages.ATTACH, attach.encode()
        case AskFetch(pg, after, _):
            fetch = messages.FetchLog(volume_id, pg, after, limits.FETCH_BYTES_MAX)
            return messages.FETCH_LOG, fetch.encode()
        case AskAppend(pg, epoch, vdl, tail, records):
            append = messages.encode_append(volume_id, pg, epoch, vdl, 0, tail, records)
            return messages.APPEND, append


def _decode(request: Request, reply: Any) -> Any:
    match request:
        case AskStatus():
            return messages.NodeStatus.decode(reply)
        case AskRaise():
            return messages.EpochRaised.decode(reply)
        case AskFetch():
            return messages.LogPart.decode(reply)
        case AskAttach() | AskAppend():
            return messages.decode_scl(reply)
