"""What the monitor remembers: incidents, reigns, claims."""

from __future__ import annotations

import pytest
from attrs import evolve

from failover.decision import FailureKind
from failover.memory import Memory
from failover.observe import Health, Role
from failover.promotion import Outcome, OutcomeKind
from failover.topology import Claim
from tests.unit.failover.builders import NOW, by_id, seen, view

WRITES = by_id([seen(1, role=Role.WRITER, epoch=5), seen(2)])
DEAD = by_id([seen(1, Health.DOWN, Role.WRITER, 5), seen(2)])
DOUBT = by_id([seen(1, Health.SUSPECT, Role.WRITER, 5), seen(2)])
PROMOTED = Outcome(OutcomeKind.PROMOTED, "instance-2", 6)


def memory(**changes) -> Memory:
    return Memory(view(**changes))


def test_an_incident_opens_with_the_death_and_closes_with_a_writer():
    kept = memory()
    kept.on_observations(DOUBT, NOW)
    assert kept.view.incident_since is None
    kept.on_observations(DEAD, NOW + 1)
    kept.on_observations(DEAD, NOW + 2)
    assert kept.view.incident_since == NOW + 1
    failed = Outcome(OutcomeKind.FAILED, "instance-2", 0, FailureKind.TIMEOUT, "slow")
    kept.on_outcome(failed, automatic=True, now=NOW + 3)
    assert [f.member for f in kept.view.failures] == ["instance-2"]
    kept.on_observations(WRITES, NOW + 4)
    assert kept.view.incident_since is None
    assert kept.view.failures == ()


def test_the_cold_start_is_no_incident():
    kept = memory(settled=False)
    kept.on_observations(by_id([seen(1), seen(2)]), NOW)
    assert kept.view.incident_since is None
    kept.on_observations(WRITES, NOW)
    assert kept.view.settled


def test_the_highest_epoch_never_falls():
    kept = memory(highest_epoch=9)
    kept.on_observations(WRITES, NOW)
    assert kept.view.highest_epoch == 9
    assert kept.view.topology is not None
    kept.on_document(evolve(kept.view.topology, epoch=11), NOW, NOW)
    assert kept.view.highest_epoch == 11
    kept.on_document(evolve(kept.view.topology, epoch=10), NOW, NOW)
    assert kept.view.highest_epoch == 11


def test_a_reign_is_measured_from_promotion_to_loss():
    kept = memory()
    kept.on_outcome(PROMOTED, automatic=True, now=NOW)
    writes = by_id([seen(1), seen(2, role=Role.WRITER, epoch=6)])
    kept.on_observations(writes, NOW + 1)
    kept.on_observations(by_id([seen(1), seen(2, Health.DOWN, Role.WRITER, 6)]), NOW + 2)
    (reign,) = kept.view.reigns
    assert (reign.member, reign.since, reign.lost_at) == ("instance-2", NOW, NOW + 2)


def test_an_operators_failover_ends_the_restraint():
    kept = memory()
    kept.on_outcome(PROMOTED, automatic=True, now=NOW)
    assert kept.view.reigns
    kept.on_outcome(PROMOTED, automatic=False, now=NOW + 1)
    assert kept.view.reigns == ()


@pytest.mark.parametrize(("token", "foreign"), [("me", False), ("them", True)])
def test_only_other_monitors_claims_are_foreign(token, foreign):
    kept = memory()
    assert kept.view.topology is not None
    claimed = evolve(kept.view.topology, claim=Claim("instance-2", token, "x"))
    kept.on_document(claimed, NOW, NOW)
    assert (kept.view.foreign_claim is not None) == foreign
    kept.on_document(claimed, NOW + 5, NOW + 5)
    if foreign:
        assert kept.view.foreign_claim is not None
        assert kept.view.foreign_claim.seen_at == NOW, "seen again is not claimed again"
    kept.on_document(evolve(claimed, claim=None), NOW + 6, NOW + 6)
    assert kept.view.foreign_claim is None
