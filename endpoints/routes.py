"""Pure: which instance a new connection goes to, and which sessions must end.

Purpose: the router's rules as a pure object, fed with observations.
- Writer endpoint: the instance that says writer with the highest epoch, never one older than a
  writer already seen. No monitor is needed for that.
- Reader endpoint: the healthy reader with the fewest connections, the longest unused among equals;
  without a reader the writer (aurora-facts 2.1).
- A connection is never routed to an instance in doubt; its sessions are cut only when it is dead,
  restarted, fenced, or has become a reader after having been the writer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import define, field, frozen

from failover.decide import current_writer
from failover.observe import Observation, Role


class Endpoint(Enum):
    WRITER = "writer"
    READER = "reader"


@frozen
class Target:
    """Go there. `cuts` tells whether the instance's sessions were cut since this was said."""

    instance: str
    cuts: int


@frozen
class Wait:
    """Nobody can take the connection now; the reason is what the client is told in the end."""

    reason: str
    retry: bool = False  # someone should have taken it: worth another try soon


Choice = Target | Wait


@frozen
class Cut:
    """Every session on this instance ends now."""

    instance: str
    reason: str


@define
class _Seen:
    """What the last observation of an instance meant for its sessions."""

    incarnation: int
    role: Role | None
    dead: bool
    fenced: bool


@define
class Routes:
    """Mutable; all inputs through its methods."""

    observations: Mapping[str, Observation] = field(factory=dict)
    highest_epoch: int = 0
    draining: set[str] = field(factory=set)
    connections: dict[str, int] = field(factory=dict)
    _last_used: dict[str, int] = field(factory=dict)
    _clock: int = 0
    _before: dict[str, _Seen] = field(factory=dict)
    _cuts: dict[str, int] = field(factory=dict)

    # -- what is seen -------------------------------------------------------------------------

    def observe(self, observations: Mapping[str, Observation]) -> list[Cut]:
        """The newest observations; returns whose sessions must end because of them."""
        self.observations = observations
        for seen in observations.values():
            if seen.role is Role.WRITER:
                self.highest_epoch = max(self.highest_epoch, seen.epoch)
        cuts = []
        for seen in observations.values():
            now = self._meaning(seen)
            before = self._before.get(seen.id)
            self._before[seen.id] = now
            reason = None if before is None else _why_cut(before, now, seen)
            if reason is not None:
                self._cuts[seen.id] = self._cuts.get(seen.id, 0) + 1
                cuts.append(Cut(seen.id, reason))
        return cuts

    def _meaning(self, seen: Observation) -> _Seen:
        fenced = seen.role is Role.WRITER and seen.epoch < self.highest_epoch
        incarnation = seen.report.pid if seen.report is not None else 0
        return _Seen(incarnation, seen.role, seen.health.dead, fenced)

    # -- choosing -----------------------------------------------------------------------------

    def choose(self, endpoint: Endpoint) -> Choice:
        if endpoint is Endpoint.WRITER:
            return self._writer()
        return self._reader() or self._writer()

    def _writer(self) -> Choice:
        writer = self.writer()
        if writer is None:
            return Wait(self._why_no_writer())
        return self._target(writer)

    def writer(self) -> Observation | None:
        """The writer, if one can take a connection now."""
        newest = current_writer(self.observations, self.highest_epoch)
        if newest is None or newest.role is not Role.WRITER or not self._takes(newest):
            return None
        return newest

    def _reader(self) -> Choice | None:
        readers = [
            seen
            for seen in self.observations.values()
            if seen.role is Role.READER and self._takes(seen) and has_content(seen)
        ]
        if not readers:
            return None
        return self._target(min(readers, key=self._load))

    def _takes(self, seen: Observation) -> bool:
        return seen.healthy and seen.id not in self.draining

    def _load(self, seen: Observation) -> tuple[int, int, str]:
        return self.connections.get(seen.id, 0), self._last_used.get(seen.id, 0), seen.id

    def _target(self, seen: Observation) -> Target:
        return Target(seen.id, self._cuts.get(seen.id, 0))

    def _why_no_writer(self) -> str:
        opening = [seen.id for seen in self.observations.values() if seen.role is Role.OPENING]
        if opening:
            return f"{opening[0]} is being promoted"
        last = current_writer(self.observations, self.highest_epoch)
        if last is None:
            return "no instance says that it is the writer"
        if last.role is Role.DEMOTING:
            return f"{last.id} is handing over"
        if last.id in self.draining:
            return f"{last.id}, the writer, is draining"
        return f"{last.id}, the writer, is {last.health.value}"

    # -- load ---------------------------------------------------------------------------------

    def opened(self, instance: str) -> None:
        self._clock += 1
        self._last_used[instance] = self._clock
        self.connections[instance] = self.connections.get(instance, 0) + 1

    def closed(self, instance: str) -> None:
        count = self.connections.get(instance, 0) - 1
        assert count >= 0, f"{instance}: more sessions ended than began"
        self.connections[instance] = count

    def still_valid(self, target: Target) -> bool:
        """False when sessions chosen like this one were cut in the meantime."""
        return self._cuts.get(target.instance, 0) == target.cuts


def has_content(seen: Observation) -> bool:
    """A reader of a volume that no writer has opened yet has nothing to read, not even accounts."""
    return seen.report is not None and seen.report.state != "starting"


def _why_cut(before: _Seen, now: _Seen, seen: Observation) -> str | None:
    """The reason why sessions that were on `before` end with `now`; None when they go on."""
    if now.dead and not before.dead:
        return seen.health.value
    if before.incarnation and now.incarnation != before.incarnation:
        return "restarted"
    if now.fenced and not before.fenced:
        return "fenced"
    if before.role in (Role.WRITER, Role.DEMOTING) and now.role is Role.READER:
        return "demoted"
    return None
