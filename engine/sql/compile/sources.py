"""FROM: tables, derived tables and joins."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from engine.errors import error, no_database_selected, not_supported, unknown_column
from engine.sql.compile.code import Code, OutputColumn
from engine.sql.compile.comparisons import compare
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.forms import to_boolean
from engine.sql.compile.scope import Scope, SourceColumn, SourceTable, table_source
from engine.sql.parse import ast
from engine.sql.schema import TableDef, quote

_JOINS: Final = {
    "INNER": "JOIN", "CROSS": "JOIN", "STRAIGHT": "CROSS JOIN", "LEFT": "LEFT JOIN",
    "RIGHT": "RIGHT JOIN",
}  # fmt: skip


@frozen
class CommonTableInfo:
    """A WITH table in sight."""

    sql_name: str
    columns: list[OutputColumn]


def find_table(cx: Context, node: ast.TableRef) -> TableDef:
    schema = node.schema if node.schema is not None else cx.settings.database
    if schema is None:
        raise no_database_selected()
    table = cx.catalog.table(schema, node.name)
    cx.tables.add((table.schema, table.name))
    return table


def compile_source(cx: Context, scope: Scope, node: ast.Source) -> str:
    """SQL of a FROM list; its tables are added to the scope."""
    if isinstance(node, ast.TableRef):
        return _table(cx, scope, node)
    if isinstance(node, ast.DerivedTable):
        return _derived(cx, scope, node)
    return _join(cx, scope, node)


def _table(cx: Context, scope: Scope, node: ast.TableRef) -> str:
    alias = node.alias or node.name
    sql_alias = cx.next_source()
    if node.schema is None:
        for level in reversed(cx.common_tables):
            found = level.get(node.name.lower())
            if found is not None:
                scope.add(SourceTable(alias, sql_alias, derived_columns(found.columns, sql_alias)))
                return f"{quote(found.sql_name)} AS {sql_alias}"
    table = find_table(cx, node)
    scope.add(stored_source(cx, table, alias, sql_alias))
    return f"{quote(table.sqlite_name)} AS {sql_alias}"


def stored_source(cx: Context, table: TableDef, alias: str, sql_alias: str) -> SourceTable:
    utc = cx.settings.utc
    if not utc and any(column.type.name == "timestamp" for column in table.columns):
        cx.use("m_from_utc")
    return table_source(table, alias, sql_alias, utc=utc)


def derived_columns(columns: list[OutputColumn], sql_alias: str) -> list[SourceColumn]:
    return [
        SourceColumn(
            column.name,
            Code(
                column.code.type,
                column.code.nullable,
                column.code.origin,
                sql=f"{sql_alias}.c{at}",
                column_collation=column.code.column_collation,
            ),
        )
        for at, column in enumerate(columns)
    ]


def _derived(cx: Context, scope: Scope, node: ast.DerivedTable) -> str:
    from engine.sql.compile.queries import compile_query

    if node.lateral:
        raise not_supported("LATERAL")
    # A derived table sees the blocks outside its query, not its neighbours.
    query = compile_query(cx, scope.parent, node.query, aliased=True)
    columns = renamed(query.columns, node.columns)
    seen: set[str] = set()
    for column in columns:
        if column.name.lower() in seen:
            raise error(1060, column.name)
        seen.add(column.name.lower())
    sql_alias = cx.next_source()
    scope.add(SourceTable(node.alias, sql_alias, derived_columns(columns, sql_alias)))
    return f"({query.sql}) AS {sql_alias}"


def renamed(columns: list[OutputColumn], names: tuple[str, ...]) -> list[OutputColumn]:
    """Columns under the names of a column list, if there is one."""
    if not names:
        return columns
    if len(names) != len(columns):
        raise error(1353)
    return [OutputColumn(name, column.code) for name, column in zip(names, columns, strict=True)]


def _join(cx: Context, scope: Scope, node: ast.Join) -> str:
    left = compile_source(cx, scope, node.left)
    boundary = len(scope.tables)
    right = compile_source(cx, scope, node.right)
    if isinstance(node.right, ast.Join):
        right = f"({right})"
    names = node.using
    if node.natural:
        names = _common_names(scope, boundary)
    sql = f"{left} {_JOINS[node.kind]} {right}"
    if names:
        return f"{sql} ON {_using(cx, scope, boundary, names, node.kind)}"
    if node.on is not None:
        before, cx.clause = cx.clause, "on clause"
        condition = to_boolean(cx, compile_expression(cx, scope, node.on))
        cx.clause = before
        return f"{sql} ON {condition}"
    return sql


def _common_names(scope: Scope, boundary: int) -> tuple[str, ...]:
    right = {name for table in scope.tables[boundary:] for name in table.by_name}
    names: list[str] = []
    for table in scope.tables[:boundary]:
        for column in table.columns:
            if column.name.lower() in right and column.name.lower() not in names:
                names.append(column.name.lower())
    return tuple(names)


def _using(cx: Context, scope: Scope, boundary: int, names: tuple[str, ...], kind: str) -> str:
    conditions = []
    for name in names:
        key = name.lower()
        left = scope.merged.get(key) or _one(scope.tables[:boundary], name)
        right = _one(scope.tables[boundary:], name)
        conditions.append(compare(cx, "=", left, right).sql)
        scope.merged[key] = right if kind == "RIGHT" else left
        if key not in scope.merged_order:
            scope.merged_order.append(key)
    return " AND ".join(conditions) or "1"


def _one(tables: list[SourceTable], name: str) -> Code:
    found = [table.by_name[name.lower()] for table in tables if name.lower() in table.by_name]
    if not found:
        raise unknown_column(name, "from clause")
    if len(found) > 1:
        raise error(1052, name, "from clause")
    return found[0].code
