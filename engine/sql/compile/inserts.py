"""INSERT and REPLACE.

Rows are made in Python, value by value, because MySQL checks and converts them column by column
with the row's number in its errors; SQLite only ever sees INSERTs of stored values.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import evolve

from engine.errors import error, unknown_column
from engine.sql import types
from engine.sql.assign import store_for
from engine.sql.compile.changes import Assigner, compile_assignments, on_update_now, target_table
from engine.sql.compile.code import Binder, Code, Fixed, FromRow, FromSession, Source
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.defaults import default_code, has_default, literal_default
from engine.sql.compile.queries import compile_query
from engine.sql.compile.scope import Scope, SourceColumn, SourceTable
from engine.sql.compile.sources import stored_source
from engine.sql.parse import ast
from engine.sql.parse.statements import parse_expression
from engine.sql.plans import (
    DEFAULT_VALUE,
    Expression,
    InsertPlan,
    OnDuplicate,
    RowTemplate,
    SelectPlan,
    TargetTable,
    UniqueLookup,
    ValueSource,
)
from engine.sql.schema import (
    EXPRESSION_DEFAULT,
    LITERAL_DEFAULT,
    NOW_DEFAULT,
    ColumnDef,
    IndexDef,
    TableDef,
    quote,
)
from engine.sql.storage import index_part

if TYPE_CHECKING:
    from engine.sql.planner import Request


class Deferred(Enum):
    """Defaults that are not a stored value known beforehand."""

    NOW = "now"
    EXPRESSION = "expression"
    MISSING = "missing"


def make_target(table: TableDef) -> TargetTable:
    names = ", ".join(quote(column.name) for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    auto = table.auto_column
    name = quote(table.sqlite_name)
    return TargetTable(
        table=table,
        stores=tuple(store_for(column) for column in table.columns),
        defaults=tuple(_default(column) for column in table.columns),
        insert_sql=f"INSERT INTO {name}({names}) VALUES({marks})",
        auto_position=None if auto is None else table.positions[auto.name.lower()],
        lookups=tuple(make_lookup(table, index) for index in table.unique_indexes),
        delete_sql=f"DELETE FROM {name} WHERE {table.rowid} = ?",
    )


def _default(column: ColumnDef) -> Any:
    if column.default_kind == LITERAL_DEFAULT:
        return literal_default(column)
    if column.default_kind == NOW_DEFAULT:
        return Deferred.NOW
    if column.default_kind == EXPRESSION_DEFAULT:
        return Deferred.EXPRESSION
    if column.nullable or column.auto_increment:
        return None
    return Deferred.MISSING


def make_lookup(table: TableDef, index: IndexDef) -> UniqueLookup:
    parts = [index_part(table, index, at) for at in range(len(index.columns))]
    condition = " AND ".join(f"{part} = ?" for part in parts)
    return UniqueLookup(
        index,
        tuple(table.positions[part.name.lower()] for part in index.columns),
        tuple(part.length for part in index.columns),
        f"SELECT {table.rowid} FROM {quote(table.sqlite_name)} WHERE {condition}",
    )


def compile_insert(cx: Context, request: Request, node: ast.Insert) -> InsertPlan:
    from engine.sql.planner import plan_fields

    table = target_table(cx, node.table)
    columns = _columns(table, node.columns)
    positions = tuple(table.positions[column.name.lower()] for column in columns)
    rows: list[RowTemplate] = []
    query = None
    if node.query is not None:
        query = _query(cx, request, node.query, len(columns))
    else:
        assert node.rows is not None
        if node.columns is None and any(not row for row in node.rows):
            positions = ()
        rows = [
            _row(cx, request, table, columns if positions else [], row, number)
            for number, row in enumerate(node.rows, 1)
        ]
    on_duplicate = None
    if node.updates:
        on_duplicate = _on_duplicate(cx, request, table, columns, node)
    plan = InsertPlan(
        target=make_target(table),
        positions=positions,
        rows=tuple(rows),
        query=query,
        replace=node.replace,
        ignore=node.ignore,
        on_duplicate=on_duplicate,
        expression_defaults=_expression_defaults(cx, request, table, positions),
        any_kinds=query is None and not node.updates and all(row.query is None for row in rows),
        **plan_fields(cx),
    )
    return plan


def _columns(table: TableDef, names: list[str] | None) -> list[ColumnDef]:
    if names is None:
        return list(table.columns)
    columns = []
    for name in names:
        column = table.by_name.get(name.lower())
        if column is None:
            raise unknown_column(name, "field list")
        if column in columns:
            raise error(1110, name)
        columns.append(column)
    return columns


def _query(cx: Context, request: Request, node: ast.Query, width: int) -> SelectPlan:
    """INSERT ... SELECT: the rows in printed form, so that `assign` can convert them."""
    from engine.sql.planner import plain_query

    compiled = compile_query(cx, None, node, aliased=True)
    if len(compiled.columns) != width:
        raise error(1136, 1)
    assigner = Assigner(cx)
    alias = cx.next_source()
    outputs = []
    for at, column in enumerate(compiled.columns):
        code = Code(column.code.type, column.code.nullable, sql=f"{alias}.c{at}")
        outputs.append(assigner.printed(code, _TEXT_COLUMN).sql)
    sql = f"SELECT {', '.join(outputs)} FROM ({compiled.sql}) AS {alias}"
    return plain_query(cx, request, sql)


def _row(
    cx: Context,
    request: Request,
    table: TableDef,
    columns: list[ColumnDef],
    row: list[ast.Expr],
    number: int,
) -> RowTemplate:
    if len(row) != len(columns):
        raise error(1136, number)
    sources: list[ValueSource] = []
    expressions: list[str] = []
    row_cx = evolve_context(cx)
    assigner = Assigner(row_cx)
    scope = Scope()
    if not all(isinstance(value, ast.Literal | ast.Param) for value in row):
        scope.add(_values_so_far(row_cx, table))
    for column, value in zip(columns, row, strict=True):
        if isinstance(value, ast.DefaultOf) and value.column is None:
            sources.append(DEFAULT_VALUE)
            continue
        code = compile_expression(row_cx, scope, value)
        if scope.tables:
            scope.tables[0].by_name[column.name.lower()].code = code
        printed = assigner.printed(code, column)
        if printed.source is not None:
            sources.append(printed.source)
            continue
        sources.append(Expression(len(expressions)))
        expressions.append(printed.sql)
    if not expressions:
        return RowTemplate(tuple(sources))
    from engine.sql.planner import plain_query

    query = plain_query(row_cx, request, "SELECT " + ", ".join(expressions))
    return RowTemplate(tuple(sources), query)


def _values_so_far(cx: Context, table: TableDef) -> SourceTable:
    """VALUES (1, a + 1): a column means what the row has given it so far, or its default."""
    items = []
    for column in table.columns:
        code = Code(column.type, True, source=Fixed(None), binder=cx.binder)
        if has_default(column) and not column.auto_increment:
            code = default_code(cx, table, column)
        items.append(SourceColumn(column.name, code))
    return SourceTable(table.name, "", items, table.schema, table)


def evolve_context(cx: Context) -> Context:
    """The same compilation with placeholders of its own: another SQLite statement."""
    return evolve(cx, binder=Binder())


def _expression_defaults(
    cx: Context, request: Request, table: TableDef, given: tuple[int, ...]
) -> dict[int, SelectPlan]:
    """SELECTs of DEFAULT (expression) columns; any of them may be asked for by DEFAULT."""
    from engine.sql.planner import plain_query

    found = {}
    for at, column in enumerate(table.columns):
        if column.default_kind == EXPRESSION_DEFAULT:
            assert column.default is not None
            own = evolve_context(cx)
            own.free_literals = False
            code = compile_expression(own, Scope(), parse_expression(column.default))
            printed = Assigner(own).printed(code, column)
            found[at] = plain_query(own, request, f"SELECT {printed.sql}")
    return found


def _on_duplicate(
    cx: Context, request: Request, table: TableDef, columns: list[ColumnDef], node: ast.Insert
) -> OnDuplicate:
    """The update of the row that is in the way; VALUES(c) and alias.c are the new row's."""
    own = evolve_context(cx)
    scope = Scope()
    source = stored_source(own, table, table.name, own.next_source())
    scope.add(source)
    new = {
        column.name.lower(): Code(
            column.type, True, source=_row_value(own, column, at), binder=own.binder
        )
        for at, column in enumerate(table.columns)
    }
    own.insert_values = new
    if node.row_alias is not None:
        scope.row_aliases.append(_row_alias(node, columns, new))
    assigner = Assigner(own)
    compiled = compile_assignments(own, scope, source, node.updates, assigner)
    compiled += on_update_now(own, source, compiled, assigner)
    sets = ", ".join(f"{quote(column.name)} = {sql}" for column, sql in compiled)
    key = own.binder.place(FromRow(len(table.columns)))
    name = quote(table.sqlite_name)
    sql = f"UPDATE {name} AS {source.sql_alias} SET {sets} WHERE {source.sql_alias}.{table.rowid}"
    sql += f" = {key}"
    return OnDuplicate(sql=sql, slots=own.binder.slots(sql, -1), stores=tuple(assigner.stores))


def _row_value(cx: Context, column: ColumnDef, position: int) -> Source:
    """A value of the new row; a stored TIMESTAMP is in UTC, an expression's is not."""
    if column.type.name == "timestamp" and not cx.settings.utc:
        return FromSession(lambda session: session.local_row_value(position))
    return FromRow(position)


def _row_alias(node: ast.Insert, columns: list[ColumnDef], new: dict[str, Code]) -> SourceTable:
    assert node.row_alias is not None
    names = node.column_aliases or tuple(column.name for column in columns)
    if len(names) != len(columns):
        raise error(1136, 1)
    items = [
        SourceColumn(name, new[column.name.lower()])
        for name, column in zip(names, columns, strict=True)
    ]
    return SourceTable(node.row_alias, "", items)


_TEXT_COLUMN = ColumnDef("", types.TEXT)
