"""Names: which column a reference means.

A scope is one query block's FROM list; its parent is the block around it. Column references of
an inner block fall through to outer ones, as in any SQL.
"""

from __future__ import annotations

from attrs import define, evolve, field

from engine.errors import error, unknown_column
from engine.results import (
    FLAG_AUTO_INCREMENT,
    FLAG_MULTIPLE_KEY,
    FLAG_NO_DEFAULT_VALUE,
    FLAG_NOT_NULL,
    FLAG_ON_UPDATE_NOW,
    FLAG_PRI_KEY,
    FLAG_TIMESTAMP,
    FLAG_UNIQUE_KEY,
)
from engine.sql.compile.code import Code, Origin
from engine.sql.parse import ast
from engine.sql.schema import NO_DEFAULT, ColumnDef, TableDef, quote


@define
class SourceColumn:
    name: str
    code: Code


@define
class SourceTable:
    """A table, derived table or common table expression in a FROM list."""

    alias: str
    sql_alias: str
    columns: list[SourceColumn]
    schema: str | None = None
    table: TableDef | None = None
    by_name: dict[str, SourceColumn] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.by_name = {}
        for column in self.columns:
            self.by_name.setdefault(column.name.lower(), column)


@define
class Scope:
    tables: list[SourceTable] = field(factory=list)
    parent: Scope | None = None
    # USING and NATURAL: one column for both sides; the other side's is hidden from *
    merged: dict[str, Code] = field(factory=dict)
    merged_order: list[str] = field(factory=list)
    aliases: dict[str, Code] = field(factory=dict)  # select items, for ORDER BY and HAVING
    aggregates: int = 0
    windows: dict[str, ast.Window] = field(factory=dict)
    row_aliases: list[SourceTable] = field(factory=list)  # seen only by their qualified names
    bare_columns: list[tuple[str, SourceColumn]] = field(factory=list)
    prefer_aliases: bool = False
    use_aliases: bool = False

    def add(self, table: SourceTable) -> None:
        name = table.alias
        for other in self.tables:
            if other.alias == name and other.schema == table.schema:
                raise error(1066, name)
        self.tables.append(table)

    def find_table(self, alias: str, schema: str | None) -> SourceTable | None:
        for table in (*self.tables, *self.row_aliases):
            if table.alias == alias and (schema is None or table.schema == schema):
                return table
        lowered = alias.lower()
        for table in self.tables:  # information_schema's tables answer in any letter case
            if table.table is not None and table.table.virtual and table.alias.lower() == lowered:
                return table
        return None

    def resolve(self, node: ast.ColumnRef, clause: str) -> Code:
        scope: Scope | None = self
        while scope is not None:
            found = scope.lookup(node, clause)
            if found is not None:
                return found
            scope = scope.parent
        raise unknown_column(node.written(), clause)

    def lookup(self, node: ast.ColumnRef, clause: str) -> Code | None:
        name = node.name.lower()
        if node.table is not None:
            table = self.find_table(node.table, node.schema)
            column = table.by_name.get(name) if table is not None else None
            if column is None or table is None:
                return None
            self.bare_columns.append((node.written(), column))
            return column.code
        if self.use_aliases and self.prefer_aliases and name in self.aliases:
            return self.aliases[name]
        found = self._unqualified(node, name, clause)
        if found is None and self.use_aliases:
            return self.aliases.get(name)
        return found

    def _unqualified(self, node: ast.ColumnRef, name: str, clause: str) -> Code | None:
        if name in self.merged:
            return self.merged[name]
        matches = [table.by_name[name] for table in self.tables if name in table.by_name]
        if not matches:
            aliased = (table.by_name.get(name) for table in self.row_aliases)
            return next((column.code for column in aliased if column is not None), None)
        if len(matches) > 1:
            if self.use_aliases and name in self.aliases:
                return self.aliases[name]
            raise error(1052, node.name, clause)
        self.bare_columns.append((node.name, matches[0]))
        return matches[0].code


def table_source(table: TableDef, alias: str, sql_alias: str, *, utc: bool) -> SourceTable:
    """A stored or virtual table under an alias; outside UTC its TIMESTAMPs are shifted."""
    columns = []
    for column in table.columns:
        code = column_code(table, column, alias, sql_alias)
        if column.type.name == "timestamp" and not utc:
            code = evolve(code, sql=f"m_from_utc({code.sql})", column_collation=False)
        columns.append(SourceColumn(column.name, code))
    return SourceTable(alias, sql_alias, columns, table.schema, table)


def column_code(table: TableDef, column: ColumnDef, alias: str, sql_alias: str) -> Code:
    origin = Origin(table.schema, alias, table.name, column.name, column_flags(table, column))
    return Code(
        column.type,
        column.nullable,
        origin,
        sql=f"{sql_alias}.{quote(column.name)}",
        column_collation=True,
    )


def column_flags(table: TableDef, column: ColumnDef) -> int:
    """The flags of a column definition that depend on the table."""
    flags = 0
    if not column.nullable:
        flags |= FLAG_NOT_NULL
        if column.default_kind == NO_DEFAULT and not column.auto_increment:
            flags |= FLAG_NO_DEFAULT_VALUE
    if column.auto_increment:
        flags |= FLAG_AUTO_INCREMENT
    if column.on_update_now:
        flags |= FLAG_ON_UPDATE_NOW
    if column.type.name == "timestamp":
        flags |= FLAG_TIMESTAMP
    return flags | _key_flags(table, column)


def _key_flags(table: TableDef, column: ColumnDef) -> int:
    flags = 0
    for index in table.indexes:
        names = [part.name.lower() for part in index.columns]
        if column.name.lower() not in names:
            continue
        if index.kind == "PRIMARY":
            flags |= FLAG_PRI_KEY
        elif names[0] == column.name.lower():
            alone = index.unique and len(names) == 1
            flags |= FLAG_UNIQUE_KEY if alone else FLAG_MULTIPLE_KEY
    return flags
