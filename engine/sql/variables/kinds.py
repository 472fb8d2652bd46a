"""Pure: the types of variables with rules of their own: sql_mode, character sets, time zones."""

from __future__ import annotations

import re
import zoneinfo
from typing import Final

from engine.errors import error
from engine.sql import collations
from engine.sql.types import DOUBLE, varchar
from engine.sql.variables.descriptor import (
    Given,
    Kind,
    Value,
    as_text,
    wrong_type,
    wrong_value,
)

# In the order of their bits, which is the order they are printed in.
SQL_MODES: Final[dict[str, int]] = {
    "REAL_AS_FLOAT": 0, "PIPES_AS_CONCAT": 1, "ANSI_QUOTES": 2, "IGNORE_SPACE": 3,
    "ONLY_FULL_GROUP_BY": 5, "NO_UNSIGNED_SUBTRACTION": 6, "NO_DIR_IN_CREATE": 7, "ANSI": 18,
    "NO_AUTO_VALUE_ON_ZERO": 19, "NO_BACKSLASH_ESCAPES": 20, "STRICT_TRANS_TABLES": 21,
    "STRICT_ALL_TABLES": 22, "NO_ZERO_IN_DATE": 23, "NO_ZERO_DATE": 24, "ALLOW_INVALID_DATES": 25,
    "ERROR_FOR_DIVISION_BY_ZERO": 26, "TRADITIONAL": 27, "HIGH_NOT_PRECEDENCE": 29,
    "NO_ENGINE_SUBSTITUTION": 30, "PAD_CHAR_TO_FULL_LENGTH": 31, "TIME_TRUNCATE_FRACTIONAL": 32,
}  # fmt: skip
_COMBINED: Final = {
    "ANSI": ("REAL_AS_FLOAT", "PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE",
             "ONLY_FULL_GROUP_BY"),
    "TRADITIONAL": ("STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "NO_ZERO_IN_DATE", "NO_ZERO_DATE",
                    "ERROR_FOR_DIVISION_BY_ZERO", "NO_ENGINE_SUBSTITUTION"),
}  # fmt: skip
DEFAULT_SQL_MODE: Final = (
    "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
)
# Modes of 5.7 that 8.0 dropped; dumps made there still name it and 8.0 accepts this one only.
_IGNORED_MODES: Final = frozenset(["NO_AUTO_CREATE_USER"])


def _sql_mode(name: str, given: Given) -> Value:
    if given is None or isinstance(given, float):
        raise wrong_value(name, given) if given is None else wrong_type(name)
    if isinstance(given, int):
        return _mode_of_number(name, given)
    modes = set()
    for part in as_text(given).upper().split(","):
        word = part.strip()
        if not word or word in _IGNORED_MODES:
            continue
        if word not in SQL_MODES:
            raise wrong_value(name, word)
        modes.add(word)
        modes.update(_COMBINED.get(word, ()))
    return ",".join(sorted(modes, key=SQL_MODES.__getitem__))


def _mode_of_number(name: str, number: int) -> str:
    words = [word for word, bit in SQL_MODES.items() if number >> bit & 1]
    if number != sum(1 << SQL_MODES[word] for word in words):
        raise wrong_value(name, number)
    return str(_sql_mode(name, ",".join(words)))


SQL_MODE: Final = Kind(_sql_mode)


def _charset(name: str, given: Given) -> Value:
    if given is None:
        raise wrong_value(name, given)
    if isinstance(given, float):
        raise wrong_type(name)
    if isinstance(given, int):
        collation = collations.by_id(given)
        if collation is None:
            raise error(1115, given)
        return collation.charset
    found = collations.find_charset(as_text(given))
    if found is None:
        raise error(1115, as_text(given))
    return found.name


def _nullable_charset(name: str, given: Given) -> Value:
    return None if given is None else _charset(name, given)


def _client_charset(name: str, given: Given) -> Value:
    """character_set_client: sets whose bytes are not ASCII cannot be a client's."""
    found = _charset(name, given)
    if found in ("ucs2", "utf16", "utf16le", "utf32"):
        raise wrong_value(name, found)
    return found


def _collation(name: str, given: Given) -> Value:
    if given is None:
        raise wrong_value(name, given)
    if isinstance(given, float):
        raise wrong_type(name)
    known = isinstance(given, int)
    found = collations.by_id(int(given)) if known else collations.find_collation(as_text(given))
    if found is None:
        raise error(1273, as_text(given))
    return found.name


CHARSET: Final = Kind(_charset, varchar(64))
NULLABLE_CHARSET: Final = Kind(_nullable_charset, varchar(64))
CLIENT_CHARSET: Final = Kind(_client_charset, varchar(64))
COLLATION: Final = Kind(_collation, varchar(64))

_OFFSET: Final = re.compile(r"([-+])(\d{1,2}):(\d{2})")


def _time_zone(name: str, given: Given) -> Value:
    if given is None or isinstance(given, int | float):
        raise error(1298, "NULL" if given is None else as_text(given))
    text = as_text(given)
    if text.upper() == "SYSTEM":
        return "SYSTEM"
    match = _OFFSET.fullmatch(text)
    if match is not None:
        minutes = int(match[2]) * 60 + int(match[3])
        within = minutes <= (14 * 60 if match[1] == "+" else 14 * 60 - 1)
        if int(match[3]) > 59 or not within:
            raise error(1298, text)
        return f"{match[1]}{int(match[2]):02}:{match[3]}"
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise error(1298, text) from None
    return text


TIME_ZONE: Final = Kind(_time_zone, varchar(64))

_ISOLATION_LEVELS: Final = (
    "READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE",
)  # fmt: skip


def _isolation(name: str, given: Given) -> Value:
    if isinstance(given, int) and 0 <= given < len(_ISOLATION_LEVELS):
        return _ISOLATION_LEVELS[given]
    if not isinstance(given, str | bytes):
        raise wrong_value(name, given) if not isinstance(given, float) else wrong_type(name)
    word = as_text(given).upper()
    if word not in _ISOLATION_LEVELS:
        raise wrong_value(name, given)
    return word


ISOLATION: Final = Kind(_isolation, varchar(64))


def _timestamp(name: str, given: Given) -> Value:
    """Seconds that NOW() is to show; 0 lets the clock run again."""
    if isinstance(given, str):  # a DECIMAL arrives as its text
        try:
            given = float(given)
        except ValueError:
            raise wrong_type(name) from None
    if not isinstance(given, int | float):
        raise wrong_type(name)
    if not 0 <= given <= 32_536_771_199:
        raise wrong_value(name, given)
    return float(given)


TIMESTAMP: Final = Kind(_timestamp, DOUBLE, lambda value: f"{float(value or 0):.6f}")
