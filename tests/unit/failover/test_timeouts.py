"""The table of timeouts and the relations between them."""

from __future__ import annotations

import pytest
from attrs import evolve, fields

from failover.timeouts import RELATIONS, Timeouts, TimeoutsRefused, violations

BREAKS = {
    "silent_after >= 5 * heartbeat_interval": {"silent_after": 0.4},
    "hung_after >= silent_after + 2 * confirm": {"hung_after": 1.3, "cold_start": 1.0},
    "confirm >= heartbeat_interval": {"confirm": 0.05},
    "redial < hung_after": {"redial": 3.5},
    "redial < promotion": {"redial": 2.5},
    "document < promotion": {"document": 2.0, "acting_for": 4.0},
    "acting_for >= 2 * refresh + document": {"refresh": 1.1},
    "acting_for <= promotion + document": {"acting_for": 3.1},
    "cold_start <= hung_after": {"cold_start": 3.1},
    "hold > hung_after + 2 * (promotion + document)": {"hold": 9.0, "pause_max": 5.0},
    "hold > demotion + 2 * promotion": {"demotion": 27.0},
    "redial_backoff_first <= redial_backoff_max": {"redial_backoff_first": 1.5},
    "retry_first <= retry_max": {"retry_first": 6.0},
    "pause_first <= pause_max < hold": {"pause_max": 30.0},
    "redial_backoff_max < hung_after": {"redial_backoff_max": 3.0},
}


def test_the_defaults_are_sound():
    assert violations(Timeouts()) == []


def test_every_relation_is_broken_by_a_test():
    assert set(BREAKS) == {relation.text for relation in RELATIONS}


@pytest.mark.parametrize(("text", "changes"), BREAKS.items())
def test_a_broken_relation_is_refused_by_name(text, changes):
    with pytest.raises(TimeoutsRefused) as caught:
        evolve(Timeouts(), **changes)
    assert text in str(caught.value)


@pytest.mark.parametrize("name", [item.name for item in fields(Timeouts)])
def test_nothing_may_be_zero(name):
    with pytest.raises(TimeoutsRefused, match=f"{name} must be positive"):
        evolve(Timeouts(), **{name: 0})


def test_all_violations_are_told_at_once():
    with pytest.raises(TimeoutsRefused) as caught:
        Timeouts(confirm=0.05, redial=3.5)
    assert str(caught.value).count("does not hold") == 3
