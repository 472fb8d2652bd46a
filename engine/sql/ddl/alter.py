"""ALTER TABLE, CREATE INDEX and DROP INDEX: in place where that is possible, else by a copy."""

from __future__ import annotations

from typing import Final

import apsw
from attrs import evolve

from engine.results import Ok
from engine.sql.assign import Problems, WarningSink
from engine.sql.ddl.change import Change
from engine.sql.ddl.draft import Draft
from engine.sql.ddl.rebuild import (
    added_value,
    create_indexes,
    drop_indexes,
    holds,
    rebuild,
    rename_storage,
)
from engine.sql.ddl.tables import engine_of
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.schema import IndexDef, TableDef, quote
from engine.sql.storage import column_sql

_INFO: Final = "Records: {}  Duplicates: 0  Warnings: 0"


def alter_table(change: Change, node: ddl.AlterTable, sink: WarningSink, *, strict: bool) -> Ok:
    old = change.table(node.table)
    draft = Draft.of(old)
    for action in node.actions:
        draft.apply(action)
        if isinstance(action, ddl.ChangeOptions):
            engine_of(change, action.options.engine, old.name)
    new = draft.finished()
    for action in node.actions:
        if isinstance(action, ddl.RenameTo):
            new = _moved(change, new, action)
    problems = Problems(sink, strict=strict)
    copied = _store(change, old, new, draft, problems)
    change.replace_definition(old, new)
    return Ok(affected_rows=copied, info=_INFO.format(copied))


def create_index(change: Change, node: ddl.CreateIndex, sink: WarningSink, *, strict: bool) -> Ok:
    alter = ddl.AlterTable(node.table, [ddl.AddIndex(node.index)])
    return alter_table(change, alter, sink, strict=strict)


def drop_index(change: Change, node: ddl.DropIndex, sink: WarningSink, *, strict: bool) -> Ok:
    alter = ddl.AlterTable(node.table, [ddl.DropKey(node.name)])
    return alter_table(change, alter, sink, strict=strict)


def _moved(change: Change, table: TableDef, action: ddl.RenameTo) -> TableDef:
    target = change.schema_of(action.table), action.table.name
    if target == (table.schema, table.name):
        return table
    schema = change.free_name(action.table)
    return evolve(table, schema=schema.name, name=action.table.name)


def _store(change: Change, old: TableDef, new: TableDef, draft: Draft, problems: Problems) -> int:
    """Bring SQLite's table from `old` to `new`; how many rows were copied."""
    db, now = change.db, change.created()
    if not _in_place(old, new, draft):
        return rebuild(db, old, new, draft.sources, problems=problems, now=now)
    if old.sqlite_name != new.sqlite_name:
        rename_storage(db, old, new)
        _reshape(db, old, new, draft, now)
        create_indexes(db, new, new.indexes)
        return 0
    kept = set(new.indexes)
    renamed = _renamed_columns(draft)
    gone = [index for index in old.indexes if _after(index, renamed) not in kept]
    drop_indexes(db, old, gone)
    stayed = {_after(index, renamed) for index in old.indexes if index not in gone}
    _reshape(db, old, new, draft, now)
    create_indexes(db, new, [index for index in new.indexes if index not in stayed])
    return 0


def _after(index: IndexDef, renamed: dict[str, str]) -> IndexDef:
    """An index as it stands once SQLite has renamed columns in it by itself."""
    parts = tuple(
        evolve(part, name=renamed.get(part.name.lower(), part.name)) for part in index.columns
    )
    return evolve(index, columns=parts)


def _renamed_columns(draft: Draft) -> dict[str, str]:
    """Old name in lower case -> new name."""
    return {
        source.name.lower(): column.name
        for column in draft.columns
        if (source := draft.sources[column.name.lower()]) is not None and source.name != column.name
    }


def _in_place(old: TableDef, new: TableDef, draft: Draft) -> bool:
    """Same columns in the same places, perhaps renamed, perhaps more at the end."""
    if (old.rowid_column is None) != (new.rowid_column is None):
        return False
    if len(new.columns) < len(old.columns):
        return False
    for before, after in zip(old.columns, new.columns, strict=False):
        if draft.sources[after.name.lower()] is not before or not holds(before, after):
            return False
        if before.nullable != after.nullable:
            return False
    for added in new.columns[len(old.columns) :]:
        if added.auto_increment or added.name == new.rowid_column:
            return False
    renamed = _renamed_columns(draft)
    return not {name.lower() for name in renamed.values()} & set(old.by_name)


def _reshape(db: apsw.Connection, old: TableDef, new: TableDef, draft: Draft, now: str) -> None:
    name = quote(new.sqlite_name)
    for before, after in _renamed_columns(draft).items():
        written = quote(old.by_name[before].name)
        db.execute(f"ALTER TABLE {name} RENAME COLUMN {written} TO {quote(after)}")
    for column in new.columns[len(old.columns) :]:
        value = apsw.format_sql_value(added_value(column, now))
        db.execute(f"ALTER TABLE {name} ADD COLUMN {column_sql(new, column)} DEFAULT {value}")
