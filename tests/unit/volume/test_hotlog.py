"""The hot log's bytes: torn tails are cut, damage to what was promised is reported."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volume.errors import FormatMismatch
from volume.hotlog import (
    FILE_HEADER_SIZE,
    RECORDS,
    STATE,
    Promise,
    decode_promise,
    encode_entry,
    encode_promise,
    new_file,
    scan_file,
)
from volume.model import TruncationRange

PROMISE = Promise(
    epoch=7,
    owner="instance-2",
    attached=6,
    attached_owner="instance-1",
    truncations=(TruncationRange(6, 100, 10_000_100),),
    base=40,
    page_generation=3,
)


def log_file(bodies: list[bytes], sequence: int = 4) -> tuple[bytes, list[int]]:
    """A file with some RECORDS entries, and the offset after each entry."""
    data = new_file(2, sequence, 11, 12, PROMISE)
    ends = [len(data)]
    for count, body in enumerate(bodies):
        data += encode_entry(RECORDS, sequence, len(data), 20 + count, 30 + count, body)
        ends.append(len(data))
    return data, ends


def test_a_promise_reads_back():
    assert decode_promise(encode_promise(PROMISE)) == PROMISE


def test_a_promise_of_another_version_is_refused():
    with pytest.raises(FormatMismatch):
        decode_promise(b"\x91\x02")
    with pytest.raises(FormatMismatch):
        decode_promise(b"\xc1")


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_a_file_reads_back(bodies):
    data, _ = log_file(bodies)
    scan = scan_file(data, 2, 4)
    assert scan.end == len(data)
    assert not scan.damage
    assert [entry.kind for entry in scan.entries] == [STATE] + [RECORDS] * len(bodies)
    assert [data[e.start : e.end] for e in scan.entries[1:]] == bodies
    assert [(e.vdl, e.tail) for e in scan.entries[1:]] == [
        (20 + i, 30 + i) for i in range(len(bodies))
    ]


def test_a_tail_torn_at_any_byte_is_cut():
    data, ends = log_file([b"first", b"second" * 9])
    for cut in range(ends[0], len(data)):
        scan = scan_file(data[:cut], 2, 4)
        assert scan.end == max(end for end in ends if end <= cut)
        assert not scan.damage


def test_a_last_entry_with_any_byte_wrong_is_a_torn_tail():
    data, ends = log_file([b"first", b"second"])
    for at in range(ends[1], len(data)):
        bad = bytearray(data)
        bad[at] ^= 0x10
        scan = scan_file(bytes(bad), 2, 4)
        assert (scan.end, scan.damage) == (ends[1], [])


def test_damage_before_a_valid_entry_is_reported_and_stepped_over():
    data, ends = log_file([b"first", b"second", b"third"])
    for at in range(ends[1], ends[2]):
        bad = bytearray(data)
        bad[at] ^= 0x10
        scan = scan_file(bytes(bad), 2, 4)
        assert scan.damage == [(ends[1], ends[2])]
        assert [bytes(bad[e.start : e.end]) for e in scan.entries[1:]] == [b"first", b"third"]
        assert scan.end == len(data)


def test_a_damaged_file_header_is_reported():
    data, _ = log_file([b"first"])
    scan = scan_file(b"X" + data[1:], 2, 4)
    assert scan.damage == [(0, FILE_HEADER_SIZE)]
    assert len(scan.entries) == 2


def test_bytes_of_another_file_or_place_are_not_taken_for_an_entry():
    data, ends = log_file([b"first"])
    other, _ = log_file([b"first"], sequence=5)
    assert len(scan_file(data[: ends[0]] + other[ends[0] :], 2, 4).entries) == 1
    moved = data + data[ends[0] :]
    assert len(scan_file(moved, 2, 4).entries) == 2


@given(st.binary(max_size=300))
def test_garbage_holds_nothing(data):
    scan = scan_file(data, 2, 4)
    assert not scan.entries
