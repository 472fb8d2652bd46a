"""CREATE, DROP, TRUNCATE and RENAME TABLE."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from engine.errors import error, not_supported
from engine.results import Ok
from engine.sql import charsets
from engine.sql.ddl.change import Change
from engine.sql.ddl.columns import column_def
from engine.sql.ddl.indexes import add_index, in_key_order, settle_columns
from engine.sql.ddl.rebuild import create_indexes, rename_storage
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.schema import ColumnDef, IndexDef, TableDef

_ENGINE: Final = "InnoDB"
# Engines MySQL ships; a table asked to be one of them is kept like any other.
_OTHER_ENGINES: Final = frozenset(
    ["myisam", "memory", "heap", "archive", "csv", "merge", "mrg_myisam", "blackhole", "aria"]
)


def create_table(change: Change, node: ddl.CreateTable) -> Ok:
    schema_name = change.schema_of(node.table)
    if node.if_not_exists and change.catalog.find_table(schema_name, node.table.name) is not None:
        change.check_writable(schema_name)
        change.note(1050, node.table.name)
        return Ok()
    schema = change.free_name(node.table)
    if node.like is not None:
        model = change.catalog.table(change.schema_of(node.like), node.like.name)
        if model.virtual:
            raise error(1044, change.user, change.client_host, model.schema)
        change.add_table(
            evolve(
                model,
                id=change.next_id(),
                schema=schema.name,
                name=node.table.name,
                auto_increment=1,
                created=change.created(),
            )
        )
        return Ok()
    if node.query is not None:
        raise not_supported("CREATE TABLE ... SELECT")
    change.add_table(define_table(change, node, schema.name, schema.collation))
    return Ok()


def define_table(change: Change, node: ddl.CreateTable, schema: str, collation: str) -> TableDef:
    options = node.options
    found = charsets.resolve(options.charset, options.collation, collation)
    columns: list[ColumnDef] = []
    for spec in node.columns:
        if any(column.name.lower() == spec.name.lower() for column in columns):
            raise error(1060, spec.name)
        columns.append(column_def(spec, found.name))
    if not columns:
        raise error(1113)
    indexes: list[IndexDef] = []
    by_name = {column.name.lower(): column for column in columns}
    for index_spec in [*inline_indexes(node.columns), *node.indexes]:
        indexes.append(add_index(index_spec, by_name, indexes))
    written_null = {spec.name.lower() for spec in node.columns if spec.nullable is True}
    columns = settle_columns(columns, indexes, written_null)
    return TableDef(
        id=change.next_id(),
        schema=schema,
        name=node.table.name,
        columns=tuple(columns),
        indexes=in_key_order(columns, indexes),
        engine=engine_of(change, options.engine, node.table.name),
        charset=found.charset,
        collation=found.name,
        comment=options.comment or "",
        auto_increment=max(options.auto_increment or 1, 1),
        row_format=(options.row_format or "Dynamic").capitalize(),
        created=change.created(),
    )


def inline_indexes(specs: list[ddl.ColumnSpec]) -> list[ddl.IndexSpec]:
    """PRIMARY KEY and UNIQUE written with a column."""
    found = []
    for spec in specs:
        part = [ddl.IndexPart(spec.name)]
        if spec.primary:
            found.append(ddl.IndexSpec("PRIMARY", None, part))
        if spec.unique:
            found.append(ddl.IndexSpec("UNIQUE", None, part))
    return found


def engine_of(change: Change, name: str | None, table: str) -> str:
    if name is not None and name.lower() != _ENGINE.lower():
        if name.lower() not in _OTHER_ENGINES:
            raise error(1286, name)
        change.warn(1266, f"Using storage engine {_ENGINE} for table '{table}'", "Warning")
    return _ENGINE


def drop_tables(change: Change, node: ddl.DropTable) -> Ok:
    """All of them or none: a missing one is found before anything is dropped."""
    found: list[TableDef] = []
    missing: list[str] = []
    for reference in node.tables:
        schema = change.schema_of(reference)
        change.check_writable(schema)
        if change.catalog.find_schema(schema) is None and not node.if_exists:
            raise error(1049, schema)
        table = change.catalog.find_table(schema, reference.name)
        if table is None:
            missing.append(f"{schema}.{reference.name}")
        elif table in found:
            raise error(1066, reference.name)
        else:
            found.append(table)
    if missing and not node.if_exists:
        raise error(1051, ",".join(missing))
    for table in found:
        change.remove_table(table)
    for name in missing:
        change.note(1051, name)
    return Ok()


def truncate_table(change: Change, node: ddl.TruncateTable) -> Ok:
    """A new, empty table in the old one's place: AUTO_INCREMENT starts over."""
    table = change.table(node.table)
    change.remove_table(table)
    change.add_table(evolve(table, id=change.next_id(), auto_increment=1))
    return Ok()


def rename_tables(change: Change, node: ddl.RenameTable) -> Ok:
    """From left to right, so that names can be swapped in one statement."""
    current = dict(change.catalog.tables)
    for old_node, new_node in node.pairs:
        key = change.schema_of(old_node), old_node.name
        change.check_writable(key[0])
        table = current.get(key)
        if table is None:
            raise error(1146, *key)
        target = change.schema_of(new_node), new_node.name
        change.writable_schema(target[0])
        if target in current:
            raise error(1050, new_node.name)
        renamed = rename_table(change, table, *target)
        del current[key]
        current[target] = renamed
    return Ok()


def rename_table(change: Change, table: TableDef, schema: str, name: str) -> TableDef:
    renamed = evolve(table, schema=schema, name=name)
    rename_storage(change.db, table, renamed)
    create_indexes(change.db, renamed, renamed.indexes)
    change.replace_definition(table, renamed)
    return renamed
