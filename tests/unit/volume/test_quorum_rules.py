"""The quorum rules, enumerated over all 64 subsets of six copies in three AZs."""

from __future__ import annotations

from itertools import combinations

import pytest

from volume import quorum

AZ_OF = ("a", "a", "b", "b", "c", "c")
ALL = (1 << 6) - 1


def azs_lost(*azs: str) -> int:
    return quorum.mask_of(i for i, az in enumerate(AZ_OF) if az not in azs)


@pytest.mark.parametrize("mask", quorum.EVERY_SUBSET)
def test_each_subset_is_judged_by_its_size(mask):
    members = [i for i in range(6) if mask >> i & 1]
    assert quorum.is_write_quorum(mask) == (len(members) in (4, 5, 6))
    assert quorum.is_read_quorum(mask) == (len(members) in (3, 4, 5, 6))
    assert quorum.mask_of(members) == mask


def test_any_read_quorum_meets_any_write_quorum():
    for write in filter(quorum.is_write_quorum, quorum.EVERY_SUBSET):
        for read in filter(quorum.is_read_quorum, quorum.EVERY_SUBSET):
            assert write & read
        for other in filter(quorum.is_write_quorum, quorum.EVERY_SUBSET):
            assert (write & other).bit_count() >= 2


@pytest.mark.parametrize("az", ["a", "b", "c"])
def test_losing_an_az_keeps_writes_and_one_more_keeps_reads(az):
    left = azs_lost(az)
    assert quorum.is_write_quorum(left)
    for index in range(6):
        if left >> index & 1:
            one_less = left & ~(1 << index)
            assert quorum.is_read_quorum(one_less)
            assert not quorum.is_write_quorum(one_less)


def test_losing_two_azs_loses_even_reads():
    assert not quorum.is_read_quorum(azs_lost("a", "b"))


def test_pgcl_is_the_highest_lsn_some_write_quorum_has():
    scls = [10, 30, 20, 50, 40, 0]
    best = max(min(scls[i] for i in four) for four in combinations(range(6), 4))
    assert quorum.pg_complete(scls) == best == 20


def test_silent_copies_may_complete_a_write():
    assert quorum.may_be_write_quorum(0b000011, 0b110000)
    assert not quorum.may_be_write_quorum(0b000001, 0b110000)
    assert quorum.may_be_write_quorum(ALL, 0)


def test_shortfall_names_what_is_reachable_and_what_is_needed():
    assert quorum.write_shortfall(3) == "3 of 6 storage nodes reachable, a write needs 4"
    assert quorum.read_shortfall(2) == "2 of 6 storage nodes reachable, a quorum read needs 3"
