"""What a statement gives back: an OK or a result set, shared by the SQL and protocol layers.

Row values are None, int, float, str or bytes. DECIMAL and temporal values travel as their
canonical text; the protocol layer turns them into the binary protocol's encodings with the
help of the column's type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from attrs import frozen

# Server status flags (MySQL internals manual, "Status Flags").
STATUS_IN_TRANS = 0x0001
STATUS_AUTOCOMMIT = 0x0002
STATUS_MORE_RESULTS_EXISTS = 0x0008
STATUS_CURSOR_EXISTS = 0x0040
STATUS_LAST_ROW_SENT = 0x0080
STATUS_NO_BACKSLASH_ESCAPES = 0x0200
STATUS_IN_TRANS_READONLY = 0x2000

# Column types on the wire (enum_field_types).
TYPE_DECIMAL = 0
TYPE_TINY = 1
TYPE_SHORT = 2
TYPE_LONG = 3
TYPE_FLOAT = 4
TYPE_DOUBLE = 5
TYPE_NULL = 6
TYPE_TIMESTAMP = 7
TYPE_LONGLONG = 8
TYPE_INT24 = 9
TYPE_DATE = 10
TYPE_TIME = 11
TYPE_DATETIME = 12
TYPE_YEAR = 13
TYPE_BIT = 16
TYPE_JSON = 245
TYPE_NEWDECIMAL = 246
TYPE_ENUM = 247
TYPE_SET = 248
TYPE_TINY_BLOB = 249
TYPE_MEDIUM_BLOB = 250
TYPE_LONG_BLOB = 251
TYPE_BLOB = 252
TYPE_VAR_STRING = 253
TYPE_STRING = 254
TYPE_GEOMETRY = 255

# Column flags (mysql_com.h).
FLAG_NOT_NULL = 0x0001
FLAG_PRI_KEY = 0x0002
FLAG_UNIQUE_KEY = 0x0004
FLAG_MULTIPLE_KEY = 0x0008
FLAG_BLOB = 0x0010
FLAG_UNSIGNED = 0x0020
FLAG_ZEROFILL = 0x0040
FLAG_BINARY = 0x0080
FLAG_ENUM = 0x0100
FLAG_AUTO_INCREMENT = 0x0200
FLAG_TIMESTAMP = 0x0400
FLAG_SET = 0x0800
FLAG_NO_DEFAULT_VALUE = 0x1000
FLAG_ON_UPDATE_NOW = 0x2000
FLAG_NUM = 0x8000

CHARSET_BINARY = 63


@frozen
class Column:
    """One column definition of a result set."""

    name: str
    org_name: str
    table: str
    org_table: str
    schema: str
    type: int
    charset: int
    length: int
    flags: int
    decimals: int


@frozen
class Ok:
    """A statement without rows."""

    affected_rows: int = 0
    last_insert_id: int = 0
    info: str = ""
    warnings: int = 0


def _nothing() -> None:
    return None


@frozen
class ResultSet:
    """Columns and rows; `rows` is iterated at most once.

    The session's read snapshot may stay pinned until the rows are consumed, so the caller
    consumes them all or calls `close` before the next statement. Iterating may raise SqlError.
    """

    columns: tuple[Column, ...]
    rows: Iterable[tuple[Any, ...]]
    warnings: int = 0
    on_close: Callable[[], None] = _nothing

    def close(self) -> None:
        """Give up the rest of the rows; safe to call more than once."""
        self.on_close()


Result: TypeAlias = Ok | ResultSet
