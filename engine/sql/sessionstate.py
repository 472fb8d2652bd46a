"""What functions and inserts read of a session: its clock, user variables and rows."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

import apsw

from engine.errors import error
from engine.info import InstanceInfo
from engine.sql.functions.dates import clock_text
from engine.sql.functions.datezones import from_utc
from engine.sql.schema import ColumnDef, TableDef, quote
from engine.sql.shared import Shared
from engine.sql.userstate import variable_type
from engine.sql.variables import SessionVariables


class SessionState:
    """The part of a session that statements look at while they run."""

    db: apsw.Connection
    info: InstanceInfo
    shared: Shared
    variables: SessionVariables
    zone: tzinfo
    user_variables: dict[str, tuple[Any, Any]]
    row_values: list[Any]
    _now: datetime | None

    # time

    def now_utc(self) -> datetime:
        """The time of the running statement."""
        if self._now is None:
            fixed = self.variables.timestamp
            seconds = self.info.clock.wall() if fixed is None else fixed
            self._now = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
        return self._now

    def now(self) -> datetime:
        """The time of the running statement in the session's zone."""
        return self._local(self.now_utc())

    def clock_now(self) -> datetime:
        """The time at this moment, for SYSDATE()."""
        wall = self.info.clock.wall()
        return self._local(datetime.fromtimestamp(wall, UTC).replace(tzinfo=None))

    def _local(self, moment: datetime) -> datetime:
        if self.zone is UTC:
            return moment
        return moment.replace(tzinfo=UTC).astimezone(self.zone).replace(tzinfo=None)

    def now_stored(self, column: ColumnDef) -> str:
        """CURRENT_TIMESTAMP in a column's stored form."""
        moment = self.now_utc() if column.type.name == "timestamp" else self.now()
        return clock_text(moment, column.type.decimals)

    # user variables and rows

    def user_variable(self, name: str) -> Any:
        found = self.user_variables.get(name)
        return None if found is None else found[0]

    def set_user_variable(self, name: str, value: Any, family: str) -> None:
        self.user_variables[name] = (value, variable_type(value, family))

    def local_row_value(self, position: int) -> Any:
        """A TIMESTAMP of the row being inserted, in the session's zone."""
        value = self.row_values[position]
        return None if value is None else from_utc(self, value)

    def stored_row(self, table: TableDef, rowid: Any) -> tuple[Any, ...]:
        names = ", ".join(quote(column.name) for column in table.columns)
        sql = f"SELECT {names} FROM {quote(table.sqlite_name)} WHERE {table.rowid} = ?"
        row = self.db.execute(sql, (rowid,)).fetchone()
        assert row is not None
        return row  # type: ignore[no-any-return]

    def next_auto_increment(self, table: TableDef) -> int:
        wanted = self.variables.use_insert_id() if self.variables.insert_id else 0
        counters = self.shared.auto_increment
        if wanted:
            counters.used(table, wanted)
            return wanted
        column = table.auto_column
        assert column is not None
        value = counters.next(self.db, table, self.info.epoch)
        if value > column.type.integer_range()[1]:
            raise error(1467)
        return value
