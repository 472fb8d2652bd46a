"""UPDATE and DELETE."""

from __future__ import annotations

from engine.errors import error, unknown_column
from engine.sql import types
from engine.sql.assign import Store, store_for
from engine.sql.compile import forms
from engine.sql.compile.code import Code, Stored
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.defaults import default_code
from engine.sql.compile.limits import limit_sql
from engine.sql.compile.ordering import compile_order, order_sql
from engine.sql.compile.scope import Scope, SourceTable
from engine.sql.compile.sources import compile_source, find_table, stored_source
from engine.sql.parse import ast
from engine.sql.schema import ColumnDef, TableDef, quote


class Assigner:
    """Compiles values assigned to columns; collects the stores of the Python function m_store."""

    def __init__(self, cx: Context) -> None:
        self._cx = cx
        self.stores: list[Store] = []

    def sql(self, column: ColumnDef, code: Code) -> str:
        """SQL of the value in the column's stored form, checked."""
        store = store_for(column)
        if code.source is not None:
            printed = self.printed(code, column)
            assert printed.source is not None
            return self._cx.binder.place(Stored(printed.source, store))
        shifted = column.type.name == "timestamp" and not self._cx.settings.utc
        if code.type == column.type and not shifted and (column.nullable or not code.nullable):
            return code.sql
        self.stores.append(store)
        name = self._cx.use("m_store")
        return f"{name}({self.printed(code, column).sql}, {len(self.stores) - 1})"

    def printed(self, code: Code, column: ColumnDef) -> Code:
        """The value as `assign` wants it: numbers as numbers, all else as text or bytes."""
        kind, target = code.type, column.type
        if kind == types.HEXADECIMAL and target.is_numeric and target.family != "bit":
            return forms.to_number(self._cx, code)
        if kind.family == "decimal" and target.family in ("bit", "enum", "set", "year"):
            return forms.to_integer(self._cx, code)
        if kind.is_numeric or kind.family in ("string", "enum", "set", "binary", "null", "json"):
            if kind.name == "bigint" and kind.unsigned and not target.is_numeric:
                return forms.to_text(self._cx, code)
            if target.is_numeric and kind.family in ("enum", "set"):
                return forms.enum_index(self._cx, code)
            return code
        if target.is_numeric:
            return forms.to_number(self._cx, code)
        return forms.to_text(self._cx, code)


def target_table(cx: Context, node: ast.TableRef) -> TableDef:
    """A table about to be changed."""
    table = find_table(cx, node)
    if table.virtual:
        raise error(1044, "", "", table.schema)
    return table


def assigned_column(table: TableDef, node: ast.ColumnRef) -> ColumnDef:
    column = table.by_name.get(node.name.lower())
    if column is None:
        raise unknown_column(node.written(), "field list")
    return column


def compile_assignments(
    cx: Context,
    scope: Scope,
    source: SourceTable,
    assignments: list[tuple[ast.ColumnRef, ast.Expr]],
    assigner: Assigner,
) -> list[tuple[ColumnDef, str]]:
    """Values in order; a later one sees what earlier ones assigned, as MySQL evaluates them."""
    table = source.table
    assert table is not None
    cx.clause = "field list"
    compiled: list[tuple[ColumnDef, str]] = []
    originals = {name: item.code for name, item in source.by_name.items()}
    for reference, value in assignments:
        if reference.table is not None and reference.table.lower() != source.alias.lower():
            raise unknown_column(reference.written(), "field list")
        column = assigned_column(table, reference)
        if isinstance(value, ast.DefaultOf) and value.column is None:
            code = default_code(cx, table, column)
        else:
            code = compile_expression(cx, scope, value)
        sql = assigner.sql(column, code)
        compiled = [(other, text) for other, text in compiled if other is not column]
        compiled.append((column, sql))
        item = source.by_name[column.name.lower()]
        item.code = Code(column.type, column.nullable, sql=f"({sql})")
    for name, code in originals.items():
        source.by_name[name].code = code
    return compiled


def on_update_now(
    cx: Context, source: SourceTable, compiled: list[tuple[ColumnDef, str]], assigner: Assigner
) -> list[tuple[ColumnDef, str]]:
    """ON UPDATE CURRENT_TIMESTAMP columns, set when any assignment changes the row."""
    table = source.table
    assert table is not None
    assigned = {column.name for column, _ in compiled}
    extra = [c for c in table.columns if c.on_update_now and c.name not in assigned]
    if not extra:
        return []
    changed = " OR ".join(
        f"({source.sql_alias}.{quote(column.name)} COLLATE BINARY IS NOT {sql})"
        for column, sql in compiled
    )
    result = []
    for column in extra:
        digits = ast.Literal(column.type.decimals, "int")
        now = compile_expression(cx, Scope(), ast.Func("NOW", [digits]))
        new = assigner.sql(column, now)
        old = f"{source.sql_alias}.{quote(column.name)}"
        result.append((column, f"iif({changed}, {new}, {old})"))
    return result


def compile_where(cx: Context, scope: Scope, node: ast.Expr | None) -> str:
    if node is None:
        return ""
    cx.clause = "where clause"
    return " WHERE " + forms.to_boolean(cx, compile_expression(cx, scope, node))


def single_source(cx: Context, scope: Scope, node: ast.TableRef) -> SourceTable:
    table = target_table(cx, node)
    source = stored_source(cx, table, node.alias or node.name, cx.next_source())
    scope.add(source)
    return source


def limited_where(
    cx: Context,
    scope: Scope,
    source: SourceTable,
    where: str,
    order: list[ast.OrderItem],
    limit: ast.Limit | None,
) -> str:
    """WHERE for a statement with LIMIT: the row ids found first."""
    if limit is None:
        return where
    table = source.table
    assert table is not None
    terms = order_sql(compile_order(cx, scope, order, []))
    alias = source.sql_alias
    return (
        f" WHERE {alias}.{table.rowid} IN (SELECT {alias}.{table.rowid} FROM "
        f"{quote(table.sqlite_name)} AS {alias}{where}{terms}{limit_sql(cx, scope, limit)})"
    )


def update_sql(cx: Context, node: ast.Update) -> tuple[str, TableDef, Assigner]:
    """The SQLite UPDATE of a single-table UPDATE without ORDER BY."""
    assert isinstance(node.source, ast.TableRef)
    scope = Scope()
    source = single_source(cx, scope, node.source)
    assert source.table is not None
    assigner = Assigner(cx)
    where = compile_where(cx, scope, node.where)
    compiled = compile_assignments(cx, scope, source, node.assignments, assigner)
    compiled += on_update_now(cx, source, compiled, assigner)
    where = limited_where(cx, scope, source, where, [], node.limit)
    sets = ", ".join(f"{quote(column.name)} = {sql}" for column, sql in compiled)
    name = quote(source.table.sqlite_name)
    return f"UPDATE {name} AS {source.sql_alias} SET {sets}{where}", source.table, assigner


def rowwise_query(
    cx: Context, node: ast.Update
) -> tuple[str, list[tuple[SourceTable, list[ColumnDef]]], int]:
    """SELECT of row ids and new values for an update done row by row.

    Columns: for each changed table its row id, then its new values in printed form.
    """
    scope = Scope()
    source_sql = compile_source(cx, scope, node.source)
    where = compile_where(cx, scope, node.where)
    cx.clause = "field list"
    assigner = Assigner(cx)
    outputs: list[str] = []
    grouped: dict[str, tuple[SourceTable, list[tuple[ColumnDef, str]]]] = {}
    for reference, value in node.assignments:
        source = _owner(scope, reference)
        assert source.table is not None
        column = assigned_column(source.table, reference)
        if isinstance(value, ast.DefaultOf) and value.column is None:
            code = default_code(cx, source.table, column)
        else:
            code = compile_expression(cx, scope, value)
        _, pairs = grouped.setdefault(source.sql_alias, (source, []))
        pairs.append((column, assigner.printed(code, column).sql))
    layout = []
    for source, pairs in grouped.values():
        assert source.table is not None
        outputs.append(f"{source.sql_alias}.{source.table.rowid}")
        outputs.extend(sql for _, sql in pairs)
        layout.append((source, [column for column, _ in pairs]))
    terms = order_sql(compile_order(cx, scope, node.order, []))
    limit = limit_sql(cx, scope, node.limit)
    sql = f"SELECT {', '.join(outputs)} FROM {source_sql}{where}{terms}{limit}"
    return sql, layout, len(outputs)


def _owner(scope: Scope, reference: ast.ColumnRef) -> SourceTable:
    """The table of a multi-table update that a column on the left side belongs to."""
    if reference.table is not None:
        found = scope.find_table(reference.table, reference.schema)
        if found is None:
            raise unknown_column(reference.written(), "field list")
        owners = [found]
    else:
        owners = [table for table in scope.tables if reference.name.lower() in table.by_name]
    if len(owners) > 1:
        raise error(1052, reference.name, "field list")
    if not owners or reference.name.lower() not in owners[0].by_name:
        raise unknown_column(reference.written(), "field list")
    owner = owners[0]
    if owner.table is None or owner.table.virtual:
        raise error(1288, owner.alias, "UPDATE")
    return owner


def delete_sql(cx: Context, node: ast.Delete) -> tuple[str, TableDef]:
    assert isinstance(node.source, ast.TableRef)
    scope = Scope()
    source = single_source(cx, scope, node.source)
    assert source.table is not None
    where = compile_where(cx, scope, node.where)
    where = limited_where(cx, scope, source, where, node.order, node.limit)
    name = quote(source.table.sqlite_name)
    return f"DELETE FROM {name} AS {source.sql_alias}{where}", source.table


def multi_delete_query(cx: Context, node: ast.Delete) -> tuple[str, list[TableDef]]:
    """SELECT of the row ids to delete, one column per target."""
    scope = Scope()
    source_sql = compile_source(cx, scope, node.source)
    where = compile_where(cx, scope, node.where)
    outputs, tables = [], []
    for target in node.targets:
        source = scope.find_table(target.name, target.schema)
        if source is None:
            raise error(1109, target.name, "MULTI DELETE")
        if source.table is None or source.table.virtual:
            raise error(1288, source.alias, "DELETE")
        outputs.append(f"{source.sql_alias}.{source.table.rowid}")
        tables.append(source.table)
    return f"SELECT {', '.join(outputs)} FROM {source_sql}{where}", tables
