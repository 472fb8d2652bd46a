"""The detector: what counts as dead, when, and what an observer that slept itself may conclude."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from failover.observe import Detector, DialFailure, Health, Role
from tests.unit.failover.builders import T, report

START = 100.0


def detector(health: Health = Health.UNKNOWN, at: float = START) -> Detector:
    made = Detector("instance-1", T, at)
    if health is not Health.UNKNOWN:
        made.on_report(report(1), at)
    match health:
        case Health.SUSPECT:
            made.on_broken(at)
        case Health.DOWN:
            made.on_broken(at)
            made.on_dial_failed(DialFailure.REFUSED, at)
        case Health.UNREACHABLE:
            made.on_broken(at)
            made.on_dial_failed(DialFailure.TIMEOUT, at)
        case Health.SILENT | Health.HUNG:
            made.look(at + T.silent_after)
            if health is Health.HUNG:
                made.look(at + T.hung_after)
    assert made.health is health
    return made


def test_a_crash_needs_the_broken_connection_and_the_failed_redial():
    made = detector(Health.HEALTHY)
    assert made.on_broken(START + 1)
    assert made.health is Health.SUSPECT
    assert not made.health.dead
    assert made.on_dial_failed(DialFailure.REFUSED, START + 1)
    assert made.health is Health.DOWN


def test_a_redial_that_works_ends_the_suspicion():
    made = detector(Health.SUSPECT)
    assert made.on_report(report(1), START + 0.1)
    assert made.health is Health.HEALTHY


def test_an_unanswered_redial_is_another_kind_of_death():
    made = detector(Health.SUSPECT)
    made.on_dial_failed(DialFailure.TIMEOUT, START + T.redial)
    assert made.health is Health.UNREACHABLE
    assert made.health.dead


def test_suspicion_always_ends():
    made = detector(Health.SUSPECT)
    due = made.next_look
    assert due is not None
    assert made.look(due)
    assert made.health is Health.UNREACHABLE


def test_silence_step_by_step():
    made = detector(Health.HEALTHY)
    assert not made.look(START + T.silent_after - 0.01)
    assert made.look(START + T.silent_after)
    assert made.health is Health.SILENT
    assert made.next_look == START + T.hung_after
    assert made.look(START + T.hung_after)
    assert made.health is Health.HUNG
    assert made.next_look is None


def test_any_word_ends_silence():
    made = detector(Health.SILENT)
    assert made.on_report(report(1), START + 2.9)
    assert made.health is Health.HEALTHY
    assert not made.look(START + 3)


def test_an_observer_that_slept_listens_before_it_judges():
    """SIGSTOP of the monitor for an hour: everybody looks silent when it wakes up."""
    made = detector(Health.HEALTHY)
    woke = START + 3600
    made.look(woke)
    assert made.health is Health.SILENT
    assert made.next_look == woke + T.confirm
    made.on_report(report(1), woke + 0.01)
    assert made.health is Health.HEALTHY


def test_an_observer_that_slept_in_the_middle_of_a_silence_starts_over():
    made = detector(Health.SILENT)
    woke = START + 3600
    assert not made.look(woke)
    assert made.health is Health.SILENT
    assert made.look(woke + T.confirm)
    assert made.health is Health.HUNG


def test_an_observer_that_slept_during_a_redial_waits_for_it():
    made = detector(Health.SUSPECT)
    assert not made.look(START + 3600)
    assert made.health is Health.SUSPECT


def test_never_heard_of_runs_out_too():
    made = detector()
    assert not made.look(START + T.hung_after - 0.01)
    assert made.look(START + T.hung_after)
    assert made.health is Health.HUNG


def test_absent_from_the_start_is_down():
    made = detector()
    assert made.on_dial_failed(DialFailure.REFUSED, START)
    assert made.health is Health.DOWN


def test_the_dead_stay_dead_until_they_report():
    for health in (Health.DOWN, Health.UNREACHABLE, Health.HUNG):
        made = detector(health)
        assert not made.on_broken(START + 10)
        made.look(START + 1000)
        assert made.health is health
        assert made.on_report(report(1), START + 1001)
        assert made.health is Health.HEALTHY


def test_a_heartbeat_is_no_news_a_change_is():
    made = detector(Health.HEALTHY)
    assert not made.on_report(report(1, vdl=10), START + 0.1)
    assert made.on_report(report(1, role=Role.OPENING), START + 0.2)
    assert made.role_since == START + 0.2
    assert made.on_report(report(1, role=Role.WRITER, epoch=3), START + 0.3)
    assert made.on_report(report(1, role=Role.WRITER, epoch=4), START + 0.4)
    assert made.role_since == START + 0.3
    assert not made.on_report(report(1, role=Role.WRITER, epoch=4), START + 0.5)


EVENTS = st.one_of(
    st.tuples(st.just("report"), st.sampled_from(list(Role))),
    st.tuples(st.just("broken"), st.none()),
    st.tuples(st.just("dial"), st.sampled_from(list(DialFailure))),
    st.tuples(st.just("look"), st.none()),
)


@given(st.lists(st.tuples(st.floats(0, 5), EVENTS), max_size=60))
def test_whatever_happens_doubt_ends_and_silence_is_earned(history):
    """Driven like the shell does it: a look whenever one is due."""
    made = detector()
    now = START
    for pause, (event, value) in history:
        end = now + pause
        while (due := made.next_look) is not None and due <= end:
            now = max(now, due)
            made.look(now)
        now = end
        before, heard = made.health, made.heard_at
        match event:
            case "report":
                made.on_report(report(1, value), now)
                assert made.health is Health.HEALTHY
            case "broken":
                made.on_broken(now)
            case "dial":
                made.on_dial_failed(value, now)
            case _:
                made.look(now)
        if made.health is Health.HUNG and before is not Health.HUNG:
            assert now - (heard or START) >= T.hung_after
        assert (made.next_look is None) == made.health.dead
    for _ in range(5):
        if made.next_look is not None:
            made.look(made.next_look)
    assert made.health.dead
