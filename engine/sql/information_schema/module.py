"""SQLite modules behind the virtual tables: rows made in Python, joinable like any table.

Each table is an eponymous, read-only module on a session's connection. Queries usually name one
schema and one table, and joins repeat that for every outer row, so equality on those two columns
is handed to the producer; SQLite checks every row again in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

import apsw
from attrs import frozen

from engine.sql.environment import SessionView
from engine.sql.schema import TableDef
from engine.sql.storage import create_table_sql

Row: TypeAlias = tuple[Any, ...]
# A value that costs reading is a function of no arguments: it is called when the value is wanted.
Producer: TypeAlias = Callable[[SessionView, "Wanted"], Iterable[Row]]

_SCHEMA_COLUMNS: Final = ("TABLE_SCHEMA", "SCHEMA_NAME", "EVENT_OBJECT_SCHEMA", "CONSTRAINT_SCHEMA")
_TABLE_COLUMNS: Final = ("TABLE_NAME", "EVENT_OBJECT_TABLE")
_BY_SCHEMA: Final = 1
_BY_TABLE: Final = 2


@frozen
class Wanted:
    """What a query restricts itself to; None where it does not."""

    schema: str | None = None
    table: str | None = None

    def has_schema(self, name: str) -> bool:
        return self.schema is None or self.schema == name

    def has_table(self, name: str) -> bool:
        return self.table is None or self.table == name


class Module:
    """An apsw module for one virtual table."""

    def __init__(self, session: SessionView, table: TableDef, producer: Producer) -> None:
        self._session = session
        self._table = table
        self._producer = producer
        names = [column.name for column in table.columns]
        self._schema_at = next((names.index(n) for n in _SCHEMA_COLUMNS if n in names), -1)
        self._table_at = next((names.index(n) for n in _TABLE_COLUMNS if n in names), -1)

    def Connect(
        self,
        connection: apsw.Connection,
        modulename: str,
        databasename: str,
        tablename: str,
        *args: Any,
    ) -> tuple[str, VirtualTable]:
        return create_table_sql(self._table, "t"), VirtualTable(self)

    Create = Connect

    def role(self, column: int) -> int:
        if column == self._schema_at:
            return _BY_SCHEMA
        return _BY_TABLE if column == self._table_at else 0

    def rows(self, wanted: Wanted) -> Iterator[Row]:
        return iter(self._producer(self._session, wanted))


class VirtualTable:
    def __init__(self, module: Module) -> None:
        self.module = module

    def BestIndexObject(self, info: apsw.IndexInfo) -> bool:
        used = 0
        for at in range(info.nConstraint):
            if not info.get_aConstraint_usable(at):
                continue
            if info.get_aConstraint_op(at) != apsw.SQLITE_INDEX_CONSTRAINT_EQ:
                continue
            role = self.module.role(info.get_aConstraint_iColumn(at))
            if not role or used & role or info.get_aConstraint_collation(at) != "BINARY":
                continue
            used |= role
            info.idxStr = (info.idxStr or "") + str(role)
            info.set_aConstraintUsage_argvIndex(at, len(info.idxStr))
        info.idxNum = used
        info.estimatedRows = {0: 10_000, _BY_SCHEMA: 500, _BY_TABLE: 50}.get(used, 10)
        info.estimatedCost = float(info.estimatedRows * 10)
        return True

    def Open(self) -> Cursor:
        return Cursor(self.module)

    def Disconnect(self) -> None:
        """Nothing is held."""

    Destroy = Disconnect


class Cursor:
    def __init__(self, module: Module) -> None:
        self._module = module
        self._rows: Iterator[Row] = iter(())
        self._row: Row | None = None
        self._rowid = 0

    def Filter(self, number: int, order: str | None, arguments: tuple[Any, ...]) -> None:
        wanted: dict[str, str] = {}
        for role, value in zip(order or "", arguments, strict=True):
            if not isinstance(value, str):  # nothing equals NULL, and no name is a number
                self._row = None
                return
            wanted["schema" if int(role) == _BY_SCHEMA else "table"] = value
        self._rows = self._module.rows(Wanted(**wanted))
        self._rowid = 0
        self.Next()

    def Eof(self) -> bool:
        return self._row is None

    def Next(self) -> None:
        self._row = next(self._rows, None)
        self._rowid += 1

    def Rowid(self) -> int:
        return self._rowid

    def Column(self, number: int) -> Any:
        if number < 0:
            return self._rowid
        assert self._row is not None
        value = self._row[number]
        return value() if callable(value) else value

    def Close(self) -> None:
        self._rows = iter(())
