"""Dates and times: MySQL's lenient reading, canonical text, and arithmetic (pure).

A moment is seven integers, so that MySQL's zero dates ('0000-00-00', '2020-00-00') exist; only
arithmetic goes through Python's datetime. A TIME value is a signed number of microseconds.
Source: manual, "Date and Time Literals", "Temporal Data Types".
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import MAXYEAR, date, datetime, timedelta
from typing import Final, NamedTuple

TIME_LIMIT: Final = ((838 * 60 + 59) * 60 + 59) * 1_000_000
_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND


class Moment(NamedTuple):
    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: int = 0
    micro: int = 0


# 2020-1-2 3:4:5.6, with any punctuation, a T, or blanks between the parts
_DELIMITED: Final = re.compile(
    r"""\s*(\d{1,4})[^\w\s](\d{1,2})[^\w\s](\d{1,2})
        (?:(?:[Tt]|\s+|[^\w\s])
           (\d{1,2})(?:[^\w\s](\d{1,2})(?:[^\w\s](\d{1,2})(?:\.(\d*))?)?)?
           \s*(Z|[+-]\d{2}:\d{2})?)?\s*$""",
    re.X,
)
_CANONICAL: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$")
_COMPACT: Final = re.compile(r"\s*(\d{6}|\d{8}|\d{12}|\d{14})(?:\.(\d*))?\s*$")
_TIME: Final = re.compile(r"\s*(-)?(?:(\d+)\s+)?(\d{1,3}):(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?)?\s*$")
_TIME_DAYS: Final = re.compile(r"\s*(-)?(\d+)\s+(\d{1,2})\s*$")
_TIME_COMPACT: Final = re.compile(r"\s*(-)?(\d{1,7})(?:\.(\d*))?\s*$")


def _full_year(text: str) -> int:
    year = int(text)
    if len(text) <= 2:
        return year + (2000 if year < 70 else 1900)
    return year


def _micros(fraction: str | None) -> int:
    """Microseconds of written fraction digits, rounded at the seventh."""
    if not fraction:
        return 0
    digits = (fraction + "000000")[:6]
    return int(digits) + (len(fraction) > 6 and fraction[6] >= "5")


def in_range(moment: Moment) -> bool:
    """Fields in their ranges; zero month and day are left to `is_real`."""
    year, month, day, hour, minute, second, _ = moment
    if month > 12 or hour > 23 or minute > 59 or second > 59:
        return False
    if day > 31:
        return False
    return not (year and month and day and day > monthrange(year, month)[1])


def is_zero(moment: Moment) -> bool:
    return moment.year == 0 and moment.month == 0 and moment.day == 0


def is_real(moment: Moment) -> bool:
    """A date that exists: no zero parts."""
    return moment.month > 0 and moment.day > 0 and moment.year > 0


def parse_moment(text: str) -> Moment | None:
    """A date or datetime from text; None when it is neither."""
    match = _CANONICAL.match(text)
    if match is not None:
        parts = match.groups()
        moment = Moment(
            int(parts[0]), int(parts[1]), int(parts[2]),
            int(parts[3] or 0), int(parts[4] or 0), int(parts[5] or 0), _micros(parts[6]),
        )  # fmt: skip
        return _settled(moment, None)
    match = _DELIMITED.match(text)
    if match is not None:
        parts = match.groups()
        moment = Moment(
            _full_year(parts[0]), int(parts[1]), int(parts[2]),
            int(parts[3] or 0), int(parts[4] or 0), int(parts[5] or 0), _micros(parts[6]),
        )  # fmt: skip
        return _settled(moment, parts[7])
    match = _COMPACT.match(text)
    if match is None:
        return None
    digits, fraction = match.groups()
    if len(digits) in (6, 12):
        digits = f"{_full_year(digits[:2]):04}{digits[2:]}"
    fields = [int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, len(digits), 2))]
    fields += [0] * (6 - len(fields))
    micro = _micros(fraction) if len(digits) == 14 else 0
    year, month, day, hour, minute, second = fields
    return _settled(Moment(year, month, day, hour, minute, second, micro), None)


def _settled(moment: Moment, zone: str | None) -> Moment | None:
    if not in_range(moment):
        return None
    if moment.micro >= _SECOND:
        moment = from_datetime(to_datetime(moment._replace(micro=0)) + timedelta(seconds=1))
    if zone and zone != "Z" and is_real(moment):
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        offset = timedelta(hours=hours, minutes=minutes)
        base = to_datetime(moment)
        moment = from_datetime(base + offset if zone[0] == "-" else base - offset)
    return moment


def moment_of_number(number: int) -> Moment | None:
    """20200102 or 20200102030405 as MySQL reads integers in a temporal context."""
    if number == 0:
        return Moment(0, 0, 0)
    if number < 0:
        return None
    text = str(number)
    if len(text) <= 8:
        if len(text) in (3, 4, 5):
            text = text.rjust(6, "0")
        if len(text) == 7:
            text = text.rjust(8, "0")
    elif len(text) < 12:
        text = text.rjust(12, "0")
    elif len(text) == 13:
        text = text.rjust(14, "0")
    return parse_moment(text)


def date_text(moment: Moment) -> str:
    return f"{moment.year:04}-{moment.month:02}-{moment.day:02}"


def datetime_text(moment: Moment) -> str:
    """Stored form: the fraction without trailing zeros."""
    text = (
        f"{moment.year:04}-{moment.month:02}-{moment.day:02} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    )
    return f"{text}.{moment.micro:06}".rstrip("0") if moment.micro else text


def pad_fraction(text: str, digits: int) -> str:
    """Printed form of a stored datetime with that many fractional digits."""
    if not digits:
        return text[:19]
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction[:digits].ljust(digits, '0')}"


def round_moment(moment: Moment, digits: int) -> Moment:
    """Rounded to that many fractional digits, as on assignment to a column."""
    if not moment.micro:
        return moment
    step = int(10 ** (6 - digits))
    micro = (moment.micro + step // 2) // step * step
    if micro < _SECOND:
        return moment._replace(micro=micro)
    if not is_real(moment):
        return moment._replace(micro=0)
    return from_datetime(to_datetime(moment._replace(micro=0)) + timedelta(seconds=1))


def to_datetime(moment: Moment) -> datetime:
    return datetime(*moment)


def from_datetime(value: datetime) -> Moment:
    return Moment(
        value.year, value.month, value.day, value.hour, value.minute, value.second,
        value.microsecond,
    )  # fmt: skip


def moment_number(moment: Moment, *, date_only: bool) -> int:
    """A date or datetime in a numeric context: 20200102 or 20200102030405."""
    number = (moment.year * 100 + moment.month) * 100 + moment.day
    if date_only:
        return number
    return ((number * 100 + moment.hour) * 100 + moment.minute) * 100 + moment.second


# TIME


def parse_time(text: str, *, clip: bool = True) -> int | None:
    """Microseconds of a TIME from text, or of the time part of a datetime; None if neither.

    What lies beyond 838:59:59 is cut to it, unless the caller wants to know.
    """
    match = _TIME.match(text)
    if match is not None:
        sign, days, hours, minutes, seconds, fraction = match.groups()
        if int(minutes) > 59 or int(seconds or 0) > 59:
            return None
        total = (int(days or 0) * 24 + int(hours)) * 3600 + int(minutes) * 60 + int(seconds or 0)
        return _signed(total * _SECOND + _micros(fraction), sign, clip)
    match = _TIME_DAYS.match(text)
    if match is not None:
        sign, days, hours = match.groups()
        return _signed((int(days) * 24 + int(hours)) * 3600 * _SECOND, sign, clip)
    match = _TIME_COMPACT.match(text)
    if match is not None:
        sign, digits, fraction = match.groups()
        return _compact_time(int(digits), _micros(fraction), sign, clip)
    if len(text) < 12:
        return None  # too short to be a datetime: a date alone is no time
    moment = parse_moment(text)
    return None if moment is None else time_of(moment)


def _compact_time(number: int, micros: int, sign: str | None, clip: bool = True) -> int | None:
    hours, rest = divmod(number, 10_000)
    minutes, seconds = divmod(rest, 100)
    if minutes > 59 or seconds > 59:
        return None
    return _signed(((hours * 60 + minutes) * 60 + seconds) * _SECOND + micros, sign, clip)


def _signed(total: int, sign: str | None, clip: bool) -> int:
    if clip:
        total = min(total, TIME_LIMIT)
    return -total if sign else total


def time_of_number(number: int) -> int | None:
    """An integer such as 101112 as a TIME."""
    if abs(number) > 8_385_959:
        moment = moment_of_number(number)
        return None if moment is None else time_of(moment)
    return _compact_time(abs(number), 0, "-" if number < 0 else None)


def time_of(moment: Moment) -> int:
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return seconds * _SECOND + moment.micro


def round_time(micros: int, digits: int) -> int:
    step = int(10 ** (6 - digits))
    rounded = (abs(micros) + step // 2) // step * step
    return min(rounded, TIME_LIMIT) if micros >= 0 else -min(rounded, TIME_LIMIT)


def time_text(micros: int, digits: int = 0) -> str:
    sign = "-" if micros < 0 else ""
    seconds, fraction = divmod(abs(micros), _SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{sign}{hour:02}:{minute:02}:{second:02}"
    return f"{text}.{fraction:06}"[: len(text) + 1 + digits] if digits else text


def time_number(micros: int) -> int:
    """A TIME in a numeric context: 101112."""
    seconds = abs(micros) // _SECOND
    number = (seconds // 3600 * 100 + seconds // 60 % 60) * 100 + seconds % 60
    return -number if micros < 0 else number


# arithmetic


class Span(NamedTuple):
    """An INTERVAL's value: months are calendar arithmetic, the rest is exact."""

    months: int
    micros: int


_UNIT_MICROS: Final = {
    "MICROSECOND": 1, "SECOND": _SECOND, "MINUTE": 60 * _SECOND, "HOUR": 3600 * _SECOND,
    "DAY": _DAY, "WEEK": 7 * _DAY,
}  # fmt: skip
_UNIT_MONTHS: Final = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_FIELDS: Final = ("DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND")
DATE_UNITS: Final = frozenset(["DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "YEAR_MONTH"])


def make_span(value: float | int | str, unit: str) -> Span | None:
    """INTERVAL value unit; None when the value does not fit."""
    if unit in _UNIT_MONTHS:
        return Span(_whole(value) * _UNIT_MONTHS[unit], 0)
    if unit == "SECOND":
        return Span(0, _exact_micros(value))
    if unit in _UNIT_MICROS:
        return Span(0, _whole(value) * _UNIT_MICROS[unit])
    text = str(value).strip()
    negative = text.startswith("-")
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    if unit == "YEAR_MONTH":
        years, months = ([0, 0, *numbers])[-2:]
        total = years * 12 + months
        return Span(-total if negative else total, 0)
    first, last = unit.split("_")
    fields = _FIELDS[_FIELDS.index(first) : _FIELDS.index(last) + 1]
    if last == "MICROSECOND" and numbers:
        digits = re.findall(r"\d+", text)[-1]
        numbers[-1] = _micros(digits)
    if len(numbers) > len(fields):
        return None
    pairs = zip(reversed(fields), reversed(numbers), strict=False)
    micros = sum(_UNIT_MICROS[field] * number for field, number in pairs)
    return Span(0, -micros if negative else micros)


def _whole(value: float | int | str) -> int:
    if isinstance(value, str):
        match = re.match(r"\s*[-+]?\d+(\.\d+)?", value)
        value = float(match[0]) if match else 0
        return round_half_away(value)
    return value if isinstance(value, int) else round_half_away(value)


def round_half_away(value: float) -> int:
    return int(value + 0.5) if value >= 0 else -int(-value + 0.5)


def _exact_micros(value: float | int | str) -> int:
    if isinstance(value, int):
        return value * _SECOND
    match = re.match(r"\s*([-+]?)(\d*)(?:\.(\d*))?", str(value))
    if match is None:
        return 0
    micros = int(match[2] or 0) * _SECOND + _micros(match[3])
    return -micros if match[1] == "-" else micros


def add_span(moment: Moment, span: Span) -> Moment | None:
    """The moment moved by an interval; None when it leaves the calendar."""
    if not is_real(moment):
        return None
    year, month, day = moment.year, moment.month, moment.day
    if span.months:
        index = year * 12 + month - 1 + span.months
        year, month = index // 12, index % 12 + 1
        if not 1 <= year <= MAXYEAR:
            return None
        day = min(day, monthrange(year, month)[1])
    try:
        moved = datetime(year, month, day, *moment[3:]) + timedelta(microseconds=span.micros)
    except OverflowError:
        return None
    return from_datetime(moved)


def difference(unit: str, start: Moment, end: Moment) -> int:
    """TIMESTAMPDIFF: whole units from start to end, truncated towards zero."""
    if unit in _UNIT_MONTHS:
        sign = 1
        if start > end:
            start, end, sign = end, start, -1
        months = (end.year - start.year) * 12 + end.month - start.month
        if end[2:] < start[2:]:
            months -= 1
        return sign * (months // _UNIT_MONTHS[unit])
    micros = (to_datetime(end) - to_datetime(start)) // timedelta(microseconds=1)
    size = _UNIT_MICROS[unit]
    return micros // size if micros >= 0 else -(-micros // size)


def day_number(moment: Moment) -> int:
    """TO_DAYS."""
    return date(moment.year, moment.month, moment.day).toordinal() + 365


def from_day_number(number: int) -> Moment | None:
    ordinal = number - 365
    if not 1 <= ordinal <= date.max.toordinal():
        return None
    value = date.fromordinal(ordinal)
    return Moment(value.year, value.month, value.day)


def week_number(moment: Moment, mode: int) -> tuple[int, int]:
    """(year, week) by WEEK()'s modes; the year is the one the week belongs to."""
    monday_first = bool(mode & 1)
    week_year = bool(mode & 2)
    first_weekday = bool(mode & 4)
    if not monday_first:
        first_weekday = not first_weekday
    day = date(moment.year, moment.month, moment.day)
    ordinal = day.toordinal()
    first = date(day.year, 1, 1).toordinal()
    weekday = _weekday(first, monday_first)
    year = day.year
    if day.month == 1 and day.day <= 7 - weekday:
        if not week_year and ((first_weekday and weekday != 0) or (not first_weekday and
                                                                   weekday >= 4)):  # fmt: skip
            return year, 0
        starts_before = (first_weekday and weekday != 0) or (not first_weekday and weekday >= 4)
        if starts_before:
            week_year = True
            year -= 1
            first = date(year, 1, 1).toordinal() if year else 0
            weekday = _weekday(first, monday_first)
    if (first_weekday and weekday != 0) or (not first_weekday and weekday >= 4):
        days = ordinal - (first + (7 - weekday))
    else:
        days = ordinal - (first - weekday)
    if week_year and days >= 52 * 7:
        following = date(year + 1, 1, 1).toordinal()
        weekday = _weekday(following, monday_first)
        if (not first_weekday and weekday < 4) or (first_weekday and weekday == 0):
            return year + 1, 1
    return year, days // 7 + 1


def _weekday(ordinal: int, monday_first: bool) -> int:
    return (ordinal + 6) % 7 if monday_first else ordinal % 7
