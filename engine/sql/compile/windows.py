"""Window functions: SQLite's own, with MySQL's types and collations."""

from __future__ import annotations

from typing import Final

from engine.errors import SqlError, not_supported
from engine.sql import types
from engine.sql.compile import forms
from engine.sql.compile.code import Code
from engine.sql.compile.comparisons import sort_key, term_key
from engine.sql.compile.context import Context, compile_expression, without_free_literals
from engine.sql.compile.scope import Scope
from engine.sql.functions.registry import AGGREGATES, BUILDERS
from engine.sql.parse import ast
from engine.sql.types import SqlType

_RANKS: Final[dict[str, SqlType]] = {
    "ROW_NUMBER": types.UNSIGNED_BIGINT, "RANK": types.UNSIGNED_BIGINT,
    "DENSE_RANK": types.UNSIGNED_BIGINT, "NTILE": types.UNSIGNED_BIGINT,
    "PERCENT_RANK": types.DOUBLE, "CUME_DIST": types.DOUBLE,
}  # fmt: skip
_VALUES: Final = frozenset(["LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"])
# Aggregates that may have a window.
_WINDOWED: Final = frozenset(["COUNT", "SUM", "MIN", "MAX", "AVG"])


def compile_window(cx: Context, scope: Scope, node: ast.Func) -> Code:
    assert node.window is not None
    over = f" OVER ({_window(cx, scope, node.window)})"
    name = node.name
    if name in _RANKS:
        args = ", ".join(without_free_literals(cx, scope, arg).sql for arg in node.args)
        return Code(_RANKS[name], False, sql=f"{name.lower()}({args}){over}")
    if name in _VALUES:
        codes = [compile_expression(cx, scope, arg) for arg in node.args]
        if len(codes) == 3:  # the default of LAG and LEAD has the value's type
            codes[2] = forms.to_family(cx, codes[2], codes[0].type)
        args = ", ".join(code.sql for code in codes)
        return Code(codes[0].type, True, sql=f"{name.lower()}({args}){over}")
    if name in _WINDOWED and not node.distinct:
        cx.over = over
        try:
            return BUILDERS[name](cx, scope, node)
        finally:
            cx.over = ""
    if name in AGGREGATES:
        raise not_supported(f"{name} as a window function")
    raise SqlError(1064, "42000", "You have an error in your SQL syntax; check the manual that "
                   "corresponds to your MySQL server version for the right syntax to use near "
                   "'OVER' at line 1")  # fmt: skip


def _window(cx: Context, scope: Scope, window: ast.Window) -> str:
    base = ast.Window()
    if window.name is not None:
        found = scope.windows.get(window.name.lower())
        if found is None:
            raise SqlError(3579, "HY000", f"Window name '{window.name}' is not defined.")
        base = found
    partition = window.partition or base.partition
    order = window.order or base.order
    frame = window.frame or base.frame
    parts = []
    if partition:
        keys = [term_key(compile_expression(cx, scope, item)) for item in partition]
        parts.append("PARTITION BY " + ", ".join(keys))
    if order:
        keys = [
            sort_key(cx, compile_expression(cx, scope, item.value))
            + (" DESC" if item.descending else "")
            for item in order
        ]
        parts.append("ORDER BY " + ", ".join(keys))
    if frame:
        parts.append(frame)
    return " ".join(parts)
