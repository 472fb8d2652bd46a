"""From SQLite's constraint errors to MySQL's 1062, with the value and the key's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

from engine.errors import SqlError, duplicate_entry, error
from engine.sql import values
from engine.sql.compile import forms
from engine.sql.plans import UniqueLookup, UpdatePlan
from engine.sql.schema import IndexDef, TableDef, quote

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession


def key_name(table: TableDef, index: IndexDef) -> str:
    return f"{table.name}.{index.name}"


def lookup_values(lookup: UniqueLookup, row: list[Any]) -> list[Any] | None:
    """The key's value in a stored row; None when a NULL in it exempts the row."""
    found = []
    for position, length in zip(lookup.positions, lookup.prefixes, strict=True):
        value = row[position]
        if value is None:
            return None
        found.append(value if length is None else value[:length])
    return found


def find_conflict(
    session: SqlSession, lookups: tuple[UniqueLookup, ...], row: list[Any]
) -> tuple[UniqueLookup, int] | None:
    """The first unique key, in MySQL's order, that another row holds, and that row's id."""
    for lookup in lookups:
        wanted = lookup_values(lookup, row)
        if wanted is None:
            continue
        found = session.db.execute(lookup.sql, wanted).get
        if found is not None:
            return lookup, found
    return None


def duplicate(table: TableDef, lookup: UniqueLookup, row: list[Any]) -> SqlError:
    shown = []
    for value, position in zip(lookup_values(lookup, row) or (), lookup.positions, strict=True):
        convert = values.printer(table.columns[position].type)
        shown.append(values.as_text(value if convert is None else convert(value)))
    return duplicate_entry("-".join(shown)[:255], key_name(table, lookup.index))


def is_not_null(problem: apsw.ConstraintError) -> bool:
    return str(problem).startswith("NOT NULL constraint failed")


def failed_index(table: TableDef, problem: apsw.ConstraintError) -> IndexDef | None:
    """The index named by "UNIQUE constraint failed: t.a, t.b" or "... index 'name'"."""
    text = str(problem).partition("constraint failed: ")[2]
    if text.startswith("index "):
        name = text[len("index ") :].strip("'")
        return next((i for i in table.indexes if table.index_sqlite_name(i) == name), None)
    prefix = table.sqlite_name + "."
    names = [part.removeprefix(prefix).lower() for part in text.split(", ")]
    for index in table.unique_indexes:
        if [part.name.lower() for part in index.columns] == names:
            return index
    return None


def update_conflict(
    session: SqlSession,
    plan: UpdatePlan | None,
    params: Any,
    problem: apsw.ConstraintError,
    table: TableDef | None = None,
) -> SqlError:
    """The error of an UPDATE that ran into a unique key; its value is looked for afterwards."""
    target = table if plan is None else plan.table
    assert target is not None
    if is_not_null(problem):
        return error(1048, str(problem).rpartition(".")[2])
    index = failed_index(target, problem)
    if index is None:
        return error(1022, target.name)
    value = "" if plan is None else _new_value(session, plan, params, index)
    return duplicate_entry(value, key_name(target, index))


def _new_value(session: SqlSession, plan: UpdatePlan, params: Any, index: IndexDef) -> str:
    """The key value the first matching row would have got."""
    from engine.sql.compile.changes import (
        Assigner,
        compile_assignments,
        compile_where,
        single_source,
    )
    from engine.sql.compile.scope import Scope
    from engine.sql.parse import ast

    cx = session.request(len(params), tuple(map(type, params))).context()
    cx.free_literals = False
    node = plan.node
    assert isinstance(node.source, ast.TableRef)
    scope = Scope()
    source = single_source(cx, scope, node.source)
    where = compile_where(cx, scope, node.where)
    assigned = compile_assignments(cx, scope, source, node.assignments, assigner := Assigner(cx))
    new = {column.name.lower(): sql for column, sql in assigned}
    outputs, conditions = [], []
    for part in index.columns:
        column = plan.table.by_name[part.name.lower()]
        value = new.get(column.name.lower(), f"{source.sql_alias}.{quote(column.name)}")
        conditions.append(f"u.{quote(column.name)} = {value}")
        code = source.by_name[column.name.lower()].code
        printed = forms.to_text(cx, forms.derived(code, column.type, value))
        outputs.append(printed.sql)
    name = quote(plan.table.sqlite_name)
    base = f"SELECT {', '.join(outputs)} FROM {name} AS {source.sql_alias}{where}"
    other = (f"EXISTS (SELECT 1 FROM {name} AS u WHERE {' AND '.join(conditions)} AND "
             f"u.{plan.table.rowid} <> {source.sql_alias}.{plan.table.rowid})")  # fmt: skip
    session.stores = tuple(assigner.stores)
    session.bindings.ensure_names(cx.functions)
    for sql in (f"{base}{' AND ' if where else ' WHERE '}{other} LIMIT 1", f"{base} LIMIT 1"):
        bindings = cx.binder.slots(sql, len(params)).bind(params, session)
        row = session.db.execute(sql, bindings).fetchone()
        if row is not None:
            return "-".join(values.as_text(value) for value in row)
    return ""
