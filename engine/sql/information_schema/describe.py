"""Pure: the words information_schema and SHOW use for columns and indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from engine.sql import collations
from engine.sql.schema import (
    EXPRESSION_DEFAULT,
    LITERAL_DEFAULT,
    NOW_DEFAULT,
    ColumnDef,
    IndexDef,
    TableDef,
)
from engine.sql.types import TEXT_BYTES, SqlType

_INTEGER_DIGITS: Final = {"tinyint": 3, "smallint": 5, "mediumint": 7, "int": 10, "bigint": 19}


def now_text(column: ColumnDef) -> str:
    digits = column.type.decimals
    return f"CURRENT_TIMESTAMP({digits})" if digits else "CURRENT_TIMESTAMP"


def default_text(column: ColumnDef) -> str | None:
    """COLUMN_DEFAULT."""
    if column.default_kind == LITERAL_DEFAULT:
        if column.type.family == "bit" and column.default is not None:
            return column.default if column.default.startswith("b'") else f"b'{column.default}'"
        return column.default
    if column.default_kind == NOW_DEFAULT:
        return now_text(column)
    return column.default if column.default_kind == EXPRESSION_DEFAULT else None


def extra(column: ColumnDef) -> str:
    words = []
    if column.auto_increment:
        words.append("auto_increment")
    if column.default_kind in (NOW_DEFAULT, EXPRESSION_DEFAULT):
        words.append("DEFAULT_GENERATED")
    if column.on_update_now:
        words.append(f"on update {now_text(column)}")
    return " ".join(words)


def column_key(table: TableDef, column: ColumnDef) -> str:
    """PRI, UNI, MUL or nothing; the strongest that holds."""
    name = column.name.lower()
    acting = acting_primary(table)
    if acting is not None and any(part.name.lower() == name for part in acting.columns):
        return "PRI"
    found = ""
    for index in table.indexes:
        if index.columns[0].name.lower() != name:
            continue
        if index.unique and len(index.columns) == 1:
            return "UNI"
        found = "MUL"
    return found


def acting_primary(table: TableDef) -> IndexDef | None:
    """The primary key, or the unique index without NULLs that stands in for it."""
    if table.primary is not None:
        return table.primary
    for index in table.indexes:
        if index.unique and not has_nulls(table, index):
            return index
    return None


def has_nulls(table: TableDef, index: IndexDef) -> bool:
    return any(table.by_name[part.name.lower()].nullable for part in index.columns)


def sorted_indexes(table: TableDef) -> list[IndexDef]:
    """In the order MySQL keeps them: primary key, unique ones without NULLs, unique, others."""

    def rank(index: IndexDef) -> int:
        if index.kind == "PRIMARY":
            return 0
        if index.unique:
            return 2 if has_nulls(table, index) else 1
        return 3

    return sorted(table.indexes, key=rank)


def index_parts(table: TableDef) -> Iterator[tuple[IndexDef, int, ColumnDef]]:
    """Every column of every index with its place, from 1."""
    for index in sorted_indexes(table):
        for at, part in enumerate(index.columns, 1):
            yield index, at, table.by_name[part.name.lower()]


@frozen
class Measures:
    """The seven columns of COLUMNS that follow from the type."""

    characters: int | None = None
    octets: int | None = None
    precision: int | None = None
    scale: int | None = None
    fraction: int | None = None
    charset: str | None = None
    collation: str | None = None


def measures(kind: SqlType) -> Measures:
    family = kind.family
    if kind.is_text:
        return _text_measures(kind)
    if family == "binary":
        size = TEXT_BYTES.get(kind.name, kind.length)
        return Measures(size, size)
    if family == "integer":
        digits = _INTEGER_DIGITS[kind.name] + (kind.name == "bigint" and kind.unsigned)
        return Measures(precision=digits, scale=0)
    if family == "decimal":
        return Measures(precision=kind.length, scale=kind.decimals)
    if family == "double":
        if kind.length:
            return Measures(precision=kind.length, scale=kind.decimals)
        return Measures(precision=12 if kind.name == "float" else 22)
    if family == "bit":
        return Measures(precision=kind.length)
    if family in ("datetime", "time"):
        return Measures(fraction=kind.decimals)
    return Measures()


def _text_measures(kind: SqlType) -> Measures:
    charset = collations.find_charset(kind.charset)
    longest = charset.longest if charset is not None else 4
    if kind.name in TEXT_BYTES:
        characters = octets = TEXT_BYTES[kind.name]
    else:
        if kind.family == "enum":
            characters = max(map(len, kind.members), default=0)
        elif kind.family == "set":
            characters = sum(map(len, kind.members)) + max(len(kind.members) - 1, 0)
        else:
            characters = kind.length
        octets = characters * longest
    return Measures(
        characters, octets, charset=kind.charset or None, collation=kind.collation or None
    )
