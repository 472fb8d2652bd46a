"""Data definition: from a statement's tree to catalogue rows and SQLite tables.

One statement is one write transaction. MySQL commits an open transaction before it, and so does
`session.write(..., implicit_commit=True)`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import apsw

from engine.results import Ok
from engine.sql.ddl.alter import alter_table, create_index, drop_index
from engine.sql.ddl.change import Change
from engine.sql.ddl.databases import alter_database, create_database, drop_database
from engine.sql.ddl.tables import create_table, drop_tables, rename_tables, truncate_table
from engine.sql.environment import SessionView
from engine.sql.parse import ddl_nodes as ddl
from engine.store import StoreConnection


class DefiningSession(SessionView, Protocol):
    """What data definition needs of a session beyond looking at it."""

    @property
    def conn(self) -> StoreConnection: ...

    def now(self) -> datetime: ...

    def warn(self, code: int, message: str, level: str = "Warning") -> None: ...

    def set_database(self, name: str | None) -> None: ...


async def execute_ddl(session: DefiningSession, node: ddl.Definition) -> Ok:
    """Run one definition; raises SqlError with nothing changed."""

    def change(db: apsw.Connection) -> Ok:
        done = apply_definition(
            Change(
                db,
                session.catalog(),
                session.database,
                session.user,
                session.client_host,
                session.now(),
                session.warn,
            ),
            node,
            session,
        )
        session.conn.bump_catalog_version()
        return done

    result = await session.write(change, implicit_commit=True)
    assert isinstance(result, Ok)
    if isinstance(node, ddl.DropDatabase) and session.database == node.name:
        session.set_database(None)
    return result


def apply_definition(change: Change, node: ddl.Definition, session: DefiningSession) -> Ok:
    strict = session.variables.strict
    match node:
        case ddl.CreateTable():
            return create_table(change, node)
        case ddl.DropTable():
            return drop_tables(change, node)
        case ddl.TruncateTable():
            return truncate_table(change, node)
        case ddl.RenameTable():
            return rename_tables(change, node)
        case ddl.CreateIndex():
            return create_index(change, node, session, strict=strict)
        case ddl.DropIndex():
            return drop_index(change, node, session, strict=strict)
        case ddl.AlterTable():
            return alter_table(change, node, session, strict=strict)
        case ddl.CreateDatabase():
            return create_database(change, node)
        case ddl.AlterDatabase():
            return alter_database(change, node)
        case ddl.DropDatabase():
            return drop_database(change, node)


__all__ = ["DefiningSession", "execute_ddl"]
