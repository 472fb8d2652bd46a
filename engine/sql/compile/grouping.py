"""ONLY_FULL_GROUP_BY: every selected column grouped, aggregated, or decided by the group.

The dependency check covers blocks over one table, where a key of it in GROUP BY decides all its
columns; blocks that join are let through, since a false refusal breaks more than a missed one.
"""

from __future__ import annotations

from engine.errors import SqlError, error
from engine.sql.compile.code import Code, OutputColumn
from engine.sql.compile.scope import Scope, SourceTable


def check_grouping(
    scope: Scope, columns: list[OutputColumn], bare: list[list[str]], group: list[Code]
) -> None:
    if len(scope.tables) != 1:
        return
    grouped = {code.sql for code in group}
    table = scope.tables[0]
    if _decided(table, grouped):
        return
    own = {column.code.sql: column.name for column in table.columns}
    for at, (column, used) in enumerate(zip(columns, bare, strict=True), 1):
        if column.code.sql in grouped:
            continue
        for sql in used:
            if sql in own and sql not in grouped:
                raise _refusal(at, table, own[sql], bool(group))


def _decided(table: SourceTable, grouped: set[str]) -> bool:
    if table.table is None:
        return False
    for index in table.table.unique_indexes:
        parts = [table.by_name[part.name.lower()] for part in index.columns]
        if all(part.code.sql in grouped and not part.code.nullable for part in parts):
            return True
    return False


def _refusal(position: int, table: SourceTable, column: str, grouped: bool) -> SqlError:
    name = ".".join(part for part in (table.schema, table.alias, column) if part)
    if not grouped:
        return error(1140, position, name)
    text = (
        f"Expression #{position} of SELECT list is not in GROUP BY clause and contains "
        f"nonaggregated column '{name}' which is not functionally dependent on columns in GROUP "
        "BY clause; this is incompatible with sql_mode=only_full_group_by"
    )
    return SqlError(1055, "42000", text)
