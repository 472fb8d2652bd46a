"""Pure: what one observer knows about one member: a detector without a clock or a socket.

Purpose: turn reports, broken connections, failed dials and silence into one named health.
Called by: the watcher (failover/watcher.py), for the monitor and for the router alike.

The names are kept apart because they mean different things:
  UNKNOWN      not heard of since this observer started
  HEALTHY      connected and heard of lately
  SILENT       connected, no word for `silent_after`: no candidate, not dead
  SUSPECT      the connection broke and the one quick redial is under way
  DOWN         broken, and the redial was refused: the process is not there
  UNREACHABLE  broken, and nobody answered the redial
  HUNG         connected but silent for `hung_after`, looked at twice

Invariants:
- Every method takes `now`; without calls nothing changes.
- HUNG is reached only by a look that came on time: an observer that was stopped itself (SIGSTOP,
  a suspended laptop) finds everybody silent, and must first give them the chance to be heard.
- SUSPECT and SILENT always end: `next_look` is never None in them.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field, frozen

from failover.timeouts import Timeouts
from runtime.net import Address


class Health(Enum):
    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    SILENT = "silent"
    SUSPECT = "suspect"
    DOWN = "down"
    UNREACHABLE = "unreachable"
    HUNG = "hung"

    @property
    def dead(self) -> bool:
        """Given up: whatever it was doing, someone else may have to do it."""
        return self in _DEAD

    @property
    def in_doubt(self) -> bool:
        """Heard of before, to be decided soon; nobody acts on it yet."""
        return self in (Health.SILENT, Health.SUSPECT)


_DEAD = frozenset((Health.DOWN, Health.UNREACHABLE, Health.HUNG))


class Role(Enum):
    READER = "reader"
    OPENING = "opening"
    WRITER = "writer"
    DEMOTING = "demoting"


class DialFailure(Enum):
    REFUSED = "refused"
    TIMEOUT = "timeout"


@frozen
class Report:
    """What a member last said about itself."""

    id: str
    role: Role
    state: str = "ready"
    epoch: int = 0
    vdl: int = 0
    lag_ms: float = 0.0
    pid: int = 0
    mysql: Address | None = None
    relay: Address | None = None
    handoff_path: str | None = None
    session_count: int = 0

    def differs_in_kind(self, other: Report | None) -> bool:
        """More than a heartbeat: something a decision or a route could depend on."""
        return other is None or (
            (self.role, self.state, self.epoch, self.pid, self.handoff_path, self.relay)
            != (other.role, other.state, other.epoch, other.pid, other.handoff_path, other.relay)
        )


@frozen
class Observation:
    """One member at one moment, as decide() and the router read it."""

    id: str
    health: Health
    health_since: float
    report: Report | None = None
    role_since: float = 0.0
    heard_at: float | None = None
    next_look: float | None = None

    @property
    def role(self) -> Role | None:
        return self.report.role if self.report else None

    @property
    def epoch(self) -> int:
        return self.report.epoch if self.report else 0

    @property
    def healthy(self) -> bool:
        return self.health is Health.HEALTHY

    def describe(self, now: float) -> str:
        return f"{self.health.value} for {max(0.0, now - self.health_since):.1f} s"


@define
class Detector:
    """Health of one member. All methods return whether something a decision depends on changed."""

    id: str
    timeouts: Timeouts
    health_since: float
    health: Health = Health.UNKNOWN
    report: Report | None = None
    role_since: float = 0.0
    heard_at: float | None = None
    _silent_seen_at: float | None = field(default=None, init=False)
    _due: float | None = field(default=None, init=False)

    def on_report(self, report: Report, now: float) -> bool:
        news = report.differs_in_kind(self.report) or self.health is not Health.HEALTHY
        if self.report is None or report.role is not self.report.role:
            self.role_since = now
        self.report = report
        self.heard_at = now
        self._silent_seen_at = None
        self._become(Health.HEALTHY, now)
        return news

    def on_broken(self, now: float) -> bool:
        """The connection ended. A member already given up stays so until it reports again."""
        if self.health.dead or self.health is Health.UNKNOWN:
            return False
        return self._become(Health.SUSPECT, now)

    def on_dial_failed(self, failure: DialFailure, now: float) -> bool:
        if failure is DialFailure.REFUSED:
            return self._become(Health.DOWN, now)
        if self.health in (Health.HUNG, Health.UNKNOWN):
            return False  # hung covers it; an unknown one runs out by itself
        return self._become(Health.UNREACHABLE, now)

    def look(self, now: float) -> bool:
        """Let time pass. To be called at `next_look`; earlier or later is harmless."""
        late = self._due is not None and now > self._due + self.timeouts.confirm
        changed = self._look(now, late)
        self._due = self.next_look
        return changed

    @property
    def next_look(self) -> float | None:
        """When silence will mean more than it does now; None when only an event can change it."""
        limits = self.timeouts
        match self.health:
            case Health.HEALTHY:
                return (self.heard_at or self.health_since) + limits.silent_after
            case Health.SILENT:
                assert self._silent_seen_at is not None, self.id
                heard = self.heard_at if self.heard_at is not None else self.health_since
                return max(heard + limits.hung_after, self._silent_seen_at + limits.confirm)
            case Health.SUSPECT:
                return self.health_since + 2 * limits.redial
            case Health.UNKNOWN:
                return self.health_since + limits.hung_after
            case _:
                return None

    def observation(self) -> Observation:
        return Observation(
            self.id,
            self.health,
            self.health_since,
            self.report,
            self.role_since,
            self.heard_at,
            self.next_look,
        )

    def _look(self, now: float, late: bool) -> bool:
        due = self.next_look
        if due is None or now < due:
            return False
        match self.health:
            case Health.HEALTHY:
                self._silent_seen_at = now
                return self._become(Health.SILENT, now)
            case Health.SILENT if late:
                self._silent_seen_at = now
                return False
            case Health.SUSPECT if late:
                self.health_since = now
                return False
            case Health.SUSPECT:
                return self._become(Health.UNREACHABLE, now)
            case _:
                return self._become(Health.HUNG, now)

    def _become(self, health: Health, now: float) -> bool:
        changed = health is not self.health
        if changed:
            self.health = health
            self.health_since = now
        self._due = self.next_look
        return changed
