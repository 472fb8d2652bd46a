"""What to coalesce, what to ask which peer, what to scrub, what to keep in memory."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.unit.volume.history import History
from volume import coalesce, limits
from volume.coalesce import Situation
from volume.gossip import Ask, PeerSegment, Want, choose
from volume.imagecache import ImageCache
from volume.logindex import LogIndex
from volume.logtail import LogTail, TailBudget
from volume.messages import SegmentStatus
from volume.records import scan
from volume.scrub import ScrubCursor
from volume.slots import SlotEntry, SlotTable

OWN = SegmentStatus(0, 3, 3, "w", 50, 60, 60, 0, 50, ())


def peer(name: str, *, near: bool = False, **changes: object) -> PeerSegment:
    return PeerSegment(name, near, evolve(OWN, **changes))


# -- gossip ------------------------------------------------------------------------------------


def test_nobody_knows_more_nobody_is_asked():
    assert choose(OWN, [peer("a"), peer("b", scl=40, vdl=50)]) is None
    assert choose(OWN, []) is None


def test_the_peer_whose_chain_reaches_furthest_is_asked_for_log():
    peers = [peer("a", scl=55), peer("b", scl=70), peer("c", scl=60)]
    assert choose(OWN, peers) == Ask("b", Want.LOG, 50)


def test_among_equals_the_own_az_comes_first():
    peers = [peer("z", scl=70), peer("a", scl=70, near=True)]
    assert choose(OWN, peers) == Ask("a", Want.LOG, 50)


def test_a_newer_epoch_comes_before_a_longer_chain():
    """The longer chain may be one that the newer epoch annulled."""
    peers = [peer("a", scl=90), peer("b", attached=4, epoch=4, scl=50)]
    assert choose(OWN, peers) == Ask("b", Want.LOG, 50)


def test_a_newer_epoch_is_learnt_even_from_a_shorter_chain():
    assert choose(OWN, [peer("b", attached=4, epoch=4, scl=10)]) == Ask("b", Want.LOG, 50)


def test_a_promise_alone_is_not_spread():
    assert choose(OWN, [peer("b", epoch=9)]) is None


def test_a_peer_of_an_older_epoch_still_helps_when_it_has_more():
    own = evolve(OWN, attached=4, epoch=4)
    assert choose(own, [peer("a", scl=70)]) == Ask("a", Want.LOG, 50)


def test_a_peer_that_no_longer_has_the_log_is_asked_for_pages():
    assert choose(OWN, [peer("a", scl=90, low=51)]) == Ask("a", Want.PAGES, 50)
    assert choose(OWN, [peer("a", scl=90, low=50)]) == Ask("a", Want.LOG, 50)


def test_damaged_pages_come_from_any_attached_peer():
    peers = [peer("a", attached=0, epoch=0, scl=0), peer("b", scl=40)]
    assert choose(OWN, peers, damaged_pages=True) == Ask("b", Want.PAGES, 50)


def test_a_peer_that_just_failed_is_avoided():
    peers = [peer("a", scl=90), peer("b", scl=80)]
    assert choose(OWN, peers, avoid=frozenset({"a"})) == Ask("b", Want.LOG, 50)
    assert choose(OWN, peers, avoid=frozenset({"a", "b"})) is None


def test_a_newer_vdl_is_worth_a_question_when_the_chain_is_equal():
    assert choose(OWN, [peer("a", vdl=80, tail=50)]) == Ask("a", Want.LOG, 50)


# -- coalescing --------------------------------------------------------------------------------


def index_of(history: History) -> LogIndex:
    log = LogIndex(0)
    log.add(scan(history.blob(sorted(history.records))), 0)
    return log


BUSY = Situation(idle=False, log_bytes=0, retain_bytes=0)
IDLE = evolve(BUSY, idle=True)


def test_a_busy_node_with_a_short_log_coalesces_nothing():
    history = History()
    history.write(50)
    assert coalesce.choose(index_of(history), 1000, BUSY) == coalesce.NOTHING


def test_an_idle_node_takes_the_pages_of_the_oldest_records():
    history = History()
    for page in (3, 1, 3, 2):
        history.write(page_no=page)
    choice = coalesce.choose(index_of(history), 1000, IDLE)
    assert (choice.pages, choice.urgent) == ([3, 1, 2], False)


def test_a_long_log_is_coalesced_under_load_as_well():
    history = History()
    history.write(page_no=5)
    pressed = evolve(BUSY, log_bytes=limits.LOG_PRESSURE_BYTES + 1)
    choice = coalesce.choose(index_of(history), 1000, pressed)
    assert (choice.pages, choice.urgent) == ([5], True)


def test_nothing_above_the_coalesce_point_is_touched():
    history = History()
    for page in (3, 1, 2):
        history.write(page_no=page)
    log = index_of(history)
    assert coalesce.choose(log, 2, IDLE).pages == [3, 1]
    assert coalesce.choose(log, 0, IDLE) == coalesce.NOTHING


def test_a_page_with_a_very_long_chain_comes_first_at_any_time(monkeypatch):
    monkeypatch.setattr(limits, "PAGE_CHAIN_MAX", 20)
    history = History()
    for _ in range(30):
        history.write(page_no=0)
        history.write(page_no=1 + len(history.records) % 7)
    log = index_of(history)
    choice = coalesce.choose(log, 1000, BUSY)
    assert (choice.pages, choice.urgent) == ([0], True)
    # But not while read points keep most of it from being folded.
    assert coalesce.choose(log, 5, BUSY) == coalesce.NOTHING


def test_the_segments_of_a_node_share_the_log_it_keeps():
    one = coalesce.situation([10], idle=True)
    four = coalesce.situation([10, 20, 30, 40], idle=True)
    assert (one.retain_bytes, one.log_bytes) == (limits.LOG_RETAIN_BYTES, 10)
    assert (four.retain_bytes, four.log_bytes) == (limits.LOG_RETAIN_BYTES // 4, 100)


# -- scrubbing and caches ------------------------------------------------------------------------


def test_scrubbing_takes_all_pages_in_turn_for_ever():
    table, cursor = SlotTable(100), ScrubCursor()
    for slot, page in enumerate((100, 103, 104, 109)):
        table.put(SlotEntry(page, slot, 1, 0))
    assert [cursor.take(table, 3) for _ in range(4)] == [
        [100, 103, 104],
        [109],
        [100, 103, 104],
        [109],
    ]
    assert cursor.rounds == 2


def test_the_image_cache_is_bounded_and_keeps_what_is_used():
    cache = ImageCache(30)
    for page in range(3):
        cache.put(page, 1, b"x" * 10)
    cache.get(0)
    cache.put(3, 1, b"x" * 10)
    assert (cache.get(0), cache.get(1)) == ((1, b"x" * 10), None)
    assert cache.used_bytes == 30


def test_the_image_cache_never_goes_back():
    cache = ImageCache(100)
    cache.put(1, 5, b"new")
    cache.put(1, 4, b"old")
    assert cache.get(1) == (5, b"new")
    cache.forget_above(0, 10, 4)
    assert cache.get(1) is None
    assert cache.used_bytes == 0


def test_the_log_tails_of_a_node_share_one_bound():
    budget = TailBudget(100)
    first, second = LogTail(budget), LogTail(budget)
    for at in range(0, 2000, 40):
        (first if at % 80 else second).add(at, bytes([at % 251]) * 40)
        assert budget.used_bytes <= 100
    assert second.find(1920, 40) == bytes([1920 % 251]) * 40
    assert first.find(1965, 10) == bytes([1960 % 251]) * 10
    assert first.find(1960, 41) is None
    assert first.find(40, 10) is None


# -- the index's way back to the log -----------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 100, 10**6])
def test_extents_cover_the_chain_in_order(limit):
    history = History()
    lsns = history.write(40)
    log = LogIndex(0)
    where: dict[int, bytes] = {}
    position = 0
    for part in (lsns[20:30], lsns[:20], lsns[30:]):
        blob = history.blob(part)
        where[position] = blob
        log.add(scan(blob), position)
        position += len(blob) + 11
    after, got = 0, b""
    while runs := log.extents_after(after, limit):
        part = b"".join(
            where[base][start - base : start - base + length]
            for start, length in runs
            for base in where
            if base <= start < base + len(where[base])
        )
        after = scan(part)[-1][0]
        got += part
    assert got == history.blob(lsns)
