"""Pure: a column as written -> its definition, default included."""

from __future__ import annotations

from attrs import evolve

from engine.errors import SqlError, error
from engine.sql import values
from engine.sql.assign import Problems, store_for
from engine.sql.ddl.columntypes import column_type
from engine.sql.parse import ast
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.schema import (
    EXPRESSION_DEFAULT,
    LITERAL_DEFAULT,
    NO_DEFAULT,
    NOW_DEFAULT,
    ColumnDef,
)
from engine.sql.types import INTEGER_BITS, TEXT_BYTES

_NAME_LENGTH_MAX = 64


class _NoWarnings:
    def warn(self, code: int, message: str, level: str = "Warning") -> None:
        """A default is checked here; nothing is stored yet."""


def check_name(name: str, errno: int) -> None:
    """1059 for a name too long; `errno` for one MySQL refuses."""
    if len(name) > _NAME_LENGTH_MAX:
        raise error(1059, name)
    if not name or name.endswith(" "):
        raise error(errno, name)


def column_def(spec: ddl.ColumnSpec, collation: str) -> ColumnDef:
    """The column; a key part's NOT NULL is added by the table (see `indexes`)."""
    check_name(spec.name, 1166)
    kind = column_type(spec.name, spec.type, collation)
    if spec.auto_increment and kind.name not in (*INTEGER_BITS, "float", "double"):
        raise error(1063, spec.name)
    required = spec.nullable is False or spec.auto_increment or spec.primary
    if spec.nullable is True and spec.primary:
        raise error(1171)
    column = ColumnDef(
        spec.name,
        kind,
        nullable=not required,
        auto_increment=spec.auto_increment,
        comment=spec.comment,
    )
    if spec.on_update is not None:
        if kind.name not in ("datetime", "timestamp") or not _is_now(spec.on_update, kind.decimals):
            raise error(1294, spec.name)
        column = evolve(column, on_update_now=True)
    return with_default(column, spec.default, spec.default_text)


def with_default(column: ColumnDef, value: ast.Expr | None, text: str | None) -> ColumnDef:
    """The column with that DEFAULT clause; None: without one."""
    if value is None:
        return evolve(column, default_kind=NO_DEFAULT, default=None)
    if column.auto_increment:
        raise error(1067, column.name)
    if _is_now(value, column.type.decimals) and column.type.family == "datetime":
        return evolve(column, default_kind=NOW_DEFAULT, default=None)
    if text is not None:
        return evolve(column, default_kind=EXPRESSION_DEFAULT, default=text)
    literal = _literal(value)
    if literal is None:
        raise error(1067, column.name)
    if literal.value is None:
        if not column.nullable:
            raise error(1067, column.name)
        return evolve(column, default_kind=NO_DEFAULT, default=None)
    if column.type.name in TEXT_BYTES or column.type.family == "json":
        raise error(1101, column.name)
    return evolve(column, default_kind=LITERAL_DEFAULT, default=_default_text(column, literal))


def _is_now(value: ast.Expr, digits: int) -> bool:
    if not isinstance(value, ast.Func) or value.name != "CURRENT_TIMESTAMP":
        return False
    written = value.args[0] if value.args else None
    return (written.value if isinstance(written, ast.Literal) else 0) == digits


def _literal(value: ast.Expr) -> ast.Literal | None:
    if isinstance(value, ast.Literal):
        return value
    if isinstance(value, ast.Unary) and value.op == "-" and isinstance(value.operand, ast.Literal):
        operand = value.operand
        if isinstance(operand.value, int | float):
            return ast.Literal(-operand.value, operand.kind)
        if isinstance(operand.value, str):
            return ast.Literal("-" + operand.value, operand.kind)
    return None


def _default_text(column: ColumnDef, literal: ast.Literal) -> str:
    """The default as information_schema shows it; 1067 when the column cannot hold it."""
    value = literal.value
    if isinstance(value, bool):
        value = int(value)
    problems = Problems(_NoWarnings(), strict=True, no_zero_date=False, no_zero_in_date=False)
    try:
        stored = store_for(column)(value, problems)
    except SqlError:
        raise error(1067, column.name) from None
    if column.type.family == "bit":
        return f"b'{int(stored):b}'"
    printer = values.printer(column.type)
    if printer is not None:
        stored = printer(stored)
    if isinstance(stored, float):
        return values.float_text(stored)
    return values.as_text(stored)
