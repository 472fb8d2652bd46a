"""Boxcars and cursors: what each of the six segments is sent, and when."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from volume.durability import Durability
from volume.feed import SegmentFeed
from volume.model import Lsn, PgId
from volume.pgstream import PgStream

PG0 = PgId(0)


def setup(end=0):
    durability = Durability(Lsn(end), {PG0: Lsn(end)})
    stream = PgStream(Lsn(end))
    feeds = [SegmentFeed(n, PG0, stream, durability) for n in range(6)]
    return durability, stream, feeds


def log(durability, stream, lsn):
    durability.logged(lsn, lsn, [(PG0, Lsn(lsn))])
    stream.push(Lsn(lsn), b"%d," % lsn)


def test_nothing_is_sent_before_the_attach_was_answered():
    d, stream, feeds = setup()
    log(d, stream, 1)
    assert feeds[0].next_append(0.0) is None
    feeds[0].attach(Lsn(0), 0.0)
    assert feeds[0].next_append(0.0) == b"1,"


def test_two_appends_in_flight_and_the_next_boxcar_takes_all_that_piled_up():
    d, stream, feeds = setup()
    feed = feeds[0]
    feed.attach(Lsn(0), 0.0)
    for lsn in (1, 2):
        log(d, stream, lsn)
        assert feed.next_append(0.0) == b"%d," % lsn
    for lsn in (3, 4, 5):
        log(d, stream, lsn)
        assert feed.next_append(0.0) is None
    feed.acked(Lsn(1), 0.0)
    assert feed.next_append(0.0) == b"3,4,5,"
    assert feed.next_append(0.0) is None


def test_segments_in_step_are_sent_the_very_same_bytes():
    d, stream, feeds = setup()
    for feed in feeds:
        feed.attach(Lsn(0), 0.0)
    log(d, stream, 1)
    log(d, stream, 2)
    blobs = [feed.next_append(0.0) for feed in feeds]
    assert all(blob is blobs[0] for blob in blobs)
    assert blobs[0] == b"1,2,"


def test_what_was_not_acknowledged_is_sent_again_after_a_reconnect():
    d, stream, feeds = setup()
    feed = feeds[0]
    feed.attach(Lsn(0), 0.0)
    for lsn in (1, 2, 3):
        log(d, stream, lsn)
        feed.next_append(0.0)
    feed.acked(Lsn(1), 0.0)
    feed.detach()
    assert feed.next_append(0.0) is None
    feed.attach(Lsn(1), 0.0)
    assert feed.next_append(0.0) == b"2,"
    assert feed.next_append(0.0) == b"3,"


def test_an_attach_of_a_segment_that_has_more_than_acknowledged_moves_vdl():
    d, stream, feeds = setup()
    log(d, stream, 1)
    for feed in feeds[:3]:
        assert not feed.attach(Lsn(1), 0.0)
    assert feeds[3].attach(Lsn(1), 0.0)
    assert d.vdl == 1


def test_a_segment_away_too_long_skips_what_is_no_longer_held():
    d, stream, feeds = setup()
    for feed in feeds[:5]:
        feed.attach(Lsn(0), 0.0)
    for lsn in range(1, 11):
        log(d, stream, lsn)
        for feed in feeds[:5]:
            assert feed.next_append(0.0) == b"%d," % lsn
            feed.acked(Lsn(lsn), 0.0)
    stream.trim(Lsn(7))
    assert stream.boxcars_held == 3
    feeds[5].attach(Lsn(2), 0.0)
    assert feeds[5].next_append(0.0) == b"8,9,10,"
    feeds[5].acked(Lsn(2), 0.0)  # records, but a gap before them: gossip fills it
    assert feeds[5].scl == 2


def test_a_cursor_that_falls_out_of_the_ring_while_attached_skips_ahead():
    d, stream, feeds = setup()
    slow = feeds[5]
    slow.attach(Lsn(0), 0.0)
    fast = feeds[0]
    fast.attach(Lsn(0), 0.0)
    for lsn in range(1, 8):
        log(d, stream, lsn)
        slow.next_append(0.0)
        fast.next_append(0.0)
        fast.acked(Lsn(lsn), 0.0)
    assert slow.cursor.outstanding == 2
    stream.trim(Lsn(5))
    slow.acked(Lsn(1), 0.0)
    assert slow.next_append(0.0) == b"6,7,"
    assert slow.cursor.skipped == 3


def test_heartbeats_go_to_idle_segments_only():
    _d, stream, feeds = setup()
    feed = feeds[0]
    assert not feed.wants_heartbeat()  # not attached
    feed.attach(Lsn(0), 0.0)
    assert feed.wants_heartbeat()
    stream.push(Lsn(1), b"1,")
    feed.next_append(0.0)
    assert not feed.wants_heartbeat()  # one in flight
    feed.acked(Lsn(1), 0.0)
    assert feed.wants_heartbeat()


def test_silence_is_measured_from_the_oldest_thing_unanswered():
    d, stream, feeds = setup()
    feed = feeds[0]
    feed.attach_sent(1.0)
    assert feed.silent_for(3.0) == 2.0
    feed.attach(Lsn(0), 3.0)
    assert feed.silent_for(10.0) == 0.0
    log(d, stream, 1)
    feed.next_append(10.0)
    log(d, stream, 2)
    feed.next_append(11.0)
    assert feed.silent_for(12.0) == 2.0
    feed.acked(Lsn(1), 12.0)
    assert feed.silent_for(13.0) == 1.0


steps = st.lists(
    st.one_of(
        st.just(("log",)),
        st.tuples(st.just("ack"), st.integers(0, 5)),
        st.tuples(st.just("cut"), st.integers(0, 5)),
        st.tuples(st.just("attach"), st.integers(0, 5)),
        st.just(("trim",)),
    ),
    max_size=80,
)


@given(steps)
@settings(max_examples=300)
def test_a_segment_never_misses_a_record_that_is_still_held(script):
    """Against segments that keep the records they are sent, in a set."""
    d, stream, feeds = setup()
    has = [set() for _ in range(6)]
    sent = [[] for _ in range(6)]
    floor = lsn = 0

    def scl(node):
        return next(n for n in range(lsn + 2) if n + 1 not in has[node])

    def pump(node):
        while (blob := feeds[node].next_append(0.0)) is not None:
            records = [int(x) for x in blob.decode().split(",")[:-1]]
            sent[node].append(records)
            assert records == list(range(records[0], records[-1] + 1))

    for step in script:
        match step:
            case ("log",):
                lsn += 1
                log(d, stream, lsn)
                for node in range(6):
                    pump(node)
            case ("ack", node) if sent[node]:
                has[node].update(sent[node].pop(0))
                feeds[node].acked(Lsn(scl(node)), 0.0)
                pump(node)
            case ("cut", node):
                feeds[node].detach()
                sent[node].clear()
            case ("attach", node) if not feeds[node].attached:
                feeds[node].attach(Lsn(scl(node)), 0.0)
                pump(node)
            case ("trim",):
                floor = d.vdl
                stream.trim(Lsn(floor))
        assert all(feed.cursor.outstanding <= 2 for feed in feeds)
    for node in range(6):
        if not feeds[node].attached:
            feeds[node].attach(Lsn(scl(node)), 0.0)
            pump(node)
        while sent[node]:
            has[node].update(sent[node].pop(0))
            feeds[node].acked(Lsn(scl(node)), 0.0)
            pump(node)
        assert set(range(floor + 1, lsn + 1)) <= has[node]
