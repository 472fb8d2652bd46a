"""The topology document: what changes mean, and that every document reads back."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from failover.topology import Claim, Member, Topology, TopologyUnreadable, decode, encode
from runtime.net import Address
from tests.unit.failover.builders import member, members

names = st.text(min_size=1, max_size=20)
ports = st.integers(0, 65535)
addresses = st.builds(Address, st.sampled_from(["127.0.0.1", "::1", "db.example"]), ports)
member_values = st.builds(
    Member, names, names, st.integers(0, 15), addresses, addresses, st.integers(0), st.booleans()
)
topologies = st.builds(
    Topology,
    st.lists(member_values, max_size=4).map(tuple),
    st.none() | names,
    st.integers(0),
    st.none() | st.builds(Claim, names, names, names),
    st.none() | names,
    st.booleans(),
    names,
)

MINE = Claim("instance-2", "me", "x")
THEIRS = Claim("instance-3", "them", "x")


@given(topologies)
def test_round_trip(topology):
    assert decode(encode(topology)) == topology


@given(st.binary(max_size=200))
def test_garbage_is_refused_not_raised(data):
    with pytest.raises(TopologyUnreadable):
        decode(data)


def test_another_format_is_named():
    with pytest.raises(TopologyUnreadable, match="format 2"):
        decode(encode(Topology()).replace(b'"format":1', b'"format":2'))


@pytest.mark.parametrize(
    ("current", "known", "allowed"),
    [
        (None, None, True),
        (THEIRS, None, False),  # came in between
        (THEIRS, THEIRS, True),  # known, and it ran out
        (Claim("instance-1", "me", "before"), None, True),  # own, of an attempt that failed
    ],
)
def test_a_claim_never_overrides_an_unknown_one(current, known, allowed):
    topology = Topology(members=members(0, 1), claim=current)
    claimed = topology.claimed(MINE, known)
    assert (claimed is not None) == allowed
    if claimed is not None:
        assert claimed.claim == MINE


def test_who_writes_is_never_set_back():
    topology = Topology(writer="instance-2", epoch=6, claim=MINE)
    assert topology.written_by("instance-1", 5) is None
    newer = topology.written_by("instance-1", 7)
    assert newer is not None
    assert (newer.writer, newer.epoch, newer.claim) == ("instance-1", 7, None)


def test_configured_members_keep_what_the_operator_decided():
    topology = Topology(members=members(0, 1)).with_exclusion("instance-2", True)
    again = topology.with_members((member(1, 3), member(2, 4), member(3, 5)))
    assert [m.tier for m in again.members] == [3, 4, 5]
    assert [m.excluded for m in again.members] == [False, True, False]
    assert again.with_members(again.members) is again


def test_a_tier_out_of_range_is_refused():
    with pytest.raises(ValueError, match="tier of instance-1 must be 0 to 15"):
        evolve(member(1), tier=16)
