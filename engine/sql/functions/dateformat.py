"""DATE_FORMAT's and STR_TO_DATE's patterns (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from engine.sql import temporal
from engine.sql.temporal import Moment

_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = ("January", "February", "March", "April", "May", "June", "July", "August",
                  "September", "October", "November", "December")  # fmt: skip


def _weekday(moment: Moment) -> int:
    return (temporal.to_datetime(moment).weekday() + 1) % 7


def _suffix(day: int) -> str:
    if 10 <= day % 100 <= 20:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _hour12(moment: Moment) -> int:
    return moment.hour % 12 or 12


def _meridiem(moment: Moment) -> str:
    return "PM" if moment.hour % 24 >= 12 else "AM"


def _clock(moment: Moment) -> str:
    return f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"


_FIELDS: Final[dict[str, Callable[[Moment], str]]] = {
    "a": lambda m: _DAYS[_weekday(m)][:3],
    "b": lambda m: _MONTHS[m.month - 1][:3],
    "c": lambda m: str(m.month),
    "D": lambda m: f"{m.day}{_suffix(m.day)}",
    "d": lambda m: f"{m.day:02}",
    "e": lambda m: str(m.day),
    "f": lambda m: f"{m.micro:06}",
    "H": lambda m: f"{m.hour:02}",
    "h": lambda m: f"{_hour12(m):02}",
    "I": lambda m: f"{_hour12(m):02}",
    "i": lambda m: f"{m.minute:02}",
    "j": lambda m: f"{temporal.to_datetime(m).timetuple().tm_yday:03}",
    "k": lambda m: str(m.hour),
    "l": lambda m: str(_hour12(m)),
    "M": lambda m: _MONTHS[m.month - 1],
    "m": lambda m: f"{m.month:02}",
    "p": _meridiem,
    "r": lambda m: f"{_hour12(m):02}:{m.minute:02}:{m.second:02} {_meridiem(m)}",
    "S": lambda m: f"{m.second:02}",
    "s": lambda m: f"{m.second:02}",
    "T": _clock,
    "U": lambda m: f"{temporal.week_number(m, 0)[1]:02}",
    "u": lambda m: f"{temporal.week_number(m, 1)[1]:02}",
    "V": lambda m: f"{temporal.week_number(m, 2)[1]:02}",
    "v": lambda m: f"{temporal.week_number(m, 3)[1]:02}",
    "W": lambda m: _DAYS[_weekday(m)],
    "w": lambda m: str(_weekday(m)),
    "X": lambda m: f"{temporal.week_number(m, 2)[0]:04}",
    "x": lambda m: f"{temporal.week_number(m, 3)[0]:04}",
    "Y": lambda m: f"{m.year:04}",
    "y": lambda m: f"{m.year % 100:02}",
}
_NEED_REAL: Final = frozenset("ajUuVvWwXxbM")


def format_moment(moment: Moment, pattern: str) -> str | None:
    """DATE_FORMAT; None when the pattern needs a real date and this is none."""
    out = []
    parts = iter(pattern)
    for char in parts:
        if char != "%":
            out.append(char)
            continue
        letter = next(parts, "")
        if letter in _NEED_REAL and not (moment.month and (letter in "bM" or moment.day)):
            return None
        field = _FIELDS.get(letter)
        out.append(letter if field is None else field(moment))
    return "".join(out)


# STR_TO_DATE: letter -> (regular expression, what it sets)
_PARSERS: Final = {
    "Y": r"(?P<Y>\d{1,4})", "y": r"(?P<y>\d{1,2})", "m": r"(?P<m>\d{1,2})",
    "c": r"(?P<m>\d{1,2})", "d": r"(?P<d>\d{1,2})", "e": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})", "k": r"(?P<H>\d{1,2})", "h": r"(?P<h>\d{1,2})",
    "I": r"(?P<h>\d{1,2})", "l": r"(?P<h>\d{1,2})", "i": r"(?P<i>\d{1,2})",
    "s": r"(?P<s>\d{1,2})", "S": r"(?P<s>\d{1,2})", "f": r"(?P<f>\d{1,6})",
    "p": r"(?P<p>[AaPp][Mm])", "j": r"(?P<j>\d{1,3})", "D": r"(?P<d>\d{1,2})(?:st|nd|rd|th)",
    "M": r"(?P<M>[A-Za-z]+)", "b": r"(?P<M>[A-Za-z]{3})", "W": r"[A-Za-z]+", "a": r"[A-Za-z]{3}",
    "T": r"(?P<H>\d{1,2}):(?P<i>\d{1,2}):(?P<s>\d{1,2})",
    "r": r"(?P<h>\d{1,2}):(?P<i>\d{1,2}):(?P<s>\d{1,2}) (?P<p>[AaPp][Mm])",
    "#": r"\d*", ".": r"[^\w\s]*", "@": r"[A-Za-z]*", "%": "%",
}  # fmt: skip


def _expression(pattern: str) -> re.Pattern[str] | None:
    out = [r"\s*"]
    parts = iter(pattern)
    for char in parts:
        if char == "%":
            parser = _PARSERS.get(next(parts, ""))
            if parser is None:
                return None
            out.append(r"\s*" + parser)
        elif char.isspace():
            out.append(r"\s*")
        else:
            out.append(r"\s*" + re.escape(char))
    try:
        return re.compile("".join(out))
    except re.error:  # a field twice
        return None


def parse_format(text: str, pattern: str) -> Moment | None:
    """STR_TO_DATE; None when the text does not fit the pattern or is no date."""
    expression = _expression(pattern)
    match = expression.match(text) if expression is not None else None
    if match is None:
        return None
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    year = int(found.get("Y", 0))
    if "y" in found:
        year = int(found["y"]) + (2000 if int(found["y"]) < 70 else 1900)
    month = int(found.get("m", 0))
    if "M" in found:
        month = _month_number(found["M"])
        if month == 0:
            return None
    hour = int(found.get("H", found.get("h", 0)))
    if "h" in found:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found.get("p", "am").lower() == "pm" else 0)
    micro = int(found.get("f", "0").ljust(6, "0"))
    moment = Moment(year, month, int(found.get("d", 0)), hour, int(found.get("i", 0)),
                    int(found.get("s", 0)), micro)  # fmt: skip
    if "j" in found and year:
        day = temporal.from_day_number(temporal.day_number(Moment(year, 1, 1)) +
                                       int(found["j"]) - 1)  # fmt: skip
        if day is None:
            return None
        moment = moment._replace(month=day.month, day=day.day)
    return moment if temporal.in_range(moment) else None


def _month_number(name: str) -> int:
    lowered = name.lower()
    for at, month in enumerate(_MONTHS, 1):
        if month.lower().startswith(lowered) and len(lowered) >= 3:
            return at
    return 0
