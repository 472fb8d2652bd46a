"""Opening the volume for writing, step by step. Pure: events in, requests out.

    DISCOVER   ask every node what it has; the new epoch is above every epoch seen
    FENCE      raise the epoch on a write quorum of every protection group (group 0 first: who has
               it there has won), then ask again what exists: the old writer can add no more
    TRUNCATE   compute VDL; make the truncation range durable on a write quorum of every group
    REPLICATE  copy records at or below VDL until a write quorum of every group is complete up to it
    OPEN       the caller may write
    LOST       another opener has a newer epoch, or won this one

Each request is idempotent and nothing is remembered between openers but what segments made
durable, so an opener may die after any step and another one start from the beginning.

Races: a segment promises an epoch to the first owner that asks. Whoever holds a write quorum of
group 0 has won, and may attach the segments that others were promised at the same epoch. If nobody
can have a write quorum, the smallest owner goes on with a higher epoch and the others have lost.
(SIGMOD 2018, section 2.4: change the locks instead of waiting out a lease.)

Less than a write quorum reachable: the machine waits; a deadline is the caller's business.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen

from volume import limits
from volume.errors import StaleEpoch, VolumeError
from volume.messages import EpochRaised, LogPart, NodeStatus
from volume.model import Epoch, Lsn, PgId, TruncationRange
from volume.quorum import COPIES, is_write_quorum, mask_of, write_shortfall
from volume.recoverypoint import RecoveryPoint, recovery_point
from volume.writer import OpenedVolume

FIRST_GROUP: Final = PgId(0)


class Phase(Enum):
    DISCOVER = "discovering what the storage nodes hold"
    FENCE = "raising the volume epoch"
    TRUNCATE = "writing the truncation range"
    REPLICATE = "re-replicating records that lack a write quorum"
    OPEN = "open"
    LOST = "lost to another opener"


@frozen
class AskStatus:
    """`status`; reply NodeStatus."""


@frozen
class AskRaise:
    """`raise_epoch`; reply EpochRaised."""

    pg: PgId
    epoch: Epoch
    owner: str


@frozen
class AskAttach:
    """`attach`; reply the SCL."""

    pg: PgId
    epoch: Epoch
    owner: str
    truncations: tuple[TruncationRange, ...]


@frozen
class AskFetch:
    """`fetch_log` from a complete segment on behalf of `target`; reply LogPart."""

    pg: PgId
    after: Lsn
    target: int


@frozen
class AskAppend:
    """`append` of copied records; reply the SCL."""

    pg: PgId
    epoch: Epoch
    vdl: Lsn
    tail: Lsn
    records: bytes


Request = AskStatus | AskRaise | AskAttach | AskFetch | AskAppend


@frozen(eq=False)
class Ask:
    """One request to one storage node; the shell hands it back with the outcome."""

    node: int
    request: Request


class Opening:
    """One attempt to open the volume for writing; every method returns the requests to send."""

    def __init__(self, owner: str, *, epoch_floor: int = 0, lal: int = limits.LAL) -> None:
        self.owner = owner
        self.phase = Phase.DISCOVER
        self.epoch = Epoch(0)
        self.point: RecoveryPoint | None = None
        self.lost_to: StaleEpoch | None = None
        self._complaint = ""  # the last refusal that was not about epochs
        self._lal = lal
        self._epoch_floor = epoch_floor
        self._up: set[int] = set()
        self._hurried = False
        self._inflight: dict[tuple[int, type[Request], int], Ask] = {}
        self._groups: set[PgId] = {FIRST_GROUP}
        self._statuses: dict[int, NodeStatus] = {}
        self._raised: dict[PgId, dict[int, EpochRaised]] = {}
        self._taken: dict[int, StaleEpoch] = {}  # group 0 of these nodes went to another opener
        self._seen_after: set[int] = set()  # nodes whose groups were listed after their fence
        self._scls: dict[PgId, dict[int, Lsn]] = {}  # segments attached at this epoch
        self._unfit: set[tuple[PgId, int]] = set()  # too far behind to be caught up by log
        self._later: set[tuple[int, type[Request], int]] = (
            set()
        )  # refused: not before the next look

    # ------------------------------------------------------------------ events

    def node_up(self, node: int) -> list[Ask]:
        """A connection to the node exists."""
        self._up.add(node)
        return self._advance()

    def node_down(self, node: int) -> list[Ask]:
        """The connection is gone; what was asked on it is asked again on the next one."""
        self._up.discard(node)
        for key in [key for key in self._inflight if key[0] == node]:
            del self._inflight[key]
        return self._advance()

    def hurry(self) -> list[Ask]:
        """Waited long enough for the slow: go on as soon as a write quorum has answered."""
        self._hurried = True
        return self._advance()

    def look_again(self) -> list[Ask]:
        """Some time has passed: gossip may have caught up those that lag, refusals may be over."""
        self._unfit.clear()
        self._later.clear()
        if self.phase is Phase.REPLICATE:
            for pg, scls in self._scls.items():
                for node in [n for n, scl in scls.items() if scl < self._end(pg)]:
                    if not self._busy(node, pg):
                        del scls[node]
        return self._advance()

    def replied(self, ask: Ask, reply: NodeStatus | EpochRaised | LogPart | Lsn) -> list[Ask]:
        """The node did what was asked."""
        if not self._forget(ask):
            return []
        request, node = ask.request, ask.node
        follow_up: list[Ask] = []
        match request, reply:
            case AskStatus(), NodeStatus():
                self._on_status(node, reply)
            case AskRaise(), EpochRaised() if request.epoch == self.epoch:
                self._raised.setdefault(request.pg, {})[node] = reply
            case AskAttach() | AskAppend(), int() if request.epoch == self.epoch:
                self._on_scl(node, request, Lsn(reply))
            case AskFetch(), LogPart():
                follow_up = self._on_fetched(request, reply)
        return follow_up + self._advance()

    def refused(self, ask: Ask, error: VolumeError) -> list[Ask]:
        """The node answered with a refusal."""
        if not self._forget(ask):
            return []
        request, node = ask.request, ask.node
        if isinstance(error, StaleEpoch):
            self._on_stale(node, request, error)
        elif isinstance(request, AskFetch):
            self._unfit.add((request.pg, request.target))
        else:
            self._complaint = f": {error}"
            self._later.add(_key(ask))
            if isinstance(request, AskAppend):
                self._scls.get(request.pg, {}).pop(node, None)  # attach again
        return self._advance()

    # ----------------------------------------------------------------- results

    @property
    def opened(self) -> OpenedVolume:
        assert self.phase is Phase.OPEN and self.point is not None, self.phase
        p = self.point
        return OpenedVolume(self.epoch, self.owner, p.vdl, p.next_lsn, p.ends, p.truncations)

    def waiting_for(self) -> str:
        """One operator's line: why the volume is not open yet."""
        shortfall = write_shortfall(len(self._up))
        if not is_write_quorum(mask_of(self._up)):
            return shortfall
        return f"{self.phase.value}, {shortfall}{self._complaint}"

    # ------------------------------------------------------------ state changes

    def _on_status(self, node: int, status: NodeStatus) -> None:
        self._statuses[node] = status
        if self.phase is Phase.FENCE:
            self._seen_after.add(node)
            self._groups.update(PgId(segment.pg) for segment in status.segments)

    def _on_stale(self, node: int, request: Request, error: StaleEpoch) -> None:
        if isinstance(request, AskStatus | AskFetch) or request.epoch != self.epoch:
            return
        if isinstance(request, AskRaise) and error.current == self.epoch:
            self._taken[node] = error
        else:
            self._lose(error)

    def _on_scl(self, node: int, request: AskAttach | AskAppend, scl: Lsn) -> None:
        before = self._scls.setdefault(request.pg, {}).get(node)
        self._scls[request.pg][node] = scl
        if isinstance(request, AskAppend) and scl == before:
            # The copied records do not join this segment's chain: leave it to gossip.
            self._unfit.add((request.pg, node))

    def _on_fetched(self, request: AskFetch, part: LogPart) -> list[Ask]:
        assert self.point is not None
        if not part.records:
            self._unfit.add((request.pg, request.target))
            return []
        append = AskAppend(
            request.pg, self.epoch, self.point.durable, self._end(request.pg), part.records
        )
        return self._ask(request.target, append)

    def _lose(self, error: StaleEpoch) -> None:
        self.lost_to = error
        self.phase = Phase.LOST
        self._inflight.clear()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._hurried = False

    # ------------------------------------------------------------------- steps

    def _advance(self) -> list[Ask]:
        asks: list[Ask] = []
        step = {
            Phase.DISCOVER: self._discover,
            Phase.FENCE: self._fence,
            Phase.TRUNCATE: self._truncate,
            Phase.REPLICATE: self._replicate,
        }
        while self.phase in step:
            before = self.phase, self.epoch
            asks += step[self.phase]()
            if (self.phase, self.epoch) == before:
                break
        return [ask for ask in asks if self._inflight.get(_key(ask)) is ask]

    def _discover(self) -> list[Ask]:
        waiting = self._up - self._statuses.keys()
        if is_write_quorum(mask_of(self._statuses)) and (self._hurried or not waiting):
            self._start_epoch(self._highest_epoch() + 1)
            self._enter(Phase.FENCE)
            return []
        return [ask for node in sorted(waiting) for ask in self._ask(node, AskStatus())]

    def _highest_epoch(self) -> int:
        seen = [segment.epoch for status in self._statuses.values() for segment in status.segments]
        return max([self._epoch_floor, *seen])

    def _start_epoch(self, epoch: int) -> None:
        self.epoch = Epoch(epoch)
        self._groups.update(
            PgId(segment.pg) for status in self._statuses.values() for segment in status.segments
        )
        self._raised = {}
        self._taken = {}
        self._seen_after = set()
        self._scls = {}
        self._unfit = set()
        self._inflight.clear()

    def _fence(self) -> list[Ask]:
        asks = self._raise_everywhere(FIRST_GROUP)
        if not is_write_quorum(mask_of(self._raised.get(FIRST_GROUP, {}))):
            asked = any((node, AskRaise, FIRST_GROUP) in self._inflight for node in self._up)
            if self._taken and (self._hurried or not asked):
                self._settle_race()
            return asks
        for pg in sorted(self._groups - {FIRST_GROUP}):
            asks += self._raise_everywhere(pg)
        for node in sorted(self._up - self._seen_after):
            if all(node in self._raised.get(pg, {}) for pg in self._groups):
                asks += self._ask(node, AskStatus())
        fenced = all(is_write_quorum(mask_of(self._raised.get(pg, {}))) for pg in self._groups)
        if fenced and is_write_quorum(mask_of(self._seen_after)):
            replies = {pg: list(self._raised[pg].values()) for pg in sorted(self._groups)}
            self.point = recovery_point(replies, self.epoch, lal=self._lal)
            self._enter(Phase.TRUNCATE)
        return asks

    def _raise_everywhere(self, pg: PgId) -> list[Ask]:
        missing = self._up - self._raised.get(pg, {}).keys() - self._taken.keys()
        request = AskRaise(pg, self.epoch, self.owner)
        return [ask for node in sorted(missing) for ask in self._ask(node, request)]

    def _settle_race(self) -> None:
        """Others hold group 0 of some nodes at this very epoch, and nobody answers any more."""
        held_by: dict[str, set[int]] = {}
        for node, error in self._taken.items():
            held_by.setdefault(error.owner, set()).add(node)
        winner = next((o for o, n in held_by.items() if is_write_quorum(mask_of(n))), None)
        if winner is None and self.owner < min(held_by):
            self._start_epoch(self.epoch + 1)
            self._hurried = False
        else:
            first = min(held_by[winner or min(held_by)])
            self._lose(self._taken[first])

    def _truncate(self) -> list[Ask]:
        asks = self._attach_everywhere()
        if all(is_write_quorum(mask_of(self._scls.get(pg, {}))) for pg in self._groups):
            self._enter(Phase.REPLICATE)
        return asks

    def _attach_everywhere(self) -> list[Ask]:
        assert self.point is not None
        asks: list[Ask] = []
        for pg in sorted(self._groups):
            request = AskAttach(pg, self.epoch, self.owner, self.point.truncations)
            for node in sorted(self._up - self._scls.get(pg, {}).keys()):
                asks += self._ask(node, request)
        return asks

    def _replicate(self) -> list[Ask]:
        asks = self._attach_everywhere()
        short = [pg for pg in sorted(self._groups) if not self._replicated(pg)]
        if not short:
            self._enter(Phase.OPEN)
            return []
        for pg in short:
            asks += self._copy_within(pg)
        return asks

    def _end(self, pg: PgId) -> Lsn:
        assert self.point is not None
        return self.point.ends.get(pg, Lsn(0))

    def _replicated(self, pg: PgId) -> bool:
        end = self._end(pg)
        return is_write_quorum(mask_of(n for n, scl in self._scls[pg].items() if scl >= end))

    def _copy_within(self, pg: PgId) -> list[Ask]:
        end, scls = self._end(pg), self._scls[pg]
        sources = sorted(n for n, scl in scls.items() if scl >= end and n in self._up)
        asks: list[Ask] = []
        for target, scl in sorted(scls.items()):
            lagging = scl < end and target in self._up and (pg, target) not in self._unfit
            if lagging and sources and not self._busy(target, pg):
                asks += self._ask(sources[target % len(sources)], AskFetch(pg, scl, target))
        return asks

    # ------------------------------------------------------------- bookkeeping

    def _ask(self, node: int, request: Request) -> list[Ask]:
        ask = Ask(node, request)
        key = _key(ask)
        if key in self._inflight or key in self._later:
            return []
        self._inflight[key] = ask
        return [ask]

    def _forget(self, ask: Ask) -> bool:
        """Whether the outcome of `ask` is still of interest."""
        key = _key(ask)
        if self._inflight.get(key) is not ask:
            return False
        del self._inflight[key]
        return True

    def _busy(self, target: int, pg: PgId) -> bool:
        """Whether records for this segment are being fetched, or appended to it."""
        fetching = any(
            isinstance(ask.request, AskFetch)
            and ask.request.pg == pg
            and ask.request.target == target
            for ask in self._inflight.values()
        )
        return fetching or (target, AskAppend, pg) in self._inflight


def _key(ask: Ask) -> tuple[int, type[Request], int]:
    """At most one request of a kind per node and group; fetches are told apart by their target."""
    request = ask.request
    if isinstance(request, AskStatus):
        return ask.node, AskStatus, 0
    if isinstance(request, AskFetch):
        return ask.node, AskFetch, request.pg * COPIES + request.target
    return ask.node, type(request), request.pg
