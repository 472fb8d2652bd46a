"""Pure: column lists of the virtual tables, written as text and read into `TableDef`s.

One line per table: its name, a colon, and its columns as `NAME type`, separated by commas. Types
are MySQL's, and three words: `name` is an identifier (64 characters, compared exactly, as on a
server with lower_case_table_names = 0), `word` is 64 characters of text in any letter case, and
`none` is a column that is always NULL. A `!` marks NOT NULL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from engine.sql.schema import ColumnDef, TableDef
from engine.sql.types import INTEGER_BITS, SqlType

CHARSET: Final = "utf8mb3"
TEXT_COLLATION: Final = "utf8mb3_general_ci"
NAME_COLLATION: Final = "utf8mb3_bin"

_TYPE: Final = re.compile(r"(u?)([a-z]+)(?:\((\d+)(?:\.(\d+))?\))?(!?)")
_TEXTS: Final = frozenset(["varchar", "char", "tinytext", "text", "mediumtext", "longtext"])


def read_type(text: str) -> tuple[SqlType, bool]:
    """The type and whether it may be NULL."""
    match = _TYPE.fullmatch(text)
    assert match is not None, text
    unsigned, word, length, decimals, required = match.groups()
    nullable = not required
    if unsigned and word not in INTEGER_BITS:
        unsigned, word = "", unsigned + word
    if word == "name":
        return _text(64, NAME_COLLATION), nullable
    if word == "word":
        return _text(64, TEXT_COLLATION), nullable
    if word == "none":
        return SqlType("varbinary", 0), True
    size = int(length or 0)
    if word in _TEXTS:
        return SqlType(word, size, charset=CHARSET, collation=TEXT_COLLATION), nullable
    if word in ("datetime", "timestamp", "time"):
        return SqlType(word, decimals=size), nullable
    return SqlType(word, size, int(decimals or 0), bool(unsigned)), nullable


def _text(length: int, collation: str) -> SqlType:
    return SqlType("varchar", length, charset=CHARSET, collation=collation)


def read_table(schema: str, line: str) -> TableDef:
    name, _, columns = line.partition(":")
    found = []
    for column in columns.split(","):
        column_name, _, kind = column.strip().partition(" ")
        sql_type, nullable = read_type(kind.strip())
        found.append(ColumnDef(column_name, sql_type, nullable))
    return TableDef(
        id=0,
        schema=schema,
        name=name.strip(),
        columns=tuple(found),
        charset=CHARSET,
        collation=TEXT_COLLATION,
        engine="" if schema == "information_schema" else "PERFORMANCE_SCHEMA",
        virtual=True,
    )


def read_tables(schema: str, text: str) -> Mapping[tuple[str, str], TableDef]:
    """Every table of a text; lines that begin with a blank continue the one before."""
    joined = re.sub(r"\n\s+", " ", text.strip())
    tables = (read_table(schema, line) for line in joined.splitlines() if line)
    return {(schema, table.name.upper()): table for table in tables}
