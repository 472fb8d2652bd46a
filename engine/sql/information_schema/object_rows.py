"""Rows of information_schema's tables about schemas, tables and their parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from engine.sql.environment import SessionView
from engine.sql.information_schema import describe, estimates
from engine.sql.information_schema.module import Producer, Row, Wanted
from engine.sql.schema import ColumnDef, TableDef

CATALOG: Final = "def"
_PRIVILEGES: Final = "select,insert,update,references"
PERFORMANCE_SCHEMA: Final = "performance_schema"


def wanted_tables(session: SessionView, wanted: Wanted) -> list[TableDef]:
    """In the order of their names."""
    catalog = session.catalog()
    if wanted.schema is not None and wanted.table is not None:
        found = catalog.find_table(wanted.schema, wanted.table)
        exact = found is not None and (found.schema, found.name) == (wanted.schema, wanted.table)
        return [found] if found is not None and exact else []
    tables = [
        table
        for table in catalog.tables.values()
        if wanted.has_schema(table.schema) and wanted.has_table(table.name)
    ]
    return sorted(tables, key=lambda table: (table.schema, table.name))


def stored_tables(session: SessionView, wanted: Wanted) -> list[TableDef]:
    return [table for table in wanted_tables(session, wanted) if not table.virtual]


def schemata(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for name, schema in sorted(session.catalog().schemata.items()):
        if wanted.has_schema(name):
            yield CATALOG, name, schema.charset, schema.collation, None, "NO"


def schemata_extensions(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for name in sorted(session.catalog().schemata):
        if wanted.has_schema(name):
            yield CATALOG, name, ""


def tables(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for table in wanted_tables(session, wanted):
        yield _virtual(table) if table.virtual else _stored(session, table)


def _virtual(table: TableDef) -> Row:
    base = table.schema == PERFORMANCE_SCHEMA
    kind, engine = ("BASE TABLE", "PERFORMANCE_SCHEMA") if base else ("SYSTEM VIEW", None)
    collation = table.collation if base else None
    return (
        CATALOG, table.schema, table.name, kind, engine, 10, "Dynamic" if base else None, 0, 0, 0,
        0, 0, 0, None, None, None, None, collation, None, "", "",
    )  # fmt: skip


def _stored(session: SessionView, table: TableDef) -> Row:
    def about(measure: Callable[..., Any]) -> Callable[[], Any]:
        return partial(measure, session.db, table)

    options = [] if table.row_format == "Dynamic" else [f"row_format={table.row_format.upper()}"]
    return (
        CATALOG, table.schema, table.name, "BASE TABLE", table.engine, 10, table.row_format,
        about(estimates.row_count), about(estimates.row_bytes), about(estimates.data_bytes), 0,
        about(estimates.index_bytes), 0, about(estimates.next_auto_increment),
        table.created or None, None, None, table.collation, None, " ".join(options), table.comment,
    )  # fmt: skip


def tables_extensions(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for table in wanted_tables(session, wanted):
        yield CATALOG, table.schema, table.name, None, None


def columns(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for table in wanted_tables(session, wanted):
        for position, column in enumerate(table.columns, 1):
            yield _column(table, position, column)


def _column(table: TableDef, position: int, column: ColumnDef) -> Row:
    kind = column.type
    sizes = describe.measures(kind)
    return (
        CATALOG, table.schema, table.name, column.name, position, describe.default_text(column),
        "YES" if column.nullable else "NO", kind.name, sizes.characters, sizes.octets,
        sizes.precision, sizes.scale, sizes.fraction, sizes.charset, sizes.collation,
        kind.column_type(), describe.column_key(table, column), describe.extra(column),
        "select" if table.virtual else _PRIVILEGES, column.comment, "", None,
    )  # fmt: skip


def columns_extensions(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for table in wanted_tables(session, wanted):
        for column in table.columns:
            yield CATALOG, table.schema, table.name, column.name, None, None


def statistics(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for table in stored_tables(session, wanted):
        for index, place, column in describe.index_parts(table):
            part = index.columns[place - 1]
            yield (
                CATALOG, table.schema, table.name, int(not index.unique), table.schema, index.name,
                place, column.name, "D" if part.descending else "A",
                partial(estimates.row_count, session.db, table), part.length, None,
                "YES" if column.nullable else "", "BTREE", "", index.comment, "YES", None,
            )  # fmt: skip


def key_column_usage(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for table in stored_tables(session, wanted):
        for index, place, column in describe.index_parts(table):
            if index.unique:
                yield (
                    CATALOG, table.schema, index.name, CATALOG, table.schema, table.name,
                    column.name, place, None, None, None, None,
                )  # fmt: skip


def table_constraints(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for table in stored_tables(session, wanted):
        for index in describe.sorted_indexes(table):
            if index.unique:
                kind = "PRIMARY KEY" if index.kind == "PRIMARY" else "UNIQUE"
                yield CATALOG, table.schema, index.name, table.schema, table.name, kind, "YES"


def table_constraints_extensions(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for table in stored_tables(session, wanted):
        for index in describe.sorted_indexes(table):
            if index.unique:
                yield CATALOG, table.schema, index.name, table.name, None, None


def partitions(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    """A table without partitions has one row here, as in MySQL."""
    for table in stored_tables(session, wanted):
        row = _stored(session, table)
        yield (
            CATALOG, table.schema, table.name, None, None, None, None, None, None, None, None,
            None, *row[7:13], row[14], None, None, None, "", None, None,
        )  # fmt: skip


PRODUCERS: Final[dict[str, Producer]] = {
    "COLUMNS": columns,
    "COLUMNS_EXTENSIONS": columns_extensions,
    "KEY_COLUMN_USAGE": key_column_usage,
    "PARTITIONS": partitions,
    "SCHEMATA": schemata,
    "SCHEMATA_EXTENSIONS": schemata_extensions,
    "STATISTICS": statistics,
    "TABLES": tables,
    "TABLES_EXTENSIONS": tables_extensions,
    "TABLE_CONSTRAINTS": table_constraints,
    "TABLE_CONSTRAINTS_EXTENSIONS": table_constraints_extensions,
}
