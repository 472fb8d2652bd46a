"""SQLite's side of a table: the DDL that keeps a MySQL table's rows."""

from __future__ import annotations

from typing import Final

from engine.sql.schema import ColumnDef, IndexDef, TableDef, quote
from engine.sql.types import SqlType

# Affinities are chosen so that SQLite never converts a stored value: BIGINT UNSIGNED keeps large
# values as text, which INTEGER affinity would turn into a REAL.
_AFFINITY: Final = {
    "integer": "INTEGER", "year": "INTEGER", "bit": "INTEGER", "time": "INTEGER",
    "decimal": "TEXT COLLATE decimal", "double": "REAL", "binary": "BLOB",
    "date": "TEXT", "datetime": "TEXT", "json": "TEXT",
}  # fmt: skip


def storage_type(kind: SqlType) -> str:
    """Type name and collation of a column in SQLite's CREATE TABLE."""
    if kind.is_text:
        return "TEXT" if kind.case_sensitive else "TEXT COLLATE NOCASE"
    if kind.name == "bigint" and kind.unsigned:
        return "BLOB"
    return _AFFINITY[kind.family]


def create_table_sql(table: TableDef, name: str | None = None) -> str:
    columns = ", ".join(column_sql(table, column) for column in table.columns)
    return f"CREATE TABLE {quote(name or table.sqlite_name)}({columns})"


def column_sql(table: TableDef, column: ColumnDef) -> str:
    if column.name == table.rowid_column:
        return f"{quote(column.name)} INTEGER PRIMARY KEY"
    null = "" if column.nullable else " NOT NULL"
    return f"{quote(column.name)} {storage_type(column.type)}{null}"


def create_index_sql(table: TableDef, index: IndexDef) -> str | None:
    """None for a primary key that is SQLite's row id."""
    if index.kind == "PRIMARY" and table.rowid_column is not None:
        return None
    parts = ", ".join(
        index_part(table, index, at) + (" DESC" if part.descending else "")
        for at, part in enumerate(index.columns)
    )
    unique = "UNIQUE " if index.unique else ""
    name = quote(table.index_sqlite_name(index))
    return f"CREATE {unique}INDEX {name} ON {quote(table.sqlite_name)}({parts})"


def index_part(table: TableDef, index: IndexDef, at: int) -> str:
    """A column, or its prefix where the prefix is what must be unique."""
    part = index.columns[at]
    column = table.by_name[part.name.lower()]
    if part.length is None or not index.unique:
        return quote(column.name)
    collate = " COLLATE NOCASE" if column.type.is_text and not column.type.case_sensitive else ""
    return f"substr({quote(column.name)}, 1, {part.length}){collate}"
