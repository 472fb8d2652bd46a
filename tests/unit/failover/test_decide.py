"""decide(): every combination of members and states, then each named situation by itself."""

from __future__ import annotations

import itertools

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from failover.decide import decide
from failover.decision import (
    Adopt,
    Analysis,
    ForeignClaim,
    Promote,
    Request,
    Stay,
    Switchover,
)
from failover.observe import Health, Observation, Role
from failover.topology import Claim, Topology
from tests.unit.failover.builders import NOW, T, by_id, member, members, seen, view

WRITER = Role.WRITER
READER = Role.READER
HEALTHS = tuple(Health)
DEAD = (Health.DOWN, Health.UNREACHABLE, Health.HUNG)


def healthy_writer(number: int = 1, epoch: int = 5) -> Observation:
    return seen(number, role=WRITER, epoch=epoch)


def dead_writer(health: Health = Health.DOWN) -> Observation:
    return seen(1, health, WRITER, 5)


def every_state(number: int):
    """All states of one member that differ for the rule."""
    for health in HEALTHS:
        if health is Health.UNKNOWN:
            yield seen(number, health, None)
            continue
        for role, epoch in (
            (READER, 0),
            (Role.OPENING, 6),
            (WRITER, 5),
            (WRITER, 4),
            (Role.DEMOTING, 5),
        ):
            yield seen(number, health, role, epoch)


def test_every_combination_of_three_members_keeps_the_invariants():
    """29,791 situations (31 states each); every decision obeys the module's invariants."""
    state = view()
    for combination in itertools.product(*(tuple(every_state(n)) for n in (1, 2, 3))):
        observations = by_id(combination)
        check_invariants(state, observations, decide(state, observations, (), NOW))


def check_invariants(state, observations, decision):
    ids = {item.id for item in state.topology.members}
    assert {verdict.member for verdict in decision.verdicts} == ids
    assert len(decision.verdicts) == len(ids)
    assert all(verdict.reason for verdict in decision.verdicts)
    assert decision.why
    chosen = [verdict.member for verdict in decision.verdicts if verdict.chosen]
    working = [
        item
        for item in observations.values()
        if item.role is WRITER and item.epoch >= state.highest_epoch and item.healthy
    ]
    doubtful = [
        item
        for item in observations.values()
        if item.role is WRITER
        and item.epoch >= state.highest_epoch
        and item.health in (Health.SILENT, Health.SUSPECT)
    ]
    if isinstance(decision.action, Promote):
        assert chosen == [decision.action.target]
        target = observations[decision.action.target]
        assert target.healthy
        assert target.role is READER
        others = [item for item in working + doubtful if item.id != target.id]
        newest = max((item.epoch, item.id) for item in others) if others else None
        dead = [
            item
            for item in observations.values()
            if item.role in (WRITER, Role.DEMOTING)
            and item.epoch >= state.highest_epoch
            and newest is not None
            and (item.epoch, item.id) > newest
        ]
        assert not others or dead, "a working or doubtful writer was replaced"
    else:
        assert chosen == []
    assert not isinstance(decision.action, Switchover), "nobody asked"


@given(data=st.data())
def test_any_number_of_members_in_any_state_gets_a_decision(data):
    count = data.draw(st.integers(1, 6))
    tiers = data.draw(st.lists(st.integers(0, 15), min_size=count, max_size=count))
    state = view(*tiers)
    observations = by_id(
        data.draw(st.sampled_from(list(every_state(number)))) for number in range(1, count + 1)
    )
    check_invariants(state, observations, decide(state, observations, (), NOW))


@given(data=st.data())
def test_the_decision_is_a_function_of_its_arguments(data):
    state = view(0, 1, 1)
    observations = by_id(data.draw(st.sampled_from(list(every_state(n)))) for n in (1, 2, 3))
    first = decide(state, observations, (Request(1),), NOW)
    reversed_order = dict(reversed(list(observations.items())))
    assert decide(state, reversed_order, (Request(1),), NOW) == first


# -- a working writer ----------------------------------------------------------------------------


def test_a_working_writer_is_left_alone():
    decision = decide(view(), by_id([healthy_writer(), seen(2), seen(3)]), (), NOW)
    assert decision.analysis is Analysis.STEADY
    assert decision.action == Stay()


def test_a_writer_the_document_does_not_know_is_recorded_not_replaced():
    observations = by_id([seen(1), healthy_writer(2, epoch=6), seen(3)])
    decision = decide(view(highest_epoch=6), observations, (), NOW)
    assert decision.action == Adopt("instance-2", 6)
    again = decide(view(highest_epoch=6, adopting=True), observations, (), NOW)
    assert again.action == Stay()


def test_of_two_that_say_writer_the_higher_epoch_counts():
    observations = by_id([healthy_writer(1, 5), healthy_writer(2, 6), seen(3)])
    decision = decide(view(highest_epoch=6), observations, (), NOW)
    assert decision.action == Adopt("instance-2", 6)


def test_an_old_writer_does_not_count_after_a_newer_one_died():
    observations = by_id([healthy_writer(1, 5), seen(2, Health.DOWN, WRITER, 6), seen(3)])
    decision = decide(view(highest_epoch=6), observations, (), NOW)
    assert decision.action.target == "instance-3"


def test_a_better_tier_returning_never_triggers_a_failover():
    """Aurora: changing a tier, or a better member's return, never triggers failover."""
    state = view(5, 0, 0)
    decision = decide(state, by_id([healthy_writer(), seen(2), seen(3)]), (), NOW)
    assert decision.action == Stay()


# -- losing it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("health", DEAD)
def test_a_dead_writer_is_replaced_at_once(health):
    decision = decide(view(0, 1, 0), by_id([dead_writer(health), seen(2), seen(3)]), (), NOW)
    assert decision.analysis is Analysis.WRITER_LOST
    assert decision.action.target == "instance-3"
    assert decision.action.automatic


@pytest.mark.parametrize("health", [Health.SILENT, Health.SUSPECT])
def test_doubt_is_not_death(health):
    decision = decide(view(), by_id([dead_writer(health), seen(2), seen(3)]), (), NOW)
    assert decision.analysis is Analysis.WRITER_IN_DOUBT
    assert decision.action == Stay()


def test_the_writer_that_came_back_as_a_reader_is_a_candidate_like_any_other():
    decision = decide(view(0, 1, 1), by_id([seen(1), seen(2), seen(3)]), (), NOW)
    assert decision.analysis is Analysis.NO_WRITER
    assert decision.action.target == "instance-1"


def test_tier_then_size_then_a_reproducible_pick():
    base = view()
    for sizes, expected in (
        (((2, 1, 10), (3, 1, 20)), "instance-3"),
        (((2, 0, 1), (3, 1, 9)), "instance-2"),
    ):
        staff = (member(1, 0), *(member(n, tier, size) for n, tier, size in sizes))
        state = evolve(base, topology=evolve(base.topology, members=staff))
        decision = decide(state, by_id([dead_writer(), seen(2), seen(3)]), (), NOW)
        assert decision.action.target == expected
    equal = evolve(base, topology=evolve(base.topology, members=members(0, 1, 1)))
    picks = set()
    for seed in range(20):
        situation = (evolve(equal, seed=seed), by_id([dead_writer(), seen(2), seen(3)]), (), NOW)
        assert decide(*situation) == decide(*situation)
        picks.add(decide(*situation).action.target)
    assert picks == {"instance-2", "instance-3"}


def test_every_member_has_a_reason():
    staff = (member(1, 0), member(2, 1), member(3, 2), member(4, 0, excluded=True), member(5, 1))
    base = view()
    state = evolve(base, topology=evolve(base.topology, members=staff))
    observations = by_id(
        [dead_writer(), seen(2), seen(3), seen(4), seen(5, Health.HUNG, since=NOW - 4.2)]
    )
    decision = decide(state, observations, (), NOW)
    reasons = {verdict.member: verdict.reason for verdict in decision.verdicts}
    assert reasons == {
        "instance-1": "not healthy: down for 10.0 s",
        "instance-2": "chosen: number 1 of 2, tier 1",
        "instance-3": "behind instance-2: tier 2 after 1",
        "instance-4": "excluded from promotions by the operator",
        "instance-5": "not healthy: hung for 4.2 s",
    }


# -- defined answers -----------------------------------------------------------------------------


def test_one_instance_that_died_waits_for_its_return():
    decision = decide(view(0), by_id([dead_writer()]), (), NOW)
    assert decision.analysis is Analysis.NO_CANDIDATE
    back = decide(view(0), by_id([seen(1)]), (), NOW)
    assert back.action.target == "instance-1"


def test_all_hung_waits_and_says_so():
    observations = by_id([dead_writer(Health.HUNG), seen(2, Health.HUNG), seen(3, Health.HUNG)])
    decision = decide(view(), observations, (), NOW)
    assert decision.analysis is Analysis.NO_CANDIDATE
    assert decision.action == Stay()


def test_all_excluded_is_no_candidate():
    base = view()
    staff = tuple(member(n, 1, excluded=True) for n in (1, 2, 3))
    state = evolve(base, topology=evolve(base.topology, members=staff))
    decision = decide(state, by_id([dead_writer(), seen(2), seen(3)]), (), NOW)
    assert decision.analysis is Analysis.NO_CANDIDATE


def test_maintenance_reports_but_does_not_act():
    base = view()
    state = evolve(base, topology=base.topology.with_automatic(False))
    decision = decide(state, by_id([dead_writer(), seen(2), seen(3)]), (), NOW)
    assert decision.analysis is Analysis.MAINTENANCE
    asked = decide(state, by_id([dead_writer(), seen(2), seen(3)]), (Request(1),), NOW)
    assert isinstance(asked.action, Promote)


def test_without_the_document_nothing_is_done():
    state = view(topology=None, document_error="3 of 6 storage nodes answer")
    decision = decide(state, by_id([dead_writer(), seen(2)]), (), NOW)
    assert decision.analysis is Analysis.DOCUMENT_UNREADABLE
    assert "3 of 6" in decision.why


# -- one promotion at a time ---------------------------------------------------------------------


def test_nothing_else_while_a_promotion_runs():
    observations = by_id([dead_writer(), seen(2), seen(3)])
    decision = decide(view(running="promoting instance-2"), observations, (Request(4),), NOW)
    assert decision.action == Stay()
    assert [answer.request for answer in decision.refused] == [4]


def test_a_member_that_is_opening_gets_its_time():
    """A monitor that restarted in the middle of its own promotion does not order another."""
    opening = seen(2, role=Role.OPENING, role_since=NOW - 0.5)
    decision = decide(view(), by_id([dead_writer(), opening, seen(3)]), (), NOW)
    assert decision.analysis is Analysis.OPENING
    assert decision.wake_at == NOW - 0.5 + T.promotion
    late = decide(view(), by_id([dead_writer(), opening, seen(3)]), (), decision.wake_at)
    assert late.action.target == "instance-3"


def test_a_fresh_foreign_claim_is_respected_and_runs_out():
    claim = ForeignClaim(Claim("instance-2", "other", "instance-1 is down"), seen_at=NOW - 1)
    observations = by_id([dead_writer(), seen(2), seen(3)])
    decision = decide(view(foreign_claim=claim), observations, (), NOW)
    assert decision.analysis is Analysis.CLAIMED_ELSEWHERE
    late = decide(view(foreign_claim=claim), observations, (), decision.wake_at)
    assert isinstance(late.action, Promote)


def test_a_writer_stuck_in_demotion_is_replaced_after_its_time():
    stuck = seen(1, role=Role.DEMOTING, epoch=5, role_since=NOW - 1)
    observations = by_id([stuck, seen(2), seen(3)])
    decision = decide(view(), observations, (), NOW)
    assert decision.analysis is Analysis.DEMOTING
    late = decide(view(), observations, (), decision.wake_at)
    assert isinstance(late.action, Promote)


def other_acts(**changes):
    base = view()
    return view(topology=evolve(base.topology, acting="other"), **changes)


def test_the_acting_monitor_need_not_announce_itself():
    observations = by_id([dead_writer(), seen(2), seen(3)])
    assert not decide(view(), observations, (), NOW).action.announce
    old = NOW - T.acting_for
    assert decide(view(document_seen_at=old), observations, (), NOW).action.announce


def test_the_others_leave_it_its_turn_and_then_announce_themselves():
    observations = by_id([dead_writer(), seen(2), seen(3)])
    state = other_acts(incident_since=NOW - 0.1)
    decision = decide(state, observations, (), NOW)
    assert decision.analysis is Analysis.OTHERS_TURN
    assert decision.wake_at == NOW - 0.1 + T.turn
    late = decide(state, observations, (), decision.wake_at)
    assert late.action.announce


def test_the_others_do_not_race_for_writing_it_down_either():
    writes = seen(2, role=WRITER, epoch=6, role_since=NOW - 0.1)
    state = other_acts(highest_epoch=6)
    observations = by_id([seen(1), writes, seen(3)])
    decision = decide(state, observations, (), NOW)
    assert decision.action == Stay()
    late = decide(state, observations, (), decision.wake_at)
    assert late.action == Adopt("instance-2", 6)


# -- cold start ----------------------------------------------------------------------------------


def starting(writer: str | None, epoch: int):
    topology = Topology(members=members(0, 1, 1), writer=writer, epoch=epoch, acting="me")
    return view(
        topology=topology,
        settled=False,
        started_at=NOW - 50,
        first_heard_at=NOW,
        highest_epoch=epoch,
        last_writer=None,
    )


def test_a_new_volume_waits_for_the_best_tier_only():
    state = starting(None, 0)
    unknown = seen(1, Health.UNKNOWN, None, since=NOW)
    waiting = decide(state, by_id([unknown, seen(2), seen(3)]), (), NOW)
    assert waiting.analysis is Analysis.COLD_START
    third = seen(3, Health.DOWN, None, since=NOW)
    ready = decide(state, by_id([seen(1), seen(2), third]), (), NOW)
    assert ready.action.target == "instance-1"


def test_however_long_the_first_member_takes_to_start_the_others_get_their_time():
    state = evolve(starting(None, 0), first_heard_at=None)
    down = [seen(n, Health.DOWN, None, since=NOW - 50) for n in (1, 2, 3)]
    assert decide(state, by_id(down), (), NOW).analysis is Analysis.COLD_START
    heard = by_id([down[0], seen(2), down[2]])
    decision = decide(evolve(state, first_heard_at=NOW), heard, (), NOW)
    assert decision.analysis is Analysis.COLD_START
    assert decision.wake_at == NOW + T.cold_start


def test_a_document_without_members_is_not_there_yet():
    state = view(topology=Topology())
    assert decide(state, {}, (), NOW).analysis is Analysis.DOCUMENT_UNREADABLE


def test_a_restarted_monitor_waits_to_hear_from_everyone():
    state = starting("instance-1", 5)
    for health, patience in ((Health.UNKNOWN, T.hung_after), (Health.DOWN, T.cold_start)):
        observations = by_id([seen(1, health, None, since=NOW), seen(2), seen(3)])
        decision = decide(state, observations, (), NOW)
        assert decision.analysis is Analysis.COLD_START
        assert decision.wake_at == NOW + patience
        late = decide(state, observations, (), NOW + patience)
        assert isinstance(late.action, Promote)


def test_a_restarted_monitor_changes_nothing_when_the_writer_answers():
    state = starting("instance-1", 5)
    decision = decide(state, by_id([healthy_writer(), seen(2), seen(3)]), (), NOW)
    assert decision.action == Stay()


def test_everyone_back_as_a_reader_is_promoted_without_waiting():
    decision = decide(starting("instance-3", 5), by_id([seen(1), seen(2), seen(3)]), (), NOW)
    assert decision.action.target == "instance-1"
