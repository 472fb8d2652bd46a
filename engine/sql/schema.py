"""Definitions of schemas, tables, columns and indexes: what MySQL knows and SQLite does not.

Frozen values, kept in the catalogue as JSON (see `catalog`). A table's `id` is never reused: it
tells a table from a later one of the same name.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Final

from attrs import asdict, define, frozen

from engine.sql.types import DEFAULT_CHARSET, DEFAULT_COLLATION, INTEGER_BITS, SqlType

# How a column gets a value that the statement does not give.
NO_DEFAULT: Final = ""
LITERAL_DEFAULT: Final = "literal"
NOW_DEFAULT: Final = "now"
EXPRESSION_DEFAULT: Final = "expression"


@frozen
class ColumnDef:
    name: str
    type: SqlType
    nullable: bool = True
    default_kind: str = NO_DEFAULT
    default: str | None = None  # the literal's text, or the expression's
    on_update_now: bool = False
    auto_increment: bool = False
    comment: str = ""


@frozen
class IndexColumn:
    name: str
    length: int | None = None  # prefix, in characters or bytes
    descending: bool = False


@frozen
class IndexDef:
    name: str
    kind: str  # PRIMARY, UNIQUE, KEY
    columns: tuple[IndexColumn, ...]
    comment: str = ""

    @property
    def unique(self) -> bool:
        return self.kind != "KEY"


@frozen
class SchemaDef:
    name: str
    charset: str = DEFAULT_CHARSET
    collation: str = DEFAULT_COLLATION


def sqlite_name(schema: str, table: str) -> str:
    """The SQLite table of a MySQL table.

    MySQL's names are case-sensitive and SQLite's are not, so capitals are marked; a dot, a mark
    and the index separator inside a name are marked too.
    """
    return f"{_marked(schema)}.{_marked(table)}"


def _marked(name: str) -> str:
    if name.islower() and name.isascii() and not {".", "^", "#", '"'} & set(name):
        return name
    return "".join(
        f"^{char.lower()}" if char != char.lower() or char in '.^#"' else char for char in name
    )


def quote(name: str) -> str:
    """A SQLite identifier."""
    return '"' + name.replace('"', '""') + '"'


@define(frozen=True, slots=False, eq=False)
class TableDef:
    """A table; identity equality, since the catalogue keeps one object per definition."""

    id: int
    schema: str
    name: str
    columns: tuple[ColumnDef, ...]
    indexes: tuple[IndexDef, ...] = ()
    engine: str = "InnoDB"
    charset: str = DEFAULT_CHARSET
    collation: str = DEFAULT_COLLATION
    comment: str = ""
    auto_increment: int = 1
    row_format: str = "Dynamic"
    created: str = ""
    virtual: bool = False  # information_schema and the like: no rows are stored

    @cached_property
    def by_name(self) -> dict[str, ColumnDef]:
        return {column.name.lower(): column for column in self.columns}

    @cached_property
    def positions(self) -> dict[str, int]:
        return {column.name.lower(): at for at, column in enumerate(self.columns)}

    @cached_property
    def sqlite_name(self) -> str:
        return sqlite_name(self.schema, self.name)

    @cached_property
    def primary(self) -> IndexDef | None:
        return next((index for index in self.indexes if index.kind == "PRIMARY"), None)

    @cached_property
    def rowid_column(self) -> str | None:
        """The one integer column of the primary key, which is SQLite's row id as well."""
        primary = self.primary
        if primary is None or len(primary.columns) != 1:
            return None
        column = self.by_name[primary.columns[0].name.lower()]
        return column.name if column.type.name in INTEGER_BITS else None

    @cached_property
    def rowid(self) -> str:
        """A name for SQLite's row id that no column hides."""
        if self.rowid_column is not None:
            return quote(self.rowid_column)
        return next(name for name in ("_rowid_", "rowid", "oid") if name not in self.by_name)

    @cached_property
    def auto_column(self) -> ColumnDef | None:
        return next((column for column in self.columns if column.auto_increment), None)

    @cached_property
    def unique_indexes(self) -> tuple[IndexDef, ...]:
        return tuple(index for index in self.indexes if index.unique)

    def index_sqlite_name(self, index: IndexDef) -> str:
        return f"{self.sqlite_name}#{_marked(index.name)}"

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> TableDef:
        fields: dict[str, Any] = json.loads(text)
        fields["columns"] = tuple(_column(column) for column in fields["columns"])
        fields["indexes"] = tuple(_index(index) for index in fields["indexes"])
        return TableDef(**fields)


def _column(fields: dict[str, Any]) -> ColumnDef:
    kind = fields["type"]
    kind["members"] = tuple(kind["members"])
    return ColumnDef(**{**fields, "type": SqlType(**kind)})


def _index(fields: dict[str, Any]) -> IndexDef:
    columns = tuple(IndexColumn(**column) for column in fields["columns"])
    return IndexDef(**{**fields, "columns": columns})
