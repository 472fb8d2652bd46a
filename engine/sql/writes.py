"""Running UPDATE and DELETE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

from engine.errors import error
from engine.results import Ok
from engine.sql.duplicates import update_conflict
from engine.sql.plans import (
    DeletePlan,
    MultiDeletePlan,
    RowUpdate,
    RowwiseUpdatePlan,
    UpdatePlan,
)

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession


class ChangeCounter:
    """Counts the rows an UPDATE really changes, by SQLite's preupdate hook."""

    def __init__(self) -> None:
        self.changed = 0

    def __call__(self, update: apsw.PreUpdate) -> None:
        unchanged = apsw.no_change
        values = update.update
        if values is None:
            return
        for value in values:
            if value is not unchanged:
                self.changed += 1
                return


def updated(session: SqlSession, matched: int, changed: int) -> Ok:
    affected = matched if session.found_rows_wanted else changed
    info = f"Rows matched: {matched}  Changed: {changed}  Warnings: {session.warning_count}"
    return Ok(affected, 0, info, session.warning_count)


def run_update(session: SqlSession, plan: UpdatePlan, params: Any) -> Ok:
    db = session.db
    session.stores = plan.stores
    slots = plan.slots
    bindings = params if slots.direct else slots.bind(params, session)
    counter = session.change_counter
    counter.changed = 0
    db.preupdate_hook(counter, id=session)
    try:
        db.execute(plan.sql, bindings)
    except apsw.ConstraintError as problem:
        raise update_conflict(session, plan, params, problem) from problem
    finally:
        db.preupdate_hook(None, id=session)
    return updated(session, db.changes(), counter.changed)


def run_rowwise_update(session: SqlSession, plan: RowwiseUpdatePlan, params: Any) -> Ok:
    """Find the rows, then change each target row once, in the order found."""
    query = plan.query
    rows = session.db.execute(query.sql, query.slots.bind(params, session)).fetchall()
    counter = session.change_counter
    counter.changed = 0
    matched = 0
    session.db.preupdate_hook(counter, id=session)
    try:
        for target in plan.targets:
            seen: set[Any] = set()
            for row in rows:
                rowid = row[target.rowid_at]
                if rowid is None or rowid in seen:
                    continue
                seen.add(rowid)
                matched += 1
                session.problems.row = matched
                _update_row(session, target, row, plan.ignore)
    finally:
        session.db.preupdate_hook(None, id=session)
    return updated(session, matched, counter.changed)


def _update_row(session: SqlSession, target: RowUpdate, row: Any, ignore: bool) -> None:
    problems = session.problems
    new = [
        store(row[at], problems) for store, at in zip(target.stores, target.values_at, strict=True)
    ]
    now = _now_values(session, target, row[target.rowid_at], new)
    try:
        session.db.execute(target.sql, (*new, *now, row[target.rowid_at]))
    except apsw.ConstraintError as problem:
        conflict = update_conflict(session, None, None, problem, target.table)
        if not ignore:
            raise conflict from problem
        session.warn(conflict.errno, conflict.message)


def _now_values(session: SqlSession, target: RowUpdate, rowid: Any, new: list[Any]) -> list[Any]:
    """ON UPDATE CURRENT_TIMESTAMP columns: now if the row changes, else what they hold."""
    if not target.now_columns:
        return []
    table = target.table
    old = session.stored_row(table, rowid)
    if all(old[at] == value for at, value in zip(target.positions, new, strict=True)):
        return [old[at] for at in target.now_columns]
    return [session.now_stored(table.columns[at]) for at in target.now_columns]


def run_delete(session: SqlSession, plan: DeletePlan, params: Any) -> Ok:
    slots = plan.slots
    db = session.db
    db.execute(plan.sql, params if slots.direct else slots.bind(params, session))
    return Ok(db.changes(), 0, "", session.warning_count)


def run_multi_delete(session: SqlSession, plan: MultiDeletePlan, params: Any) -> Ok:
    query = plan.query
    rows = session.db.execute(query.sql, query.slots.bind(params, session)).fetchall()
    affected = 0
    for at, sql in enumerate(plan.targets):
        for rowid in {row[at] for row in rows if row[at] is not None}:
            session.db.execute(sql, (rowid,))
            affected += session.db.changes()
    return Ok(affected, 0, "", session.warning_count)


def check_safe_updates(session: SqlSession, plan: UpdatePlan | DeletePlan) -> None:
    """sql_safe_updates: a change without WHERE or LIMIT is refused."""
    if session.variables.safe_updates and " WHERE " not in plan.sql:
        raise error(1175)
