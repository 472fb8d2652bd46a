"""The grant tables in plain SQLite, and an account to run statements as."""

from __future__ import annotations

import apsw

from engine.sql import users
from engine.sql.parse.statements import parse_statement
from engine.sql.system_tables import CREATE_TABLES
from tests.unit.engine.sql.describekit import DescribedSession, instance


def create_grant_tables(db: apsw.Connection) -> None:
    """As the bootstrap does with the engine's own CREATE TABLE, but for names and keys alone."""
    for text in CREATE_TABLES:
        node = parse_statement(text).node
        columns = ", ".join(f'"{column.name}"' for column in node.columns)
        primary = next(index for index in node.indexes if index.kind == "PRIMARY")
        key = ", ".join(f'"{part.column}"' for part in primary.parts)
        db.execute(f'CREATE TABLE "mysql.{node.table.name}"({columns}, PRIMARY KEY({key}))')
    users.create_first_accounts(db)


def session_of(user: str = "admin", **fields: object) -> DescribedSession:
    session = DescribedSession(instance(), user=user, **fields)  # type: ignore[arg-type]
    create_grant_tables(session.db)
    return session
