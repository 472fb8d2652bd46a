"""Assignment to columns: values checked and brought to stored form, by the rules of sql_mode.

Every value stored in a table passes here, whichever statement brings it. A value arrives as
NULL, int, float, str or bytes; dates and times as text. In strict mode what does not fit is an
error, otherwise it is fitted and a warning is noted ("Server SQL Modes" in the manual).
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any, Final, Protocol, TypeAlias

from attrs import define

from engine.errors import error
from engine.sql import temporal, values
from engine.sql.schema import ColumnDef
from engine.sql.temporal import Moment
from engine.sql.types import INTEGER_BITS, TEXT_BYTES, SqlType

Store: TypeAlias = Callable[[Any, "Problems"], Any]


class WarningSink(Protocol):
    def warn(self, code: int, message: str, level: str = "Warning") -> None: ...


@define
class Problems:
    """How a statement treats values that do not fit, and where it is."""

    sink: WarningSink
    strict: bool = True
    no_zero_date: bool = True
    no_zero_in_date: bool = True
    zone: tzinfo = UTC
    row: int = 1
    single: bool = False  # an INSERT of one row: NULL is an error in any mode

    def report(self, errno: int, *args: object) -> None:
        """Raise in strict mode, else note a warning."""
        problem = error(errno, *args)
        if self.strict:
            raise problem
        self.sink.warn(errno, problem.message)

    def note(self, errno: int, *args: object) -> None:
        self.sink.warn(errno, error(errno, *args).message, "Note")


def store_for(column: ColumnDef) -> Store:
    """The conversion to the column's stored form, NULL handled."""
    convert = _CONVERTERS[column.type.family](column.name, column.type)
    name, nullable = column.name, column.nullable
    empty = implicit_default(column.type)

    def store(value: Any, problems: Problems) -> Any:
        if value is None:
            if nullable:
                return None
            if problems.strict or problems.single:
                raise error(1048, name)
            problems.sink.warn(1048, error(1048, name).message)
            return empty
        return convert(value, problems)

    return store


def implicit_default(kind: SqlType) -> Any:
    """The value of a NOT NULL column that is given none, outside strict mode."""
    family = kind.family
    if family in ("integer", "year", "bit", "time"):
        return 0
    if family == "double":
        return 0.0
    if family == "decimal":
        return values.to_scale(0, kind.decimals)
    if family == "binary":
        return b"\0" * kind.length if kind.name == "binary" else b""
    if family == "enum":
        return kind.members[0]
    if family == "date":
        return "0000-00-00"
    if family == "datetime":
        return "0000-00-00 00:00:00"
    return "null" if family == "json" else ""


# integers


_INTEGER_TEXT: Final = re.compile(r"\s*[-+]?\d+\s*$")


def _integer(name: str, kind: SqlType) -> Store:
    low, high = kind.integer_range()

    def store(value: Any, problems: Problems) -> Any:
        if type(value) is not int:
            value = _whole(name, value, problems)
        if low <= value <= high:
            return value if value < values.I64 else values.stored_unsigned(value)
        problems.report(1264, name, problems.row)
        return values.stored_unsigned(max(low, min(value, high)))

    return store


def _whole(name: str, value: Any, problems: Problems) -> int:
    kind = type(value)
    if kind is float:
        return values.round_double(value)
    text = values.as_text(value)
    if _INTEGER_TEXT.match(text):
        return int(text)
    prefix = _number_of(name, text, "integer", problems)
    return int(prefix.to_integral_value("ROUND_HALF_UP", values.ARITHMETIC))


def _number_of(name: str, text: str, what: str, problems: Problems) -> Decimal:
    """The number a text starts with; complains when it is not all of it."""
    prefix = values.number_prefix(text)
    rest = text.strip()
    if not rest or (prefix == "0" and not rest[0].isdigit() and rest[0] not in "+-."):
        problems.report(1366, what, _shown(text), name, problems.row)
        return Decimal(0)
    number = Decimal(prefix)
    if rest.lstrip("+") != prefix.lstrip("+"):
        problems.report(1265, name, problems.row)
    return number


def _shown(text: str) -> str:
    return values.as_bytes(text).decode("utf-8", "backslashreplace")


def _bit(name: str, kind: SqlType) -> Store:
    limit = (1 << kind.length) - 1

    def store(value: Any, problems: Problems) -> Any:
        if isinstance(value, str | bytes):
            value = int.from_bytes(values.as_bytes(value), "big")
        number = int(value)
        if not 0 <= number <= limit:
            problems.report(1406, name, problems.row)
            number = limit
        return values.stored_unsigned(number)

    return store


def _year(name: str, kind: SqlType) -> Store:
    def store(value: Any, problems: Problems) -> Any:
        text = value.strip() if isinstance(value, str) else ""
        if type(value) is float:
            number = int(value) if value >= 0 else -1
        else:
            number = _whole(name, value, problems) if type(value) is not int else value
        if text and not text[0].isdigit():
            return 0
        if 0 < number < 70 or (number == 0 and text and len(text) < 4):
            number += 2000
        elif 70 <= number < 100:
            number += 1900
        if number == 0 or 1901 <= number <= 2155:
            return number
        problems.report(1264, name, problems.row)
        return 0

    return store


# exact and floating-point numbers


def _decimal(name: str, kind: SqlType) -> Store:
    scale = kind.decimals
    largest = Decimal(10) ** (kind.length - scale)
    most = values.decimal_text(largest - Decimal(1).scaleb(-scale))

    def store(value: Any, problems: Problems) -> Any:
        if isinstance(value, str | bytes):
            number = _number_of(name, values.as_text(value), "decimal", problems)
        else:
            number = values.as_decimal(value)
        if number.adjusted() > 80:
            rounded = largest.copy_sign(number)
        else:
            rounded = values.rescale(number, scale)
        if rounded < 0 and kind.unsigned:
            problems.report(1264, name, problems.row)
            return values.to_scale(0, scale)
        if abs(rounded) >= largest:
            problems.report(1264, name, problems.row)
            return "-" + most if rounded < 0 else most
        return values.decimal_text(rounded)

    return store


_SINGLE: Final = struct.Struct("<f")
_LARGEST_SINGLE: Final = 3.4028234663852886e38


def _double(name: str, kind: SqlType) -> Store:
    single, scale = kind.name == "float", kind.decimals if kind.length else None
    limit = 10.0 ** (kind.length - kind.decimals) if kind.length and scale else None

    def store(value: Any, problems: Problems) -> Any:
        if type(value) is not float:
            value = _real_of(name, value, problems)
        if scale is not None:
            value = float(values.rescale(values.as_decimal(value), scale))
        if kind.unsigned and value < 0:
            problems.report(1264, name, problems.row)
            return 0.0
        if (single and abs(value) > _LARGEST_SINGLE) or (limit and abs(value) >= limit):
            problems.report(1264, name, problems.row)
            return (limit or _LARGEST_SINGLE) if value > 0 else -(limit or _LARGEST_SINGLE)
        return _SINGLE.unpack(_SINGLE.pack(value))[0] if single else value

    return store


def _real_of(name: str, value: Any, problems: Problems) -> float:
    if type(value) is int:
        return float(value)
    text = values.as_text(value)
    prefix = values.number_prefix(text)
    if text.strip().lstrip("+") != prefix.lstrip("+"):
        problems.report(1265, name, problems.row)
    return float(prefix)


# text and bytes


def _string(name: str, kind: SqlType) -> Store:
    limit = kind.length
    byte_limit = TEXT_BYTES.get(kind.name)
    fixed = kind.name == "char"

    def store(value: Any, problems: Problems) -> Any:
        if type(value) is not str:
            value = _characters(name, value, problems)
        elif not value.isascii():
            _check_characters(name, value, problems)
        if byte_limit is not None:
            return _fit_bytes(name, value, byte_limit, problems)
        if len(value) > limit:
            if value[limit:].strip(" "):
                problems.report(1406, name, problems.row)
            elif not fixed:
                problems.note(1265, name, problems.row)
            value = value[:limit]
        return value.rstrip(" ") if fixed else value

    return store


def _characters(name: str, value: Any, problems: Problems) -> str:
    if type(value) is not bytes:
        return values.as_text(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        text = value.decode("utf-8", "surrogateescape")
        _check_characters(name, text, problems)
        return text.encode("utf-8", "replace").decode()


def _check_characters(name: str, text: str, problems: Problems) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        bad = text[problem.start :].encode("utf-8", "surrogateescape")[:6]
        shown = "".join(f"\\x{byte:02X}" if byte > 127 else chr(byte) for byte in bad)
        raise error(1366, "string", shown, name, problems.row) from None


def _fit_bytes(name: str, text: str, limit: int, problems: Problems) -> str:
    if len(text) * 4 <= limit or len(text.encode()) <= limit:
        return text
    problems.report(1406, name, problems.row)
    return text.encode()[:limit].decode("utf-8", "ignore")


def _binary(name: str, kind: SqlType) -> Store:
    limit = TEXT_BYTES.get(kind.name, kind.length)
    fixed = kind.name == "binary"

    def store(value: Any, problems: Problems) -> Any:
        data = value if type(value) is bytes else values.as_bytes(value)
        if len(data) > limit:
            problems.report(1406, name, problems.row)
            data = data[:limit]
        return data.ljust(limit, b"\0") if fixed else data

    return store


def _enum(name: str, kind: SqlType) -> Store:
    members = kind.members
    by_name = {member.lower(): member for member in members}

    def store(value: Any, problems: Problems) -> Any:
        if isinstance(value, int | float):
            if 1 <= value <= len(members):
                return members[int(value) - 1]
        else:
            text = values.as_text(value).rstrip(" ")
            found = by_name.get(text.lower())
            if found is not None:
                return found
            if text.isdigit() and 1 <= int(text) <= len(members):
                return members[int(text) - 1]
        problems.report(1265, name, problems.row)
        return ""

    return store


def _set(name: str, kind: SqlType) -> Store:
    members = kind.members
    positions = {member.lower(): at for at, member in enumerate(members)}

    def store(value: Any, problems: Problems) -> Any:
        if isinstance(value, int | float):
            bits = int(value)
            if bits >> len(members):
                problems.report(1265, name, problems.row)
        else:
            bits = 0
            text = values.as_text(value)
            parts = text.split(",") if text else []
            if len(parts) == 1 and text.isdigit() and text not in positions:
                bits, parts = int(text), []
            for part in parts:
                at = positions.get(part.lower())
                if at is None:
                    problems.report(1265, name, problems.row)
                else:
                    bits |= 1 << at
        return ",".join(member for at, member in enumerate(members) if bits >> at & 1)

    return store


def _json(name: str, kind: SqlType) -> Store:
    from engine.sql.functions.json import dump

    def store(value: Any, problems: Problems) -> Any:
        if isinstance(value, int | float):
            return dump(value)
        try:
            return dump(json.loads(values.as_text(value)))
        except ValueError as problem:
            reason = "The document is empty." if not values.as_text(value) else "Invalid value."
            raise error(3140, reason, getattr(problem, "pos", 0), name) from None

    return store


# dates and times


def _moment(name: str, what: str, value: Any, problems: Problems) -> Moment | None:
    moment = values.as_moment(value)
    if moment is not None and not temporal.is_real(moment):
        zero = temporal.is_zero(moment)
        if problems.no_zero_date if zero else problems.no_zero_in_date:
            moment = None if problems.strict else Moment(0, 0, 0)
    if moment is None:
        problems.report(1292, what, _shown(values.as_text(value)), name, problems.row)
    return moment


def _date(name: str, kind: SqlType) -> Store:
    def store(value: Any, problems: Problems) -> Any:
        moment = _moment(name, "date", value, problems)
        return "0000-00-00" if moment is None else temporal.date_text(moment)

    return store


def _datetime(name: str, kind: SqlType) -> Store:
    if kind.name == "timestamp":
        return _timestamp(name, kind)
    digits = kind.decimals

    def store(value: Any, problems: Problems) -> Any:
        moment = _moment(name, "datetime", value, problems)
        if moment is None:
            return "0000-00-00 00:00:00"
        return temporal.datetime_text(temporal.round_moment(moment, digits))

    return store


_FIRST_TIMESTAMP: Final = Moment(1970, 1, 1, 0, 0, 1)
_LAST_TIMESTAMP: Final = Moment(2038, 1, 19, 3, 14, 7, 999_999)


def _timestamp(name: str, kind: SqlType) -> Store:
    digits = kind.decimals

    def store(value: Any, problems: Problems) -> Any:
        moment = _moment(name, "datetime", value, problems)
        if moment is None or temporal.is_zero(moment):
            return "0000-00-00 00:00:00"
        if not temporal.is_real(moment):
            shown = _shown(values.as_text(value))
            problems.report(1292, "datetime", shown, name, problems.row)
            return "0000-00-00 00:00:00"
        if problems.zone is not UTC:
            local = temporal.to_datetime(moment).replace(tzinfo=problems.zone)
            moment = temporal.from_datetime(local.astimezone(UTC).replace(tzinfo=None))
        moment = temporal.round_moment(moment, digits)
        if not _FIRST_TIMESTAMP <= moment <= _LAST_TIMESTAMP:
            shown = _shown(values.as_text(value))
            problems.report(1292, "datetime", shown, name, problems.row)
            return "0000-00-00 00:00:00"
        return temporal.datetime_text(moment)

    return store


def _time(name: str, kind: SqlType) -> Store:
    digits = kind.decimals

    def store(value: Any, problems: Problems) -> Any:
        if isinstance(value, str):
            micros = temporal.parse_time(value, clip=False)
        else:
            micros = values.as_time(value)
        if micros is None or abs(micros) > temporal.TIME_LIMIT:
            problems.report(1292, "time", _shown(values.as_text(value)), name, problems.row)
        return 0 if micros is None else temporal.round_time(micros, digits)

    return store


_CONVERTERS: Final[dict[str, Callable[[str, SqlType], Store]]] = {
    "integer": _integer, "bit": _bit, "year": _year, "decimal": _decimal, "double": _double,
    "string": _string, "binary": _binary, "enum": _enum, "set": _set, "json": _json,
    "date": _date, "datetime": _datetime, "time": _time,
}  # fmt: skip
assert set(_CONVERTERS) >= {SqlType(name).family for name in INTEGER_BITS}
