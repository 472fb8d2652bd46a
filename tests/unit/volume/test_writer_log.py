"""LSN allocation, backlinks, MTR encoding, back-pressure, and what readers are fed."""

from __future__ import annotations

import pytest

from volume.model import Epoch, Lsn, PgId, TruncationRange
from volume.records import CPL, FULL, HEADER_SIZE, iter_records
from volume.writer import PART_BYTES, LogFull, LogWriter, OpenedVolume

PG0 = PgId(0)


def opened(vdl=0, next_lsn=1, ends=None):
    ranges = (TruncationRange(Epoch(1), Lsn(vdl), Lsn(next_lsn - 1)),)
    return OpenedVolume(Epoch(1), "w", Lsn(vdl), Lsn(next_lsn), ends or {PG0: Lsn(vdl)}, ranges)


def writer(pages_per_segment=100, **kwargs):
    kwargs.setdefault("lal", 1000)
    start = kwargs.pop("start", opened())
    return LogWriter(start, pages_per_segment, **kwargs)


def change(page_no, payload=b"x"):
    return (page_no, FULL, payload)


def durable(w, upto):
    for node in range(4):
        for pg in w.streams:
            w.durability.acknowledged(node, pg, min(upto, w.streams[pg].end))
    w.vdl_moved()


def test_lsns_are_contiguous_and_the_last_record_of_an_mtr_is_its_cpl():
    w = writer()
    assert w.log([change(3), change(1), change(3)]) == 3
    assert w.log([change(9)]) == 4
    blobs = w.ring.since(Lsn(0), Lsn(4))
    records = [list(iter_records(blob)) for blob in blobs]
    assert [[r.lsn for r in mtr] for mtr in records] == [[1, 2, 3], [4]]
    assert [[r.is_cpl for r in mtr] for mtr in records] == [[False, False, True], [True]]
    assert [r.prev for mtr in records for r in mtr] == [0, 1, 2, 3]
    assert [r.page_no for mtr in records for r in mtr] == [3, 1, 3, 9]
    assert w.newest == 4


def test_an_mtr_over_several_groups_is_grouped_and_each_group_has_its_own_chain():
    w = writer(pages_per_segment=10)
    w.log([change(5), change(25), change(6)])
    w.log([change(15), change(7)])
    first, second = ([*iter_records(b)] for b in w.ring.since(Lsn(0), Lsn(5)))
    assert [(r.lsn, r.prev, r.page_no) for r in first] == [(1, 0, 5), (2, 1, 6), (3, 0, 25)]
    assert [(r.lsn, r.prev, r.page_no) for r in second] == [(4, 0, 15), (5, 2, 7)]
    assert [r.flags & CPL for r in first + second] == [0, 0, 1, 0, 1]
    assert sorted(w.new_groups) == [1, 2]
    assert w.touched == {0, 1, 2}


def test_after_a_recovery_lsns_go_on_above_the_range_and_chains_at_their_ends():
    w = writer(start=opened(vdl=8, next_lsn=1009, ends={PG0: Lsn(8), PgId(1): Lsn(5)}))
    assert w.log([change(0), change(100)]) == 1010
    (blob,) = w.ring.since(Lsn(8), Lsn(1010))
    assert [(r.lsn, r.prev) for r in iter_records(blob)] == [(1009, 8), (1010, 5)]


def test_lal_bounds_what_is_allocated_above_vdl():
    w = writer(lal=10)
    for _ in range(10):
        w.log([change(1)])
    assert not w.has_room()
    with pytest.raises(LogFull, match="no room for LSN 11"):
        w.log([change(1)])
    assert w.newest == 10
    durable(w, 10)
    assert w.has_room()
    assert w.log([change(1)]) == 11


def test_lal_counts_from_the_end_of_the_truncation_range_after_a_recovery():
    w = writer(lal=10, start=opened(vdl=8, next_lsn=1009))
    for _ in range(10):
        w.log([change(1)])
    with pytest.raises(LogFull):
        w.log([change(1)])


def test_room_is_refused_from_half_of_lal_so_that_what_was_admitted_fits():
    w = writer(lal=10)
    for _ in range(5):
        assert w.has_room()
        w.log([change(1)])
    assert not w.has_room()
    w.log([change(1)] * 5)


def test_undurable_bytes_are_given_back_as_vdl_moves():
    w = writer()
    w.log([change(1, b"abc")])
    w.log([change(1, b"abcde")])
    assert w.undurable_bytes == 2 * HEADER_SIZE + 8
    durable(w, 1)
    assert w.undurable_bytes == HEADER_SIZE + 5
    durable(w, 2)
    assert w.undurable_bytes == 0


def test_the_ring_keeps_what_is_not_durable_and_says_when_something_is_gone():
    w = writer(ring_bytes=3 * (HEADER_SIZE + 1))
    for _ in range(6):
        w.log([change(1)])
    assert len(w.ring.since(Lsn(0), Lsn(6))) == 6
    durable(w, 6)
    assert w.ring.since(Lsn(0), Lsn(6)) is None
    assert w.ring.since(Lsn(2), Lsn(6)) is None
    assert [next(iter_records(b)).lsn for b in w.ring.since(Lsn(3), Lsn(5))] == [4, 5]
    assert [cpl for cpl, _ in w.ring.entries_since(Lsn(4))] == [5, 6]
    assert w.ring.since(Lsn(6), Lsn(6)) == []


def test_redo_below_the_opening_point_is_not_in_memory():
    w = writer(start=opened(vdl=8, next_lsn=1009))
    w.log([change(1)])
    assert w.ring.since(Lsn(7), Lsn(1009)) is None
    assert len(w.ring.since(Lsn(8), Lsn(1009))) == 1


def test_an_enormous_mtr_is_streamed_in_parts_cut_between_records():
    w = writer(lal=10**6)
    payload = b"p" * (PART_BYTES // 3)
    w.log([change(n, payload) for n in range(8)])
    stream = w.streams[PG0]
    parts = [blob for _, blob in stream._pending]
    assert len(parts) == 4
    assert [r.lsn for part in parts for r in iter_records(part)] == list(range(1, 9))
    assert [last for last, _ in stream._pending] == [2, 4, 6, 8]
