"""The catalogue: all definitions as of one catalogue version, read from SQLite tables.

A `Catalog` is immutable; sessions of an instance share one per version (see `CatalogCache`), and
plans compiled against one are good as long as the version lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import apsw
from attrs import frozen

from engine.errors import unknown_database, unknown_table
from engine.sql.schema import SchemaDef, TableDef

FORMAT: Final = 1

CREATE_CATALOG: Final = (
    "CREATE TABLE sixfold_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE sixfold_schemata(name TEXT PRIMARY KEY, charset TEXT, collation TEXT)"
    " WITHOUT ROWID",
    "CREATE TABLE sixfold_tables(schema TEXT, name TEXT, definition TEXT,"
    " PRIMARY KEY(schema, name)) WITHOUT ROWID",
    f"INSERT INTO sixfold_meta VALUES('format', {FORMAT}), ('next_table_id', 1)",
)


@frozen
class Catalog:
    """Every schema and table of one version."""

    version: int
    schemata: Mapping[str, SchemaDef]
    tables: Mapping[tuple[str, str], TableDef]
    texts: Mapping[tuple[str, str], str]

    def schema(self, name: str) -> SchemaDef:
        found = self.find_schema(name)
        if found is None:
            raise unknown_database(name)
        return found

    def find_schema(self, name: str) -> SchemaDef | None:
        return self.schemata.get(name) or self.schemata.get(virtual_schema(name))

    def table(self, schema: str, name: str) -> TableDef:
        found = self.find_table(schema, name)
        if found is None:
            if self.find_schema(schema) is None:
                raise unknown_database(schema)
            raise unknown_table(schema, name)
        return found

    def find_table(self, schema: str, name: str) -> TableDef | None:
        found = self.tables.get((schema, name))
        if found is None:
            found = self.tables.get((virtual_schema(schema), name.upper()))
        return found

    def tables_of(self, schema: str) -> list[TableDef]:
        return sorted(
            (table for (owner, _), table in self.tables.items() if owner == schema),
            key=lambda table: table.name,
        )


def virtual_schema(name: str) -> str:
    """information_schema and performance_schema answer in any letter case."""
    return name.lower()


class CatalogCache:
    """The instance's newest catalogues by version; a few, as readers trail one another."""

    def __init__(self, virtual: Mapping[tuple[str, str], TableDef]) -> None:
        self._virtual = virtual
        self._catalogs: dict[int, Catalog] = {}

    def get(self, db: apsw.Connection, version: int) -> Catalog:
        """The catalogue of that version as `db` sees it now."""
        found = self._catalogs.get(version)
        if found is not None:
            return found
        newest = next(reversed(self._catalogs.values()), None)
        catalog = self._read(db, version, newest)
        if len(self._catalogs) >= 8:
            del self._catalogs[next(iter(self._catalogs))]
        self._catalogs[version] = catalog
        return catalog

    def _read(self, db: apsw.Connection, version: int, base: Catalog | None) -> Catalog:
        schemata = {
            name: SchemaDef(name, "utf8mb3", "utf8mb3_general_ci") for name, _ in self._virtual
        }
        tables = dict(self._virtual)
        texts: dict[tuple[str, str], str] = {}
        if db.execute("SELECT 1 FROM sqlite_schema WHERE name='sixfold_tables'").get is None:
            return Catalog(version, schemata, tables, texts)  # a volume still to be bootstrapped
        for name, charset, collation in db.execute("SELECT * FROM sixfold_schemata"):
            schemata[name] = SchemaDef(name, charset, collation)
        known = base.texts if base is not None else {}
        for schema, name, text in db.execute("SELECT * FROM sixfold_tables"):
            key = (schema, name)
            texts[key] = text
            if base is not None and known.get(key) == text:
                tables[key] = base.tables[key]
            else:
                tables[key] = TableDef.from_json(text)
        return Catalog(version, schemata, tables, texts)


def next_table_id(db: apsw.Connection) -> int:
    """A fresh table id; part of the write transaction that uses it."""
    row = db.execute(
        "UPDATE sixfold_meta SET value = value + 1 WHERE key = 'next_table_id' RETURNING value - 1"
    ).get
    return int(row)


def put_schema(db: apsw.Connection, schema: SchemaDef) -> None:
    db.execute(
        "INSERT OR REPLACE INTO sixfold_schemata VALUES(?,?,?)",
        (schema.name, schema.charset, schema.collation),
    )


def drop_schema(db: apsw.Connection, name: str) -> None:
    db.execute("DELETE FROM sixfold_schemata WHERE name = ?", (name,))


def put_table(db: apsw.Connection, table: TableDef) -> None:
    db.execute(
        "INSERT OR REPLACE INTO sixfold_tables VALUES(?,?,?)",
        (table.schema, table.name, table.to_json()),
    )


def drop_table(db: apsw.Connection, table: TableDef) -> None:
    db.execute(
        "DELETE FROM sixfold_tables WHERE schema = ? AND name = ?", (table.schema, table.name)
    )
