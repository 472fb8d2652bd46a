"""Pure: SHOW CREATE TABLE, byte for byte as MySQL 8.0 prints it, because clients parse it by line.

Source: MySQL 8.0 Reference Manual, 13.7.7.10 "SHOW CREATE TABLE Statement".
"""

from __future__ import annotations

from engine.sql import collations
from engine.sql.information_schema.describe import now_text, sorted_indexes
from engine.sql.schema import (
    EXPRESSION_DEFAULT,
    LITERAL_DEFAULT,
    NOW_DEFAULT,
    ColumnDef,
    IndexDef,
    SchemaDef,
    TableDef,
)
from engine.sql.types import DEFAULT_COLLATION, TEXT_BYTES

_ESCAPES = str.maketrans({"'": "''", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    return "'" + text.translate(_ESCAPES) + "'"


def show_create_table(table: TableDef, auto_increment: int | None = None) -> str:
    """The statement that makes the table; with the next id where one has been given out."""
    lines = [_column(table, column) for column in table.columns]
    lines += [_index(index) for index in sorted_indexes(table)]
    body = ",\n".join(f"  {line}" for line in lines)
    return f"CREATE TABLE {identifier(table.name)} (\n{body}\n){_options(table, auto_increment)}"


def _column(table: TableDef, column: ColumnDef) -> str:
    parts = [identifier(column.name), column.type.column_type(), *_collation(table, column)]
    if not column.nullable:
        parts.append("NOT NULL")
    elif column.type.name == "timestamp":
        parts.append("NULL")
    default = _default(column)
    if default is not None:
        parts.append(f"DEFAULT {default}")
    if column.on_update_now:
        parts.append(f"ON UPDATE {now_text(column)}")
    if column.auto_increment:
        parts.append("AUTO_INCREMENT")
    if column.comment:
        parts.append(f"COMMENT {literal(column.comment)}")
    return " ".join(parts)


def _collation(table: TableDef, column: ColumnDef) -> list[str]:
    """The character set where it differs from the table's, the collation where it is no default."""
    kind = column.type
    if not kind.is_text or not kind.collation:
        return []
    parts = []
    if kind.collation != table.collation:
        parts.append(f"CHARACTER SET {kind.charset}")
    known = collations.find_collation(kind.collation)
    is_default = known is not None and known.is_default
    newer = kind.collation == DEFAULT_COLLATION and table.collation != DEFAULT_COLLATION
    if not is_default or newer:
        parts.append(f"COLLATE {kind.collation}")
    return parts


def _default(column: ColumnDef) -> str | None:
    kind = column.default_kind
    if kind == LITERAL_DEFAULT and column.default is not None:
        if column.type.family == "bit":
            return column.default if column.default.startswith("b'") else f"b'{column.default}'"
        return literal(column.default)
    if kind == NOW_DEFAULT:
        return now_text(column)
    if kind == EXPRESSION_DEFAULT:
        return f"({column.default})"
    if column.nullable and column.type.name not in TEXT_BYTES:
        return "NULL"
    return None


def _index(index: IndexDef) -> str:
    columns = ",".join(
        identifier(part.name)
        + (f"({part.length})" if part.length is not None else "")
        + (" DESC" if part.descending else "")
        for part in index.columns
    )
    comment = f" COMMENT {literal(index.comment)}" if index.comment else ""
    if index.kind == "PRIMARY":
        return f"PRIMARY KEY ({columns}){comment}"
    word = "UNIQUE KEY" if index.unique else "KEY"
    return f"{word} {identifier(index.name)} ({columns}){comment}"


def _options(table: TableDef, auto_increment: int | None) -> str:
    words = [f"ENGINE={table.engine or 'MEMORY'}"]
    next_id = table.auto_increment if auto_increment is None else auto_increment
    if table.auto_column is not None and next_id > 1:
        words.append(f"AUTO_INCREMENT={next_id}")
    words.append(f"DEFAULT CHARSET={table.charset}")
    known = collations.find_collation(table.collation)
    if known is None or not known.is_default or table.collation == DEFAULT_COLLATION:
        words.append(f"COLLATE={table.collation}")
    if table.row_format != "Dynamic":
        words.append(f"ROW_FORMAT={table.row_format.upper()}")
    if table.comment:
        words.append(f"COMMENT={literal(table.comment)}")
    return " " + " ".join(words)


def show_create_database(schema: SchemaDef, *, if_not_exists: bool) -> str:
    guard = "/*!32312 IF NOT EXISTS*/ " if if_not_exists else ""
    known = collations.find_collation(schema.collation)
    collate = ""
    if known is None or not known.is_default or schema.collation == DEFAULT_COLLATION:
        collate = f" COLLATE {schema.collation}"
    return (
        f"CREATE DATABASE {guard}{identifier(schema.name)} "
        f"/*!40100 DEFAULT CHARACTER SET {schema.charset}{collate} */ "
        "/*!80016 DEFAULT ENCRYPTION='N' */"
    )
