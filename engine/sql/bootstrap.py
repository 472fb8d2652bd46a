"""The first transaction on an empty volume: catalogue, schema `mysql`, the first account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from engine.sql.catalog import CREATE_CATALOG, Catalog, put_schema
from engine.sql.ddl.change import Change
from engine.sql.ddl.tables import create_table
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.parse.statements import parse_statement
from engine.sql.schema import SchemaDef
from engine.sql.users import CREATE_TABLES, create_first_accounts
from engine.store import StoreConnection

MYSQL: Final = SchemaDef("mysql")
SYS: Final = SchemaDef("sys")


async def create_system_schema(conn: StoreConnection, *, now: datetime | None = None) -> None:
    """Run inside the write transaction that `conn` has open; the caller commits."""
    db = conn.db
    for statement in CREATE_CATALOG:
        db.execute(statement)
    for schema in (MYSQL, SYS):
        put_schema(db, schema)
    catalog = Catalog(0, {MYSQL.name: MYSQL, SYS.name: SYS}, {}, {})
    # Creation times of system tables carry no information; the epoch says so.
    made = now or datetime.fromtimestamp(0, UTC)
    change = Change(db, catalog, MYSQL.name, "", "", made, _unexpected)
    for text in CREATE_TABLES:
        node = parse_statement(text).node
        assert isinstance(node, ddl.CreateTable), text
        create_table(change, node)
    create_first_accounts(db)
    conn.bump_catalog_version()


def _unexpected(code: int, message: str, level: str = "Warning") -> None:
    raise AssertionError(f"{level} {code} while creating the system schema: {message}")
