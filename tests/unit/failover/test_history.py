"""History records: damage at any byte costs at most the records from there on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from failover.history import Record, encode, scan

RECORDS = tuple(
    Record(number, 1.5 * number, kind, {"why": "instance-1 is down\n"})
    for number, kind in enumerate(("started", "member", "decision"), start=1)
)
DATA = b"".join(map(encode, RECORDS))


def test_round_trip():
    assert scan(DATA).records == RECORDS
    assert scan(DATA).length == len(DATA)
    assert scan(b"").records == ()


def test_a_torn_tail_is_cut_at_the_last_whole_record():
    for length in range(len(DATA)):
        found = scan(DATA[:length])
        assert found.records == RECORDS[: len(found.records)]
        assert scan(DATA[: found.length]).records == found.records
        rest = scan(DATA[: found.length] + encode(RECORDS[-1]))
        assert rest.records[-1] == RECORDS[-1]


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_flipped_byte_never_changes_a_record(position, flip):
    damaged = bytearray(DATA)
    damaged[position] ^= flip
    found = scan(bytes(damaged))
    assert found.records == RECORDS[: len(found.records)]
    assert len(found.records) < len(RECORDS)


@given(st.binary(max_size=300))
def test_garbage_is_no_history(data):
    assert scan(data).records == ()
