"""CREATE, ALTER and DROP DATABASE."""

from __future__ import annotations

from engine.errors import error, no_database_selected
from engine.results import Ok
from engine.sql import catalog as catalogue
from engine.sql import charsets
from engine.sql.ddl.change import Change
from engine.sql.ddl.columns import check_name
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.schema import SchemaDef
from engine.sql.types import DEFAULT_COLLATION

_SYSTEM = "mysql"


def create_database(change: Change, node: ddl.CreateDatabase) -> Ok:
    check_name(node.name, 1102)
    change.check_writable(node.name)
    if change.catalog.find_schema(node.name) is not None:
        if not node.if_not_exists:
            raise error(1007, node.name)
        change.note(1007, node.name)
        return Ok(affected_rows=1)
    found = charsets.resolve(node.charset, node.collation, DEFAULT_COLLATION)
    catalogue.put_schema(change.db, SchemaDef(node.name, found.charset, found.name))
    return Ok(affected_rows=1)


def alter_database(change: Change, node: ddl.AlterDatabase) -> Ok:
    name = node.name or change.database
    if name is None:
        raise no_database_selected()
    schema = change.writable_schema(name)
    found = charsets.resolve(node.charset, node.collation, schema.collation)
    catalogue.put_schema(change.db, SchemaDef(schema.name, found.charset, found.name))
    return Ok(affected_rows=1)


def drop_database(change: Change, node: ddl.DropDatabase) -> Ok:
    if node.name == _SYSTEM:
        raise error(1044, change.user, change.client_host, node.name)
    change.check_writable(node.name)
    schema = change.catalog.find_schema(node.name)
    if schema is None:
        if not node.if_exists:
            raise error(1008, node.name)
        change.note(1008, node.name)
        return Ok()
    tables = change.catalog.tables_of(schema.name)
    for table in tables:
        change.remove_table(table)
    catalogue.drop_schema(change.db, schema.name)
    return Ok(affected_rows=len(tables))
