"""LIMIT."""

from __future__ import annotations

from typing import Any

from engine.errors import error
from engine.sql.compile.code import FromParam
from engine.sql.compile.context import Context
from engine.sql.compile.scope import Scope
from engine.sql.parse import ast


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise error(1210, "LIMIT")
    return min(value, (1 << 63) - 1)


def limit_sql(cx: Context, scope: Scope, limit: ast.Limit | None) -> str:
    if limit is None:
        return ""
    sql = f" LIMIT {_value(cx, limit.count)}"
    if limit.offset is not None:
        sql += f" OFFSET {_value(cx, limit.offset)}"
    return sql


def _value(cx: Context, node: ast.Expr) -> str:
    if isinstance(node, ast.Param):
        return cx.binder.place(FromParam(node.index, _count))
    assert isinstance(node, ast.Literal) and isinstance(node.value, int)
    if cx.free_literals and node.index is not None and node.value < 1 << 60:
        cx.freed.add(node.index)
        return cx.binder.place(FromParam(node.index))
    return str(_count(node.value))
