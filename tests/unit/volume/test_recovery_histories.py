"""Whole histories: writers and openers of several generations, crashes, partitions and gossip.

After every completed opening `World.check` demands that everything ever acknowledged is there, that
no MTR survived by half, that nothing comes back, and that a write quorum has all of it.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.volume.recovery_model import World
from volume import recoverypoint
from volume.errors import BrokenPromise
from volume.model import TruncationRange
from volume.recovery import Phase
from volume.recoverypoint import resolve_ranges


class History:
    """One random history; every choice comes from one generator."""

    def __init__(self, rng):
        self.rng = rng
        self.world = World()
        self.writers = []
        self.openers = []
        self.opened = 0

    def some_nodes(self, least=0):
        return self.rng.sample(range(6), self.rng.randint(least, 6))

    def step(self):
        choice, opener = self.rng.random(), None
        if self.openers:
            opener = self.rng.choice(self.openers)
        if choice < 0.12 and self.writers:
            self.write()
        elif choice < 0.15:
            one, other = self.rng.sample(self.world.nodes, 2)
            one.gossip_from(other)
        elif opener is None or choice < 0.16:
            if choice < 0.25 or not self.writers:
                self.openers.append(self.world.opener(self.some_nodes(4)))
        elif choice < 0.18:
            self.openers.remove(opener)
            self.world.kill(opener, deliver=self.rng.random() < 0.5)
        elif choice < 0.21 or not self.world.flights:
            self.world.launch(opener, opener.hurry() + opener.look_again())
        elif choice < 0.22:
            self.flap(opener)
        else:
            self.deliver()

    def write(self):
        writer = self.rng.choice(self.writers[-2:])
        pages = [self.rng.randrange(30) for _ in range(self.rng.randint(1, 3))]
        if writer.log.has_room():
            writer.write(pages, self.some_nodes())

    def flap(self, opener):
        node = self.rng.randrange(6)
        world = self.world
        world.flights = [f for f in world.flights if f.opener is not opener or f.ask.node != node]
        world.launch(opener, opener.node_down(node))
        world.launch(opener, opener.node_up(node))

    def deliver(self):
        flight = self.rng.choice(self.world.flights)
        opener = flight.opener
        self.world.deliver(flight)
        if self.world.settle(opener) and opener in self.openers:
            self.openers.remove(opener)
            self.writers.append(self.world.writer(opener))
            self.opened += 1
        elif opener.phase is Phase.LOST and opener in self.openers:
            self.openers.remove(opener)

    def end(self):
        """Everybody dies; whoever comes next finds everything."""
        for opener in self.openers:
            self.world.kill(opener, deliver=True)
        for reachable in (self.rng.sample(range(6), 4), range(6)):
            last = self.world.opener(reachable, owner="0")
            finished = self.world.finish(last)
            while not finished:
                # No log to copy from here: as in life, gossip between all nodes comes first.
                for one in self.world.nodes:
                    for other in self.world.nodes:
                        one.gossip_from(other)
                finished = self.world.finish(last)
            assert self.world.writer(last).write([1], range(6)).acked


def run(seed, steps=600):
    history = History(Random(seed))
    for _ in range(steps):
        history.step()
    history.end()
    return history


@pytest.mark.parametrize("seed", range(60))
def test_nothing_acknowledged_is_lost_and_no_mtr_is_halved(seed):
    run(seed)


def test_the_histories_reach_what_they_are_meant_to():
    histories = [run(seed) for seed in range(20)]
    assert sum(h.opened for h in histories) > 30
    mtrs = [m for h in histories for m in h.world.mtrs]
    assert sum(m.acked for m in mtrs) > 50
    assert sum(m.annulled for m in mtrs) > 50
    assert sum(m.survived and not m.acked for m in mtrs) > 20


def caught(seeds=range(120)):
    for seed in seeds:
        try:
            run(seed)
        except (AssertionError, BrokenPromise):
            return True
    return False


def test_the_check_finds_a_recovery_that_trusts_the_shortest_chain(monkeypatch):
    """Mutant: one reply of a group is enough."""
    whole = recoverypoint.recovery_point
    monkeypatch.setattr(
        "volume.recovery.recovery_point",
        lambda replies, epoch, **kw: whole(
            {pg: group[:1] for pg, group in replies.items()}, epoch, **kw
        ),
    )
    assert caught()


def orphan_range():
    """An opener leaves its range on node 0 alone; the next one never sees it and keeps more."""
    world = World()
    first = world.opener()
    assert world.finish(first)
    writer = world.writer(first)
    writer.write([1], range(6))
    doubtful = writer.write([2], (5,))
    dead = world.opener((0, 1, 2, 3))
    while dead.phase is not Phase.TRUNCATE:
        world.deliver(world.flights[0])
    to_node_0 = next(f for f in world.flights if f.ask.node == 0)
    world.deliver(to_node_0)
    world.kill(dead, deliver=False)
    heir = world.opener((1, 2, 3, 5))
    assert world.finish(heir)
    assert doubtful.survived
    assert world.writer(heir).write([3], (1, 2, 3, 5)).acked
    assert world.finish(world.opener((0, 1, 2, 5)))


def test_a_range_left_on_one_node_annuls_nothing_that_a_later_opener_kept():
    orphan_range()


def test_the_check_finds_ranges_that_are_never_overruled(monkeypatch):
    """Mutant: every range anybody reports stands for ever."""
    monkeypatch.setattr(recoverypoint, "resolve_ranges", lambda found: tuple(sorted(set(found))))
    with pytest.raises(AssertionError):
        orphan_range()


def test_the_check_finds_a_recovery_that_does_not_replicate(monkeypatch):
    monkeypatch.setattr("volume.recovery.Opening._replicated", lambda self, pg: True)
    assert caught()


def test_the_check_finds_a_recovery_that_opens_at_vcl(monkeypatch):
    """Mutant: half an MTR survives."""
    whole = recoverypoint.volume_points

    def to_vcl(*args):
        vcl, _ = whole(*args)
        return vcl, vcl

    monkeypatch.setattr(recoverypoint, "volume_points", to_vcl)
    assert caught()


ranges = st.lists(
    st.tuples(st.integers(1, 6), st.integers(0, 30), st.integers(0, 30)).map(
        lambda t: TruncationRange(t[0], min(t[1:]), max(t[1:]))
    ),
    max_size=8,
)


@given(ranges)
@settings(max_examples=200)
def test_standing_ranges_are_disjoint_ascending_and_stable(found):
    standing = resolve_ranges(found)
    assert set(standing) <= set(found)
    for earlier, later in pairwise(standing):
        assert earlier.epoch <= later.epoch
        assert earlier.upto < later.above
    assert resolve_ranges(standing) == standing
    if found:
        assert max(found) == standing[-1]


def test_a_range_that_never_reached_a_quorum_is_overruled_by_a_later_vdl():
    orphan = TruncationRange(2, 8, 108)
    later = TruncationRange(3, 10, 110)
    assert resolve_ranges([orphan, later]) == (later,)
    older = TruncationRange(1, 0, 5)
    assert resolve_ranges([orphan, older, later]) == (older, later)
