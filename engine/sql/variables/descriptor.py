"""Pure: what a system variable is: its type, scopes, default, and which values it takes.

A variable's value is kept as SELECT @@name shows it: booleans as 1 and 0, sets and enumerations
as text. SHOW VARIABLES prints booleans as ON and OFF, NULL as an empty text.
Source: MySQL 8.0 Reference Manual, 5.1.8 "Server System Variables", 5.1.9.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, TypeAlias

from attrs import frozen

from engine.errors import error
from engine.info import InstanceInfo
from engine.protocol.numbers import format_double
from engine.sql.types import BIGINT, DOUBLE, UNSIGNED_BIGINT, SqlType, varchar

Value: TypeAlias = int | float | str | None
Given: TypeAlias = int | float | str | bytes | bool | None
Effect: TypeAlias = str


class Default(Enum):
    """The value of `SET name = DEFAULT`."""

    DEFAULT = "DEFAULT"


DEFAULT: Final = Default.DEFAULT


class Scope(Enum):
    BOTH = "both"
    GLOBAL = "global"
    SESSION = "session"


_LONG_TEXT: Final = varchar(1024)


@frozen
class Kind:
    """A type of variables; `check` turns a given value into a kept one or raises 1231/1232."""

    check: Callable[[str, Given], Value]
    type: SqlType = _LONG_TEXT
    show: Callable[[Value], str] | None = None


@frozen
class Descriptor:
    """One system variable."""

    name: str
    kind: Kind
    default: Value
    scope: Scope = Scope.BOTH
    writable: bool = True
    effect: Effect = ""  # what a session has to redo after a change
    live: Callable[[InstanceInfo], Value] | None = None  # the instance's state, not a setting
    has_default: bool = True

    def shown(self, value: Value) -> str:
        if value is None:
            return ""
        if self.kind.show is not None:
            return self.kind.show(value)
        return format_double(value) if isinstance(value, float) else str(value)


def wrong_value(name: str, given: Given) -> Exception:
    return error(1231, name, "NULL" if given is None else as_text(given))


def wrong_type(name: str) -> Exception:
    return error(1232, name)


def as_text(given: Given) -> str:
    if isinstance(given, bytes):
        return given.decode("utf-8", "replace")
    if isinstance(given, bool):
        return str(int(given))
    return format_double(given) if isinstance(given, float) else str(given)


# kinds


_WORDS: Final = {"on": 1, "true": 1, "1": 1, "off": 0, "false": 0, "0": 0}


def _boolean(name: str, given: Given) -> Value:
    if isinstance(given, int):
        if given in (0, 1):
            return int(given)
        raise wrong_value(name, given)
    if given is None or isinstance(given, float):
        raise wrong_value(name, given) if given is None else wrong_type(name)
    found = _WORDS.get(as_text(given).lower())
    if found is None:
        raise wrong_value(name, given)
    return found


BOOLEAN: Final = Kind(_boolean, BIGINT, lambda value: "ON" if value else "OFF")


def integer(low: int, high: int, *, block: int = 1) -> Kind:
    """Out of range values are moved into the range, as without strict mode's complaint."""

    def check(name: str, given: Given) -> Value:
        if given is None or not isinstance(given, int):
            raise wrong_type(name)
        value = min(max(int(given), low), high)
        return value - value % block if value != low else low

    return Kind(check, BIGINT if low < 0 else UNSIGNED_BIGINT)


def double(low: float, high: float) -> Kind:
    def check(name: str, given: Given) -> Value:
        if isinstance(given, str):  # a DECIMAL arrives as its text
            try:
                given = float(given)
            except ValueError:
                raise wrong_type(name) from None
        if not isinstance(given, int | float):
            raise wrong_type(name)
        return min(max(float(given), low), high)

    return Kind(check, DOUBLE, lambda value: f"{value:.6f}")


def enumeration(*members: str) -> Kind:
    """One of some words, also given by its number."""
    by_word = {member.lower(): member for member in members}

    def check(name: str, given: Given) -> Value:
        if isinstance(given, int):
            if 0 <= given < len(members):
                return members[given]
            raise wrong_value(name, given)
        if given is None or isinstance(given, float):
            raise wrong_value(name, given) if given is None else wrong_type(name)
        found = by_word.get(as_text(given).lower())
        if found is None:
            raise wrong_value(name, given)
        return found

    return Kind(check, varchar(max(map(len, members))))


def boolean_words(*members: str) -> Kind:
    """An enumeration whose first members are OFF and ON: TRUE and FALSE mean those."""
    plain = enumeration(*members)

    def check(name: str, given: Given) -> Value:
        if isinstance(given, str | bytes):
            given = {"false": "OFF", "true": "ON"}.get(as_text(given).lower(), given)
        return plain.check(name, given)

    return Kind(check, plain.type)


def flags(*members: str) -> Kind:
    """A list such as optimizer_switch: `a=on,b=off`, merged into what is set by the caller."""
    known = frozenset(members)

    def check(name: str, given: Given) -> Value:
        if given is None or isinstance(given, int | float):
            raise wrong_type(name)
        text = as_text(given)
        for part in filter(None, text.split(",")):
            word, _, state = part.partition("=")
            if part.strip().lower() == "default":
                continue
            if word.strip() not in known or state.strip() not in ("on", "off", "default"):
                raise wrong_value(name, given)
        return text

    return Kind(check)


def _text(name: str, given: Given) -> Value:
    if given is None:
        raise wrong_value(name, given)
    if isinstance(given, int | float):
        raise wrong_type(name)
    return as_text(given)


def _nullable_text(name: str, given: Given) -> Value:
    return None if given is None else _text(name, given)


TEXT: Final = Kind(_text)
NULLABLE_TEXT: Final = Kind(_nullable_text)
