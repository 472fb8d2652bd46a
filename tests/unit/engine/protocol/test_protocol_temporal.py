"""Dates and times in the binary protocol."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.errors import ProtocolError
from engine.protocol.temporal import decode_datetime, decode_time, encode_datetime, encode_time


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("2026-08-05", "04ea070805"),
        ("2026-08-05 00:00:00", "04ea070805"),
        ("2026-08-05 10:20:30", "07ea0708050a141e"),
        ("2026-08-05 10:20:30.000001", "0bea0708050a141e01000000"),
        ("2026-08-05 10:20:30.5", "0bea0708050a141e20a10700"),
        ("0000-00-00", "00"),
        ("0000-00-00 00:00:00", "00"),
    ],
)
def test_datetime_bytes(text: str, data: str) -> None:
    assert encode_datetime(text).hex() == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("00:00:00", "00"),
        ("10:20:30", "0800000000000a141e"),
        ("-101:02:03", "08010400000005" + "0203"),
        ("838:59:59.25", "0c0022000000163b3b90d00300"),
    ],
)
def test_time_bytes(text: str, data: str) -> None:
    assert encode_time(text).hex() == data


@given(st.datetimes())
def test_datetimes_come_back(value: object) -> None:
    text = str(value)
    data = encode_datetime(text)
    assert data[0] == len(data) - 1
    assert decode_datetime(data[1:], date_only=False) == text


@given(st.integers(0, 838), st.integers(0, 59), st.integers(0, 59), st.booleans())
def test_times_come_back(hours: int, minutes: int, seconds: int, negative: bool) -> None:
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    if negative and text != "00:00:00":
        text = "-" + text
    assert decode_time(encode_time(text)[1:]) == text


@given(st.binary(max_size=14))
def test_garbage_is_malformed_or_a_date(data: bytes) -> None:
    for decode in (decode_time, lambda data: decode_datetime(data, date_only=True)):
        try:
            assert isinstance(decode(data), str)
        except ProtocolError as problem:
            assert problem.answer.errno == 1835
