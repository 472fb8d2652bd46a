"""Pure: the values decide() reads and returns: view, requests, actions, decision.

Purpose: everything a decision depends on is in a `View`, the observations, the requests and `now`;
nothing else. All are immutable.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from failover.candidates import Verdict
from failover.timeouts import Timeouts
from failover.topology import Claim, Topology


class FailureKind(Enum):
    """How an attempt to promote ended when it did not work."""

    TIMEOUT = "timeout"  # the candidate was given its time
    CLOSED = "closed"  # its connection ended: it may have died
    REFUSED = "refused"  # it said no
    QUORUM_LOST = "quorum_lost"  # nobody could have done it
    OVERTAKEN = "overtaken"  # a newer epoch exists: someone else opens or has opened
    CLAIM_LOST = "claim_lost"  # another monitor changed the document first
    DOCUMENT = "document"  # the topology document cannot be changed

    @property
    def blames_candidate(self) -> bool:
        return self in (FailureKind.TIMEOUT, FailureKind.CLOSED, FailureKind.REFUSED)


@frozen
class Failure:
    member: str
    kind: FailureKind
    text: str
    at: float


@frozen
class Reign:
    """One writer this monitor promoted by itself, and when it was lost (None: still there)."""

    member: str
    since: float
    lost_at: float | None = None


@frozen
class ForeignClaim:
    """A claim in the document that this run of the monitor did not make."""

    claim: Claim
    seen_at: float


@frozen
class Request:
    """An operator asks for a failover. `to` None: the monitor picks."""

    id: int
    to: str | None = None


@frozen
class View:
    """What the monitor remembers between decisions. Changed only by failover/memory.py."""

    timeouts: Timeouts
    seed: int
    started_at: float
    token: str  # this run of this monitor
    document_seen_at: float | None = None  # counted from before it was asked for
    topology: Topology | None = None  # None: the document was never read
    document_error: str | None = None
    first_heard_at: float | None = None  # of any member
    settled: bool = False  # a writer was seen since the start: the cold start is over
    highest_epoch: int = 0  # of any member that said writer; an older writer is no writer
    last_writer: str | None = None
    running: str | None = None  # the promotion under way, in words
    adopting: bool = False
    foreign_claim: ForeignClaim | None = None
    incident_since: float | None = None
    failures: tuple[Failure, ...] = ()  # of this incident
    reigns: tuple[Reign, ...] = ()


class Analysis(Enum):
    """The named situations, each with a defined answer."""

    STEADY = "steady"
    WRITER_IN_DOUBT = "writer in doubt"
    WRITER_LOST = "writer lost"
    NO_WRITER = "no writer"
    COLD_START = "cold start"
    PROMOTION_RUNNING = "promotion running"
    OPENING = "a member is opening the volume"
    DEMOTING = "the writer is demoting"
    CLAIMED_ELSEWHERE = "another monitor has claimed a promotion"
    OTHERS_TURN = "left to the acting monitor"
    DOCUMENT_UNREADABLE = "topology document unreadable"
    MAINTENANCE = "automatic failover is off"
    BACKING_OFF = "backing off"
    PAUSED = "writers do not last"
    NO_CANDIDATE = "no candidate"
    REQUESTED = "requested by the operator"


@frozen
class Stay:
    """Do nothing now."""


@frozen
class Adopt:
    """Record in the document who writes; no instance is touched."""

    writer: str
    epoch: int


@frozen
class Promote:
    """Order one promotion: there is no working writer, or the operator overrides. `announce`:
    claim it in the document first."""

    target: str
    reason: str
    automatic: bool
    announce: bool
    request: int | None = None


@frozen
class Switchover:
    """Planned: demote the working writer, then promote; take it back if that fails."""

    writer: str
    target: str
    reason: str
    request: int


Action = Stay | Adopt | Promote | Switchover


@frozen
class Answer:
    """A request that ends here, with the reason the operator reads."""

    request: int
    reason: str


@frozen
class Decision:
    analysis: Analysis
    why: str
    action: Action = Stay()
    verdicts: tuple[Verdict, ...] = ()
    refused: tuple[Answer, ...] = ()
    wake_at: float | None = None  # decide again then, if nothing happened before
