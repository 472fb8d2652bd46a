"""Floating-point numbers as MySQL 8.0 prints them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.numbers import format_double, format_float, format_scaled, whole


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (0.1, "0.1"),
        (100000.0, "100000"),
        (1e14, "100000000000000"),
        (1e15, "1e15"),
        (1.5e-7, "0.00000015"),
        (1e-15, "0.000000000000001"),
        (1e-16, "1e-16"),
        (123456789012345678.0, "1.2345678901234568e17"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (5e-324, "5e-324"),
    ],
)
def test_double(value: float, text: str) -> None:
    assert format_double(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.1415927410125732, "3.14159"), (0.10000000149011612, "0.1"), (1e20, "1e20"), (7.0, "7")],
)
def test_float(value: float, text: str) -> None:
    assert format_float(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_reads_back(value: float) -> None:
    assert float(format_double(value)) == value


def test_scaled() -> None:
    assert format_scaled(1.005, 2) == "1.00"
    assert format_scaled(2.0, 4) == "2.0000"


@pytest.mark.parametrize(("value", "number"), [(0.5, 1), (-0.5, -1), (1.4, 1), (-1.6, -2)])
def test_whole_rounds_away_from_zero(value: float, number: int) -> None:
    assert whole(value) == number
