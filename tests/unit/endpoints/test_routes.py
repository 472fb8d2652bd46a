"""Routes: every combination of three instances, then the rules one by one."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from endpoints.routes import Endpoint, Routes, Target, Wait
from failover.observe import Health, Observation, Report, Role

HEALTHS = tuple(Health)
STATES = [
    (health, role, epoch)
    for health in HEALTHS
    for role, epoch in (
        (Role.READER, 5),
        (Role.OPENING, 5),
        (Role.WRITER, 5),
        (Role.WRITER, 6),
        (Role.DEMOTING, 6),
    )
]


def seen(number, health=Health.HEALTHY, role=Role.READER, epoch=5, pid=None, state="ready"):
    report = Report(f"instance-{number}", role, state, epoch, pid=pid or number)
    return Observation(f"instance-{number}", health, 0.0, report)


def unknown(number):
    return Observation(f"instance-{number}", Health.UNKNOWN, 0.0)


def routes(*observations, **changes):
    made = Routes(**changes)
    made.observe({item.id: item for item in observations})
    return made


def name(choice):
    return choice.instance if isinstance(choice, Target) else None


WRITER = seen(1, role=Role.WRITER)


def test_every_combination_of_three():
    for states in itertools.product(STATES, repeat=3):
        observations = [seen(n, *state) for n, state in enumerate(states, start=1)]
        made = routes(*observations)
        claimants = [o for o in observations if o.role in (Role.WRITER, Role.DEMOTING)]
        newest = max(claimants, key=lambda o: (o.epoch, o.id), default=None)
        choice = made.choose(Endpoint.WRITER)
        if newest is not None and newest.role is Role.WRITER and newest.healthy:
            assert name(choice) == newest.id
        else:
            assert isinstance(choice, Wait)
            assert choice.reason
        reader = made.choose(Endpoint.READER)
        readers = [o.id for o in observations if o.role is Role.READER and o.healthy]
        if readers:
            assert name(reader) in readers
        else:
            assert reader == choice, "without a reader the reader endpoint is the writer's"


def test_the_writer_is_who_says_so_with_the_highest_epoch():
    made = routes(WRITER, seen(2, role=Role.WRITER, epoch=6))
    assert name(made.choose(Endpoint.WRITER)) == "instance-2"


def test_an_old_writer_is_never_used_after_a_newer_one_was_seen():
    made = routes(WRITER, seen(2, role=Role.WRITER, epoch=6))
    made.observe({o.id: o for o in (WRITER, seen(2, Health.DOWN, Role.WRITER, 6))})
    assert isinstance(made.choose(Endpoint.WRITER), Wait)


def test_no_connection_for_anyone_in_doubt():
    for health in set(HEALTHS) - {Health.HEALTHY}:
        made = routes(seen(1, health, Role.WRITER), seen(2, health))
        assert isinstance(made.choose(Endpoint.WRITER), Wait)
        assert isinstance(made.choose(Endpoint.READER), Wait)


def test_the_reason_to_wait_says_what_is_going_on():
    made = routes(seen(1, Health.DOWN, Role.WRITER), seen(2, role=Role.OPENING))
    assert made.choose(Endpoint.WRITER) == Wait("instance-2 is being promoted")
    made = routes(seen(1, Health.HUNG, Role.WRITER), seen(2))
    assert made.choose(Endpoint.WRITER) == Wait("instance-1, the writer, is hung")
    made = routes(seen(1, role=Role.DEMOTING), seen(2))
    assert made.choose(Endpoint.WRITER) == Wait("instance-1 is handing over")
    assert routes(seen(1)).choose(Endpoint.WRITER) == Wait("no instance says that it is the writer")


def test_readers_take_turns():
    made = routes(WRITER, seen(2), seen(3), seen(4))
    taken = []
    for _ in range(6):
        choice = made.choose(Endpoint.READER)
        made.opened(choice.instance)
        made.closed(choice.instance)
        taken.append(choice.instance)
    assert taken == ["instance-2", "instance-3", "instance-4"] * 2


def test_the_least_connected_reader_first():
    made = routes(WRITER, seen(2), seen(3))
    for _ in range(10):
        made.opened(name(made.choose(Endpoint.READER)))
    assert Counter(made.connections) == {"instance-2": 5, "instance-3": 5}
    for _ in range(3):
        made.closed("instance-3")
    for _ in range(3):
        assert name(made.choose(Endpoint.READER)) == "instance-3"
        made.opened("instance-3")


@given(st.lists(st.integers(0, 9), max_size=200))
def test_readers_differ_by_at_most_one_connection_while_none_ends(ends):
    made = routes(WRITER, seen(2), seen(3), seen(4))
    for end in ends:
        instance = name(made.choose(Endpoint.READER))
        least = min(made.connections.get(f"instance-{n}", 0) for n in (2, 3, 4))
        assert made.connections.get(instance, 0) == least
        made.opened(instance)
        victim = f"instance-{2 + end % 3}"
        if end > 5 and made.connections.get(victim, 0):
            made.closed(victim)


def test_a_volume_nobody_opened_has_nothing_to_read():
    made = routes(seen(1, state="starting"), seen(2, state="starting"))
    assert isinstance(made.choose(Endpoint.READER), Wait)


def test_a_draining_instance_gets_nobody():
    made = routes(WRITER, seen(2), seen(3), draining={"instance-2"})
    assert name(made.choose(Endpoint.READER)) == "instance-3"
    made.draining.add("instance-1")
    assert made.choose(Endpoint.WRITER) == Wait("instance-1, the writer, is draining")


# -- cutting ---------------------------------------------------------------------------------------


def cuts(before, after):
    made = routes(*before)
    return [(cut.instance, cut.reason) for cut in made.observe({o.id: o for o in after})]


def test_the_dead_and_the_hung_are_cut_once():
    for health in (Health.DOWN, Health.UNREACHABLE, Health.HUNG):
        made = routes(WRITER, seen(2))
        dead = {o.id: o for o in (seen(1, health, Role.WRITER), seen(2))}
        assert [(c.instance, c.reason) for c in made.observe(dead)] == [
            ("instance-1", health.value)
        ]
        assert made.observe(dead) == []


def test_doubt_cuts_nobody():
    for health in (Health.SUSPECT, Health.SILENT):
        assert cuts([WRITER], [seen(1, health, Role.WRITER)]) == []


def test_a_demoted_writer_is_cut_when_its_commits_are_drained():
    demoting = seen(1, role=Role.DEMOTING)
    assert cuts([WRITER], [demoting]) == []
    assert cuts([demoting], [seen(1)]) == [("instance-1", "demoted")]
    assert cuts([WRITER], [seen(1)]) == [("instance-1", "demoted")]


def test_a_fenced_writer_is_cut_before_it_knows():
    assert cuts([WRITER, seen(2)], [WRITER, seen(2, role=Role.WRITER, epoch=6)]) == [
        ("instance-1", "fenced")
    ]


def test_a_restarted_process_is_cut_even_if_nobody_saw_it_die():
    assert cuts([seen(2, pid=7)], [seen(2, pid=8)]) == [("instance-2", "restarted")]


def test_a_promoted_reader_keeps_its_sessions():
    assert cuts([seen(2)], [seen(2, role=Role.OPENING)]) == []
    assert cuts([seen(2, role=Role.OPENING)], [seen(2, role=Role.WRITER, epoch=6)]) == []


def test_the_first_sight_of_an_instance_cuts_nothing():
    made = Routes()
    assert made.observe({"instance-1": unknown(1)}) == []
    assert made.observe({"instance-1": WRITER}) == []


def test_a_choice_made_before_a_cut_is_not_valid_after_it():
    made = routes(WRITER)
    choice = made.choose(Endpoint.WRITER)
    assert made.still_valid(choice)
    made.observe({"instance-1": seen(1, Health.DOWN, Role.WRITER)})
    assert not made.still_valid(choice)
