"""The clock and the parts of dates (manual, "Date and Time Functions")."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from engine.errors import error
from engine.sql import temporal, types, values
from engine.sql.compile import forms
from engine.sql.compile.code import Code, FromSession
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.literals import fixed, session_value
from engine.sql.compile.scope import Scope
from engine.sql.functions.define import arguments, call_code, define
from engine.sql.functions.registry import builder, python_function
from engine.sql.parse import ast
from engine.sql.temporal import Moment

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
