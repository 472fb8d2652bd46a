"""ORDER BY."""

from __future__ import annotations

from engine.errors import unknown_column
from engine.sql.compile.code import OutputColumn
from engine.sql.compile.comparisons import sort_key, string_collation
from engine.sql.compile.context import Context, without_free_literals
from engine.sql.compile.scope import Scope
from engine.sql.parse import ast


def compile_order(
    cx: Context, scope: Scope, items: list[ast.OrderItem], columns: list[OutputColumn]
) -> list[str]:
    """The terms of ORDER BY; an integer literal is a position, a name is first an alias."""
    if not items:
        return []
    before, cx.clause = cx.clause, "order clause"
    scope.use_aliases = scope.prefer_aliases = True
    terms = [_term(cx, scope, item, columns) for item in items]
    scope.use_aliases = scope.prefer_aliases = False
    cx.clause = before
    return terms


def _term(cx: Context, scope: Scope, item: ast.OrderItem, columns: list[OutputColumn]) -> str:
    value = item.value
    if isinstance(value, ast.Literal) and value.kind == "int":
        position = int(str(value.value))
        if not 1 <= position <= len(columns):
            raise unknown_column(str(position), "order clause")
        key = _position_key(cx, columns, position)
    else:
        code = without_free_literals(cx, scope, value)
        position = next((at for at, column in enumerate(columns, 1) if column.code is code), 0)
        key = _position_key(cx, columns, position) if position else sort_key(cx, code)
    return key + (" DESC" if item.descending else "")


def _position_key(cx: Context, columns: list[OutputColumn], position: int) -> str:
    """An output column sorted by; named by position so that RAND() is evaluated once."""
    code = columns[position - 1].code
    if code.origin is not None or code.fixed is not None:
        return sort_key(cx, code)
    if code.type.is_text and code.type.family == "string":
        collation = string_collation([code])
        return f"{position} COLLATE {collation}"
    if code.type.family == "decimal":
        return f"{position} COLLATE decimal"
    if code.type.family in ("enum", "set", "json"):
        return sort_key(cx, code)
    return str(position)


def order_sql(terms: list[str]) -> str:
    return " ORDER BY " + ", ".join(terms) if terms else ""
