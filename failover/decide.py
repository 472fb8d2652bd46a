"""Pure: the promotion rule: one pure function over everything the monitor knows.

Purpose: `decide(view, observations, requests, now)` is the only place where a promotion is ordered.
Every decision carries a reason per member, so "why instance-3?" is answered by the record.

Invariants:
- A working writer is never replaced except by a request.
- Only a dead writer (or a proven absence of one) leads to an automatic promotion; doubt waits.
- At most one promotion at a time, none while another monitor's claim is fresh, and none before
  the acting monitor had its turn.
- A monitor that starts changes nothing by itself: it first waits to hear from everyone.
- Safety does not rest on any of this: the promoted instance opens the volume with the next epoch.

Source: aurora-facts 2.2 (order of promotion); the rule that doubt is not death, and that a human
overrides restraint, as in the failover managers the design page names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from failover.candidates import Ranking, Verdict, rank
from failover.decision import (
    Adopt,
    Analysis,
    Answer,
    Decision,
    FailureKind,
    Promote,
    Request,
    Switchover,
    View,
)
from failover.observe import Health, Observation, Role
from failover.topology import Topology


def decide(
    view: View,
    observations: Mapping[str, Observation],
    requests: Sequence[Request],
    now: float,
) -> Decision:
    """What to do now, why, and when to look again."""
    decision = _Deciding(view, observations, now).decide(requests[0] if requests else None)
    if decision.wake_at is None:
        decision = evolve(decision, wake_at=_next_look(observations, now))
    else:
        looks = (decision.wake_at, _next_look(observations, now))
        decision = evolve(decision, wake_at=min(at for at in looks if at is not None))
    accepted = getattr(decision.action, "request", None)
    answered = {answer.request for answer in decision.refused}
    late = tuple(
        Answer(request.id, "another failover was requested first; try again when it is done")
        for request in requests
        if request.id != accepted and request.id not in answered
    )
    return evolve(decision, refused=decision.refused + late)


def current_writer(
    observations: Mapping[str, Observation], highest_epoch: int
) -> Observation | None:
    """The member that said writer with the highest epoch, unless a newer writer was ever heard.

    Also the monitor's and the router's answer to two members that both say writer: the older one
    is fenced already and only does not know it yet.
    """
    writers = [seen for seen in observations.values() if seen.role in (Role.WRITER, Role.DEMOTING)]
    newest = max(writers, key=lambda seen: (seen.epoch, seen.id), default=None)
    if newest is None or newest.epoch < highest_epoch:
        return None
    return newest


class _Deciding:
    """One decision: the inputs, and one method per named situation."""

    def __init__(self, view: View, observations: Mapping[str, Observation], now: float) -> None:
        self.view = view
        self.observations = observations
        self.now = now
        self.limits = view.timeouts
        self.writer = current_writer(observations, view.highest_epoch)

    def decide(self, request: Request | None) -> Decision:
        topology = self.view.topology
        if self.view.running is not None:
            return self._stay(
                Analysis.PROMOTION_RUNNING, self.view.running, request, "a promotion is running"
            )
        if topology is None or not topology.members:
            why = self.view.document_error or "not read yet"
            return self._stay(Analysis.DOCUMENT_UNREADABLE, why, request, why)
        if request is not None:
            return self._requested(topology, request)
        if self.writer is not None and self.writer.healthy:
            return self._writer_works(topology, self.writer)
        return self._waiting(topology) or self._outage(topology)

    # -- a working writer ---------------------------------------------------------------------

    def _writer_works(self, topology: Topology, writer: Observation) -> Decision:
        if writer.role is Role.DEMOTING:
            until = writer.role_since + self.limits.demotion + self.limits.promotion
            if self.now < until:
                why = f"{writer.id} is demoting, nobody else is to act before it is done"
                return Decision(
                    Analysis.DEMOTING, why, verdicts=self._bystanders(topology), wake_at=until
                )
            return self._waiting(topology) or self._outage(topology)
        verdicts = self._bystanders(topology)
        why = f"{writer.id} writes at epoch {writer.epoch}"
        stale = (topology.writer, topology.epoch) != (writer.id, writer.epoch)
        if (stale or topology.claim is not None) and not self._claim_is_fresh():
            turn = writer.role_since + self.limits.turn
            if not self._acting() and self.now < turn:
                return Decision(Analysis.STEADY, why, verdicts=verdicts, wake_at=turn)
            if self.view.adopting:
                return Decision(Analysis.STEADY, why, verdicts=verdicts)
            adopt = Adopt(writer.id, writer.epoch)
            return Decision(Analysis.STEADY, why, adopt, verdicts)
        return Decision(Analysis.STEADY, why, verdicts=verdicts, wake_at=self._claim_end())

    def _bystanders(self, topology: Topology) -> tuple[Verdict, ...]:
        writer = self.writer.id if self.writer else None
        ranking = self._rank(topology)
        return tuple(
            Verdict(writer, False, "is the writer") if verdict.member == writer else verdict
            for verdict in ranking.verdicts(None)
        )

    # -- reasons to wait ----------------------------------------------------------------------

    def _waiting(self, topology: Topology) -> Decision | None:
        """The first reason not to act although no writer works, or None."""
        reasons = (self._doubt, self._opening, self._claimed, self._others_turn, self._cold_start)
        for reason in reasons:
            decision = reason(topology)
            if decision is not None:
                return evolve(decision, verdicts=self._rank(topology).verdicts(None))
        return None

    def _doubt(self, topology: Topology) -> Decision | None:
        writer = self.writer
        if writer is None or not writer.health.in_doubt:
            return None
        why = f"{writer.id}, the writer, is {writer.describe(self.now)}"
        return Decision(Analysis.WRITER_IN_DOUBT, why)

    def _opening(self, topology: Topology) -> Decision | None:
        """Someone was told to open the volume before this monitor started, or by another one."""
        for seen in self.observations.values():
            until = seen.role_since + self.limits.promotion
            if seen.role is Role.OPENING and seen.healthy and self.now < until:
                return Decision(Analysis.OPENING, f"{seen.id} is opening", wake_at=until)
        return None

    def _claimed(self, topology: Topology) -> Decision | None:
        if not self._claim_is_fresh():
            return None
        claim = self.view.foreign_claim
        assert claim is not None
        why = f"{claim.claim.target}: {claim.claim.reason}"
        return Decision(Analysis.CLAIMED_ELSEWHERE, why, wake_at=self._claim_end())

    def _claim_end(self) -> float | None:
        claim = self.view.foreign_claim
        if claim is None:
            return None
        end = claim.seen_at + self.limits.turn
        return end if self.now < end else None

    def _claim_is_fresh(self) -> bool:
        """Counted from when it was first seen, on this observer's clock: no clocks compared."""
        return self._claim_end() is not None

    def _others_turn(self, topology: Topology) -> Decision | None:
        """Every monitor sees a crash at the same moment; one of them is to act on it."""
        began = self.view.incident_since
        until = (self.view.started_at if began is None else began) + self.limits.turn
        if topology.acting in (None, self.view.token) or self.now >= until:
            return None
        return Decision(Analysis.OTHERS_TURN, "another monitor acts first", wake_at=until)

    def _acting(self) -> bool:
        """Whether this monitor may act without announcing it: it wrote the document last, and
        knows that from not long ago."""
        topology, seen_at = self.view.topology, self.view.document_seen_at
        if topology is None or seen_at is None:
            return False
        fresh = self.now < seen_at + self.limits.acting_for
        return fresh and topology.acting == self.view.token

    def _cold_start(self, topology: Topology) -> Decision | None:
        """Until a writer was seen once, everyone gets the chance to say that he is one."""
        if self.view.settled:
            return None
        unheard = [
            member
            for member in topology.members
            if self._observed(member.id).health in (Health.UNKNOWN, Health.DOWN, Health.SUSPECT)
            and self._observed(member.id).report is None
        ]
        if topology.writer is None and topology.epoch == 0:
            # A volume nobody ever wrote: only the best tier is worth waiting for.
            best = min((m.tier for m in topology.members if not m.excluded), default=None)
            unheard = [member for member in unheard if member.tier == best and not member.excluded]
        why = f"not heard yet: {', '.join(member.id for member in unheard)}"
        if self.view.first_heard_at is None:
            return Decision(Analysis.COLD_START, why)
        waits = [self.view.first_heard_at + self._patience(member.id) for member in unheard]
        until = max((wait for wait in waits if wait > self.now), default=None)
        return None if until is None else Decision(Analysis.COLD_START, why, wake_at=until)

    def _patience(self, member_id: str) -> float:
        """An absent process may just be starting, as slowly as the machine is busy: counted from
        the first member that made it. One that is there and silent may be the writer."""
        absent = self._observed(member_id).health is not Health.UNKNOWN
        return self.limits.cold_start if absent else self.limits.hung_after

    # -- an outage ----------------------------------------------------------------------------

    def _outage(self, topology: Topology) -> Decision:
        ranking = self._rank(topology)
        analysis, why = self._cause()
        verdicts = ranking.verdicts(None)
        if not topology.automatic:
            why = f"{why}; automatic failover is off, use `sixfold failover`"
            return Decision(Analysis.MAINTENANCE, why, verdicts=verdicts)
        best = ranking.best
        if best is None:
            return Decision(
                Analysis.NO_CANDIDATE, f"{why}; nobody can take over", verdicts=verdicts
            )
        for held, until, reason in (
            (Analysis.BACKING_OFF, self._retry_at(best.id), "the last attempts failed"),
            (Analysis.PAUSED, self._pause_until(), "promoted writers are lost at once"),
        ):
            if until is not None and self.now < until:
                return Decision(held, f"{why}; {reason}", verdicts=verdicts, wake_at=until)
        action = Promote(best.id, why, automatic=True, announce=not self._acting())
        return Decision(analysis, why, action, ranking.verdicts(best.id))

    def _cause(self) -> tuple[Analysis, str]:
        writer = self.writer
        if writer is not None and not writer.healthy:
            return Analysis.WRITER_LOST, f"{writer.id} is {writer.describe(self.now)}"
        if writer is not None:
            return Analysis.WRITER_LOST, f"{writer.id} does not finish demoting"
        if self.view.last_writer is not None:
            return Analysis.NO_WRITER, f"{self.view.last_writer} is no longer the writer"
        return Analysis.NO_WRITER, "nobody says that he is the writer"

    def _retry_at(self, best: str) -> float | None:
        """Immediate for a candidate not tried yet; otherwise an interval that doubles."""
        failures = self.view.failures
        if not failures:
            return None
        own = sum(1 for item in failures if item.member == best and item.kind.blames_candidate)
        common = sum(1 for item in failures if _hinders_everyone(item.kind))
        last = failures[-1]
        rounds = max(own, common if _hinders_everyone(last.kind) else 0)
        if rounds == 0:
            return None
        return last.at + _doubling(self.limits.retry_first, self.limits.retry_max, rounds - 1)

    def _pause_until(self) -> float | None:
        """Only after several promoted writers in a row were lost within `short_reign`."""
        short = 0
        for reign in reversed(self.view.reigns):
            if reign.lost_at is None or reign.lost_at - reign.since >= self.limits.short_reign:
                break
            short += 1
        excess = short - self.limits.short_reigns_free
        if excess < 0:
            return None
        lost_at = self.view.reigns[-1].lost_at
        assert lost_at is not None
        return lost_at + _doubling(self.limits.pause_first, self.limits.pause_max, excess)

    # -- a request ----------------------------------------------------------------------------

    def _requested(self, topology: Topology, request: Request) -> Decision:
        ranking = self._rank(topology)
        writer = self.writer if self.writer is not None and self.writer.healthy else None
        reason = self._why_refused(topology, ranking, writer, request)
        if reason is not None:
            return Decision(
                Analysis.REQUESTED,
                reason,
                verdicts=self._bystanders(topology),
                refused=(Answer(request.id, reason),),
                wake_at=self.now,
            )
        target = request.to or next(m.id for m in ranking.order if m.id != self._writer_id())
        verdicts = ranking.verdicts(target)
        if writer is None:
            action: Promote | Switchover = Promote(
                target,
                "requested; no writer works",
                automatic=False,
                announce=not self._acting(),
                request=request.id,
            )
        else:
            action = Switchover(writer.id, target, "requested", request.id)
        return Decision(Analysis.REQUESTED, f"failover to {target}", action, verdicts)

    def _why_refused(
        self,
        topology: Topology,
        ranking: Ranking,
        writer: Observation | None,
        request: Request,
    ) -> str | None:
        if writer is not None and writer.role is Role.DEMOTING:
            return f"{writer.id} is demoting; try again when that is done"
        if self._claim_is_fresh():
            return "another monitor is promoting; try again when that is done"
        if request.to is None:
            if any(member.id != self._writer_id() for member in ranking.order):
                return None
            return "no healthy instance to promote; see `sixfold status`"
        if topology.member(request.to) is None:
            known = ", ".join(topology.member_ids())
            return f"unknown instance {request.to}; this cluster has {known}"
        if request.to == self._writer_id():
            return f"{request.to} is the writer already"
        for verdict in ranking.rejected:
            if verdict.member == request.to:
                return f"{request.to} cannot be promoted: {verdict.reason}"
        return None

    # -- helpers ------------------------------------------------------------------------------

    def _writer_id(self) -> str | None:
        return self.writer.id if self.writer is not None else None

    def _rank(self, topology: Topology) -> Ranking:
        failures: dict[str, int] = {}
        for item in self.view.failures:
            if item.kind.blames_candidate:
                failures[item.member] = failures.get(item.member, 0) + 1
        return rank(
            topology.members,
            self.observations,
            seed=self.view.seed,
            epoch=self.view.highest_epoch,
            failures=failures,
            now=self.now,
        )

    def _observed(self, member_id: str) -> Observation:
        unknown = Observation(member_id, Health.UNKNOWN, self.view.started_at)
        return self.observations.get(member_id, unknown)

    def _stay(
        self, analysis: Analysis, why: str, request: Request | None, refusal: str
    ) -> Decision:
        refused = (Answer(request.id, refusal),) if request is not None else ()
        topology = self.view.topology
        verdicts = self._bystanders(topology) if topology is not None else ()
        return Decision(analysis, why, verdicts=verdicts, refused=refused)


def _hinders_everyone(kind: FailureKind) -> bool:
    return not kind.blames_candidate


def _doubling(first: float, most: float, times: int) -> float:
    return min(most, first * 2.0 ** min(times, 32))


def _next_look(observations: Mapping[str, Observation], now: float) -> float | None:
    looks = [seen.next_look for seen in observations.values() if seen.next_look is not None]
    return max(now, min(looks)) if looks else None
