"""Running queries: rows on their way from SQLite to the client."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import apsw

from engine.errors import SqlError
from engine.results import ResultSet
from engine.sql.faults import FAULTS, as_sql_error
from engine.sql.plans import SelectPlan

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession

AT_ONCE: Final = 256  # rows fetched before the first is handed out


def run_select(session: SqlSession, plan: SelectPlan, params: Any) -> ResultSet:
    """Small results are complete when this returns; a large one holds its snapshot until read.

    The caller has pinned the snapshot and answers for letting it go on an exception.
    """
    slots = plan.slots
    cursor = session.db.execute(plan.sql, params if slots.direct else slots.bind(params, session))
    limit = session.variables.sql_select_limit
    if plan.single_row:
        rows = cursor.fetchall()
    elif limit is not None and not plan.limited:
        rows = list(islice(cursor, limit))
        cursor.close(True)
    else:
        rows = list(islice(cursor, AT_ONCE))
        if len(rows) == AT_ONCE:
            return _streaming(session, plan, rows, cursor, params)
    if plan.count is not None:
        session.found_rows = count_rows(session, plan.count, params)
    else:
        session.found_rows = len(rows)
    if plan.printers is not None:
        rows = [plan.printed(row) for row in rows]
    session.transaction.statement_done()
    return ResultSet(plan.columns, rows, session.warning_count)


def count_rows(session: SqlSession, plan: SelectPlan, params: Any) -> int:
    session.bindings.ensure(plan)
    return int(session.db.execute(plan.sql, plan.slots.bind(params, session)).get)


def _streaming(
    session: SqlSession, plan: SelectPlan, rows: list[Any], cursor: apsw.Cursor, params: Any
) -> ResultSet:
    found = None if plan.count is None else count_rows(session, plan.count, params)
    stream = RowStream(session, plan, rows, cursor, found)
    session.open_stream = stream
    return ResultSet(plan.columns, stream, session.warning_count, stream.close)


class RowStream:
    """The rows of a large result; iterated once, closed at the end or early."""

    def __init__(
        self,
        session: SqlSession,
        plan: SelectPlan,
        rows: list[Any],
        cursor: apsw.Cursor,
        found_rows: int | None,
    ) -> None:
        self._session = session
        self._plan = plan
        self._rows = rows
        self._cursor: apsw.Cursor | None = cursor
        self._count = 0
        self._found_rows = found_rows  # of SQL_CALC_FOUND_ROWS

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        printed = None if self._plan.printers is None else self._plan.printed
        try:
            while self._rows:
                self._count += len(self._rows)
                for row in self._rows:
                    yield row if printed is None else printed(row)
                self._rows = self._fetch()
        finally:
            self.close()

    def _fetch(self) -> list[Any]:
        if self._cursor is None:
            return []
        try:
            return list(islice(self._cursor, AT_ONCE))
        except SqlError:
            raise
        except FAULTS as problem:
            raise as_sql_error(problem) from problem

    def close(self) -> None:
        """Let go of the statement and, outside a transaction, of the snapshot."""
        if self._cursor is None:
            return
        self._cursor.close(True)
        self._cursor = None
        self._rows = []
        session = self._session
        session.found_rows = self._count if self._found_rows is None else self._found_rows
        if session.open_stream is self:
            session.open_stream = None
            session.transaction.statement_done()
