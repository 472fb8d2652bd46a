"""How large tables are, in the cheap and approximate way that statistics are meant to be."""

from __future__ import annotations

from typing import Final

import apsw

from engine.sql.schema import TableDef, quote

_COUNTED: Final = 10_000  # tables up to this size are counted, larger ones estimated
_SAMPLED: Final = 32
PAGE_BYTES: Final = 16_384  # what clients take for the smallest size of a table


def row_count(db: apsw.Connection, table: TableDef) -> int:
    name = quote(table.sqlite_name)
    limited = f"SELECT 1 FROM {name} LIMIT {_COUNTED + 1}"
    counted = int(db.execute(f"SELECT count(*) FROM ({limited})").get)
    if counted <= _COUNTED:
        return counted
    first, last = db.execute(
        f"SELECT (SELECT {table.rowid} FROM {name} ORDER BY {table.rowid} LIMIT 1),"
        f" (SELECT {table.rowid} FROM {name} ORDER BY {table.rowid} DESC LIMIT 1)"
    ).get
    # Ids that were chosen and not counted up can lie far apart.
    return int(min(max(last - first + 1, counted), 1 << 40))


def row_bytes(db: apsw.Connection, table: TableDef) -> int:
    """Mean length of a row, from the first few."""
    lengths = "+".join(
        f"coalesce(length(CAST({quote(column.name)} AS BLOB)),0)" for column in table.columns
    )
    found = db.execute(
        f"SELECT avg({lengths}) FROM (SELECT * FROM {quote(table.sqlite_name)} LIMIT {_SAMPLED})"
    ).get
    return int(found or 0) + 20


def data_bytes(db: apsw.Connection, table: TableDef) -> int:
    return max(row_count(db, table) * row_bytes(db, table), PAGE_BYTES)


def index_bytes(db: apsw.Connection, table: TableDef) -> int:
    secondary = sum(index.kind != "PRIMARY" for index in table.indexes)
    return secondary * max(row_count(db, table) * 24, PAGE_BYTES) if secondary else 0


def next_auto_increment(db: apsw.Connection, table: TableDef) -> int | None:
    """What the next generated id will be at least; None without an AUTO_INCREMENT column."""
    column = table.auto_column
    if column is None:
        return None
    largest = db.execute(f"SELECT max({quote(column.name)}) FROM {quote(table.sqlite_name)}").get
    return max(int(largest or 0) + 1, table.auto_increment)
