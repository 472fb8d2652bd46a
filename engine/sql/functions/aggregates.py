"""Aggregate functions. Integer sums, counts and extremes are SQLite's own; decimals are summed
exactly in Python; SUM and AVG of integers are decimals, as MySQL types them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from engine.errors import error
from engine.sql import types, values
from engine.sql.compile import forms
from engine.sql.compile.arithmetic import DIVISION_INCREMENT
from engine.sql.compile.code import Code
from engine.sql.compile.comparisons import group_key, sort_key
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.scope import Scope
from engine.sql.functions.registry import (
    AGGREGATES,
    Builder,
    builder,
    python_aggregate,
    python_function,
)
from engine.sql.parse import ast
from engine.sql.types import INTEGRAL_FAMILIES


def _aggregate(*names: str) -> Callable[[Builder], Builder]:
    AGGREGATES.update(names)
    return builder(*names)


def _argument(cx: Context, scope: Scope, node: ast.Func) -> Code:
    if len(node.args) != 1 or isinstance(node.args[0], ast.Star):
        raise error(1582, node.name)
    return compile_expression(cx, scope, node.args[0])


@_aggregate("COUNT")
def _count(cx: Context, scope: Scope, node: ast.Func) -> Code:
    kind = types.SqlType("bigint", 21)
    if not node.args:
        raise error(1582, "COUNT")
    if isinstance(node.args[0], ast.Star):
        return Code(kind, False, sql=f"count(*){cx.over}")
    codes = [compile_expression(cx, scope, arg) for arg in node.args]
    if len(codes) == 1:
        key = group_key(codes[0])
        return Code(kind, False, sql=f"count({'DISTINCT ' if node.distinct else ''}{key}){cx.over}")
    keys = ", ".join(forms.to_text(cx, code).sql for code in codes)
    return Code(kind, False, sql=f"count(DISTINCT {cx.use('m_row_key')}({keys}))")


def _row_key(*parts: Any) -> str:
    return json.dumps([values.as_text(part).lower() for part in parts])


python_function("m_row_key", _row_key)


@_aggregate("SUM")
def _sum(cx: Context, scope: Scope, node: ast.Func) -> Code:
    code = forms.to_number(cx, _argument(cx, scope, node))
    distinct = "DISTINCT " if node.distinct else ""
    if code.type.family in INTEGRAL_FAMILIES and not code.type.unsigned:
        kind = types.decimal(types.as_decimal(code.type).length + 22, 0)
        # SQLite's exact integer sum, as the text a decimal is kept as
        return Code(kind, True, sql=f"CAST(sum({distinct}{code.sql}){cx.over} AS TEXT)")
    if code.type.family == "decimal" or code.type.family in INTEGRAL_FAMILIES:
        exact = types.as_decimal(code.type)
        kind = types.decimal(exact.length + 22, exact.decimals)
        return Code(kind, True, sql=f"{cx.use('m_dec_sum')}({distinct}{code.sql}){cx.over}")
    number = forms.to_double(cx, code)
    return Code(types.DOUBLE, True, sql=f"sum({distinct}{number.sql}){cx.over}")


@_aggregate("AVG")
def _avg(cx: Context, scope: Scope, node: ast.Func) -> Code:
    code = forms.to_number(cx, _argument(cx, scope, node))
    distinct = "DISTINCT " if node.distinct else ""
    if code.type.family == "double":
        return Code(types.DOUBLE, True, sql=f"avg({distinct}{code.sql}){cx.over}")
    exact = types.as_decimal(code.type) if code.type.name != "null" else types.decimal(10, 0)
    scale = min(exact.decimals + DIVISION_INCREMENT, 30)
    total = "sum" if code.type.family in INTEGRAL_FAMILIES and not code.type.unsigned else (
        cx.use("m_dec_sum")
    )  # fmt: skip
    kind = types.decimal(exact.length + DIVISION_INCREMENT, scale)
    total_sql = f"{total}({distinct}{code.sql}){cx.over}"
    count_sql = f"count({distinct}{code.sql}){cx.over}"
    sql = f"{cx.use('m_dec_div')}({total_sql}, {count_sql}, {scale})"
    return Code(kind, True, sql=sql)


class _DecimalSum:
    """Also a window function: values leave the frame again through inverse()."""

    def __init__(self) -> None:
        self._total = Decimal(0)
        self._count = 0

    def step(self, value: Any) -> None:
        if value is not None:
            self._total = values.ARITHMETIC.add(self._total, values.as_decimal(value))
            self._count += 1

    def inverse(self, value: Any) -> None:
        if value is not None:
            self._total = values.ARITHMETIC.subtract(self._total, values.as_decimal(value))
            self._count -= 1

    def final(self) -> str | None:
        return values.decimal_text(self._total) if self._count else None

    value = final


python_aggregate("m_dec_sum", _DecimalSum, window=True)


def _extreme(name: str) -> Builder:
    def build(cx: Context, scope: Scope, node: ast.Func) -> Code:
        code = _argument(cx, scope, node)
        key = group_key(code)
        if code.type.family in ("enum", "set"):  # by their text, as MySQL documents
            key = f"{code.sql} COLLATE NOCASE"
        return Code(code.type, True, sql=f"{name}({key}){cx.over}", collation=code.collation)

    return build


_aggregate("MIN")(_extreme("min"))
_aggregate("MAX")(_extreme("max"))


@builder("ANY_VALUE")
def _any_value(cx: Context, scope: Scope, node: ast.Func) -> Code:
    """Exempt from ONLY_FULL_GROUP_BY; SQLite takes the value of some row of the group."""
    kept = list(scope.bare_columns)
    code = _argument(cx, scope, node)
    scope.bare_columns = kept
    return code


# GROUP_CONCAT


@_aggregate("GROUP_CONCAT")
def _group_concat(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = [forms.to_text(cx, compile_expression(cx, scope, arg)) for arg in node.args]
    text = codes[0].sql if len(codes) == 1 else "(" + " || ".join(c.sql for c in codes) + ")"
    separator = "'" + (node.separator or "").replace("'", "''") + "'"
    order = ""
    if node.order:
        keys = [_order_key(cx, scope, item, node.args) for item in node.order]
        order = " ORDER BY " + ", ".join(keys)
    name = cx.use("m_group_concat_distinct" if node.distinct else "m_group_concat")
    return Code(types.TEXT, True, sql=f"{name}({separator}, {text}{order})")


def _order_key(cx: Context, scope: Scope, item: ast.OrderItem, args: list[ast.Expr]) -> str:
    value = item.value
    if isinstance(value, ast.Literal) and value.kind == "int" and isinstance(value.value, int):
        if not 1 <= value.value <= len(args):
            raise error(1054, value.value, "order clause")
        value = args[value.value - 1]
    key = sort_key(cx, compile_expression(cx, scope, value))
    return key + (" DESC" if item.descending else "")


class _GroupConcat:
    """Cut at group_concat_max_len bytes, with warning 1260."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._parts: list[str] = []
        self._separator = ","

    def step(self, separator: str, value: Any) -> None:
        if value is not None:
            self._separator = separator
            self._parts.append(values.as_text(value))

    def final(self) -> str | None:
        if not self._parts:
            return None
        text = self._separator.join(self._parts)
        limit = self._session.variables.group_concat_max_len
        if len(text) * 4 > limit and len(raw := values.as_bytes(text)) > limit:
            self._session.warn(1260, error(1260, len(self._parts)).message)
            return raw[:limit].decode("utf-8", "ignore")
        return text


class _GroupConcatDistinct(_GroupConcat):
    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self._seen: set[str] = set()

    def step(self, separator: str, value: Any) -> None:
        if value is not None and (key := values.as_text(value).lower()) not in self._seen:
            self._seen.add(key)
            super().step(separator, value)


python_aggregate("m_group_concat", _GroupConcat, takes_session=True)
python_aggregate("m_group_concat_distinct", _GroupConcatDistinct, takes_session=True)


# one row only


class _Single:
    """The value of a scalar subquery; a second row is error 1242."""

    def __init__(self) -> None:
        self._rows = 0
        self._value: Any = None

    def step(self, value: Any) -> None:
        self._rows += 1
        if self._rows > 1:
            raise error(1242)
        self._value = value

    def final(self) -> Any:
        return self._value


python_aggregate("m_single", _Single)


# statistics and bits


class _Variance:
    """Welford's method; `kind` says which statistic."""

    sample = False
    root = False

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._square = 0.0

    def step(self, value: Any) -> None:
        if value is None:
            return
        self._count += 1
        delta = float(value) - self._mean
        self._mean += delta / self._count
        self._square += delta * (float(value) - self._mean)

    def final(self) -> float | None:
        divisor = self._count - self.sample
        if divisor <= 0:
            return None
        variance = self._square / divisor
        return math.sqrt(variance) if self.root else variance


class _SampleVariance(_Variance):
    sample = True


class _Deviation(_Variance):
    root = True


class _SampleDeviation(_Variance):
    sample = True
    root = True


class _BitAggregate:
    start = 0

    def __init__(self) -> None:
        self._bits = self.start

    def final(self) -> int | str:
        return values.stored_unsigned(self._bits)


class _BitOr(_BitAggregate):
    def step(self, value: Any) -> None:
        if value is not None:
            self._bits |= int(value) % values.U64


class _BitXor(_BitAggregate):
    def step(self, value: Any) -> None:
        if value is not None:
            self._bits ^= int(value) % values.U64


class _BitAnd(_BitAggregate):
    start = values.U64 - 1

    def step(self, value: Any) -> None:
        if value is not None:
            self._bits &= int(value) % values.U64


_STATISTICS: Final[dict[str, type[_Variance]]] = {
    "VAR_POP": _Variance, "VARIANCE": _Variance, "VAR_SAMP": _SampleVariance,
    "STDDEV_POP": _Deviation, "STDDEV": _Deviation, "STD": _Deviation,
    "STDDEV_SAMP": _SampleDeviation,
}  # fmt: skip
_BITS: Final[dict[str, type[_BitAggregate]]] = {
    "BIT_OR": _BitOr, "BIT_XOR": _BitXor, "BIT_AND": _BitAnd,
}  # fmt: skip


def _statistic(name: str) -> Builder:
    def build(cx: Context, scope: Scope, node: ast.Func) -> Code:
        code = forms.to_double(cx, forms.to_number(cx, _argument(cx, scope, node)))
        return Code(types.DOUBLE, True, sql=f"{cx.use(name)}({code.sql})")

    return build


def _bits(name: str) -> Builder:
    def build(cx: Context, scope: Scope, node: ast.Func) -> Code:
        code = forms.to_integer(cx, _argument(cx, scope, node))
        return Code(types.UNSIGNED_BIGINT, False, sql=f"{cx.use(name)}({code.sql})")

    return build


for _name, _factory in _STATISTICS.items():
    python_aggregate("m_" + _name.lower(), _factory)
    _aggregate(_name)(_statistic("m_" + _name.lower()))
for _name, _bit_factory in _BITS.items():
    python_aggregate("m_agg_" + _name.lower(), _bit_factory)
    _aggregate(_name)(_bits("m_agg_" + _name.lower()))


@_aggregate("JSON_ARRAYAGG")
def _json_arrayagg(cx: Context, scope: Scope, node: ast.Func) -> Code:
    from engine.sql.functions.json import json_argument

    code = json_argument(cx, _argument(cx, scope, node))
    return Code(types.JSON, True, sql=f"{cx.use('m_json_arrayagg')}({code})")


@_aggregate("JSON_OBJECTAGG")
def _json_objectagg(cx: Context, scope: Scope, node: ast.Func) -> Code:
    from engine.sql.functions.json import json_argument

    if len(node.args) != 2:
        raise error(1582, node.name)
    key, value = (compile_expression(cx, scope, arg) for arg in node.args)
    sql = f"{cx.use('m_json_objectagg')}({forms.to_text(cx, key).sql}, {json_argument(cx, value)})"
    return Code(types.JSON, True, sql=sql)
