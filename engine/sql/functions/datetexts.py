"""DATE_FORMAT, STR_TO_DATE and their relatives."""

from __future__ import annotations

import re
from typing import Final

from engine.sql import temporal, types
from engine.sql.compile import forms
from engine.sql.compile.code import Code
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.literals import fixed
from engine.sql.compile.scope import Scope
from engine.sql.functions.dateformat import format_moment, parse_format
from engine.sql.functions.define import arguments, call_code, define
from engine.sql.functions.registry import builder, python_function
from engine.sql.parse import ast
from engine.sql.temporal import Moment
from engine.sql.types import SqlType


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
