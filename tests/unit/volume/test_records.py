"""Redo records: what goes in comes out, and damage is never taken for a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volume.errors import RecordError
from volume.records import (
    CPL,
    FULL,
    HEADER_SIZE,
    LZ4,
    apply_change,
    decode_payload,
    encode_record,
    iter_records,
    make_change,
    scan,
    scan_trusted,
)

PAGE = 512
pages = st.binary(min_size=PAGE, max_size=PAGE)
edits = st.lists(
    st.tuples(st.integers(0, PAGE - 1), st.binary(min_size=1, max_size=40)), max_size=6
)


def edited(page: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    out = bytearray(page)
    for at, data in changes:
        out[at : at + len(data)] = data[: PAGE - at]
    return bytes(out)


@given(pages, edits)
def test_a_change_turns_the_old_page_into_the_new_one(old, changes):
    new = edited(old, changes)
    flags, payload = make_change(old, new)
    assert apply_change(old, flags, payload, PAGE) == new


@given(pages, pages)
def test_unrelated_pages_too(old, new):
    flags, payload = make_change(old, new)
    assert apply_change(old, flags, payload, PAGE) == new
    assert len(payload) <= PAGE


@given(pages)
def test_the_first_change_of_a_page_is_a_full_image(new):
    flags, payload = make_change(None, new)
    assert flags & FULL
    assert apply_change(None, flags, payload, PAGE) == new


def test_a_small_change_is_a_small_delta():
    old = bytes(range(256)) * 2
    flags, payload = make_change(old, edited(old, [(100, b"hello")]))
    assert flags == LZ4
    assert len(payload) < 40


@given(
    st.lists(
        st.tuples(st.integers(1, 2**62), st.integers(0, 2**32 - 1), st.binary(max_size=99)),
        max_size=8,
    )
)
def test_records_read_back(entries):
    blob = b"".join(encode_record(lsn, lsn - 1, page, CPL, data) for lsn, page, data in entries)
    assert [(r.lsn, r.page_no, r.payload) for r in iter_records(blob)] == entries
    assert all(r.is_cpl and r.prev == r.lsn - 1 for r in iter_records(blob))
    assert scan_trusted(b"xx" + blob, 2, 2 + len(blob)) == [
        (lsn, prev, page, flags, start + 2, end + 2)
        for lsn, prev, page, flags, start, end in scan(blob)
    ]


def test_every_flipped_bit_is_found():
    blob = encode_record(7, 3, 5, 0, b"payload") + encode_record(8, 7, 5, CPL, b"other")
    for at in range(len(blob)):
        for bit in range(8):
            bad = bytearray(blob)
            bad[at] ^= 1 << bit
            with pytest.raises(RecordError):
                scan(bytes(bad))


def test_every_cut_is_found():
    first = encode_record(7, 3, 5, 0, b"payload")
    blob = first + encode_record(8, 7, 5, CPL, b"other")
    for end in range(1, len(blob)):
        if end == len(first):
            continue
        with pytest.raises(RecordError):
            scan(blob[:end])


@given(st.binary(max_size=200))
def test_garbage_is_refused(data):
    if data:
        with pytest.raises(RecordError):
            scan(data)


@given(st.binary(max_size=64))
def test_a_payload_that_is_no_page_is_refused(data):
    for flags in (FULL, LZ4, FULL | LZ4, 0):
        try:
            page = decode_payload(flags, data, PAGE)
        except RecordError:
            continue
        assert len(page) == PAGE


def test_the_header_size_is_what_the_format_says():
    assert HEADER_SIZE == 29
