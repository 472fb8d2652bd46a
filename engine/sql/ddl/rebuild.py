"""Moving a table's rows into another layout, and indexes over rows that exist.

Where SQLite can alter a table in place that is used (see `alter`); everything else is a copy into
a new table, converted column by column with the checks of an assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import apsw

from engine.errors import SqlError, duplicate_entry, error
from engine.sql import values
from engine.sql.assign import Problems, implicit_default, store_for
from engine.sql.compile.defaults import literal_default
from engine.sql.schema import (
    LITERAL_DEFAULT,
    NOW_DEFAULT,
    ColumnDef,
    IndexDef,
    TableDef,
    quote,
)
from engine.sql.storage import create_index_sql, create_table_sql, index_part, storage_type

# New column (lower-case name) -> the old column its values come from; None: a new column.
Sources = Mapping[str, ColumnDef | None]
_Convert = Callable[[Any, Problems], Any]

_BATCH: Final = 500


def rename_storage(db: apsw.Connection, old: TableDef, new: TableDef) -> None:
    """Rename SQLite's table. Its indexes bear the old name and are dropped."""
    drop_indexes(db, old, old.indexes)
    db.execute(f"ALTER TABLE {quote(old.sqlite_name)} RENAME TO {quote(new.sqlite_name)}")


def drop_indexes(db: apsw.Connection, table: TableDef, indexes: Iterable[IndexDef]) -> None:
    for index in indexes:
        if create_index_sql(table, index) is not None:
            db.execute(f"DROP INDEX {quote(table.index_sqlite_name(index))}")


def create_indexes(db: apsw.Connection, table: TableDef, indexes: Iterable[IndexDef]) -> None:
    """Index the rows of a table; 1062 where a unique one finds two alike."""
    for index in indexes:
        sql = create_index_sql(table, index)
        if sql is None:
            continue
        try:
            db.execute(sql)
        except apsw.ConstraintError:
            raise _duplicate(db, table, index) from None


def _duplicate(db: apsw.Connection, table: TableDef, index: IndexDef) -> SqlError:
    parts = [index_part(table, index, at) for at in range(len(index.columns))]
    listed = ", ".join(parts)
    present = " AND ".join(f"{part} IS NOT NULL" for part in parts)
    row = db.execute(
        f"SELECT {listed} FROM {quote(table.sqlite_name)} WHERE {present}"
        f" GROUP BY {listed} HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    shown = "-".join(values.as_text(value) for value in row or ())
    return duplicate_entry(shown, f"{table.name}.{index.name}")


def added_value(column: ColumnDef, now: str) -> Any:
    """What rows that exist already get in a new column, in stored form."""
    if column.default_kind == LITERAL_DEFAULT:
        return literal_default(column)
    if column.default_kind == NOW_DEFAULT:
        return now
    return None if column.nullable else implicit_default(column.type)


def rebuild(
    db: apsw.Connection,
    old: TableDef,
    new: TableDef,
    sources: Sources,
    *,
    problems: Problems,
    now: str,
) -> int:
    """Copy the rows of `old` into the layout of `new` and take its place; how many there were."""
    fresh = f"{new.sqlite_name}#rebuild"
    db.execute(create_table_sql(new, fresh))
    if _plain_copy(old, new, sources):
        _copy(db, old, new, fresh, sources, now)
    else:
        _convert(db, old, new, fresh, sources, problems, now)
    copied = int(db.execute(f"SELECT count(*) FROM {quote(fresh)}").get)
    db.execute(f"DROP TABLE {quote(old.sqlite_name)}")
    db.execute(f"ALTER TABLE {quote(fresh)} RENAME TO {quote(new.sqlite_name)}")
    create_indexes(db, new, new.indexes)
    return copied


def holds(old: ColumnDef, new: ColumnDef) -> bool:
    """Whether every value of `old` is one of `new` in the same stored form."""
    if old.nullable and not new.nullable:
        return False
    a, b = old.type, new.type
    if a == b:
        return True
    if a.family != b.family or storage_type(a) != storage_type(b):
        return False
    if a.family == "integer":
        low, high = a.integer_range()
        return b.integer_range()[0] <= low and high <= b.integer_range()[1]
    if a.family == "string":
        # CHAR loses its trailing spaces when stored, so it is always converted.
        alike = a.name == b.name != "char" and a.collation == b.collation
        return alike and a.length <= b.length
    if a.family in ("enum", "set"):
        return b.members[: len(a.members)] == a.members and a.collation == b.collation
    return False


def _plain_copy(old: TableDef, new: TableDef, sources: Sources) -> bool:
    if new.rowid_column != old.rowid_column and new.rowid_column is not None:
        return False
    for column in new.columns:
        source = sources[column.name.lower()]
        if column.auto_increment and source is None:
            return False
        if source is not None and not holds(source, column):
            return False
    return True


def _copy(
    db: apsw.Connection, old: TableDef, new: TableDef, fresh: str, sources: Sources, now: str
) -> None:
    terms, bound = [], []
    for column in new.columns:
        source = sources[column.name.lower()]
        if source is None:
            terms.append("?")
            bound.append(added_value(column, now))
        else:
            terms.append(quote(source.name))
    db.execute(
        f"INSERT INTO {quote(fresh)} SELECT {', '.join(terms)}"
        f" FROM {quote(old.sqlite_name)} ORDER BY {old.rowid}",
        bound,
    )


def _convert(
    db: apsw.Connection,
    old: TableDef,
    new: TableDef,
    fresh: str,
    sources: Sources,
    problems: Problems,
    now: str,
) -> None:
    readers = [_reader(column, sources[column.name.lower()], now) for column in new.columns]
    insert = f"INSERT INTO {quote(fresh)} VALUES({', '.join('?' * len(new.columns))})"
    positions = [
        old.positions[source.name.lower()] if source is not None else -1
        for source in (sources[column.name.lower()] for column in new.columns)
    ]
    query = f"SELECT * FROM {quote(old.sqlite_name)} ORDER BY {old.rowid}"
    for number, row in enumerate(db.execute(query), 1):
        problems.row = number
        converted = [
            read(row[at] if at >= 0 else number, problems)
            for read, at in zip(readers, positions, strict=True)
        ]
        try:
            db.execute(insert, converted)
        except apsw.ConstraintError:
            shown = converted[new.positions[str(new.rowid_column).lower()]]
            raise duplicate_entry(str(shown), f"{new.name}.PRIMARY") from None


def _reader(column: ColumnDef, source: ColumnDef | None, now: str) -> _Convert:
    if source is None:
        if column.auto_increment:
            return lambda number, problems: number
        value = added_value(column, now)
        return lambda number, problems: value
    if holds(source, column):
        return lambda value, problems: value
    printer = values.printer(source.type)
    store = store_for(column)

    def read(value: Any, problems: Problems) -> Any:
        if value is None:
            if not column.nullable:
                raise error(1138)
            return None
        return store(printer(value) if printer is not None else value, problems)

    return read
