"""Conversions between forms of a single value, as MySQL makes them implicitly (pure).

Used for constants when a statement is bound and, under the same names, as SQLite functions for
values that are only known row by row (`functions.forms`). They never complain: MySQL's implicit
conversions yield a prefix, zero or NULL. Assignment to columns is stricter, see `assign`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Any, Final

from engine.errors import error
from engine.protocol.numbers import format_double, format_float
from engine.sql import temporal
from engine.sql.temporal import Moment
from engine.sql.types import SqlType

Scalar = int | float | str | bytes
U64: Final = 1 << 64
I64: Final = 1 << 63
ARITHMETIC: Final = Context(prec=100, rounding=ROUND_HALF_UP, Emax=MAX_EMAX, Emin=MIN_EMIN)

_NUMBER: Final = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_PLAIN_NUMBER: Final = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+))")
_WHOLE_NUMBER: Final = re.compile(r"[-+]?\d+")


def as_text(value: Scalar) -> str:
    """A number, text or bytes as text."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[return-value]
    if kind is bytes:
        return value.decode("utf-8", "surrogateescape")  # type: ignore[union-attr]
    if kind is float:
        return format_double(value)  # type: ignore[arg-type]
    return str(value)


def as_bytes(value: Scalar) -> bytes:
    if type(value) is bytes:
        return value
    return as_text(value).encode("utf-8", "surrogateescape")


def number_prefix(text: str) -> str:
    """The part of a text that reads as a number, "0" if none does."""
    match = _NUMBER.match(text)
    return match[1] if match is not None else "0"


def as_double(value: Scalar) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    return float(number_prefix(as_text(value)))


def as_number(value: Scalar) -> int | float:
    """Text as the number it starts with, an integer where it is one."""
    if type(value) is int or type(value) is float:
        return value
    prefix = number_prefix(as_text(value))
    if _WHOLE_NUMBER.fullmatch(prefix):
        number = int(prefix)
        return number if -I64 <= number < I64 else float(number)
    return float(prefix)


def as_decimal(value: Scalar) -> Decimal:
    kind = type(value)
    if kind is int:
        return Decimal(value)  # type: ignore[arg-type]
    if kind is float:
        return Decimal(format_double(value))  # type: ignore[arg-type]
    prefix = number_prefix(as_text(value))
    return Decimal(prefix)


def round_double(value: float) -> int:
    """Doubles round half to even (the C library's rint), decimals half away from zero."""
    return round(value) if math.isfinite(value) else 0


def number_text(value: Scalar) -> str:
    """A number as text; text here is a large unsigned integer in stored form."""
    return str(int(value)) if type(value) is str else as_text(value)


def as_integer(value: Scalar) -> int:
    """Rounded to an integer, as for an argument that must be one."""
    if type(value) is int:
        return value
    if type(value) is float:
        return round_double(value)
    text = as_text(value)
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return int(as_decimal(text).to_integral_value(ROUND_HALF_UP))


def truncated_integer(value: Scalar) -> int:
    """Text as an integer by CAST(... AS SIGNED): its leading digits, no fraction."""
    match = re.match(r"\s*[-+]?\d+", as_text(value))
    return int(match[0]) if match is not None else 0


def stored_unsigned(number: int) -> int | str:
    """An unsigned 64-bit value in stored form."""
    return number if number < I64 else f"{number:020}"


def read_unsigned(value: int | str) -> int:
    return int(value)


def wrap_unsigned(number: int) -> int | str:
    return stored_unsigned(number % U64)


def decimal_text(value: Decimal) -> str:
    text = f"{value:f}"
    return text[1:] if value.is_zero() and text[0] == "-" else text


@lru_cache(maxsize=64)
def _quantum(scale: int) -> Decimal:
    return Decimal(1).scaleb(-scale)


def rescale(value: Decimal, scale: int) -> Decimal:
    return value.quantize(_quantum(scale), ROUND_HALF_UP, ARITHMETIC)


def to_scale(value: Scalar, scale: int) -> str:
    """As the canonical text of a decimal with that scale."""
    return decimal_text(rescale(as_decimal(value), scale))


def canonical_decimal(value: Scalar) -> str:
    """A number as decimal text with the scale it is written with."""
    return decimal_text(as_decimal(value))


def number_of_bytes(value: bytes) -> int | str:
    """A hexadecimal or bit literal in a numeric context."""
    return stored_unsigned(int.from_bytes(value, "big") % U64)


# temporal values


def as_moment(value: Scalar) -> Moment | None:
    if type(value) is int:
        return temporal.moment_of_number(value)
    if type(value) is float:
        return temporal.moment_of_number(int(value))
    return temporal.parse_moment(as_text(value))


def as_datetime(value: Scalar) -> str | None:
    """Stored datetime of a date, datetime or something that reads as one."""
    moment = as_moment(value)
    return None if moment is None else temporal.datetime_text(moment)


def as_date(value: Scalar) -> str | None:
    moment = as_moment(value)
    return None if moment is None else temporal.date_text(moment)


def as_time(value: Scalar) -> int | None:
    """Microseconds of a time from text or a number in MySQL's notation."""
    if type(value) is int:
        return temporal.time_of_number(value)
    if type(value) is float:
        return temporal.parse_time(format_double(value))
    return temporal.parse_time(as_text(value))


def constant_datetime(value: Scalar) -> str:
    """A constant compared with a DATETIME: what reads as none is an error (1525)."""
    found = as_datetime(value)
    if found is None:
        raise error(1525, "DATETIME", as_text(value))
    return found


def constant_date(value: Scalar) -> str:
    """A constant compared with a DATE: a date at midnight, else a datetime."""
    moment = as_moment(value)
    if moment is None:
        raise error(1525, "DATE", as_text(value))
    if moment[3:] == (0, 0, 0, 0):
        return temporal.date_text(moment)
    return temporal.datetime_text(moment)


def constant_time(value: Scalar) -> int:
    found = as_time(value)
    if found is None:
        raise error(1525, "TIME", as_text(value))
    return found


def datetime_number(value: str) -> int | str | None:
    """A stored date or datetime in a numeric context."""
    moment = temporal.parse_moment(value)
    if moment is None:
        return None
    number = temporal.moment_number(moment, date_only=len(value) == 10)
    return f"{number}.{moment.micro:06}" if moment.micro else number


def time_as_number(value: int) -> int | str:
    number = temporal.time_number(value)
    micro = abs(value) % 1_000_000
    return f"{number}.{micro:06}" if micro else number


def date_and_time(date: str, micros: int) -> str | None:
    moment = temporal.parse_moment(date)
    if moment is None:
        return None
    moved = temporal.add_span(moment, temporal.Span(0, micros))
    return None if moved is None else temporal.datetime_text(moved)


# printing


def printer(kind: SqlType) -> Callable[[Any], Any] | None:
    """How a stored value becomes what clients see; None when it is the same."""
    family = kind.family
    if family == "time":
        digits = kind.decimals
        return lambda value: temporal.time_text(value, digits)
    if family == "datetime" and kind.decimals:
        digits = kind.decimals
        return lambda value: temporal.pad_fraction(value, digits)
    if family == "integer" and kind.name == "bigint" and kind.unsigned:
        return int
    return None


def float_text(value: float) -> str:
    return format_float(value)
