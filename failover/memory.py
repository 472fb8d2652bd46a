"""Pure: what the monitor remembers between decisions, and how each event changes it.

Purpose: the only writer of `View`. Pure, so that whole outages are enumerated without a clock.
Invariants:
- `highest_epoch` never falls.
- An incident opens when the writer is given up and closes when a writer works; the failures and
  back-offs of one outage do not reach into the next.
- An operator's successful failover ends the restraint on automatic ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from failover.decide import current_writer
from failover.decision import Failure, ForeignClaim, Reign, View
from failover.observe import Observation, Role
from failover.promotion import Outcome, OutcomeKind
from failover.topology import Topology

REIGNS_KEPT = 16
FAILURES_KEPT = 64


class Memory:
    """Holds the current view."""

    def __init__(self, view: View) -> None:
        self.view = view

    # -- the document -------------------------------------------------------------------------

    def on_document(self, topology: Topology, asked_at: float, now: float) -> None:
        self.view = evolve(
            self.view,
            topology=topology,
            document_seen_at=asked_at,
            document_error=None,
            highest_epoch=max(self.view.highest_epoch, topology.epoch),
            foreign_claim=self._foreign(topology, now),
        )

    def on_document_error(self, text: str) -> None:
        self.view = evolve(self.view, document_error=text)

    def _foreign(self, topology: Topology, now: float) -> ForeignClaim | None:
        claim = topology.claim
        if claim is None or claim.token == self.view.token:
            return None
        known = self.view.foreign_claim
        return known if known is not None and known.claim == claim else ForeignClaim(claim, now)

    # -- what is seen -------------------------------------------------------------------------

    def on_observations(self, observations: Mapping[str, Observation], now: float) -> None:
        """To be called before each decision."""
        if self.view.first_heard_at is None and any(item.report for item in observations.values()):
            self.view = evolve(self.view, first_heard_at=now)
        epochs = [seen.epoch for seen in observations.values() if seen.role is Role.WRITER]
        highest = max([self.view.highest_epoch, *epochs])
        self.view = evolve(self.view, highest_epoch=highest)
        writer = current_writer(observations, highest)
        if writer is not None and writer.healthy and writer.role is Role.WRITER:
            self._writer_works(writer)
        elif writer is None or writer.health.dead:
            self._writer_lost(now)

    def _writer_works(self, writer: Observation) -> None:
        self.view = evolve(
            self.view, settled=True, last_writer=writer.id, incident_since=None, failures=()
        )

    def _writer_lost(self, now: float) -> None:
        if not self.view.settled or self.view.incident_since is not None:
            return
        reigns = self.view.reigns
        if reigns and reigns[-1].lost_at is None:
            if reigns[-1].member == self.view.last_writer:
                reigns = (*reigns[:-1], evolve(reigns[-1], lost_at=now))
            else:
                reigns = ()
        self.view = evolve(self.view, incident_since=now, reigns=reigns)

    # -- what is done -------------------------------------------------------------------------

    def on_started(self, words: str) -> None:
        self.view = evolve(self.view, running=words)

    def on_adopting(self, adopting: bool) -> None:
        self.view = evolve(self.view, adopting=adopting)

    def on_outcome(self, outcome: Outcome, *, automatic: bool, now: float) -> None:
        view = evolve(self.view, running=None)
        if outcome.kind is OutcomeKind.PROMOTED:
            reigns = (*view.reigns, Reign(outcome.member, now))[-REIGNS_KEPT:] if automatic else ()
            view = evolve(
                view,
                settled=True,
                last_writer=outcome.member,
                highest_epoch=max(view.highest_epoch, outcome.epoch),
                reigns=reigns,
            )
        elif outcome.failure is not None and outcome.kind is OutcomeKind.FAILED:
            failure = Failure(outcome.member, outcome.failure, outcome.text, now)
            view = evolve(view, failures=(*view.failures, failure)[-FAILURES_KEPT:])
        self.view = view
