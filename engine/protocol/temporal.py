"""Pure: dates and times between their canonical text and their binary encoding.

Trailing parts that are zero are left out: 0, 4, 7 or 11 bytes for dates, 0, 8 or 12 for times.
Source: MySQL internals, "Binary Protocol Value", ProtocolBinary::MYSQL_TYPE_DATETIME/TIME.
"""

from __future__ import annotations

from struct import Struct, error
from typing import Final

from engine.protocol.errors import malformed

_DATE: Final = Struct("<HBB")
_DATETIME: Final = Struct("<HBBBBB")
_DATETIME_MICROS: Final = Struct("<HBBBBBI")
_TIME: Final = Struct("<BIBBB")
_TIME_MICROS: Final = Struct("<BIBBBI")


def _micros(fraction: str) -> int:
    return int(fraction[:6].ljust(6, "0")) if fraction else 0


def encode_datetime(text: str) -> bytes:
    """`YYYY-MM-DD[ hh:mm:ss[.ffffff]]`, its length byte included."""
    day, _, rest = text.partition("T" if "T" in text else " ")
    year, month, date = day.split("-")
    if not rest:
        if not (int(year) or int(month) or int(date)):
            return b"\0"
        return b"\x04" + _DATE.pack(int(year), int(month), int(date))
    clock, _, fraction = rest.partition(".")
    hour, minute, second = (*clock.split(":"), "0")[:3]
    micros = _micros(fraction)
    parts = (int(year), int(month), int(date), int(hour), int(minute), int(second))
    if micros:
        return b"\x0b" + _DATETIME_MICROS.pack(*parts, micros)
    if any(parts[3:]):
        return b"\x07" + _DATETIME.pack(*parts)
    if any(parts):
        return b"\x04" + _DATE.pack(*parts[:3])
    return b"\0"


def encode_time(text: str) -> bytes:
    """`[-]hhh:mm:ss[.ffffff]`, its length byte included."""
    negative = text.startswith("-")
    clock, _, fraction = text.lstrip("+-").partition(".")
    hour, minute, second = (int(part) for part in (*clock.split(":"), "0", "0")[:3])
    micros = _micros(fraction)
    days, hour = divmod(hour, 24)
    if micros:
        return b"\x0c" + _TIME_MICROS.pack(negative, days, hour, minute, second, micros)
    if days or hour or minute or second:
        return b"\x08" + _TIME.pack(negative, days, hour, minute, second)
    return b"\0"


def decode_datetime(data: bytes, *, date_only: bool) -> str:
    """The canonical text of a bound DATE, DATETIME or TIMESTAMP."""
    try:
        year, month, day, hour, minute, second, micros = _datetime_parts(data)
    except error:
        raise malformed("a date of impossible length") from None
    if month > 12 or day > 31 or hour > 23 or minute > 59 or second > 59 or micros > 999_999:
        raise malformed("an impossible date")
    text = f"{year:04d}-{month:02d}-{day:02d}"
    if date_only:
        return text
    text += f" {hour:02d}:{minute:02d}:{second:02d}"
    return f"{text}.{micros:06d}" if micros else text


def _datetime_parts(data: bytes) -> tuple[int, ...]:
    if not data:
        return (0,) * 7
    if len(data) == 4:
        return (*_DATE.unpack(data), 0, 0, 0, 0)
    if len(data) == 7:
        return (*_DATETIME.unpack(data), 0)
    return _DATETIME_MICROS.unpack(data)


def decode_time(data: bytes) -> str:
    """The canonical text of a bound TIME."""
    if not data:
        return "00:00:00"
    micros = 0
    try:
        if len(data) == 8:
            negative, days, hour, minute, second = _TIME.unpack(data)
        else:
            negative, days, hour, minute, second, micros = _TIME_MICROS.unpack(data)
    except error:
        raise malformed("a time of impossible length") from None
    if hour > 23 or minute > 59 or second > 59 or micros > 999_999 or days > 34:
        raise malformed("an impossible time")
    text = f"{'-' if negative else ''}{days * 24 + hour:02d}:{minute:02d}:{second:02d}"
    return f"{text}.{micros:06d}" if micros else text
