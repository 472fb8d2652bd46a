"""Opening for writing: each step, each race, each crash point, against in-memory segments."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.unit.volume.recovery_model import LAL, MemoryNode, World
from volume.errors import StaleEpoch, StorageFull
from volume.recovery import AskAppend, AskAttach, AskRaise, AskStatus, Phase

FOURS = list(combinations(range(6), 4))


def opened_world(**kwargs):
    world = World()
    opening = world.opener(**kwargs)
    assert world.finish(opening)
    return world, opening


def test_an_empty_volume_opens_at_epoch_1_and_lsn_0():
    world, opening = opened_world()
    assert opening.opened.epoch == 1
    assert opening.opened.vdl == 0
    assert opening.opened.next_lsn == 1
    assert opening.opened.truncations == ()
    assert opening.opened.ends == {0: 0}
    assert all(node.segments[0].promise.attached == 1 for node in world.nodes)


def test_the_next_writer_goes_on_above_the_truncation_range():
    world, first = opened_world()
    writer = world.writer(first)
    writer.write([1, 2], range(6))
    second = world.opener()
    assert world.finish(second)
    assert second.opened.epoch == 2
    assert second.opened.vdl == 2
    assert second.opened.next_lsn == 2 + LAL + 1
    later = world.writer(second).write([3], range(4))
    assert later.acked
    writer.write([4], range(6))
    assert writer.fenced


@pytest.mark.parametrize("reachable", FOURS)
@pytest.mark.parametrize("acked_on", FOURS)
def test_whatever_four_acknowledged_survives_on_whatever_four_are_left(acked_on, reachable):
    world, first = opened_world()
    writer = world.writer(first)
    mtr = writer.write([1, 2, 3], acked_on)
    assert mtr.acked
    assert world.finish(world.opener(reachable))
    assert mtr.survived


@pytest.mark.parametrize("sent_to", [c for n in range(4) for c in combinations(range(6), n)])
def test_what_was_not_acknowledged_survives_whole_or_not_at_all(sent_to):
    for reachable in FOURS:
        world, first = opened_world()
        writer = world.writer(first)
        kept = writer.write([1], range(6))
        doubtful = writer.write([2, 3], sent_to)
        assert not doubtful.acked
        assert world.finish(world.opener(reachable))
        assert kept.survived
        assert doubtful.survived == bool(set(sent_to) & set(reachable))


def test_a_hole_in_another_group_ends_what_survives():
    """LSN 2 of group 1 reached nobody who is left, so LSN 3 of group 0 is void as well."""
    world, first = opened_world()
    writer = world.writer(first)
    writer.write([1, 11], range(6))
    lost = writer.write([12], ())
    after = writer.write([2], ())
    for node in range(6):
        target = world.nodes[node]
        records = b"".join(writer.log.ring.since(lost.cpl, after.cpl))
        target.append(0, first.epoch, writer.log.vdl, writer.log.vdl, records)
    second = world.opener()
    assert world.finish(second)
    assert lost.annulled
    assert after.annulled
    assert second.opened.ends == {0: 1, 1: 2}
    world.writer(second).write([2, 12], range(4))
    third = world.opener()
    assert world.finish(third)


@pytest.mark.parametrize("count", range(6))
def test_without_a_write_quorum_nothing_opens_and_the_shortfall_is_named(count):
    world = World()
    opening = world.opener(range(count))
    assert world.finish(opening) == (count >= 4)
    if count < 4:
        assert opening.phase is Phase.DISCOVER
        assert f"{count} of 6 storage nodes reachable" in opening.waiting_for()
        for node in range(count, 4):
            world.launch(opening, opening.node_up(node))
        assert world.finish(opening)


def test_groups_the_old_writer_adds_before_the_fence_are_found():
    """The old writer creates group 1 between the opener's first look and its fence."""
    world, first = opened_world()
    writer = world.writer(first)
    second = world.opener()
    while second.phase is Phase.DISCOVER:
        world.deliver(world.flights[0])
    mtr = writer.write([11], range(6))
    assert mtr.acked
    assert world.finish(second)
    assert mtr.survived
    assert set(second.opened.ends) == {0, 1}


def test_the_old_writer_cannot_add_groups_after_the_fence():
    world, first = opened_world()
    writer = world.writer(first)
    second = world.opener()
    while second.phase is not Phase.TRUNCATE:
        world.deliver(world.flights[0])
    assert not writer.write([11], range(6)).acked
    assert writer.fenced
    assert world.finish(second)


@pytest.mark.parametrize("request_type", [AskStatus, AskRaise, AskAttach, AskAppend])
def test_a_refused_request_is_repeated_only_after_a_while(request_type, monkeypatch):
    """A full disk must not be asked in a tight loop; and the operator hears of it."""
    world, first = opened_world()
    world.writer(first).write([1], (0, 1, 2, 3))
    asked = []
    whole = MemoryNode.handle

    def handle(node, request):
        if node.index == 5 and isinstance(request, request_type):
            asked.append(request)
            raise StorageFull("no space left on s5")
        return whole(node, request)

    monkeypatch.setattr(MemoryNode, "handle", handle)
    opening = world.opener((0, 1, 2, 5))
    assert not world.finish(opening, limit=2000)
    assert len(asked) < 50 * 2
    assert "no space left on s5" in opening.waiting_for()
    world.launch(opening, opening.node_up(4))
    assert world.finish(opening)


# ------------------------------------------------------------------ crash points


def prepared(sent_to):
    world, first = opened_world()
    writer = world.writer(first)
    writer.write([1, 11], range(6))
    writer.write([2], (0, 1, 2, 3))
    writer.write([3, 12], sent_to)
    return world, writer


def hops(sent_to):
    world, _ = prepared(sent_to)
    opening, count = world.opener(), 0
    while world.flights:
        world.deliver(world.flights[0])
        count += 1
    assert world.settle(opening)
    return count


@pytest.mark.parametrize("sent_to", [(0,), (0, 5), (1, 2, 3)])
@pytest.mark.parametrize("in_flight_arrives", [True, False])
def test_an_opener_may_die_after_any_step_and_another_one_opens(sent_to, in_flight_arrives):
    for steps in range(hops(sent_to) + 1):
        for reachable in ((2, 3, 4, 5), (0, 1, 4, 5)):
            world, writer = prepared(sent_to)
            dead = world.opener()
            for _ in range(steps):
                world.deliver(world.flights[0])
            world.settle(dead)
            world.kill(dead, deliver=in_flight_arrives)
            heir = world.opener(reachable)
            assert world.finish(heir), heir.waiting_for()
            mtr = world.writer(heir).write([4, 13], reachable)
            assert mtr.acked
            writer.write([5], range(6))
            last = world.opener(reversed(range(6)))
            assert world.finish(last)
            assert mtr.survived


@pytest.mark.parametrize("sent_to", [(5,), (0, 5), (1, 2, 3)])
def test_two_openers_may_die_in_turn_having_seen_different_nodes(sent_to):
    """Ranges that never reached a quorum contradict each other; a later recovery knows better."""
    first_sees, second_sees, third_sees = (0, 1, 2, 3), (2, 3, 4, 5), (0, 1, 4, 5)
    for first_steps in range(16, 36):
        for second_steps in (20, 26, 32):
            world, _ = prepared(sent_to)
            for sees, steps in ((first_sees, first_steps), (second_sees, second_steps)):
                dead = world.opener(sees)
                for _ in range(steps):
                    if world.flights:
                        world.deliver(world.flights[0])
                world.settle(dead)
                world.kill(dead, deliver=False)
            heir = world.opener(third_sees)
            assert world.finish(heir), heir.waiting_for()
            assert world.writer(heir).write([4], third_sees).acked
            last = world.opener()
            assert world.finish(last)


def test_a_node_lost_in_any_phase_is_replaced_by_another():
    for steps in range(1, 60):
        world, _ = prepared((1, 2, 3))
        opening = world.opener((0, 1, 2, 3))
        for _ in range(steps):
            if world.flights:
                world.deliver(world.flights[0])
        if opening.phase is Phase.OPEN:
            break
        world.flights = [f for f in world.flights if f.ask.node != 0]
        world.launch(opening, opening.node_down(0))
        world.launch(opening, opening.node_up(4))
        assert world.finish(opening), (steps, opening.waiting_for())


def test_lagging_segments_are_filled_before_the_volume_opens():
    world, first = opened_world()
    writer = world.writer(first)
    for page in range(8):
        writer.write([page], (0, 1, 2, 3))
    opening = world.opener((2, 3, 4, 5))
    assert world.finish(opening)
    assert all(world.nodes[n].segments[0].scl == writer.log.vdl for n in (2, 3, 4, 5))


def test_a_segment_out_of_reach_of_the_log_is_left_to_gossip():
    world, first = opened_world()
    writer = world.writer(first)
    for page in range(8):
        writer.write([page], (0, 1, 2, 3))
    for node in (2, 3):
        log = world.nodes[node].segments[0].log
        log.trim(6)
    opening = world.opener((2, 3, 4, 5))
    assert not world.finish(opening)
    assert opening.phase is Phase.REPLICATE
    world.nodes[0].gossip_from(world.nodes[2])  # learns of the new epoch
    for node in (4, 5):
        while world.nodes[node].segments[0].scl < writer.log.vdl:
            world.nodes[node].gossip_from(world.nodes[0])
    assert world.finish(opening)


# ------------------------------------------------------------------------- races


def race(world, openers, pick):
    turns = 0
    while True:
        live = [o for o in openers if o.phase not in (Phase.OPEN, Phase.LOST)]
        mine = [f for f in world.flights if f.opener in live]
        if not mine:
            if not live:
                break
            for opener in live:
                world.launch(opener, opener.hurry() + opener.look_again())
            turns += 1
            assert turns < 50, [o.waiting_for() for o in live]
            continue
        world.deliver(mine[pick(len(mine))])
        for opener in openers:
            world.settle(opener)


def write_and_see(world, openers):
    """Exactly one of those that say they opened can still write."""
    able = []
    for opener in openers:
        if opener.phase is Phase.OPEN and world.writer(opener).write([7], range(6)).acked:
            able.append(opener)
    return able


@pytest.mark.parametrize("seed", range(100))
def test_of_racing_openers_exactly_one_can_write_and_the_losers_are_told(seed):
    import random

    rng = random.Random(seed)
    world, _ = prepared((1, 5))
    openers = [world.opener(owner=name) for name in rng.sample("abc", rng.choice([2, 2, 3]))]
    race(world, openers, rng.randrange)
    able = write_and_see(world, openers)
    assert len(able) == 1
    for opener in openers:
        if opener.phase is Phase.LOST:
            assert isinstance(opener.lost_to, StaleEpoch)
            assert opener.lost_to.owner != opener.owner
        elif opener is not able[0]:
            assert opener.epoch < able[0].epoch


def test_an_even_split_is_won_by_the_smaller_owner_with_a_higher_epoch():
    world = World()
    a, b = world.opener(owner="a"), world.opener(owner="b")
    while a.phase is Phase.DISCOVER or b.phase is Phase.DISCOVER:
        world.deliver(world.flights[0])
    for flight in list(world.flights):
        if flight.opener is (a if flight.ask.node < 3 else b):
            world.deliver(flight)
    assert world.finish(b) is False
    assert b.phase is Phase.LOST
    assert b.lost_to.owner == "a"
    assert world.finish(a)
    assert a.opened.epoch == 2


def test_a_dead_openers_promise_does_not_stop_the_next_one():
    """The dead one holds epoch 1 on two nodes; a larger owner's floor rises with its refusal."""
    world = World()
    dead = world.opener(owner="a")
    while dead.phase is Phase.DISCOVER:
        world.deliver(world.flights[0])
    for flight in [f for f in world.flights if f.ask.node in (4, 5)]:
        world.deliver(flight)
    world.kill(dead, deliver=False)
    heir = world.opener((0, 1, 2, 3), owner="z")
    while heir.phase is Phase.DISCOVER:
        world.deliver(world.flights[0])
    assert heir.epoch == 1
    world.launch(heir, heir.node_up(4))
    world.launch(heir, heir.node_up(5))
    assert world.finish(heir)
    assert world.writer(heir).write([1], (2, 3, 4, 5)).acked
