"""Control flow and comparison functions: SQLite's own, with MySQL's types."""

from __future__ import annotations

from engine.errors import error
from engine.sql import types
from engine.sql.compile import forms
from engine.sql.compile.calls import as_function_result, unified
from engine.sql.compile.code import Code
from engine.sql.compile.comparisons import boolean, comparable, compare, group_key
from engine.sql.compile.context import Context
from engine.sql.compile.scope import Scope
from engine.sql.functions.define import arguments, define
from engine.sql.functions.registry import builder, python_function
from engine.sql.parse import ast


@builder("IF")
def _if(cx: Context, scope: Scope, node: ast.Func) -> Code:
    condition, *results = arguments(cx, scope, node, 3, 3)
    kind, codes = unified(cx, results)
    truth = forms.to_boolean(cx, condition)
    nullable = any(code.nullable for code in results)
    return Code(kind, nullable, sql=f"iif({truth}, {codes[0].sql}, {codes[1].sql})")


@builder("IFNULL", "COALESCE", "NVL")
def _coalesce(cx: Context, scope: Scope, node: ast.Func) -> Code:
    most = None if node.name == "COALESCE" else 2
    codes = arguments(cx, scope, node, 1 if most is None else 2, most)
    kind, same = unified(cx, codes)
    nullable = all(code.nullable for code in codes)
    if len(same) == 1:
        return same[0]
    return Code(kind, nullable, sql=f"coalesce({', '.join(code.sql for code in same)})")


@builder("NULLIF")
def _nullif(cx: Context, scope: Scope, node: ast.Func) -> Code:
    left, right = arguments(cx, scope, node, 2, 2)
    condition = compare(cx, "=", left, right)
    kind = as_function_result(left.type)
    return Code(kind, True, sql=f"iif({condition.sql}, NULL, {left.sql})")


@builder("ISNULL")
def _isnull(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = arguments(cx, scope, node, 1, 1)
    return boolean(f"({code.sql} IS NULL)", nullable=False)


@builder("GREATEST", "LEAST")
def _extreme(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 2, None)
    kind = types.unify([code.type for code in codes])
    families = {code.type.family for code in codes}
    if "double" not in families and len(families & types.TEXT_FAMILIES) not in (0, len(families)):
        codes = comparable(cx, codes) if families & types.TEMPORAL_FAMILIES else codes
    same = [forms.to_family(cx, code, kind) for code in codes]
    name = "max" if node.name == "GREATEST" else "min"
    first = group_key(Code(kind, sql=same[0].sql))
    args = ", ".join([first, *(code.sql for code in same[1:])])
    return Code(kind, any(code.nullable for code in codes), sql=f"{name}({args})")


@builder("INTERVAL")
def _interval(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 2, None)
    args = ", ".join(forms.to_double(cx, forms.to_number(cx, code)).sql for code in codes)
    return Code(types.BIGINT, False, sql=f"{cx.use('m_interval')}({args})")


def _interval_position(value: float | None, *bounds: float | None) -> int:
    if value is None:
        return -1
    return sum(1 for bound in bounds if bound is not None and bound <= value)


python_function("m_interval", _interval_position, skip_null=False)


@builder("NAME_CONST")
def _name_const(cx: Context, scope: Scope, node: ast.Func) -> Code:
    return arguments(cx, scope, node, 2, 2)[1]


@builder("GROUPING")
def _grouping(cx: Context, scope: Scope, node: ast.Func) -> Code:
    raise error(1111)


define("BENCHMARK", "ir", types.BIGINT, lambda count, value: 0, nullable=False)
