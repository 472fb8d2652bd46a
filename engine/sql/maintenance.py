"""ANALYZE, CHECK, OPTIMIZE and REPAIR TABLE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.errors import error
from engine.results import Result, ResultSet
from engine.sql import types
from engine.sql.compile.code import Code, OutputColumn
from engine.sql.parse import admin_nodes as admin
from engine.sql.schema import TableDef, quote

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession

MAINTENANCE_COLUMNS: Final = tuple(
    OutputColumn(name, Code(types.varchar(length), True)).metadata()
    for name, length in (("Table", 128), ("Op", 10), ("Msg_type", 10), ("Msg_text", 393_216))
)


async def maintain(session: SqlSession, node: admin.Maintain) -> Result:
    rows: list[tuple[Any, ...]] = []
    for reference in node.tables:
        schema = reference.schema or session.database
        if schema is None:
            raise error(1046)
        table = session.catalog().find_table(schema, reference.name)
        label = f"{schema}.{reference.name}"
        if table is None:
            text = f"Table '{schema}.{reference.name}' doesn't exist"
            rows.append((label, node.operation, "Error", text))
            rows.append((label, node.operation, "status", "Operation failed"))
            continue
        rows += [(label, node.operation, *message) for message in _messages(session, node, table)]
    return ResultSet(MAINTENANCE_COLUMNS, rows)


def _messages(session: SqlSession, node: admin.Maintain, table: TableDef) -> list[tuple[str, str]]:
    if node.operation == "check" and not table.virtual:
        found = session.db.execute(f"PRAGMA integrity_check({quote(table.sqlite_name)})").fetchall()
        problems = [str(row[0]) for row in found if row[0] != "ok"]
        if problems:
            return [("error", text) for text in problems[:10]] + [("error", "Corrupt")]
    if node.operation == "optimize":
        return [
            ("note", "Table does not support optimize, doing recreate + analyze instead"),
            ("status", "OK"),
        ]
    if node.operation == "repair":
        return [("note", "The storage engine for the table doesn't support repair")]
    return [("status", "OK")]
