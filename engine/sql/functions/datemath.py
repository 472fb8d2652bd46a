"""Adding intervals to dates and times, and their differences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from engine.errors import error
from engine.sql import temporal, types, values
from engine.sql.compile import forms
from engine.sql.compile.code import Code
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.scope import Scope
from engine.sql.functions.define import arguments, define
from engine.sql.functions.registry import builder, python_function
from engine.sql.parse import ast
from engine.sql.temporal import Moment
from engine.sql.types import SqlType


@builder("DATE_ADD", "DATE_SUB", "ADDDATE", "SUBDATE")
def _date_add(cx: Context, scope: Scope, node: ast.Func) -> Code:
    if len(node.args) != 2:
        raise error(1582, node.name)
    base = compile_expression(cx, scope, node.args[0])
    amount = node.args[1]
    if not isinstance(amount, ast.Interval):
        if node.name in ("DATE_ADD", "DATE_SUB"):
            raise error(1582, node.name)
        amount = ast.Interval(amount, "DAY")
    sign = -1 if node.name in ("DATE_SUB", "SUBDATE") else 1
    return _moved(cx, base, compile_expression(cx, scope, amount.value), amount.unit, sign)


def _moved(cx: Context, base: Code, amount: Code, unit: str, sign: int) -> Code:
    """The result's type: DATE stays DATE under date units; text stays text."""
    value = amount if amount.type.is_numeric else forms.to_text(cx, amount)
    digits = base.type.decimals
    if "MICROSECOND" in unit:
        digits = 6
    elif unit == "SECOND" and amount.type.family != "integer":
        digits = 6 if amount.type.family != "decimal" else min(6, amount.type.decimals)
    if base.type.family == "time":
        sql = f"{cx.use('m_time_add')}({base.sql}, {value.sql}, '{unit}', {sign})"
        return Code(types.time(digits), True, sql=sql)
    if base.type.family == "datetime":
        kind = types.datetime(max(digits, base.type.decimals))
    elif base.type.family == "date":
        kind = types.DATE if unit in temporal.DATE_UNITS else types.datetime(digits)
    else:
        kind = types.varchar(29)
    source = base if base.type.is_temporal or base.type.is_numeric else forms.to_text(cx, base)
    shape = {"date": "d", "datetime": "t"}.get(kind.family, "s")
    sql = f"{cx.use('m_date_add')}({source.sql}, {value.sql}, '{unit}', {sign}, '{shape}')"
    return Code(kind, True, sql=sql)


def _date_add_value(base: Any, amount: Any, unit: str, sign: int, shape: str) -> str | None:
    moment = values.as_moment(base)
    span = temporal.make_span(amount, unit)
    if moment is None or span is None:
        return None
    moved = temporal.add_span(moment, temporal.Span(sign * span.months, sign * span.micros))
    if moved is None:
        return None
    if shape == "d" or (shape == "s" and unit in temporal.DATE_UNITS and _is_date(base)):
        return temporal.date_text(moved)
    text = temporal.datetime_text(moved)
    return temporal.pad_fraction(text, 6) if shape == "s" and moved.micro else text


def _is_date(base: Any) -> bool:
    return ":" not in str(base) and len(str(base).strip()) <= 10


def _time_add_value(base: int, amount: Any, unit: str, sign: int) -> int | None:
    span = temporal.make_span(amount, unit)
    if span is None or span.months:
        return None
    total = base + sign * span.micros
    return total if abs(total) <= temporal.TIME_LIMIT else None


python_function("m_date_add", _date_add_value)
python_function("m_time_add", _time_add_value)


@builder("TIMESTAMPADD")
def _timestampadd(cx: Context, scope: Scope, node: ast.Func) -> Code:
    unit, amount, base = node.args
    assert isinstance(unit, ast.Literal)
    return _moved(cx, compile_expression(cx, scope, base),
                  compile_expression(cx, scope, amount), str(unit.value), 1)  # fmt: skip


@builder("TIMESTAMPDIFF")
def _timestampdiff(cx: Context, scope: Scope, node: ast.Func) -> Code:
    if len(node.args) != 3:
        raise error(1582, "TIMESTAMPDIFF")
    unit = node.args[0]
    assert isinstance(unit, ast.Literal)
    start, end = (forms.to_datetime(cx, compile_expression(cx, scope, arg))
                  for arg in node.args[1:])  # fmt: skip
    sql = f"{cx.use('m_timestampdiff')}('{unit.value!s}', {start.sql}, {end.sql})"
    return Code(types.BIGINT, True, sql=sql)


def _difference(unit: str, start: str, end: str) -> int | None:
    first, last = temporal.parse_moment(start), temporal.parse_moment(end)
    if first is None or last is None or not temporal.is_real(first) or not temporal.is_real(last):
        return None
    return temporal.difference(unit, first, last)


python_function("m_timestampdiff", _difference)


def _datediff(end: str, start: str) -> int | None:
    last, first = temporal.parse_moment(end), temporal.parse_moment(start)
    if first is None or last is None or not temporal.is_real(first) or not temporal.is_real(last):
        return None
    return temporal.day_number(last) - temporal.day_number(first)


define("DATEDIFF", "DD", types.BIGINT, _datediff, nullable=True)


def _fractions(codes: Sequence[Code]) -> int:
    return max(forms.precision(code) for code in codes)


@builder("TIMEDIFF")
def _timediff(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 2, 2)
    families = {code.type.family for code in codes}
    digits = min(_fractions(codes), 6)
    if families <= {"time"}:
        sql = f"({codes[0].sql} - {codes[1].sql})"
        return Code(types.time(digits), True, sql=sql)
    if families <= {"datetime", "date"}:
        a, b = (forms.to_datetime(cx, code) for code in codes)
        sql = f"{cx.use('m_moment_diff')}({a.sql}, {b.sql})"
        return Code(types.time(digits), True, sql=sql)
    printed = [forms.to_text(cx, code) for code in codes]
    sql = f"{cx.use('m_timediff')}({printed[0].sql}, {printed[1].sql})"
    return Code(types.time(digits), True, sql=sql)


def _moment_diff(end: str, start: str) -> int | None:
    last, first = temporal.parse_moment(end), temporal.parse_moment(start)
    if first is None or last is None or not temporal.is_real(first) or not temporal.is_real(last):
        return None
    delta = temporal.to_datetime(last) - temporal.to_datetime(first)
    micros = delta // timedelta(microseconds=1)
    return max(-temporal.TIME_LIMIT, min(micros, temporal.TIME_LIMIT))


def _text_diff(end: str, start: str) -> int | None:
    """Two times or two datetimes; a mixture is NULL."""
    if ("-" in end[1:]) != ("-" in start[1:]):
        return None
    if "-" in end[1:]:
        return _moment_diff(end, start)
    last, first = temporal.parse_time(end), temporal.parse_time(start)
    return None if last is None or first is None else last - first


python_function("m_moment_diff", _moment_diff)
python_function("m_timediff", _text_diff)


@builder("ADDTIME", "SUBTIME")
def _addtime(cx: Context, scope: Scope, node: ast.Func) -> Code:
    base, amount = arguments(cx, scope, node, 2, 2)
    span = forms.to_time(cx, amount)
    sign = "-" if node.name == "SUBTIME" else "+"
    if base.type.family == "time":
        digits = max(base.type.decimals, span.type.decimals)
        return Code(types.time(digits), True, sql=f"({base.sql} {sign} {span.sql})")
    if base.type.family in ("datetime", "date"):
        moment = forms.to_datetime(cx, base)
        kind: SqlType = types.datetime(max(base.type.decimals, span.type.decimals))
        sql = f"{cx.use('m_date_and_time')}({moment.sql}, ({sign} {span.sql}))"
        return Code(kind, True, sql=sql)
    sql = f"{cx.use('m_text_addtime')}({forms.to_text(cx, base).sql}, ({sign} {span.sql}))"
    return Code(types.varchar(29), True, sql=sql)


def _text_addtime(base: str, micros: int) -> str | None:
    if "-" in base.strip()[1:]:
        text = values.date_and_time(base, micros)
        return text if text is None or "." not in text else temporal.pad_fraction(text, 6)
    start = temporal.parse_time(base)
    if start is None:
        return None
    total = start + micros
    return temporal.time_text(total, 6 if total % 1_000_000 else 0)


python_function("m_text_addtime", _text_addtime)

define("SEC_TO_TIME", "n", types.time(), lambda s: _clipped_seconds(s), nullable=True)
define("FROM_DAYS", "i", types.DATE, lambda n: _from_days(n), nullable=True)
define("MAKEDATE", "ii", types.DATE, lambda y, d: _makedate(y, d), nullable=True)
define("MAKETIME", "iin", types.time(6), lambda h, m, s: _maketime(h, m, s), nullable=True)
define("PERIOD_ADD", "ii", types.BIGINT, lambda p, n: _period(_months(p) + n))
define("PERIOD_DIFF", "ii", types.BIGINT, lambda a, b: _months(a) - _months(b))


def _clipped_seconds(seconds: Any) -> int:
    micros = int(values.as_decimal(seconds) * 1_000_000)
    return max(-temporal.TIME_LIMIT, min(micros, temporal.TIME_LIMIT))


def _from_days(number: int) -> str | None:
    moment = temporal.from_day_number(number)
    return "0000-00-00" if moment is None else temporal.date_text(moment)


def _makedate(year: int, day: int) -> str | None:
    if day <= 0 or not 0 <= year <= 9999:
        return None
    year += 2000 if year < 70 else 1900 if year < 100 else 0
    moved = temporal.add_span(Moment(year, 1, 1), temporal.make_span(day - 1, "DAY") or
                              temporal.Span(0, 0))  # fmt: skip
    return None if moved is None else temporal.date_text(moved)


def _maketime(hours: int, minutes: int, seconds: Any) -> int | None:
    micros = int(values.as_decimal(seconds) * 1_000_000)
    if not 0 <= minutes < 60 or not 0 <= micros < 60_000_000:
        return None
    total = (abs(hours) * 60 + minutes) * 60_000_000 + micros
    total = min(total, temporal.TIME_LIMIT)
    return -total if hours < 0 else total


def _months(period: int) -> int:
    year, month = divmod(period, 100)
    year += 2000 if year < 70 else 1900 if year < 100 else 0
    return year * 12 + month - 1


def _period(months: int) -> int:
    return months // 12 * 100 + months % 12 + 1
