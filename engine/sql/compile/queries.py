"""Queries: SELECT blocks, set operations, VALUES and WITH."""

from __future__ import annotations

from attrs import evolve, frozen

from engine.errors import error, not_supported
from engine.sql import types
from engine.sql.compile import forms
from engine.sql.compile.code import Code, OutputColumn
from engine.sql.compile.comparisons import group_key, term_key
from engine.sql.compile.context import Context, compile_expression, without_free_literals
from engine.sql.compile.grouping import check_grouping
from engine.sql.compile.limits import limit_sql
from engine.sql.compile.ordering import compile_order, order_sql
from engine.sql.compile.scope import Scope, SourceTable
from engine.sql.compile.sources import (
    CommonTableInfo,
    compile_source,
    derived_columns,
    renamed,
)
from engine.sql.parse import ast
from engine.sql.schema import quote


@frozen
class CompiledQuery:
    sql: str
    columns: list[OutputColumn]
    single_row: bool = False  # never more than one row
    count_sql: str | None = None  # rows without LIMIT, for SQL_CALC_FOUND_ROWS


def compile_query(
    cx: Context, parent: Scope | None, node: ast.Query, *, aliased: bool = False
) -> CompiledQuery:
    """`aliased` names the output columns c0, c1, ... for use as a table."""
    if isinstance(node, ast.Select):
        return _select(cx, parent, node, aliased)
    if isinstance(node, ast.SetOperation):
        return _set_operation(cx, parent, node)
    if isinstance(node, ast.With):
        return _with(cx, parent, node, aliased)
    return _values(cx, parent, node)


# SELECT


def _select(cx: Context, parent: Scope | None, node: ast.Select, aliased: bool) -> CompiledQuery:
    scope = Scope(parent=parent, windows=node.windows)
    if node.locking is not None:
        cx.locking = node.locking
    clause = cx.clause
    source = "" if node.source is None else " FROM " + compile_source(cx, scope, node.source)
    cx.clause = "where clause"
    where = ""
    if node.where is not None:
        where = forms.to_boolean(cx, compile_expression(cx, scope, node.where))
    if scope.aggregates:
        raise error(1111)
    cx.clause = "field list"
    columns, bare = _items(cx, scope, node)
    item_aggregates = scope.aggregates
    group_codes = _group(cx, scope, node, columns)
    having = _having(cx, scope, node)
    order = compile_order(cx, scope, node.order, columns)
    grouped = bool(group_codes) or scope.aggregates > 0
    if cx.settings.full_group_by and grouped:
        check_grouping(scope, columns, bare, group_codes)
    if having and not grouped:
        where = f"{where} AND {having}" if where else having
        having = ""
    outputs = [_output_sql(column.code, node.distinct) for column in columns]
    if aliased:
        outputs = [f"{sql} AS c{at}" for at, sql in enumerate(outputs)]
    head = "SELECT DISTINCT " if node.distinct else "SELECT "
    sql = head + ", ".join(outputs) + source
    sql += f" WHERE {where}" if where else ""
    if group_codes:
        sql += " GROUP BY " + ", ".join(term_key(code) for code in group_codes)
    elif having and not item_aggregates:
        sql += " GROUP BY NULL"
    sql += f" HAVING {having}" if having else ""
    unlimited = sql
    sql += order_sql(order) + limit_sql(cx, scope, node.limit)
    cx.clause = clause
    single = not group_codes and grouped
    count = f"SELECT count(*) FROM ({unlimited})" if node.calc_found_rows else None
    return CompiledQuery(sql, columns, single or _at_most_one(node.limit), count)


def _at_most_one(limit: ast.Limit | None) -> bool:
    return (
        limit is not None
        and isinstance(limit.count, ast.Literal)
        and isinstance(limit.count.value, int)
        and limit.count.value <= 1
    )


def _output_sql(code: Code, distinct: bool) -> str:
    return group_key(code) if distinct else code.sql


def _items(
    cx: Context, scope: Scope, node: ast.Select
) -> tuple[list[OutputColumn], list[list[str]]]:
    """Output columns, and for each the columns it uses outside aggregates."""
    columns: list[OutputColumn] = []
    bare: list[list[str]] = []
    for item in node.items:
        if isinstance(item.value, ast.Star):
            expanded = _expand(scope, item.value)
            columns.extend(expanded)
            bare.extend([column.code.sql] for column in expanded)
            continue
        scope.bare_columns.clear()
        code = without_free_literals(cx, scope, item.value)
        bare.append([column.code.sql for _, column in scope.bare_columns])
        columns.append(OutputColumn(item.alias or item.text, code))
        if item.alias is not None:
            scope.aliases.setdefault(item.alias.lower(), code)
    for item, column in zip(node.items, columns, strict=False):
        if item.alias is None and isinstance(item.value, ast.ColumnRef):
            scope.aliases.setdefault(column.name.lower(), column.code)
    return columns, bare


def _expand(scope: Scope, star: ast.Star) -> list[OutputColumn]:
    if star.table is not None:
        table = scope.find_table(star.table, star.schema)
        if table is None:
            raise error(1051, star.table)
        return [OutputColumn(column.name, column.code) for column in table.columns]
    if not scope.tables:
        raise error(1096)
    columns: list[OutputColumn] = []
    for key in scope.merged_order:
        name = _merged_name(scope.tables, key)
        columns.append(OutputColumn(name, scope.merged[key]))
    for table in scope.tables:
        for column in table.columns:
            if column.name.lower() not in scope.merged:
                columns.append(OutputColumn(column.name, column.code))
    return columns


def _merged_name(tables: list[SourceTable], key: str) -> str:
    return next(table.by_name[key].name for table in tables if key in table.by_name)


def _group(cx: Context, scope: Scope, node: ast.Select, columns: list[OutputColumn]) -> list[Code]:
    codes = []
    cx.clause = "group statement"
    scope.use_aliases = True
    for item in node.group:
        if isinstance(item, ast.Literal) and item.kind == "int":
            assert isinstance(item.value, int)
            if not 1 <= item.value <= len(columns):
                raise error(1054, item.value, "group statement")
            codes.append(columns[item.value - 1].code)
            continue
        before = scope.aggregates
        codes.append(without_free_literals(cx, scope, item))
        if scope.aggregates != before:
            raise error(1111)
    scope.use_aliases = False
    return codes


def _having(cx: Context, scope: Scope, node: ast.Select) -> str:
    if node.having is None:
        return ""
    cx.clause = "having clause"
    scope.use_aliases = scope.prefer_aliases = True
    sql = forms.to_boolean(cx, without_free_literals(cx, scope, node.having))
    scope.use_aliases = scope.prefer_aliases = False
    return sql


# UNION, EXCEPT, INTERSECT


def _set_operation(cx: Context, parent: Scope | None, node: ast.SetOperation) -> CompiledQuery:
    left = compile_query(cx, parent, node.left, aliased=True)
    right = compile_query(cx, parent, node.right, aliased=True)
    sql, columns = combine(cx, node, left, right)
    sql_alias = cx.next_source()
    scope = Scope(parent=parent)
    scope.add(SourceTable("", sql_alias, derived_columns(columns, sql_alias)))
    scope.aliases = {column.name.lower(): source.code
                     for column, source in zip(columns, scope.tables[0].columns, strict=True)
                     }  # fmt: skip
    outputs = [
        OutputColumn(column.name, evolve(source.code, origin=None))
        for column, source in zip(columns, scope.tables[0].columns, strict=True)
    ]
    listed = ", ".join(f"{sql_alias}.c{at} AS c{at}" for at in range(len(columns)))
    order = order_sql(compile_order(cx, scope, node.order, outputs))
    limit = limit_sql(cx, scope, node.limit)
    whole = f"SELECT {listed} FROM ({sql}) AS {sql_alias}{order}{limit}"
    return CompiledQuery(whole, outputs, _at_most_one(node.limit))


def combine(
    cx: Context, node: ast.SetOperation, left: CompiledQuery, right: CompiledQuery
) -> tuple[str, list[OutputColumn]]:
    """The compound SELECT, both sides brought to common types."""
    if len(left.columns) != len(right.columns):
        raise error(1222)
    columns = []
    for a, b in zip(left.columns, right.columns, strict=True):
        kind = types.unify([a.code.type, b.code.type])
        columns.append(OutputColumn(a.name, Code(kind, a.code.nullable or b.code.nullable)))
    if node.all and node.op != "UNION":
        raise not_supported(f"{node.op} ALL")
    op = "UNION ALL" if node.all else node.op
    first = _operand(cx, left, columns, collated=not node.all)
    return f"{first} {op} {_operand(cx, right, columns, collated=False)}", columns


def _operand(
    cx: Context, query: CompiledQuery, columns: list[OutputColumn], *, collated: bool
) -> str:
    """A side as SELECT ... FROM (side), so that it may have its own ORDER BY and LIMIT."""
    sql_alias = cx.next_source()
    parts = []
    for at, (own, column) in enumerate(zip(query.columns, columns, strict=True)):
        code = Code(own.code.type, own.code.nullable, sql=f"{sql_alias}.c{at}")
        code = forms.to_family(cx, code, column.code.type)
        parts.append(f"{group_key(code) if collated else code.sql} AS c{at}")
    return f"SELECT {', '.join(parts)} FROM ({query.sql}) AS {sql_alias}"


# VALUES and WITH


def _values(cx: Context, parent: Scope | None, node: ast.Values) -> CompiledQuery:
    scope = Scope(parent=parent)
    rows = [[without_free_literals(cx, scope, value) for value in row] for row in node.rows]
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        raise error(1136, next(at for at, row in enumerate(rows, 1) if len(row) != width))
    columns = []
    for at in range(width):
        kind = types.unify([row[at].type for row in rows])
        nullable = any(row[at].nullable for row in rows)
        columns.append(OutputColumn(f"column_{at}", Code(kind, nullable, sql=f"c{at}")))
    selects = [
        "SELECT "
        + ", ".join(
            f"{forms.to_family(cx, code, column.code.type).sql} AS c{at}"
            for at, (code, column) in enumerate(zip(row, columns, strict=True))
        )
        for row in rows
    ]
    sql_alias = cx.next_source()
    inner = SourceTable("", sql_alias, derived_columns(columns, sql_alias))
    scope.add(inner)
    outputs = [OutputColumn(column.name, column.code) for column in inner.columns]
    listed = ", ".join(f"{column.code.sql} AS c{at}" for at, column in enumerate(outputs))
    order = order_sql(compile_order(cx, scope, node.order, outputs))
    limit = limit_sql(cx, scope, node.limit)
    sql = f"SELECT {listed} FROM ({' UNION ALL '.join(selects)}) AS {sql_alias}{order}{limit}"
    return CompiledQuery(sql, outputs, len(rows) == 1)


def _with(cx: Context, parent: Scope | None, node: ast.With, aliased: bool) -> CompiledQuery:
    level: dict[str, CommonTableInfo] = {}
    cx.common_tables.append(level)
    parts = []
    for table in node.tables:
        name = f"w{cx.next_source()}"
        if node.recursive and isinstance(table.query, ast.SetOperation):
            sql, columns = _recursive(cx, parent, table, table.query, name, level)
        else:
            query = compile_query(cx, parent, table.query, aliased=True)
            sql, columns = query.sql, renamed(query.columns, table.columns)
            level[table.name.lower()] = CommonTableInfo(name, columns)
        listed = ", ".join(f"c{at}" for at in range(len(columns)))
        parts.append(f"{quote(name)}({listed}) AS ({sql})")
    body = compile_query(cx, parent, node.body, aliased=aliased)
    cx.common_tables.pop()
    recursive = "RECURSIVE " if node.recursive else ""
    return evolve(body, sql=f"WITH {recursive}{', '.join(parts)} {body.sql}")


def _recursive(
    cx: Context,
    parent: Scope | None,
    table: ast.CommonTable,
    query: ast.SetOperation,
    name: str,
    level: dict[str, CommonTableInfo],
) -> tuple[str, list[OutputColumn]]:
    """The first operand gives names and types; SQLite wants both operands bare."""
    if query.op != "UNION":
        raise not_supported(f"{query.op} in a recursive common table expression")
    first = compile_query(cx, parent, query.left, aliased=True)
    columns = [
        OutputColumn(column.name, evolve(column.code, nullable=True, origin=None))
        for column in renamed(first.columns, table.columns)
    ]
    level[table.name.lower()] = CommonTableInfo(name, columns)
    second = compile_query(cx, parent, query.right, aliased=True)
    if len(second.columns) != len(columns):
        raise error(1222)
    limit = limit_sql(cx, Scope(parent=parent), query.limit)
    op = "UNION ALL" if query.all else "UNION"
    return f"{first.sql} {op} {second.sql}{limit}", columns
