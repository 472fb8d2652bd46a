"""decide(): failed attempts, restraint, and what operators ask for. See test_decide.py."""

from __future__ import annotations

import pytest
from attrs import evolve

from failover.decide import decide
from failover.decision import (
    Analysis,
    Failure,
    FailureKind,
    Promote,
    Reign,
    Request,
    Stay,
    Switchover,
)
from failover.observe import Health, Observation, Role
from tests.unit.failover.builders import NOW, T, by_id, seen, view

WRITER = Role.WRITER


def healthy_writer(number: int = 1, epoch: int = 5) -> Observation:
    return seen(number, role=WRITER, epoch=epoch)


def dead_writer(health: Health = Health.DOWN) -> Observation:
    return seen(1, health, WRITER, 5)


# -- failures and restraint ----------------------------------------------------------------------


def failure(number: int, kind: FailureKind = FailureKind.TIMEOUT, ago: float = 0.01) -> Failure:
    return Failure(f"instance-{number}", kind, "said no", NOW - ago)


def test_after_a_failed_candidate_the_next_at_once():
    state = view(0, 1, 2, failures=(failure(2),))
    decision = decide(state, by_id([dead_writer(), seen(2), seen(3)]), (), NOW)
    assert decision.action.target == "instance-3"


def test_when_all_failed_it_starts_over_after_a_pause_that_doubles():
    observations = by_id([dead_writer(), seen(2), seen(3)])
    once = view(0, 1, 2, failures=(failure(2), failure(3)))
    decision = decide(once, observations, (), NOW)
    assert decision.analysis is Analysis.BACKING_OFF
    assert decision.wake_at == pytest.approx(NOW - 0.01 + T.retry_first)
    late = decide(once, observations, (), decision.wake_at)
    assert late.action.target == "instance-2"
    twice = view(0, 1, 2, failures=(failure(2), failure(3)) * 2)
    assert decide(twice, observations, (), NOW).wake_at == pytest.approx(
        NOW - 0.01 + 2 * T.retry_first
    )


def test_quorum_lost_is_retried_with_back_off_and_blames_nobody():
    observations = by_id([dead_writer(), seen(2), seen(3)])
    lost = (failure(2, FailureKind.QUORUM_LOST),)
    for count in range(1, 12):
        decision = decide(view(0, 1, 2, failures=lost * count), observations, (), NOW)
        assert decision.analysis is Analysis.BACKING_OFF
        pause = min(T.retry_max, T.retry_first * 2 ** (count - 1))
        assert decision.wake_at == pytest.approx(NOW - 0.01 + pause)
        late = decide(view(0, 1, 2, failures=lost * count), observations, (), decision.wake_at)
        assert late.action.target == "instance-2"


def reigns(count: int, length: float):
    return tuple(Reign("instance-1", NOW - 50 + i, NOW - 50 + i + length) for i in range(count))


def test_the_interval_between_promotions_applies_only_to_writers_that_do_not_last():
    observations = by_id([dead_writer(), seen(2), seen(3)])
    short = reigns(T.short_reigns_free, T.short_reign / 2)
    short = (*short[:-1], evolve(short[-1], lost_at=NOW))
    state = view(reigns=(*short[:-1], evolve(short[-1], since=NOW - T.short_reign / 2)))
    decision = decide(state, observations, (), NOW)
    assert decision.analysis is Analysis.PAUSED
    assert decision.wake_at == NOW + T.pause_first
    asked = decide(state, observations, (Request(1),), NOW)
    assert isinstance(asked.action, Promote), "a human overrides"
    long = view(reigns=reigns(10, T.short_reign))
    assert isinstance(decide(long, observations, (), NOW).action, Promote)


# -- requests ------------------------------------------------------------------------------------


def test_switchover_to_the_wished_instance():
    observations = by_id([healthy_writer(), seen(2), seen(3)])
    decision = decide(view(), observations, (Request(9, "instance-3"),), NOW)
    assert decision.action == Switchover("instance-1", "instance-3", "requested", 9)


def test_switchover_without_a_wish_takes_the_best():
    observations = by_id([healthy_writer(), seen(2), seen(3)])
    decision = decide(view(0, 3, 2), observations, (Request(9),), NOW)
    assert decision.action.target == "instance-3"


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("instance-9", "unknown instance instance-9; this cluster has instance-1, "),
        ("instance-1", "instance-1 is the writer already"),
        ("instance-2", "instance-2 cannot be promoted: not healthy: hung for 10.0 s"),
    ],
)
def test_refused_with_a_reason(to, reason):
    observations = by_id([healthy_writer(), seen(2, Health.HUNG), seen(3)])
    decision = decide(view(), observations, (Request(9, to),), NOW)
    assert decision.action == Stay()
    assert decision.refused[0].reason.startswith(reason)


def test_no_reader_to_switch_to():
    decision = decide(view(0), by_id([healthy_writer()]), (Request(9),), NOW)
    assert decision.refused[0].reason.startswith("no healthy instance")


def test_an_operator_need_not_wait_for_a_doubtful_writer():
    observations = by_id([dead_writer(Health.SILENT), seen(2), seen(3)])
    decision = decide(view(), observations, (Request(9, "instance-2"),), NOW)
    assert decision.action == Promote(
        "instance-2", "requested; no writer works", automatic=False, announce=False, request=9
    )


def test_only_one_request_at_a_time():
    observations = by_id([healthy_writer(), seen(2), seen(3)])
    decision = decide(view(), observations, (Request(1), Request(2)), NOW)
    assert isinstance(decision.action, Switchover)
    assert [answer.request for answer in decision.refused] == [2]
