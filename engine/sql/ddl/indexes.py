"""Pure: keys as written -> index definitions of a table, named and checked as InnoDB does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve

from engine.errors import error, not_supported
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.schema import NO_DEFAULT, ColumnDef, IndexColumn, IndexDef
from engine.sql.types import TEXT_BYTES, SqlType

_KEY_BYTES_MAX = 3072
_KEYS_MAX = 64
_PRIMARY = "PRIMARY"


def add_index(
    spec: ddl.IndexSpec, columns: Mapping[str, ColumnDef], indexes: Iterable[IndexDef]
) -> IndexDef:
    """The new index; `columns` by lower-case name, `indexes` are those that exist."""
    taken = {index.name.lower() for index in indexes}
    if len(taken) >= _KEYS_MAX:
        raise error(1069, _KEYS_MAX)
    parts: list[IndexColumn] = []
    seen: set[str] = set()
    for part in spec.parts:
        column = columns.get(part.column.lower())
        if column is None:
            raise error(1072, part.column)
        if column.name.lower() in seen:
            raise error(1060, part.column)
        seen.add(column.name.lower())
        parts.append(_index_column(part, column))
    name = _name(spec, parts, taken)
    return IndexDef(name, spec.kind, tuple(parts), spec.comment)


def _name(spec: ddl.IndexSpec, parts: list[IndexColumn], taken: set[str]) -> str:
    if spec.kind == _PRIMARY:
        if _PRIMARY.lower() in taken:
            raise error(1068)
        return _PRIMARY
    if spec.name is not None:
        if spec.name.lower() == _PRIMARY.lower():
            raise error(1280, spec.name)
        if spec.name.lower() in taken:
            raise error(1061, spec.name)
        return spec.name
    base = parts[0].name
    name, number = base, 2
    while name.lower() in taken or name.lower() == _PRIMARY.lower():
        name = f"{base}_{number}"
        number += 1
    return name


def _index_column(part: ddl.IndexPart, column: ColumnDef) -> IndexColumn:
    kind, length = column.type, part.length
    if kind.family == "json":
        raise not_supported(f"an index on the JSON column '{column.name}'")
    if length is not None:
        if kind.family not in ("string", "binary"):
            raise error(1089)
        limit = TEXT_BYTES.get(kind.name, kind.length)
        if length == 0 or length > limit:
            raise error(1089)
        if length == limit:
            length = None
    elif kind.name in TEXT_BYTES:
        raise error(1170, column.name)
    if _key_bytes(kind, length) > _KEY_BYTES_MAX:
        raise error(1071, _KEY_BYTES_MAX)
    return IndexColumn(column.name, length, part.descending)


def _key_bytes(kind: SqlType, length: int | None) -> int:
    if kind.family == "string":
        return (length or kind.length) * 4
    return (length or kind.length) if kind.family == "binary" else 8


def settle_columns(
    columns: list[ColumnDef], indexes: Iterable[IndexDef], nullable: set[str]
) -> list[ColumnDef]:
    """Primary key columns are NOT NULL (1171 where `nullable` says NULL was written)."""
    listed = list(indexes)
    primary = next((index for index in listed if index.kind == _PRIMARY), None)
    if primary is not None:
        keys = {part.name.lower() for part in primary.columns}
        if keys & nullable:
            raise error(1171)
        columns = [
            evolve(column, nullable=False)
            if column.name.lower() in keys and column.nullable
            else column
            for column in columns
        ]
    check_auto_increment(columns, listed)
    return columns


def check_auto_increment(columns: list[ColumnDef], indexes: list[IndexDef]) -> None:
    """At most one, and first in some key."""
    auto = [column for column in columns if column.auto_increment]
    if not auto:
        return
    leading = {index.columns[0].name.lower() for index in indexes}
    if len(auto) > 1 or auto[0].name.lower() not in leading:
        raise error(1075)
    if auto[0].default_kind != NO_DEFAULT:
        raise error(1067, auto[0].name)


def in_key_order(columns: Iterable[ColumnDef], indexes: Iterable[IndexDef]) -> tuple[IndexDef, ...]:
    """Primary key first, then unique keys without NULLs, unique keys, the others."""
    nullable = {column.name.lower() for column in columns if column.nullable}

    def rank(index: IndexDef) -> int:
        if index.kind == _PRIMARY:
            return 0
        if index.unique:
            return 1 + any(part.name.lower() in nullable for part in index.columns)
        return 3

    return tuple(sorted(indexes, key=rank))
