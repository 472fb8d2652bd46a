"""The default of a column as an expression."""

from __future__ import annotations

from engine.errors import error
from engine.sql import types, values
from engine.sql.assign import Problems, store_for
from engine.sql.compile.code import Code, Fixed
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.scope import Scope
from engine.sql.parse import ast
from engine.sql.parse.statements import parse_expression
from engine.sql.schema import (
    EXPRESSION_DEFAULT,
    LITERAL_DEFAULT,
    NOW_DEFAULT,
    ColumnDef,
    TableDef,
)


class _Silent:
    def warn(self, code: int, message: str, level: str = "Warning") -> None:
        return None


def literal_default(column: ColumnDef) -> object:
    """The stored value of a literal default; it was checked when the table was made."""
    if column.type.family == "bit" and column.default is not None:
        return values.stored_unsigned(int(column.default[2:-1] or "0", 2))
    lenient = Problems(_Silent(), strict=False, no_zero_date=False, no_zero_in_date=False)
    return store_for(column)(column.default, lenient)


def has_default(column: ColumnDef) -> bool:
    return column.default_kind != "" or column.nullable or column.auto_increment


def default_code(cx: Context, table: TableDef, column: ColumnDef) -> Code:
    """DEFAULT(column); 1364 when there is none."""
    if column.default_kind == LITERAL_DEFAULT:
        return Code(column.type, False, source=Fixed(literal_default(column)), binder=cx.binder)
    if column.default_kind == NOW_DEFAULT:
        digits = ast.Literal(column.type.decimals, "int")
        return compile_expression(cx, Scope(), ast.Func("NOW", [digits]))
    if column.default_kind == EXPRESSION_DEFAULT:
        assert column.default is not None
        return compile_expression(cx, Scope(), parse_expression(column.default))
    if column.nullable:
        return Code(types.NULL, True, source=Fixed(None), binder=cx.binder)
    raise error(1364, column.name)
