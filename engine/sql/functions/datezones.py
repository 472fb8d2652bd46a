"""Unix time and time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from engine.sql import temporal, types, values
from engine.sql.compile import forms
from engine.sql.compile.code import Code, FromSession
from engine.sql.compile.context import Context
from engine.sql.compile.literals import session_value
from engine.sql.compile.scope import Scope
from engine.sql.functions.define import arguments, call_code, define
from engine.sql.functions.registry import builder, python_function
from engine.sql.parse import ast
from engine.sql.timezones import find_zone


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
