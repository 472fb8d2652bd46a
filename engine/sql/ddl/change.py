"""One data definition statement at work inside its write transaction.

A definition changes three things together: rows of the catalogue, SQLite's own schema, and the
catalogue version that makes every session compile its plans anew. All of it is one MTR.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

import apsw
from attrs import define

from engine.errors import error, no_database_selected
from engine.sql import catalog as catalogue
from engine.sql.catalog import Catalog
from engine.sql.ddl.columns import check_name
from engine.sql.parse.ast import TableRef
from engine.sql.schema import SchemaDef, TableDef, quote
from engine.sql.storage import create_index_sql, create_table_sql

_VIRTUAL: Final = frozenset(["information_schema", "performance_schema"])


class Notes(Protocol):
    def __call__(self, code: int, message: str, level: str = ...) -> None: ...


@define
class Change:
    """What a definition needs of the session that makes it."""

    db: apsw.Connection
    catalog: Catalog
    database: str | None
    user: str
    client_host: str
    now: datetime
    warn: Notes

    def note(self, errno: int, *args: object) -> None:
        self.warn(errno, error(errno, *args).message, "Note")

    def schema_of(self, node: TableRef) -> str:
        name = node.schema or self.database
        if name is None:
            raise no_database_selected()
        return name

    def writable_schema(self, name: str) -> SchemaDef:
        """1049 when it does not exist, 1044 for the schemas that only describe the server."""
        self.check_writable(name)
        return self.catalog.schema(name)

    def check_writable(self, name: str) -> None:
        if name.lower() in _VIRTUAL:
            raise error(1044, self.user, self.client_host, name)

    def table(self, node: TableRef) -> TableDef:
        """An existing table, to be changed."""
        schema = self.schema_of(node)
        self.check_writable(schema)
        return self.catalog.table(schema, node.name)

    def free_name(self, node: TableRef) -> SchemaDef:
        """The schema a new table goes to; 1050 when the name is taken."""
        check_name(node.name, 1103)
        schema = self.writable_schema(self.schema_of(node))
        if self.catalog.find_table(schema.name, node.name) is not None:
            raise error(1050, node.name)
        return schema

    def created(self) -> str:
        return self.now.strftime("%Y-%m-%d %H:%M:%S")

    def next_id(self) -> int:
        return catalogue.next_table_id(self.db)

    # tables as a whole

    def add_table(self, table: TableDef) -> None:
        """A new, empty table with its indexes."""
        self.db.execute(create_table_sql(table))
        for index in table.indexes:
            sql = create_index_sql(table, index)
            if sql is not None:
                self.db.execute(sql)
        catalogue.put_table(self.db, table)

    def remove_table(self, table: TableDef) -> None:
        self.db.execute(f"DROP TABLE {quote(table.sqlite_name)}")
        catalogue.drop_table(self.db, table)

    def replace_definition(self, old: TableDef, new: TableDef) -> None:
        catalogue.drop_table(self.db, old)
        catalogue.put_table(self.db, new)
