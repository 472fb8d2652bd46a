"""Pure: floating-point numbers as MySQL prints them.

Shortest digits that read back the same (six for FLOAT), plain notation while the decimal point
lies within DBL_DIG = 15 digits, scientific otherwise, with neither plus sign nor leading zeros.
Source: MySQL server, strings/dtoa.cc, my_gcvt().
"""

from __future__ import annotations

import math
from typing import Final

_MOST_PLAIN_DIGITS: Final = 15
NOT_FIXED: Final = 31  # `decimals` of a float column without a scale


def format_double(value: float) -> str:
    return _notation(repr(value))


def format_float(value: float) -> str:
    """Single precision carries six significant digits."""
    return _notation(f"{value:.5e}")


def format_scaled(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}"


def _notation(text: str) -> str:
    if text in ("inf", "-inf", "nan"):
        return text
    sign = "-" if text[0] == "-" else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)  # digits before the decimal point
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    if not digits:
        return sign + "0"
    if -_MOST_PLAIN_DIGITS + 1 <= point <= _MOST_PLAIN_DIGITS:
        return sign + _plain(digits, point)
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1}"


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def whole(value: float) -> int:
    """A float that stands for an integer, rounded half away from zero like MySQL."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)
