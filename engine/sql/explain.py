"""EXPLAIN in MySQL's tabular form, from SQLite's query plan.

The columns that MySQL takes from statistics (rows, filtered) are guesses here: 1 for a lookup by
a unique key, the table's size class otherwise is not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from engine.errors import not_supported
from engine.results import Result, ResultSet
from engine.sql import types
from engine.sql.catalog import Catalog
from engine.sql.compile.code import Code, OutputColumn
from engine.sql.parse import admin_nodes as admin
from engine.sql.parse import ast
from engine.sql.planner import make_plan
from engine.sql.plans import (
    DeletePlan,
    InsertPlan,
    MultiDeletePlan,
    RowwiseUpdatePlan,
    SelectPlan,
    UpdatePlan,
)
from engine.sql.schema import TableDef

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession

EXPLAIN_COLUMNS: Final = tuple(
    OutputColumn(name, Code(kind, True)).metadata()
    for name, kind in (
        ("id", types.UNSIGNED_BIGINT), ("select_type", types.varchar(19)),
        ("table", types.varchar(64)), ("partitions", types.varchar(1024)),
        ("type", types.varchar(10)), ("possible_keys", types.varchar(4096)),
        ("key", types.varchar(64)), ("key_len", types.varchar(4096)),
        ("ref", types.varchar(1024)), ("rows", types.UNSIGNED_BIGINT),
        ("filtered", types.DOUBLE), ("Extra", types.varchar(255)),
    )
)  # fmt: skip
_STEP: Final = re.compile(
    r"(?P<how>SCAN|SEARCH) (?P<alias>\S+)(?: USING (?P<covering>COVERING )?"
    r"(?P<what>INTEGER PRIMARY KEY|AUTOMATIC[\w ]*INDEX|INDEX)(?: (?P<index>[^(\s]\S*))?)?"
    r"(?: \((?P<terms>.*)\))?"
)


async def explain(session: SqlSession, node: admin.Explain) -> Result:
    if node.format not in ("TRADITIONAL", "DEFAULT"):
        raise not_supported(f"EXPLAIN FORMAT={node.format}")
    plan = make_plan(session.request(0, None), node.statement).plan  # type: ignore[arg-type]
    kind = "SIMPLE"
    if isinstance(plan, InsertPlan):
        row = (1, "INSERT", plan.target.table.name, None, "ALL", None, None, None, None, None,
               None, None)  # fmt: skip
        return ResultSet(EXPLAIN_COLUMNS, [row])
    if isinstance(plan, RowwiseUpdatePlan | MultiDeletePlan):
        plan = plan.query
    if isinstance(plan, UpdatePlan):
        kind = "UPDATE"
    elif isinstance(plan, DeletePlan):
        kind = "DELETE"
    elif isinstance(node.statement, ast.SetOperation):
        kind = "UNION"
    assert isinstance(plan, SelectPlan | UpdatePlan | DeletePlan)
    session.bindings.ensure(plan)
    steps = session.db.execute(f"EXPLAIN QUERY PLAN {plan.sql}", plan.slots.bind((), session))
    details = [str(step[3]) for step in steps.fetchall()]
    rows = _rows(plan.sql, details, kind, session.catalog())
    return ResultSet(EXPLAIN_COLUMNS, rows, session.warning_count)


def _rows(sql: str, details: list[str], kind: str, catalog: Catalog) -> list[tuple[Any, ...]]:
    names = {alias: name for name, alias in re.findall(r'"([^"]+)" AS (t\d+)', sql)}
    tables = {table.sqlite_name: table for table in catalog.tables.values()}
    temporary = "Using filesort" if any("TEMP B-TREE FOR ORDER" in d for d in details) else None
    rows = []
    for detail in details:
        match = _STEP.match(detail)
        if match is None or match["alias"] not in names:
            continue
        rows.append(_row(match, tables.get(names[match["alias"]]), kind, temporary))
    if not rows:
        return [(1, kind, *[None] * 9, "No tables used")]
    return rows


def _row(
    match: re.Match[str], table: TableDef | None, kind: str, extra: str | None
) -> tuple[Any, ...]:
    name = None if table is None else table.name
    key = None
    if match["what"] == "INTEGER PRIMARY KEY":
        key = "PRIMARY"
    elif match["what"] == "INDEX" and match["index"]:
        key = match["index"].rpartition("#")[2]
    terms = match["terms"] or ""
    equal = terms.count("=?")
    if match["how"] == "SCAN":
        access = "index" if key else "ALL"
    elif "<" in terms or ">" in terms:
        access = "range"
    else:
        index = None if table is None else next((i for i in table.indexes if i.name == key), None)
        unique = index is not None and index.unique and equal == len(index.columns)
        access = "const" if unique else "ref"
    reference = ",".join(["const"] * equal) if access in ("ref", "const") else None
    notes = [note for note in ("Using index" if match["covering"] else None, extra) if note]
    rows = 1 if access == "const" else None
    return (1, kind, name, None, access, key, key, None, reference, rows, 100.0,
            "; ".join(notes) or None)  # fmt: skip
