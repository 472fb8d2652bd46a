"""Constants: literals, bound parameters, session values and variables."""

from __future__ import annotations

from engine.errors import error, not_supported
from engine.sql import types, values
from engine.sql.compile.code import Code, Converter, Fixed, FromParam, FromSession
from engine.sql.compile.context import Context, rule
from engine.sql.compile.scope import Scope
from engine.sql.parse import ast
from engine.sql.types import SqlType


def fixed(cx: Context, value: object, kind: SqlType) -> Code:
    return Code(kind, value is None, source=Fixed(value), binder=cx.binder)


def session_value(cx: Context, read: FromSession, kind: SqlType, *, nullable: bool) -> Code:
    return Code(kind, nullable, source=read, binder=cx.binder)


def literal_type(node: ast.Literal) -> SqlType:
    value = node.value
    if node.kind == "int":
        assert isinstance(value, int)
        if value >= 1 << 64:
            return types.decimal(len(str(value)), 0)
        return SqlType("bigint", len(str(value)) + 1 if value < 10**18 else 0, 0, value >= 1 << 63)
    if node.kind == "decimal":
        whole, _, fraction = str(value).partition(".")
        return types.decimal(len(whole.lstrip("0")) + len(fraction), len(fraction))
    if node.kind == "string":
        assert isinstance(value, str)
        return types.varchar(len(value))
    if node.kind == "bytes":
        assert isinstance(value, bytes)
        return types.varbinary(len(value))
    if node.kind == "hex":
        return types.HEXADECIMAL
    return {"float": types.DOUBLE, "bool": types.BOOLEAN, "null": types.NULL}[node.kind]


@rule(ast.Literal)
def compile_literal(cx: Context, scope: Scope, node: ast.Literal) -> Code:
    kind = literal_type(node)
    if cx.free_literals and node.index is not None and _can_be_free(node):
        cx.freed.add(node.index)
        convert: Converter | None = values.canonical_decimal if node.kind == "decimal" else None
        return Code(kind, False, source=FromParam(node.index, convert), binder=cx.binder)
    value = node.value
    if node.kind == "int" and isinstance(value, int) and value >= 1 << 63:
        value = f"{value:020}" if value < 1 << 64 else str(value)
    elif node.kind == "decimal":
        value = values.canonical_decimal(str(value))
    elif node.kind == "bool":
        value = int(bool(value))
    return Code(kind, value is None, source=Fixed(value), binder=cx.binder)


def _can_be_free(node: ast.Literal) -> bool:
    """Values of one kind in the digest must all have the same type here."""
    if node.kind == "int":
        return isinstance(node.value, int) and node.value < 10**18
    return node.kind in ("string", "float")


@rule(ast.Param)
def compile_param(cx: Context, scope: Scope, node: ast.Param) -> Code:
    kinds = cx.param_kinds
    python = kinds[node.index] if kinds is not None else str
    kind = _PARAM_TYPES.get(python, types.varchar(255))
    return Code(kind, True, source=FromParam(node.index), binder=cx.binder)


_PARAM_TYPES: dict[type, SqlType] = {
    int: types.BIGINT,
    bool: types.BIGINT,
    float: types.DOUBLE,
    str: types.varchar(255),
    bytes: types.varbinary(255),
    type(None): types.BIGINT,
}


@rule(ast.ColumnRef)
def compile_column(cx: Context, scope: Scope, node: ast.ColumnRef) -> Code:
    return scope.resolve(node, cx.clause)


@rule(ast.Collate)
def compile_collate(cx: Context, scope: Scope, node: ast.Collate) -> Code:
    from engine.sql.charsets import find_collation
    from engine.sql.compile.context import compile_expression

    collation = find_collation(node.collation)
    code = compile_expression(cx, scope, node.operand)
    if not code.type.is_text and code.type.name != "null":
        from engine.sql.compile.forms import to_text

        code = to_text(cx, code)
    kind = types.varchar(types.text_length(code.type), collation.name)
    return Code(kind, code.nullable, code.origin, code.source, code.binder, collation.name,
                sql=None if code.source is not None else code.sql)  # fmt: skip


@rule(ast.Row)
def compile_row(cx: Context, scope: Scope, node: ast.Row) -> Code:
    raise error(1241, 1)


@rule(ast.Interval)
def compile_interval(cx: Context, scope: Scope, node: ast.Interval) -> Code:
    raise not_supported("INTERVAL outside date arithmetic")


@rule(ast.Star)
def compile_star(cx: Context, scope: Scope, node: ast.Star) -> Code:
    raise error(
        1064,
        "You have an error in your SQL syntax; check the manual that corresponds to "
        "your MySQL server version for the right syntax to use near '*' at line 1",
    )
