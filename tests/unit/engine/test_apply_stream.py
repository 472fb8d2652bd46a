"""Applying the redo stream: whole MTRs, at or below the VDL, without holes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.apply import RedoApplier, RedoGap
from engine.bufferpool import BufferPool
from volume.records import CPL, encode_record, make_change

PAGE_SIZE = 512
PAGES = 4


def page(value: int) -> bytes:
    return value.to_bytes(4, "big") * (PAGE_SIZE // 4)


class History:
    """MTRs that each set some pages to the MTR's number."""

    def __init__(self, mtrs: list[list[int]]) -> None:
        self.blobs: list[tuple[int, bytes]] = []
        self.states: dict[int, list[int]] = {0: [0] * PAGES}
        lsn, values = 0, [0] * PAGES
        for number, pages in enumerate(mtrs, 1):
            blob = b""
            for position, page_no in enumerate(pages, 1):
                lsn += 1
                flags, payload = make_change(page(values[page_no]), page(number))
                flags |= CPL if position == len(pages) else 0
                blob += encode_record(lsn, 0, page_no, flags, payload)
                values[page_no] = number
            self.blobs.append((lsn, blob))
            self.states[lsn] = list(values)


histories = st.lists(
    st.lists(st.integers(0, PAGES - 1), min_size=1, max_size=PAGES, unique=True),
    min_size=1,
    max_size=12,
).map(History)


def warm_pool() -> BufferPool:
    pool = BufferPool(1 << 20, PAGE_SIZE)
    for page_no in range(PAGES):
        pool.finish_fetch(pool.begin_fetch(page_no), 0, page(0))
    return pool


@given(histories, st.data())
def test_each_read_point_shows_exactly_the_mtrs_up_to_it(
    history: History, data: st.DataObject
) -> None:
    pool = warm_pool()
    applier = RedoApplier(pool)
    waiting = list(history.blobs)
    while waiting:
        count = data.draw(st.integers(1, len(waiting)))
        batch, waiting = waiting[:count], waiting[count:]
        applier.receive(applier.received, b"".join(blob for _, blob in batch))
        ends = [lsn for lsn in history.states if pool.read_point <= lsn <= applier.received]
        vdl = data.draw(st.sampled_from(ends))
        applier.advance(vdl)
        assert pool.read_point == vdl
        for page_no, value in enumerate(history.states[vdl]):
            assert pool.lookup(page_no, vdl) == page(value)


@given(histories, st.data())
def test_the_log_of_several_groups_bridges_in_order(history: History, data: st.DataObject) -> None:
    pool = warm_pool()
    upto = data.draw(st.sampled_from(sorted(history.states)))
    log = b"".join(blob for _, blob in history.blobs)
    applier = RedoApplier(pool)
    applier.bridge([log], upto)
    assert pool.read_point == upto
    for page_no, value in enumerate(history.states[upto]):
        assert pool.lookup(page_no, upto) == page(value)


def test_a_hole_is_noticed() -> None:
    history = History([[0], [1], [2]])
    applier = RedoApplier(warm_pool())
    applier.receive(0, history.blobs[0][1])
    with pytest.raises(RedoGap):
        applier.receive(2, history.blobs[2][1])
    with pytest.raises(RedoGap):
        applier.advance(2)
    assert applier.covers(1) and not applier.covers(2)


def test_half_an_mtr_is_refused() -> None:
    history = History([[0, 1]])
    applier = RedoApplier(warm_pool())
    half = history.blobs[0][1]
    first = encode_record(1, 0, 0, 0, b"")
    assert half != first
    with pytest.raises(RedoGap):
        applier.receive(0, first)


def test_nothing_is_applied_above_a_hole_that_is_not_bridged_yet() -> None:
    history = History([[0], [1], [2]])
    pool = warm_pool()
    applier = RedoApplier(pool)
    applier.expect(2)
    applier.receive(2, history.blobs[2][1])
    assert not applier.covers(3)
    with pytest.raises(RedoGap):
        applier.advance(3)
    applier.bridge([history.blobs[0][1] + history.blobs[1][1]], 2)
    applier.advance(3)
    assert [pool.lookup(n, 3) for n in range(PAGES)] == [page(1), page(2), page(3), page(0)]


def test_records_of_pages_nobody_has_are_dropped() -> None:
    history = History([[0], [1]])
    pool = BufferPool(1 << 20, PAGE_SIZE)
    applier = RedoApplier(pool)
    applier.receive(0, history.blobs[0][1] + history.blobs[1][1])
    applier.advance(2)
    assert not pool.slots
    assert (applier.applied_records, applier.dropped_records) == (0, 2)
