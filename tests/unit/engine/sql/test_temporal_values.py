"""Reading, printing and moving dates and times."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sql.temporal import (
    TIME_LIMIT,
    Moment,
    Span,
    add_span,
    date_text,
    datetime_text,
    day_number,
    difference,
    from_datetime,
    from_day_number,
    make_span,
    moment_of_number,
    pad_fraction,
    parse_moment,
    parse_time,
    round_moment,
    time_text,
    week_number,
)

MOMENTS = [
    ("2020-01-02", (2020, 1, 2)),
    ("2020-1-2", (2020, 1, 2)),
    ("20-1-2 3:4:5.6", (2020, 1, 2, 3, 4, 5, 600_000)),
    ("99-12-31", (1999, 12, 31)),
    ("2020/01/02 03.04.05", (2020, 1, 2, 3, 4, 5)),
    ("20200102030405", (2020, 1, 2, 3, 4, 5)),
    ("200102", (2020, 1, 2)),
    ("2020-01-02T03:04:05", (2020, 1, 2, 3, 4, 5)),
    ("2020-01-02 03:04", (2020, 1, 2, 3, 4)),
    ("2020-01-02 03:04:05.1234567", (2020, 1, 2, 3, 4, 5, 123_457)),
    ("2020-01-02 23:59:59.9999999", (2020, 1, 3)),
    ("2020-01-01 00:00:00+02:00", (2019, 12, 31, 22)),
    ("0000-00-00", (0, 0, 0)),
    ("2020-00-00", (2020, 0, 0)),
    ("2020-13-01", None),
    ("2020-02-30", None),
    ("2020-01-01 24:00:00", None),
    ("2020-01-01 10:60:00", None),
    ("", None),
    ("abc", None),
    ("2020-01-01 junk", None),
]


@pytest.mark.parametrize("text, expected", MOMENTS)
def test_moments(text, expected):
    found = parse_moment(text)
    assert found == (None if expected is None else Moment(*expected))


NUMBERS = [
    (20200102, (2020, 1, 2)), (200102, (2020, 1, 2)), (20200102030405, (2020, 1, 2, 3, 4, 5)),
    (70101, (2007, 1, 1)), (0, (0, 0, 0)), (-1, None), (20201301, None),
]  # fmt: skip


@pytest.mark.parametrize("number, expected", NUMBERS)
def test_numbers_as_moments(number, expected):
    assert moment_of_number(number) == (None if expected is None else Moment(*expected))


TIMES = [
    ("10:11:12", "10:11:12"), ("-1:00", "-01:00:00"), ("1 2:3:4", "26:03:04"),
    ("101112", "10:11:12"), ("12", "00:00:12"), ("838:59:59", "838:59:59"),
    ("900:00:00", "838:59:59"), ("2020-01-01 10:00:00", "10:00:00"), ("1 10", "34:00:00"),
    ("10:60:00", None), ("abc", None), ("2020-01-01", None),
]  # fmt: skip


@pytest.mark.parametrize("text, expected", TIMES)
def test_times(text, expected):
    found = parse_time(text)
    assert (None if found is None else time_text(found)) == expected


def test_time_beyond_the_limit_can_be_told():
    found = parse_time("900:00:00", clip=False)
    assert found is not None and found > TIME_LIMIT


SPANS = [
    ((1, "DAY"), Span(0, 86_400_000_000)),
    (("1:30", "MINUTE_SECOND"), Span(0, 90_000_000)),
    (("1-2", "YEAR_MONTH"), Span(14, 0)),
    (("-1-2", "YEAR_MONTH"), Span(-14, 0)),
    ((1.5, "SECOND"), Span(0, 1_500_000)),
    (("1.999999", "SECOND_MICROSECOND"), Span(0, 1_999_999)),
    ((2, "QUARTER"), Span(6, 0)),
    (("1 1:1:1", "DAY_SECOND"), Span(0, 90_061_000_000)),
    (("1.6", "DAY"), Span(0, 2 * 86_400_000_000)),
    (("1 2 3 4 5", "MINUTE_SECOND"), None),
]


@pytest.mark.parametrize("args, expected", SPANS)
def test_intervals(args, expected):
    assert make_span(*args) == expected


def test_months_end_where_the_month_ends():
    assert add_span(Moment(2020, 1, 31), Span(1, 0)) == Moment(2020, 2, 29)
    assert add_span(Moment(2021, 1, 31), Span(1, 0)) == Moment(2021, 2, 28)
    assert add_span(Moment(9999, 12, 31), Span(1, 0)) is None
    assert add_span(Moment(2020, 0, 0), Span(1, 0)) is None
    assert difference("MONTH", Moment(2020, 1, 31), Moment(2020, 2, 29)) == 0
    assert difference("YEAR", Moment(2020, 3, 1), Moment(2019, 3, 1)) == -1


# manual, WEEK(): examples
WEEKS = [((2008, 2, 20), 0, 7), ((2008, 2, 20), 1, 8), ((2008, 12, 31), 1, 53),
         ((2000, 1, 1), 0, 0), ((2000, 1, 1), 2, 52), ((1987, 1, 1), 3, 1)]  # fmt: skip


@pytest.mark.parametrize("day, mode, week", WEEKS)
def test_weeks(day, mode, week):
    assert week_number(Moment(*day), mode)[1] == week


def test_fractions():
    moment = Moment(2020, 1, 2, 3, 4, 5, 500_000)
    assert datetime_text(moment) == "2020-01-02 03:04:05.5"
    assert pad_fraction(datetime_text(moment), 3) == "2020-01-02 03:04:05.500"
    assert pad_fraction("2020-01-02 03:04:05", 6) == "2020-01-02 03:04:05.000000"
    assert round_moment(moment, 0) == Moment(2020, 1, 2, 3, 4, 6)
    assert round_moment(Moment(2020, 12, 31, 23, 59, 59, 999_999), 2) == Moment(2021, 1, 1)


MOMENT = st.datetimes().map(from_datetime)


@settings(deadline=None)
@given(MOMENT, MOMENT)
def test_stored_text_keeps_value_and_order(a, b):
    assert parse_moment(datetime_text(a)) == a
    assert (datetime_text(a) < datetime_text(b)) == (a < b)


@settings(deadline=None)
@given(MOMENT)
def test_day_numbers(moment):
    day = Moment(*moment[:3])
    assert from_day_number(day_number(day)) == day
    assert parse_moment(date_text(moment)) == day


@settings(deadline=None)
@given(st.integers(-TIME_LIMIT, TIME_LIMIT))
def test_times_print_and_read(micros):
    assert parse_time(time_text(micros, 6)) == micros
