"""Trees -> plans: compilation put together (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from engine.errors import error
from engine.sql import values
from engine.sql.assign import store_for
from engine.sql.catalog import Catalog
from engine.sql.compile import rules
from engine.sql.compile.changes import (
    delete_sql,
    multi_delete_query,
    rowwise_query,
    update_sql,
)
from engine.sql.compile.code import Code, OutputColumn
from engine.sql.compile.context import Context, Settings, VariableTypes
from engine.sql.compile.inserts import compile_insert
from engine.sql.compile.queries import CompiledQuery, compile_query
from engine.sql.functions import library
from engine.sql.parse import ast
from engine.sql.parse.statements import StatementNode
from engine.sql.plans import (
    CommandPlan,
    DeletePlan,
    MultiDeletePlan,
    Plan,
    Printer,
    RowUpdate,
    RowwiseUpdatePlan,
    SelectPlan,
    UpdatePlan,
)
from engine.sql.schema import ColumnDef, TableDef, quote

assert library and rules  # their import registers functions and expression rules


@frozen
class Request:
    """What a plan is made for."""

    catalog: Catalog
    settings: Settings
    variables: VariableTypes
    user_variables: Mapping[str, Any]
    param_count: int
    param_kinds: tuple[type, ...] | None = None
    free_literals: bool = False

    def context(self) -> Context:
        return Context(
            self.catalog,
            self.settings,
            self.param_kinds,
            free_literals=self.free_literals,
            variables=self.variables,
            user_variables=self.user_variables,
        )


@frozen
class Planned:
    plan: Plan
    freed: frozenset[int]  # literals that became parameters


def make_plan(request: Request, node: StatementNode) -> Planned:
    cx = request.context()
    plan: Plan
    if isinstance(node, ast.Select | ast.Values | ast.SetOperation | ast.With):
        plan = select_plan(cx, request, node)
    elif isinstance(node, ast.Insert):
        plan = compile_insert(cx, request, node)
    elif isinstance(node, ast.Update):
        plan = _update_plan(cx, request, node)
    elif isinstance(node, ast.Delete):
        plan = _delete_plan(cx, request, node)
    else:
        plan = CommandPlan(version=request.catalog.version, node=node, cacheable=False,
                           any_kinds=True, param_count=request.param_count)  # fmt: skip
    return Planned(plan, frozenset(cx.freed))


def plan_fields(cx: Context) -> dict[str, Any]:
    """The fields every plan takes from its compilation."""
    tables = [cx.catalog.table(schema, name) for schema, name in sorted(cx.tables)]
    return {
        "version": cx.catalog.version,
        "functions": frozenset(cx.functions),
        "virtual": tuple(table for table in tables if table.virtual),
        "uses_tables": bool(tables),
        "cacheable": not cx.once,
    }


def select_plan(cx: Context, request: Request, node: ast.Query) -> SelectPlan:
    query = compile_query(cx, None, node)
    plan = evolve(query_plan(cx, request, query), limited=_is_limited(node))
    if query.count_sql is None:
        return plan
    assert isinstance(node, ast.Select)
    unlimited = evolve(node, calc_found_rows=False, order=[], limit=None)
    count_cx = request.context()
    counted = compile_query(count_cx, None, unlimited, aliased=True)
    sql = f"SELECT count(*) FROM ({counted.sql})"
    count = SelectPlan(sql=sql, slots=count_cx.binder.slots(sql, request.param_count),
                       **plan_fields(count_cx))  # fmt: skip
    return evolve(plan, count=count)


def _is_limited(node: ast.Query) -> bool:
    return _is_limited(node.body) if isinstance(node, ast.With) else node.limit is not None


def query_plan(cx: Context, request: Request, query: CompiledQuery) -> SelectPlan:
    return SelectPlan(
        sql=query.sql,
        slots=cx.binder.slots(query.sql, request.param_count),
        columns=tuple(column.metadata() for column in query.columns),
        printers=printers_of(query.columns),
        single_row=query.single_row,
        locking=cx.locking,
        **plan_fields(cx),
    )


def printers_of(columns: list[OutputColumn]) -> tuple[Printer | None, ...] | None:
    found = tuple(_printer(column.code) for column in columns)
    return found if any(found) else None


def _printer(code: Code) -> Printer | None:
    kind = code.type
    if kind.family == "integer" and code.origin is None and not code.is_constant:
        return _checked_unsigned if kind.unsigned else _checked_integer
    return values.printer(kind)


def _checked_integer(value: Any) -> Any:
    """SQLite continues an overflowing sum of integers as a REAL; MySQL does not."""
    if type(value) is float:
        raise error(1690, "BIGINT", values.as_text(value))
    return value


def _checked_unsigned(value: Any) -> Any:
    number = int(_checked_integer(value))
    if not 0 <= number < values.U64:
        raise error(1690, "BIGINT UNSIGNED", number)
    return number


def plain_query(cx: Context, request: Request, sql: str) -> SelectPlan:
    """A query made by the planner itself, whose rows nobody prints."""
    return SelectPlan(sql=sql, slots=cx.binder.slots(sql, request.param_count),
                      **plan_fields(cx))  # fmt: skip


def _update_plan(cx: Context, request: Request, node: ast.Update) -> Plan:
    if isinstance(node.source, ast.TableRef) and not node.order and not node.ignore:
        sql, table, assigner = update_sql(cx, node)
        return UpdatePlan(sql=sql, slots=cx.binder.slots(sql, request.param_count), table=table,
                          stores=tuple(assigner.stores), node=node, **plan_fields(cx))  # fmt: skip
    sql, layout, _ = rowwise_query(cx, node)
    targets, at = [], 0
    for source, columns in layout:
        assert source.table is not None
        targets.append(_row_update(source.table, columns, at))
        at += 1 + len(columns)
    return RowwiseUpdatePlan(query=plain_query(cx, request, sql), targets=tuple(targets),
                             ignore=node.ignore, **plan_fields(cx))  # fmt: skip


def _row_update(table: TableDef, columns: list[ColumnDef], at: int) -> RowUpdate:
    assigned = {column.name for column in columns}
    now = [c for c in table.columns if c.on_update_now and c.name not in assigned]
    sets = ", ".join(f"{quote(column.name)} = ?" for column in [*columns, *now])
    where = f"{table.rowid} = ?"
    positions = [table.positions[column.name.lower()] for column in columns]
    return RowUpdate(
        table=table,
        rowid_at=at,
        values_at=tuple(range(at + 1, at + 1 + len(columns))),
        stores=tuple(store_for(column) for column in columns),
        now_columns=tuple(table.positions[column.name.lower()] for column in now),
        positions=tuple(positions),
        sql=f"UPDATE {quote(table.sqlite_name)} SET {sets} WHERE {where}",
    )


def _delete_plan(cx: Context, request: Request, node: ast.Delete) -> Plan:
    if not node.targets and not (node.order and node.limit is None):
        sql, table = delete_sql(cx, node)
        return DeletePlan(sql=sql, slots=cx.binder.slots(sql, request.param_count), table=table,
                          **plan_fields(cx))  # fmt: skip
    if not node.targets:  # an order without a limit changes nothing
        return _delete_plan(cx, request, evolve(node, order=[]))
    sql, tables = multi_delete_query(cx, node)
    deletes = tuple(
        f"DELETE FROM {quote(table.sqlite_name)} WHERE {table.rowid} = ?" for table in tables
    )
    return MultiDeletePlan(query=plain_query(cx, request, sql), targets=deletes,
                           **plan_fields(cx))  # fmt: skip
