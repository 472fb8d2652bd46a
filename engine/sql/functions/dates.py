"""Date and time functions (manual, "Date and Time Functions")."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from engine.errors import error
from engine.sql import temporal, types, values
from engine.sql.compile import forms
from engine.sql.compile.code import Code, FromSession
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.literals import fixed, session_value
from engine.sql.compile.scope import Scope
from engine.sql.functions.dateformat import format_moment, parse_format
from engine.sql.functions.define import arguments, call_code, define
from engine.sql.functions.registry import builder, python_function
from engine.sql.parse import ast
from engine.sql.temporal import Moment
from engine.sql.timezones import find_zone
from engine.sql.types import SqlType

# the clock


def _fraction(node: ast.Func) -> int:
    if not node.args:
        return 0
    digits = node.args[0]
    if not isinstance(digits, ast.Literal) or not isinstance(digits.value, int):
        raise error(1210, node.name.lower())
    if digits.value > 6:
        raise error(1426, digits.value, node.name.lower(), 6)
    return digits.value


def clock_text(moment: datetime, digits: int) -> str:
    """Stored form of a point in time with that many digits of seconds, truncated."""
    step = int(10 ** (6 - digits))
    moment = moment.replace(microsecond=moment.microsecond // step * step)
    return temporal.datetime_text(temporal.from_datetime(moment))


def _now(cx: Context, digits: int, *, utc: bool) -> Code:
    read = _clock_reader(digits, utc)
    return session_value(cx, FromSession(read), types.datetime(digits), nullable=False)


def _clock_reader(digits: int, utc: bool) -> Callable[[Any], str]:
    if utc:
        return lambda session: clock_text(session.now_utc(), digits)
    return lambda session: clock_text(session.now(), digits)


@builder("NOW", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP")
def _now_call(cx: Context, scope: Scope, node: ast.Func) -> Code:
    return _now(cx, _fraction(node), utc=False)


@builder("SYSDATE")
def _sysdate(cx: Context, scope: Scope, node: ast.Func) -> Code:
    digits = _fraction(node)
    return Code(types.datetime(digits), False, sql=f"{cx.use('m_sysdate')}({digits})")


python_function("m_sysdate", lambda session, digits: clock_text(session.clock_now(), digits),
                takes_session=True, deterministic=False)  # fmt: skip


@builder("UTC_TIMESTAMP")
def _utc_timestamp(cx: Context, scope: Scope, node: ast.Func) -> Code:
    return _now(cx, _fraction(node), utc=True)


@builder("CURDATE", "CURRENT_DATE", "UTC_DATE")
def _today(cx: Context, scope: Scope, node: ast.Func) -> Code:
    utc = node.name == "UTC_DATE"
    read = _clock_reader(0, utc)
    return session_value(cx, FromSession(lambda session: read(session)[:10]), types.DATE,
                         nullable=False)  # fmt: skip


@builder("CURTIME", "CURRENT_TIME", "UTC_TIME")
def _time_now(cx: Context, scope: Scope, node: ast.Func) -> Code:
    digits = _fraction(node)
    read = _clock_reader(digits, node.name == "UTC_TIME")
    return session_value(
        cx, FromSession(lambda session: temporal.parse_time(read(session)[11:])),
        types.time(digits), nullable=False,
    )  # fmt: skip


# typed literals


@builder("LITERAL_DATE", "LITERAL_TIME", "LITERAL_TIMESTAMP")
def _literal(cx: Context, scope: Scope, node: ast.Func) -> Code:
    literal = node.args[0]
    assert isinstance(literal, ast.Literal)
    text = str(literal.value)
    digits = len(text.partition(".")[2].rstrip()) if "." in text else 0
    digits = min(digits, 6)
    if node.name == "LITERAL_TIME":
        micros = temporal.parse_time(text)
        if micros is None:
            raise error(1525, "TIME", text)
        return fixed(cx, micros, types.time(digits))
    moment = temporal.parse_moment(text)
    if moment is None:
        raise error(1525, "DATE" if node.name == "LITERAL_DATE" else "DATETIME", text)
    if node.name == "LITERAL_DATE":
        return fixed(cx, temporal.date_text(moment), types.DATE)
    return fixed(cx, temporal.datetime_text(moment), types.datetime(digits))


# parts


def _part(function: Callable[[Moment], Any]) -> Callable[[str], Any]:
    def compute(text: str) -> Any:
        moment = temporal.parse_moment(text)
        return None if moment is None else function(moment)

    return compute


def _real(function: Callable[[Moment], Any]) -> Callable[[str], Any]:
    """Functions of real dates: zero parts give NULL."""
    return _part(lambda moment: function(moment) if temporal.is_real(moment) else None)


_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = ("January", "February", "March", "April", "May", "June", "July", "August",
                  "September", "October", "November", "December")  # fmt: skip


def _weekday(moment: Moment) -> int:
    return temporal.to_datetime(moment).weekday()


for _names, _function in (
    ("YEAR", _part(lambda m: m.year)),
    ("MONTH", _part(lambda m: m.month)),
    ("DAYOFMONTH DAY", _part(lambda m: m.day)),
    ("QUARTER", _part(lambda m: (m.month + 2) // 3)),
    ("DAYOFWEEK", _real(lambda m: (_weekday(m) + 1) % 7 + 1)),
    ("WEEKDAY", _real(_weekday)),
    ("DAYOFYEAR", _real(lambda m: temporal.to_datetime(m).timetuple().tm_yday)),
    ("WEEKOFYEAR", _real(lambda m: temporal.week_number(m, 3)[1])),
    ("TO_DAYS", _real(temporal.day_number)),
    ("TO_SECONDS", _real(lambda m: temporal.day_number(m) * 86400 + temporal.time_of(m) // 10**6)),
):
    define(_names, "D", types.BIGINT, _function, nullable=True)

define("DAYNAME", "D", types.varchar(9), _real(lambda m: _DAYS[_weekday(m)]), nullable=True)
define("MONTHNAME", "D", types.varchar(9),
       _part(lambda m: _MONTHS[m.month - 1] if m.month else None), nullable=True)  # fmt: skip
define("LAST_DAY", "D", types.DATE, _part(lambda m: _last_day(m)), nullable=True)


def _last_day(moment: Moment) -> str | None:
    if not moment.year or not moment.month:
        return None
    following = temporal.add_span(Moment(moment.year, moment.month, 1), temporal.Span(1, 0))
    if following is None:
        return temporal.date_text(Moment(moment.year, moment.month, 31))
    last = temporal.to_datetime(following) - timedelta(days=1)
    return temporal.date_text(temporal.from_datetime(last))


def _week(text: str, mode: int = 0) -> int | None:
    moment = temporal.parse_moment(text)
    if moment is None or not temporal.is_real(moment):
        return None
    return temporal.week_number(moment, mode)[1]


def _yearweek(text: str, mode: int = 0) -> int | None:
    moment = temporal.parse_moment(text)
    if moment is None or not temporal.is_real(moment):
        return None
    year, week = temporal.week_number(moment, mode | 2)
    return year * 100 + week


define("WEEK", "Di", types.BIGINT, _week, optional=1, nullable=True)
define("YEARWEEK", "Di", types.BIGINT, _yearweek, optional=1, nullable=True)

for _names, _of in (
    ("HOUR", lambda us: abs(us) // 3_600_000_000),
    ("MINUTE", lambda us: abs(us) // 60_000_000 % 60),
    ("SECOND", lambda us: abs(us) // 1_000_000 % 60),
    ("MICROSECOND", lambda us: abs(us) % 1_000_000),
    ("TIME_TO_SEC", lambda us: us // 1_000_000 if us >= 0 else -(-us // 1_000_000)),
):
    define(_names, "T", types.BIGINT, _of, nullable=True)


@builder("DATE")
def _date(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = arguments(cx, scope, node, 1, 1)
    return forms.derived(code, types.DATE, forms.to_date(cx, code).sql)


@builder("TIME")
def _time(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = arguments(cx, scope, node, 1, 1)
    span = forms.to_time(cx, code)
    return Code(span.type, True, sql=span.sql)


@builder("TIMESTAMP")
def _timestamp(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 1, 2)
    moment = forms.to_datetime(cx, codes[0])
    if len(codes) == 1:
        return Code(moment.type, True, sql=moment.sql)
    span = forms.to_time(cx, codes[1])
    sql = f"{cx.use('m_date_and_time')}({moment.sql}, {span.sql})"
    return Code(types.datetime(max(moment.type.decimals, span.type.decimals)), True, sql=sql)


python_function("m_date_and_time", values.date_and_time)

_EXTRACT_TIME: Final = frozenset(["HOUR", "MINUTE", "SECOND", "MICROSECOND"])
_EXTRACT_DATE: Final[dict[str, Callable[[Moment], int]]] = {
    "YEAR": lambda m: m.year, "MONTH": lambda m: m.month, "DAY": lambda m: m.day,
    "QUARTER": lambda m: (m.month + 2) // 3, "YEAR_MONTH": lambda m: m.year * 100 + m.month,
    "DAY_HOUR": lambda m: m.day * 100 + m.hour,
    "DAY_MINUTE": lambda m: (m.day * 100 + m.hour) * 100 + m.minute,
    "DAY_SECOND": lambda m: ((m.day * 100 + m.hour) * 100 + m.minute) * 100 + m.second,
    "HOUR_MINUTE": lambda m: m.hour * 100 + m.minute,
    "HOUR_SECOND": lambda m: (m.hour * 100 + m.minute) * 100 + m.second,
    "MINUTE_SECOND": lambda m: m.minute * 100 + m.second,
    "WEEK": lambda m: temporal.week_number(m, 0)[1],
}  # fmt: skip


@builder("EXTRACT")
def _extract(cx: Context, scope: Scope, node: ast.Func) -> Code:
    unit = node.args[0]
    assert isinstance(unit, ast.Literal)
    name = str(unit.value)
    code = compile_expression(cx, scope, node.args[1])
    if name in _EXTRACT_TIME:
        return call_code(cx, "m_" + name.lower(), "T", [code], types.BIGINT, True)
    if name not in _EXTRACT_DATE:  # ..._MICROSECOND
        moment = forms.to_datetime(cx, code)
        sql = f"{cx.use('m_extract_micro')}({moment.sql}, '{name}')"
        return Code(types.BIGINT, True, sql=sql)
    moment = forms.to_datetime(cx, code)
    return Code(types.BIGINT, True, sql=f"{cx.use('m_extract')}({moment.sql}, '{name}')")


def _extract_value(text: str, unit: str) -> int | None:
    moment = temporal.parse_moment(text)
    return None if moment is None else _EXTRACT_DATE[unit](moment)


def _extract_micro(text: str, unit: str) -> int | None:
    moment = temporal.parse_moment(text)
    if moment is None:
        return None
    if unit == "SECOND_MICROSECOND":
        return moment.second * 1_000_000 + moment.micro
    whole = _EXTRACT_DATE[unit.replace("MICROSECOND", "SECOND")](moment)
    return whole * 1_000_000 + moment.micro


python_function("m_extract", _extract_value)
python_function("m_extract_micro", _extract_micro)


# arithmetic


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


# Unix time and zones


@builder("UNIX_TIMESTAMP")
def _unix_timestamp(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 0, 1)
    if not codes:
        read = FromSession(lambda session: int(session.now_utc().timestamp()))
        return session_value(cx, read, types.BIGINT, nullable=False)
    moment = forms.to_datetime(cx, codes[0])
    digits = forms.precision(codes[0])
    kind = types.decimal(12 + digits, digits) if digits else types.BIGINT
    return Code(kind, True, sql=f"{cx.use('m_unix_timestamp')}({moment.sql}, {digits})")


def _to_unix(session: Any, text: str, digits: int) -> int | str | None:
    moment = temporal.parse_moment(text)
    if moment is None or not temporal.is_real(moment):
        return 0
    local = temporal.to_datetime(moment).replace(tzinfo=session.zone)
    seconds = int(local.replace(microsecond=0).timestamp())
    if not 0 <= seconds < 32_536_771_200:
        return 0
    if not digits:
        return seconds
    return f"{seconds}.{moment.micro:06}"[: len(str(seconds)) + 1 + digits]


python_function("m_unix_timestamp", _to_unix, takes_session=True)


@builder("FROM_UNIXTIME")
def _from_unixtime(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 1, 2)
    number = forms.to_number(cx, codes[0])
    digits = min(number.type.decimals, 6) if number.type.family == "decimal" else (
        0 if number.type.family == "integer" else 6)  # fmt: skip
    moment = Code(types.datetime(digits), True,
                  sql=f"{cx.use('m_from_unixtime')}({number.sql})")  # fmt: skip
    if len(codes) == 1:
        return moment
    return call_code(cx, "m_date_format", "Dt", [moment, codes[1]], types.varchar(255), True)


def _of_unix(session: Any, number: Any) -> str | None:
    exact = values.as_decimal(number)
    if not 0 <= exact < 32_536_771_200:
        return None
    seconds = int(exact)
    micros = int((exact - seconds) * 1_000_000)
    local = datetime.fromtimestamp(seconds, session.zone) + timedelta(microseconds=micros)
    return temporal.datetime_text(temporal.from_datetime(local.replace(tzinfo=None)))


python_function("m_from_unixtime", _of_unix, takes_session=True)


def _convert_tz(text: str, source: str, target: str) -> str | None:
    moment = temporal.parse_moment(text)
    old, new = find_zone(source), find_zone(target)
    if moment is None or old is None or new is None or not temporal.is_real(moment):
        return None
    moved = temporal.to_datetime(moment).replace(tzinfo=old).astimezone(new)
    return temporal.datetime_text(temporal.from_datetime(moved.replace(tzinfo=None)))


define("CONVERT_TZ", "Dtt", lambda codes: types.datetime(codes[0].type.decimals), _convert_tz,
       nullable=True)  # fmt: skip


def from_utc(session: Any, text: str) -> str:
    """A stored TIMESTAMP in the session's zone."""
    moment = temporal.parse_moment(text)
    if moment is None or not temporal.is_real(moment):
        return text
    local = temporal.to_datetime(moment).replace(tzinfo=UTC).astimezone(session.zone)
    return temporal.datetime_text(temporal.from_datetime(local.replace(tzinfo=None)))


python_function("m_from_utc", from_utc, takes_session=True)


# formats


@builder("DATE_FORMAT")
def _date_format(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 2, 2)
    return call_code(cx, "m_date_format", "Dt", codes, types.varchar(255), True)


def _format_text(text: str, pattern: str) -> str | None:
    moment = temporal.parse_moment(text)
    return None if moment is None else format_moment(moment, pattern)


python_function("m_date_format", _format_text)


def _time_format(micros: int, pattern: str) -> str | None:
    seconds, micro = divmod(abs(micros), 1_000_000)
    hours, rest = divmod(seconds, 3600)
    text = format_moment(Moment(0, 0, 0, hours, rest // 60, rest % 60, micro), pattern)
    return "-" + text if micros < 0 and text is not None else text


define("TIME_FORMAT", "Tt", types.varchar(255), _time_format, nullable=True)


@builder("STR_TO_DATE")
def _str_to_date(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 2, 2)
    pattern = codes[1].fixed
    text = str(pattern.value) if pattern is not None else "%Y-%m-%d %H:%i:%s"
    has_date = re.search(r"%[YyMmbcdejDUuVvWwXxa]", text) is not None
    has_time = re.search(r"%[HhIiklprSsTf]", text) is not None
    kind: SqlType
    if has_date and has_time:
        kind, shape = types.datetime(6 if "%f" in text else 0), "t"
    elif has_time:
        kind, shape = types.time(6 if "%f" in text else 0), "h"
    else:
        kind, shape = types.DATE, "d"
    args = ", ".join(forms.to_text(cx, code).sql for code in codes)
    return Code(kind, True, sql=f"{cx.use('m_str_to_date')}({args}, '{shape}')")


def _parse_text(text: str, pattern: str, shape: str) -> str | int | None:
    moment = parse_format(text, pattern)
    if moment is None:
        return None
    if shape == "h":
        return temporal.time_of(moment)
    if shape == "d":
        return temporal.date_text(moment)
    return temporal.datetime_text(moment)


python_function("m_str_to_date", _parse_text)

_FORMATS: Final = {
    ("DATE", "USA"): "%m.%d.%Y", ("DATE", "JIS"): "%Y-%m-%d", ("DATE", "ISO"): "%Y-%m-%d",
    ("DATE", "EUR"): "%d.%m.%Y", ("DATE", "INTERNAL"): "%Y%m%d",
    ("TIME", "USA"): "%h:%i:%s %p", ("TIME", "JIS"): "%H:%i:%s", ("TIME", "ISO"): "%H:%i:%s",
    ("TIME", "EUR"): "%H.%i.%s", ("TIME", "INTERNAL"): "%H%i%s",
    ("DATETIME", "USA"): "%Y-%m-%d %H.%i.%s", ("DATETIME", "JIS"): "%Y-%m-%d %H:%i:%s",
    ("DATETIME", "ISO"): "%Y-%m-%d %H:%i:%s", ("DATETIME", "EUR"): "%Y-%m-%d %H.%i.%s",
    ("DATETIME", "INTERNAL"): "%Y%m%d%H%i%s",
}  # fmt: skip


@builder("GET_FORMAT")
def _get_format(cx: Context, scope: Scope, node: ast.Func) -> Code:
    unit = node.args[0]
    assert isinstance(unit, ast.Literal)
    style = compile_expression(cx, scope, node.args[1]).fixed
    found = _FORMATS.get((str(unit.value), str(style.value).upper() if style else ""))
    return fixed(cx, found, types.varchar(17))
