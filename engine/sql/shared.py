"""What the sessions of one instance share on the SQL side: catalogues, plans, counters, locks."""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

import apsw
from attrs import define, field

from engine.info import InstanceInfo
from engine.sql.catalog import CatalogCache
from engine.sql.information_schema import VIRTUAL_TABLES
from engine.sql.plancache import PlanCache
from engine.sql.schema import TableDef, quote


@define(eq=False)
class AutoIncrement:
    """Next values of AUTO_INCREMENT columns.

    Kept in memory as in Aurora: after a failover a counter starts again above the largest value
    in the table, or at the table's AUTO_INCREMENT option. Ids of rolled back rows stay unused.
    """

    _epoch: int = -1
    _next: dict[int, int] = field(factory=dict)

    def next(self, db: apsw.Connection, table: TableDef, epoch: int) -> int:
        value = self.peek(db, table, epoch)
        self._next[table.id] = value + 1
        return value

    def peek(self, db: apsw.Connection, table: TableDef, epoch: int) -> int:
        if epoch != self._epoch:  # another writer may have inserted meanwhile
            self._next.clear()
            self._epoch = epoch
        found = self._next.get(table.id)
        if found is None:
            column = table.auto_column
            assert column is not None
            highest = db.execute(
                f"SELECT max({quote(column.name)}) FROM {quote(table.sqlite_name)}"
            ).get
            found = max(int(highest or 0) + 1, table.auto_increment)
            self._next[table.id] = found
        return found

    def used(self, table: TableDef, value: int) -> None:
        """An explicit value was inserted."""
        if value >= self._next.get(table.id, 1):
            self._next[table.id] = value + 1

    def forget(self, table: TableDef) -> None:
        self._next.pop(table.id, None)


@define(eq=False)
class UserLock:
    owner: Any
    count: int = 1


@define(eq=False)
class Shared:
    """One per instance; see the module docstring."""

    info: InstanceInfo
    catalogs: CatalogCache = field(factory=lambda: CatalogCache(VIRTUAL_TABLES))
    plans: PlanCache = field(factory=PlanCache)
    auto_increment: AutoIncrement = field(factory=AutoIncrement)
    user_locks: dict[str, UserLock] = field(factory=dict)


_ALL: Final[WeakKeyDictionary[InstanceInfo, Shared]] = WeakKeyDictionary()


def shared_of(info: InstanceInfo) -> Shared:
    found = _ALL.get(info)
    if found is None:
        found = _ALL[info] = Shared(info)
    return found
