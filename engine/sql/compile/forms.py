"""Conversions between the families of types, written into SQL.

Constants are converted when the statement is bound; everything else where SQLite evaluates it,
by SQLite's own operators where they do what MySQL does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from engine.sql import types, values
from engine.sql.compile.code import Code, Converter, convert_source
from engine.sql.compile.context import Context
from engine.sql.temporal import pad_fraction, time_text
from engine.sql.types import SqlType


def derived(code: Code, kind: SqlType, sql: str) -> Code:
    """A code computed from another one; only nullability and explicit collation carry over."""
    return Code(kind, code.nullable, sql=sql, collation=code.collation)


def converted(code: Code, kind: SqlType, convert: Converter) -> Code:
    """A constant after a conversion in Python."""
    assert code.source is not None
    return Code(kind, code.nullable, source=convert_source(code.source, convert),
                binder=code.binder, collation=code.collation)  # fmt: skip


def _retyped(code: Code, kind: SqlType) -> Code:
    return Code(kind, code.nullable, source=code.source, binder=code.binder,
                sql=None if code.source is not None else code.sql)  # fmt: skip


# text


@lru_cache(maxsize=64)
def _pad(digits: int) -> Converter:
    return lambda value: pad_fraction(value, digits)


@lru_cache(maxsize=64)
def _time_text(digits: int) -> Converter:
    return lambda value: time_text(value, digits)


def to_text(cx: Context, code: Code) -> Code:
    """As characters, the way the value prints."""
    kind = code.type
    family = kind.family
    if family in ("string", "enum", "set", "null", "json"):
        return code
    if family == "decimal" and not code.is_constant:
        return derived(code, types.varchar(types.text_length(kind)), f"CAST({code.sql} AS TEXT)")
    target = types.varchar(types.text_length(kind))
    if family == "datetime":
        if not kind.decimals:
            return _retyped(code, target)
        if code.is_constant:
            return converted(code, target, _pad(kind.decimals))
        return derived(code, target, f"{cx.use('m_pad')}({code.sql}, {kind.decimals})")
    if family == "time":
        if code.is_constant:
            return converted(code, target, _time_text(kind.decimals))
        return derived(code, target, f"{cx.use('m_time_text')}({code.sql}, {kind.decimals})")
    if family == "date":
        return _retyped(code, target)
    if family == "binary":
        text = types.varchar(kind.length)
        if code.is_constant:
            return converted(code, text, values.as_text)
        return derived(code, text, f"{cx.use('m_text')}({code.sql})")
    if code.is_constant:
        unsigned = kind.name == "bigint" and kind.unsigned
        return converted(code, target, values.number_text if unsigned else values.as_text)
    if kind.name == "float":
        return derived(code, target, f"{cx.use('m_float_text')}({code.sql})")
    if family in ("double", "bit") or (kind.name == "bigint" and kind.unsigned):
        return derived(code, target, f"{cx.use('m_number_text')}({code.sql})")
    return derived(code, target, f"CAST({code.sql} AS TEXT)")


def to_bytes(cx: Context, code: Code) -> Code:
    """As bytes; text in utf8mb4."""
    if code.type.family in ("binary", "null"):
        return code
    text = to_text(cx, code)
    kind = types.varbinary(types.text_length(code.type) * 4)
    if text.is_constant:
        return converted(text, kind, values.as_bytes)
    return derived(text, kind, f"CAST({text.sql} AS BLOB)")


# numbers


def enum_index(cx: Context, code: Code) -> Code:
    members = json.dumps(list(code.type.members))
    quoted = "'" + members.replace("'", "''") + "'"
    name = "m_enum_index" if code.type.family == "enum" else "m_set_mask"
    return derived(code, types.BIGINT, f"{cx.use(name)}({code.sql}, {quoted})")


def to_number(cx: Context, code: Code) -> Code:
    """An integer, decimal or double: the type arithmetic works in."""
    kind = code.type
    family = kind.family
    if kind.is_numeric or family == "null":
        return code
    if kind == types.HEXADECIMAL and code.is_constant:
        return converted(code, types.UNSIGNED_BIGINT, values.number_of_bytes)
    if family in ("enum", "set"):
        return enum_index(cx, code)
    if family == "date":
        return _temporal_number(cx, code, types.BIGINT, "m_datetime_number")
    if family == "datetime":
        target = types.decimal(20, 6) if kind.decimals else types.BIGINT
        return _temporal_number(cx, code, target, "m_datetime_number")
    if family == "time":
        target = types.decimal(13, 6) if kind.decimals else types.BIGINT
        return _temporal_number(cx, code, target, "m_time_number")
    return to_double(cx, code)


_NUMBER_CONVERTERS: Final[dict[str, Callable[[Any], Any]]] = {
    "m_datetime_number": values.datetime_number,
    "m_time_number": values.time_as_number,
}


def _temporal_number(cx: Context, code: Code, kind: SqlType, name: str) -> Code:
    if code.is_constant:
        return converted(code, kind, _NUMBER_CONVERTERS[name])
    return derived(code, kind, f"{cx.use(name)}({code.sql})")


def to_double(cx: Context, code: Code) -> Code:
    kind = code.type
    family = kind.family
    if family in ("double", "null"):
        return code
    if family in ("integer", "year", "bit") and not kind.unsigned:
        return _retyped(code, types.DOUBLE)
    if code.is_constant and not kind.is_temporal:
        return converted(code, types.DOUBLE, values.as_double)
    if family in ("date", "datetime", "time", "enum", "set"):
        return to_double(cx, to_number(cx, code))
    if family == "binary":
        return derived(code, types.DOUBLE, f"CAST(CAST({code.sql} AS TEXT) AS REAL)")
    if family == "json":
        return derived(code, types.DOUBLE, f"{cx.use('m_json_double')}({code.sql})")
    return derived(code, types.DOUBLE, f"CAST({code.sql} AS REAL)")


def to_decimal(cx: Context, code: Code) -> Code:
    """As decimal text; the argument is of an exact numeric type."""
    kind = code.type
    family = kind.family
    if family in ("decimal", "null"):
        return code
    target = types.as_decimal(kind) if kind.family != "double" else types.decimal(65, 30)
    if code.is_constant:
        return converted(code, target, values.canonical_decimal)
    if family in ("integer", "year", "bit") and not kind.unsigned:
        return derived(code, target, f"CAST({code.sql} AS TEXT)")
    return derived(code, target, f"{cx.use('m_decimal')}({code.sql})")


def to_integer(cx: Context, code: Code) -> Code:
    """Rounded to an integer, for arguments that must be one."""
    kind = code.type
    if kind.family in types.INTEGRAL_FAMILIES or kind.family == "null":
        return code
    if code.is_constant and not kind.is_temporal and kind.family not in ("enum", "set"):
        return converted(code, types.BIGINT, values.as_integer)
    number = to_number(cx, code)
    if number.type.family in types.INTEGRAL_FAMILIES:
        return number
    return derived(code, types.BIGINT, f"{cx.use('m_integer')}({number.sql})")


def to_boolean(cx: Context, code: Code) -> str:
    """SQL whose truth is the value's truth in MySQL."""
    kind = code.type
    family = kind.family
    if family in ("integer", "year", "bit", "double", "null", "time"):
        return code.sql
    if family in ("enum", "set"):
        return f"({enum_index(cx, code).sql} <> 0)"
    return f"({to_double(cx, to_number(cx, code)).sql} <> 0)"


# temporal


def precision(code: Code) -> int:
    """Fractional digits of a value read as a time: those written, if it is fixed text."""
    kind = code.type
    if kind.is_temporal:
        return kind.decimals
    if kind.family == "decimal":
        return min(kind.decimals, 6)
    if kind.family in types.INTEGRAL_FAMILIES or kind.family == "null":
        return 0
    if code.fixed is not None and isinstance(code.fixed.value, str):
        return min(len(code.fixed.value.partition(".")[2]), 6)
    return 6


def to_datetime(cx: Context, code: Code) -> Code:
    kind = code.type
    family = kind.family
    if family in ("datetime", "null"):
        return code
    if family == "date":
        if code.is_constant:
            return converted(code, types.datetime(), values.as_datetime)
        return derived(code, types.datetime(), f"({code.sql} || ' 00:00:00')")
    if family == "time":
        sql = f"{cx.use('m_time_to_datetime')}({code.sql})"
        return derived(code, types.datetime(kind.decimals), sql)
    if code.is_constant:
        return converted(code, types.datetime(precision(code)), values.as_datetime)
    return derived(code, types.datetime(precision(code)), f"{cx.use('m_datetime')}({code.sql})")


def to_date(cx: Context, code: Code) -> Code:
    family = code.type.family
    if family in ("date", "null"):
        return code
    if family == "datetime" and not code.is_constant:
        return derived(code, types.DATE, f"substr({code.sql}, 1, 10)")
    if code.is_constant and family != "time":
        return converted(code, types.DATE, values.as_date)
    if family == "time":
        return to_date(cx, to_datetime(cx, code))
    return derived(code, types.DATE, f"{cx.use('m_date')}({code.sql})")


def to_time(cx: Context, code: Code) -> Code:
    family = code.type.family
    if family in ("time", "null"):
        return code
    target = types.time(precision(code))
    if family == "date":
        return Code(types.time(), code.nullable, sql=f"iif({code.sql} IS NULL, NULL, 0)")
    if code.is_constant:
        return converted(code, target, values.as_time)
    return derived(code, target, f"{cx.use('m_time')}({code.sql})")


def _rescaled(cx: Context, number: Code, target: SqlType) -> Code:
    """1 beside 1.50 prints as 1.00."""
    if number.is_constant:
        return converted(number, target, _scaler(target.decimals))
    return derived(number, target, f"{cx.use('m_to_scale')}({number.sql}, {target.decimals})")


@lru_cache(maxsize=64)
def _scaler(scale: int) -> Converter:
    return lambda value: values.to_scale(value, scale)


def to_family(cx: Context, code: Code, target: SqlType) -> Code:
    """In the stored form of another type, without the checks of an assignment."""
    family = target.family
    if code.type.name == "null":
        return code
    if family == "decimal" and code.type.decimals < target.decimals:
        return _rescaled(cx, to_number(cx, code), target)
    if code.type.family == family:
        return code
    if family == "double":
        return to_double(cx, code)
    if family == "decimal":
        return to_decimal(cx, to_number(cx, code))
    if family in ("string", "enum", "set"):
        return to_text(cx, code)
    if family == "binary":
        return to_bytes(cx, code)
    if family == "datetime":
        return to_datetime(cx, code)
    if family == "date":
        return to_date(cx, code)
    if family == "time":
        return to_time(cx, code)
    return code
