"""The steps of a promotion: every outcome of every step, enumerated."""

from __future__ import annotations

import itertools

import pytest
from attrs import evolve

from failover.decision import FailureKind, Promote, Switchover
from failover.promotion import (
    CallDemote,
    CallPromote,
    Failed,
    Outcome,
    OutcomeKind,
    Promotion,
    Succeeded,
    WriteClaim,
)
from failover.topology import Claim
from tests.unit.failover.builders import T

PROMOTE = Promote("instance-2", "instance-1 is down", automatic=True, announce=True)
SWITCHOVER = Switchover("instance-1", "instance-2", "requested", 4)
RESULTS = (Succeeded(6), *(Failed(kind, "because") for kind in FailureKind))


def run(plan, results):
    """All effects of a run whose steps end like `results`."""
    promotion = Promotion(plan, None, "me", T)
    effects = [promotion.begin(0.0)]
    for number, result in enumerate(results):
        if isinstance(effects[-1], Outcome):
            break
        effects.append(promotion.on_result(result, float(number)))
    return promotion, effects


def words(effects):
    return [
        f"{type(e).__name__} {e.member}" if not isinstance(e, WriteClaim) else "claim"
        for e in effects
    ]


def test_promote():
    _, effects = run(PROMOTE, [Succeeded(), Succeeded(6)])
    assert effects == [
        WriteClaim(Claim("instance-2", "me", "instance-1 is down"), None),
        CallPromote("instance-2", "instance-1 is down", T.promotion),
        Outcome(OutcomeKind.PROMOTED, "instance-2", 6),
    ]


def test_promote_without_announcing():
    plan = evolve(PROMOTE, announce=False)
    _, effects = run(plan, [Succeeded(6)])
    assert words(effects) == ["CallPromote instance-2", "Outcome instance-2"]


def test_switchover():
    promotion, effects = run(SWITCHOVER, [Succeeded(), Succeeded(), Succeeded(6)])
    assert effects[1:] == [
        CallDemote("instance-1", T.demotion),
        CallPromote("instance-2", "requested", T.promotion),
        Outcome(OutcomeKind.PROMOTED, "instance-2", 6),
    ]
    assert [(r.step.value, r.member) for r in promotion.records] == [
        ("claim", "instance-2"),
        ("demote", "instance-1"),
        ("promote", "instance-2"),
    ]


def test_a_switchover_whose_target_fails_is_taken_back():
    failed = Failed(FailureKind.TIMEOUT, "too slow")
    _, effects = run(SWITCHOVER, [Succeeded(), Succeeded(), failed, Succeeded(7)])
    assert words(effects)[-2:] == ["CallPromote instance-1", "Outcome instance-1"]
    outcome = effects[-1]
    assert outcome.kind is OutcomeKind.REINSTATED
    assert outcome.epoch == 7
    assert "instance-2 could not be promoted: too slow" in outcome.text


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (FailureKind.REFUSED, OutcomeKind.ABORTED),  # did not drain: it serves on
        (FailureKind.TIMEOUT, OutcomeKind.FAILED),  # nobody knows: its reports will tell
        (FailureKind.OVERTAKEN, OutcomeKind.ABORTED),
    ],
)
def test_a_demotion_that_does_not_work(kind, outcome):
    _, effects = run(SWITCHOVER, [Succeeded(), Failed(kind, "no")])
    assert effects[-1].kind is outcome
    assert effects[-1].member == "instance-1"


def test_the_writer_dying_in_its_demotion_leaves_the_way_free():
    _, effects = run(SWITCHOVER, [Succeeded(), Failed(FailureKind.CLOSED, "gone"), Succeeded(6)])
    assert effects[-1] == Outcome(OutcomeKind.PROMOTED, "instance-2", 6)


def test_after_a_lost_race_nothing_is_taken_back():
    """Someone opened the volume with a newer epoch: reinstating would only depose him."""
    overtaken = Failed(FailureKind.OVERTAKEN, "epoch 9")
    _, effects = run(SWITCHOVER, [Succeeded(), Succeeded(), overtaken])
    assert effects[-1].kind is OutcomeKind.FAILED


@pytest.mark.parametrize("plan", [PROMOTE, SWITCHOVER])
def test_every_sequence_of_results_ends_in_an_outcome(plan):
    for results in itertools.product(RESULTS, repeat=4):
        _, effects = run(plan, results)
        assert isinstance(effects[-1], Outcome)
        outcome = effects[-1]
        promoted = [e.member for e in effects if isinstance(e, CallPromote)]
        demoted = [e.member for e in effects if isinstance(e, CallDemote)]
        if isinstance(results[0], Failed):
            assert not promoted
            assert not demoted, "acted without a claim"
        if demoted:
            assert effects.index(CallDemote("instance-1", T.demotion)) == 1
        assert len(promoted) == len(set(promoted)), "tried the same instance twice"
        if outcome.kind is OutcomeKind.ABORTED:
            assert not promoted, "aborted means: nothing was changed"
        if outcome.kind in (OutcomeKind.PROMOTED, OutcomeKind.REINSTATED):
            assert outcome.epoch == 6
            assert promoted[-1] == outcome.member
        else:
            assert outcome.failure is not None
            assert outcome.text
