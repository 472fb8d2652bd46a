"""Epoch checks on every way in: an older one changes nothing, a newer one has to attach first."""

from __future__ import annotations

import pytest

from tests.unit.volume.history import History
from volume.errors import Annulled, BadRequest, BrokenPromise, NeedAttach, NotComplete, StaleEpoch
from volume.hotlog import Promise
from volume.model import TruncationRange
from volume.records import encode_record
from volume.segment import Segment


def attached(epoch: int = 3, owner: str = "w") -> Segment:
    segment = Segment(0, 0, 8)
    do(segment, segment.plan_raise(epoch, owner))
    do(segment, segment.plan_attach(epoch, owner, ()))
    return segment


def do(segment: Segment, promise: Promise | None) -> None:
    """What the shell does once the promise is synced."""
    if promise is not None:
        segment.adopt(promise)


def append(segment: Segment, epoch: int, blob: bytes) -> int:
    segment.accept(segment.prepare(epoch, blob), 1000)
    return segment.scl


def test_append_with_the_attached_epoch_is_taken():
    history, segment = History(), attached(3)
    assert append(segment, 3, history.blob(history.write(2))) == 2


def test_append_with_an_older_epoch_is_refused_with_the_newer_one():
    history, segment = History(), attached(3)
    with pytest.raises(StaleEpoch) as refusal:
        append(segment, 2, history.blob(history.write()))
    assert (refusal.value.current, refusal.value.owner) == (3, "w")
    assert segment.scl == 0


def test_append_with_a_newer_epoch_has_to_attach_first():
    history, segment = History(), attached(3)
    with pytest.raises(NeedAttach):
        append(segment, 4, history.blob(history.write()))


def test_heartbeats_are_checked_as_well():
    segment = attached(3)
    with pytest.raises(StaleEpoch):
        segment.prepare(2, b"")
    with pytest.raises(NeedAttach):
        segment.prepare(4, b"")
    assert not segment.prepare(3, b"").records


def test_a_promise_alone_stops_the_old_writer_and_lets_nobody_in_yet():
    history, segment = History(), attached(3)
    do(segment, segment.plan_raise(4, "new"))
    blob = history.blob(history.write())
    with pytest.raises(StaleEpoch):
        append(segment, 3, blob)
    with pytest.raises(NeedAttach):
        append(segment, 4, blob)


def test_raise_epoch_equal_older_newer():
    segment = attached(3, "w")
    assert segment.plan_raise(3, "w") is None
    for epoch, owner in ((3, "other"), (2, "w"), (2, "other")):
        with pytest.raises(StaleEpoch):
            segment.plan_raise(epoch, owner)
    promise = segment.plan_raise(4, "other")
    assert promise is not None
    assert (promise.epoch, promise.owner, promise.attached) == (4, "other", 3)


def test_attach_equal_older_newer():
    segment = attached(3, "w")
    assert segment.plan_attach(3, "w", ()) is None
    for epoch, owner in ((3, "other"), (2, "w")):
        with pytest.raises(StaleEpoch):
            segment.plan_attach(epoch, owner, ())
    promise = segment.plan_attach(5, "other", ())
    assert promise is not None
    assert (promise.epoch, promise.attached, promise.attached_owner) == (5, 5, "other")


def test_who_attaches_has_a_quorum_so_a_rival_promise_of_that_epoch_is_void():
    segment = attached(3)
    do(segment, segment.plan_raise(4, "loser"))
    do(segment, segment.plan_attach(4, "winner", ()))
    assert segment.promise.owner == "winner"
    with pytest.raises(StaleEpoch):
        segment.plan_attach(4, "loser", ())


def test_truncate_equal_older_newer():
    segment = attached(3)
    new = TruncationRange(3, 10, 20)
    with pytest.raises(StaleEpoch):
        segment.plan_truncate(2, new)
    with pytest.raises(NeedAttach):
        segment.plan_truncate(4, new)
    do(segment, segment.plan_truncate(3, new))
    assert segment.promise.truncations == (new,)
    assert segment.plan_truncate(3, new) is None


def test_truncation_drops_records_and_refuses_them_later():
    history, segment = History(), attached(3)
    late = history.write(6)
    append(segment, 3, history.blob(late))
    segment.learn(4, 4)
    do(segment, segment.plan_raise(4, "n"))
    do(segment, segment.plan_truncate(4, TruncationRange(4, 4, 1000)))
    assert segment.scl == 4
    assert not [lsn for lsn, _ in segment.log.tail_after(0) if lsn > 4]
    do(segment, segment.plan_attach(4, "n", segment.promise.truncations))
    with pytest.raises(Annulled):
        append(segment, 4, history.blob(late[4:]))
    assert not segment.prepare_gossip(history.blob(late[4:])).records
    history.recover(4, 1000)
    assert append(segment, 4, history.blob(history.write(2))) == 1002


def test_a_half_made_range_is_forgotten_and_what_it_dropped_comes_back():
    """Recovery 4 truncated here and died; recovery 5 never saw it and kept more."""
    history, segment = History(), attached(3)
    lsns = history.write(6)
    append(segment, 3, history.blob(lsns))
    do(segment, segment.plan_raise(4, "dies"))
    do(segment, segment.plan_truncate(4, TruncationRange(4, 2, 1000)))
    assert segment.scl == 2
    do(segment, segment.plan_attach(5, "n", (TruncationRange(5, 5, 1005),)))
    assert segment.promise.truncations == (TruncationRange(5, 5, 1005),)
    fresh = segment.prepare_gossip(history.blob(lsns))
    segment.accept(fresh, 5000)
    assert segment.scl == 5


def test_a_missed_recovery_is_learnt_before_its_records():
    """This segment slept through epoch 4 and holds annulled records under the same backlink."""
    history, segment = History(), attached(3)
    append(segment, 3, history.blob(history.write(6)))
    ranges = (TruncationRange(4, 4, 1000),)
    history.recover(4, 1000)
    newer = history.write(3)
    do(segment, segment.plan_adopt(4, "n", ranges))
    assert segment.scl == 4
    segment.accept(segment.prepare_gossip(history.blob(newer)), 5000)
    assert segment.scl == 1003


def test_adopting_does_not_give_up_a_newer_promise():
    segment = attached(3)
    do(segment, segment.plan_raise(6, "candidate"))
    do(segment, segment.plan_adopt(5, "w5", ()))
    assert (segment.promise.epoch, segment.promise.owner) == (6, "candidate")
    assert (segment.promise.attached, segment.promise.attached_owner) == (5, "w5")
    assert segment.plan_adopt(5, "w5", ()) is None
    assert segment.plan_adopt(4, "w4", ()) is None


def test_a_range_that_would_annul_what_is_durable_is_refused():
    history, segment = History(), attached(3)
    append(segment, 3, history.blob(history.write(6)))
    segment.learn(5, 5)
    with pytest.raises(BrokenPromise):
        segment.plan_truncate(3, TruncationRange(3, 4, 1000))
    do(segment, segment.plan_truncate(3, TruncationRange(3, 5, 1000)))


def test_an_old_range_below_what_is_durable_now_is_fine():
    history, segment = History(), attached(3)
    append(segment, 3, history.blob(history.write(4)))
    history.recover(4, 1000)
    ranges = (TruncationRange(4, 4, 1000),)
    do(segment, segment.plan_attach(4, "n", ranges))
    append(segment, 4, history.blob(history.write(3)))
    segment.learn(1003, 1003)
    assert segment.plan_attach(4, "n", ranges) is None
    do(segment, segment.plan_attach(5, "m", ranges))
    assert segment.scl == 1003


def test_completeness_is_the_scl_or_vdl_with_the_writers_word():
    history, segment = History(), attached(3)
    append(segment, 3, history.blob(history.write(3)))
    segment.check_readable(0, 3)
    with pytest.raises(NotComplete):
        segment.check_readable(0, 4)
    segment.learn(90, 4)
    with pytest.raises(NotComplete):
        segment.check_readable(0, 4)
    segment.learn(95, 3)
    segment.check_readable(0, 95)
    with pytest.raises(NotComplete):
        segment.check_readable(0, 96)


def test_gaps_hold_the_scl_and_are_closed_in_any_order():
    history, segment = History(), attached(3)
    lsns = history.write(7)
    assert append(segment, 3, history.blob(lsns[0:2])) == 2
    assert append(segment, 3, history.blob(lsns[5:7])) == 2
    assert append(segment, 3, history.blob(lsns[3:4])) == 2
    assert append(segment, 3, history.blob(lsns[2:3])) == 4
    assert append(segment, 3, history.blob(lsns)) == 7
    assert not segment.log.pending


def test_duplicates_are_not_written_again():
    history, segment = History(), attached(3)
    lsns = history.write(4)
    append(segment, 3, history.blob(lsns[:3]))
    fresh = segment.prepare(3, history.blob(lsns))
    assert fresh.data == history.records[lsns[3]]
    assert not segment.prepare(3, history.blob(lsns[:3])).records


@pytest.mark.parametrize(
    "record",
    [
        encode_record(1, 0, 8, 0, b""),
        encode_record(1, 1, 0, 0, b""),
        encode_record(1, 0, 0, 64, b""),
    ],
    ids=["a page of another group", "a backlink to itself", "unknown flags"],
)
def test_records_that_make_no_sense_are_refused(record):
    segment = attached(3)
    with pytest.raises(BadRequest):
        segment.prepare(3, record)
