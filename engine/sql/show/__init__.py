"""SHOW and DESCRIBE.

As in MySQL 8.0, most of them are queries of information_schema in other words (`queries`); the
rest have answers of their own (`direct`).
Source: MySQL 8.0 Reference Manual, 13.7.7 "SHOW Statements".
"""

from __future__ import annotations

from engine.errors import no_database_selected, not_supported
from engine.results import ResultSet
from engine.sql.environment import SessionView
from engine.sql.parse import admin_nodes as admin
from engine.sql.show.create_table import show_create_table
from engine.sql.show.direct import ANSWERS, EMPTY
from engine.sql.show.queries import QUERIES, ShowQuery, build
from engine.sql.show.results import result

__all__ = ["execute_show", "show_create_table"]


async def execute_show(session: SessionView, node: admin.Show | admin.Describe) -> ResultSet:
    if isinstance(node, admin.Describe):
        node = admin.Show(
            "COLUMNS", table=node.table.name, schema=node.table.schema, like=node.like
        )
    query = _query_of(node)
    if query is not None:
        return await _run(session, node, query)
    if node.what in EMPTY:
        return result(EMPTY[node.what], [])
    answer = ANSWERS.get(node.what)
    if answer is None:
        raise not_supported(f"SHOW {node.what}")
    return answer(session, node)


def _query_of(node: admin.Show) -> ShowQuery | None:
    if node.what in ("VARIABLES", "STATUS"):
        return QUERIES[f"{node.scope.upper()} {node.what}"]
    if node.full and f"FULL {node.what}" in QUERIES:
        return QUERIES[f"FULL {node.what}"]
    return QUERIES.get(node.what)


async def _run(session: SessionView, node: admin.Show, query: ShowQuery) -> ResultSet:
    schema, table = _place(session, node, query)
    sql = build(
        query,
        schema=schema,
        table=table,
        like=node.like,
        where=node.where_text,
        backslash_escapes=session.variables.backslash_escapes,
    )
    return await session.query(sql)


def _place(
    session: SessionView, node: admin.Show, query: ShowQuery
) -> tuple[str | None, str | None]:
    """The schema and table meant, as they are spelled in the catalogue; they must exist."""
    if "{schema}" not in query.condition:
        return None, None
    name = node.schema or session.database
    if name is None:
        raise no_database_selected()
    catalog = session.catalog()
    if "{table}" not in query.condition:
        return catalog.schema(name).name, None
    found = catalog.table(name, node.table or "")
    return found.schema, found.name
