"""Reads from the volume: a page from one segment, log from one segment, state from a read quorum.

A page read asks the best segment, after a small delay a second one as well, and the next whenever
one refuses or fails; the first image wins. Segments that lag are asked again until the deadline.
No task is started per read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import trio
from attrs import frozen
from trio import lowlevel

from runtime.seams import Runtime
from volume import limits, messages
from volume.errors import (
    BadRequest,
    NoSegment,
    NotComplete,
    OutOfLog,
    QuorumLost,
    TooOld,
    VolumeError,
    from_wire,
)
from volume.links import Links
from volume.messages import LogPart, NodeStatus
from volume.model import Epoch, Lsn, PageNo, PgId, VolumeConfig
from volume.pagerouting import PageRouting
from volume.quorum import READ_QUORUM, read_shortfall
from volume.records import scan
from wire.rpc import RpcClosed, RpcError, RpcTimeout

READ_SECONDS: Final = 10.0
PAUSE_FIRST_SECONDS: Final = 0.002
PAUSE_MAX_SECONDS: Final = 0.1
FETCH_SECONDS: Final = 5.0
STATUS_SECONDS: Final = 1.0


@frozen
class VolumeState:
    """What a read quorum says about the volume."""

    epoch: Epoch
    owner: str
    vdl: Lsn


class _Race:
    """Answers of several segments to one question, for the one task that asked."""

    __slots__ = ("_answers", "_task")

    def __init__(self) -> None:
        self._answers: deque[tuple[int, Any]] = deque()
        self._task: lowlevel.Task | None = None

    def answer(self, node: int, reply: Any) -> None:
        self._answers.append((node, reply))
        if self._task is not None:
            lowlevel.reschedule(self._task)
            self._task = None

    async def next(self, seconds: float) -> tuple[int, Any] | None:
        """The next answer, or None after so many seconds."""
        if not self._answers:
            self._task = lowlevel.current_task()
            with trio.move_on_after(seconds):
                await lowlevel.wait_task_rescheduled(self._forget)
        return self._answers.popleft() if self._answers else None

    def _forget(self, _: object) -> lowlevel.Abort:
        self._task = None
        return lowlevel.Abort.SUCCEEDED


class VolumeReader:
    """Reads for one instance."""

    def __init__(
        self, config: VolumeConfig, runtime: Runtime, links: Links, az: str | None
    ) -> None:
        self._config = config
        self._volume_id = config.volume_id
        self._clock = runtime.clock
        self._links = links
        self._routing = PageRouting([node.az for node in config.nodes], az)

    # ------------------------------------------------------------------- pages

    async def read_page(
        self, page_no: PageNo, at: Lsn, incomplete: Sequence[int]
    ) -> tuple[Lsn, bytes | None]:
        """The newest version at or below `at`; `incomplete`: nodes known to lack records for it."""
        pg = self._config.pg_of(page_no)
        payload = [self._volume_id, pg, page_no, at]
        deadline = self._clock.monotonic() + READ_SECONDS
        pause = PAUSE_FIRST_SECONDS
        while True:
            refusals: dict[int, Exception] = {}
            version = await self._ask_in_turn(payload, incomplete, refusals, deadline)
            if version is not None:
                return version
            absent = sum(isinstance(error, NoSegment) for error in refusals.values())
            if absent >= READ_QUORUM:
                return Lsn(0), None  # whatever is durable, one of any three segments has seen
            if refusals and all(isinstance(error, TooOld) for error in refusals.values()):
                raise next(iter(refusals.values()))
            if self._clock.monotonic() >= deadline:
                raise self._unreadable(page_no, at, refusals)
            await self._clock.sleep(pause)
            pause = min(pause * 2, PAUSE_MAX_SECONDS)
            incomplete = ()

    async def _ask_in_turn(
        self,
        payload: list[Any],
        incomplete: Sequence[int],
        refusals: dict[int, Exception],
        deadline: float,
    ) -> tuple[Lsn, bytes | None] | None:
        """One round over the reachable segments; None when none of them could serve the read."""
        now_of, routing = self._clock.monotonic, self._routing
        left = routing.order(self._reachable(), incomplete, now_of())
        race = _Race()
        asked: dict[int, float] = {}
        while left or asked:
            if left:
                newest = left.pop(0)
                asked[newest] = now_of()
                self._post(newest, payload, race)
                seconds = routing.hedge_after(newest) if left else deadline - now_of()
            else:
                seconds = deadline - now_of()
            answer = await race.next(max(seconds, 0.0))
            if answer is None:
                for node, since in asked.items():
                    routing.slow(node, now_of() - since)
                if not left:
                    return None
                continue
            node, reply = answer
            now = now_of()
            version = _version_of(reply)
            if version is not None:
                routing.answered(node, now - asked[node])
                return version
            del asked[node]
            error = _error_of(reply)
            if isinstance(error, NotComplete):
                routing.behind(node, now)
            refusals[node] = error
        return None

    def _post(self, node: int, payload: list[Any], race: _Race) -> None:
        client = self._links[node].client
        if client is None:
            race.answer(node, RpcClosed("not connected"))
        else:
            client.post(messages.READ_PAGE, payload, partial(race.answer, node))

    def _reachable(self) -> list[int]:
        links = self._links.all
        return [link.index for link in links if link.client is not None and not link.suspect] or [
            link.index for link in links if link.client is not None
        ]

    def _unreadable(self, page_no: int, at: Lsn, refusals: dict[int, Exception]) -> QuorumLost:
        reasons = "; ".join(
            f"{self._links[node].info.id}: {error}" for node, error in sorted(refusals.items())
        )
        return QuorumLost(
            f"page {page_no} at LSN {at} cannot be read: {read_shortfall(self._links.reachable)}"
            + (f" ({reasons})" if reasons else "")
        )

    # --------------------------------------------------------------------- log

    async def fetch_log(self, pg: PgId, after: Lsn, upto: Lsn) -> bytes | None:
        """The protection group's records with after < LSN <= upto; None when collected."""
        collected = 0
        reasons: list[str] = []
        for node in self._routing.order(self._reachable(), (), self._clock.monotonic()):
            try:
                blob = await self._fetch_from(node, pg, after, upto)
            except OutOfLog:
                collected += 1
            except (VolumeError, RpcClosed, RpcTimeout) as error:
                reasons.append(f"{self._links[node].info.id}: {error}")
            else:
                return blob
        if collected:
            return None
        raise QuorumLost(
            f"no storage node has the log of group {pg} up to {upto}: "
            f"{read_shortfall(self._links.reachable)} ({'; '.join(reasons)})"
        )

    async def _fetch_from(self, node: int, pg: PgId, after: Lsn, upto: Lsn) -> bytes:
        parts: list[bytes] = []
        while True:
            request = messages.FetchLog(self._volume_id, pg, after, limits.FETCH_BYTES_MAX)
            part = LogPart.decode(await self._call(node, messages.FETCH_LOG, request.encode()))
            records = scan(part.records)
            cut = next((start for lsn, *_, start, _ in records if lsn > upto), None)
            if cut is not None:
                parts.append(part.records[:cut])
                return b"".join(parts)
            parts.append(part.records)
            last = records[-1][0] if records else after
            complete = part.scl >= upto or (part.vdl >= upto and part.scl >= part.tail)
            if last >= upto or (complete and last >= part.scl):
                return b"".join(parts)
            if not records:
                raise NotComplete(part.scl)
            after = Lsn(last)

    async def _call(self, node: int, method: str, payload: list[Any]) -> Any:
        client = self._links[node].client
        if client is None:
            raise RpcClosed("not connected")
        try:
            return await client.call(method, payload, timeout=FETCH_SECONDS)
        except RpcError as error:
            typed = from_wire(error.code, error.message, error.details)
            raise typed or BadRequest(str(error)) from None

    # ------------------------------------------------------------------- state

    async def statuses(self, timeout: float) -> list[NodeStatus]:
        """What a read quorum, or more, of the nodes say of themselves; raises QuorumLost."""
        deadline = self._clock.monotonic() + timeout
        pause = PAUSE_FIRST_SECONDS
        while True:
            found = await self._ask_statuses(deadline)
            if len(found) >= READ_QUORUM:
                return found
            if self._clock.monotonic() >= deadline:
                shortfall = read_shortfall(self._links.reachable)
                raise QuorumLost(f"the volume's state is unknown: {shortfall}")
            await self._clock.sleep(pause)
            pause = min(pause * 2, PAUSE_MAX_SECONDS)

    async def _ask_statuses(self, deadline: float) -> list[NodeStatus]:
        race = _Race()
        asked = 0
        for link in self._links.all:
            if link.client is not None:
                asked += 1
                link.client.post(
                    messages.STATUS, [self._volume_id], partial(race.answer, link.index)
                )
        found: list[NodeStatus] = []
        while asked and len(found) < READ_QUORUM:
            remaining = min(deadline - self._clock.monotonic(), STATUS_SECONDS)
            answer = await race.next(max(remaining, 0.0))
            if answer is None:
                return found
            asked -= 1
            try:
                found.append(NodeStatus.decode(answer[1]))
            except BadRequest:
                continue
        return found

    async def discover(self, timeout: float) -> VolumeState:
        """The newest epoch and the highest VDL a read quorum has heard of."""
        segments = [s for status in await self.statuses(timeout) for s in status.segments]
        if not segments:
            return VolumeState(Epoch(0), "", Lsn(0))
        newest = max(segments, key=lambda segment: segment.epoch)
        vdl = Lsn(max(segment.vdl for segment in segments))
        return VolumeState(Epoch(newest.epoch), newest.owner, vdl)


def _version_of(reply: Any) -> tuple[Lsn, bytes | None] | None:
    if type(reply) is list and len(reply) == 2 and type(reply[0]) is int:
        image = reply[1]
        if image is None or type(image) is bytes:
            return Lsn(reply[0]), image
    return None


def _error_of(reply: Any) -> Exception:
    if isinstance(reply, RpcError):
        return from_wire(reply.code, reply.message, reply.details) or reply
    if isinstance(reply, Exception):
        return reply
    return BadRequest("an answer that is not a page version")
