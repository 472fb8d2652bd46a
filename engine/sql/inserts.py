"""Running INSERT and REPLACE, row by row: defaults, AUTO_INCREMENT, conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import apsw
from attrs import define

from engine.errors import error
from engine.results import Ok
from engine.sql.assign import implicit_default
from engine.sql.compile.code import source_value
from engine.sql.compile.inserts import Deferred
from engine.sql.duplicates import duplicate, find_conflict, is_not_null, update_conflict
from engine.sql.plans import (
    DEFAULT_VALUE,
    DefaultValue,
    Expression,
    InsertPlan,
    RowTemplate,
    TargetTable,
)

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession


@define(eq=False)
class Totals:
    """What the OK packet says of an INSERT."""

    rows: int = 0
    affected: int = 0
    duplicates: int = 0
    first_generated: int = 0
    last_id: int = 0  # explicit ids count when none was generated
    updated_id: int = 0


def run_insert(session: SqlSession, plan: InsertPlan, params: Any) -> Ok:
    inserter = Inserter(session, plan, params)
    if len(plan.rows) == 1 and plan.rows[0].query is None:  # the usual case, without a generator
        inserter.insert(_direct_row(session, plan.rows[0], params))
    else:
        for row in _rows(session, plan, params):
            inserter.insert(row)
    return inserter.result()


def run_bulk_insert(session: SqlSession, plan: InsertPlan, rows: Iterable[list[Any]]) -> Ok:
    """Rows of plain values, as read from a long VALUES list."""
    inserter = Inserter(session, plan, ())
    session.problems.single = False
    for row in rows:
        inserter.insert(row)
    return inserter.result()


def _direct_row(session: SqlSession, template: RowTemplate, params: Any) -> list[Any]:
    return [
        DEFAULT_VALUE if type(source) is DefaultValue else source_value(source, params, session)  # type: ignore[arg-type]
        for source in template.values
    ]


def _rows(session: SqlSession, plan: InsertPlan, params: Any) -> Iterator[list[Any]]:
    if plan.query is not None:
        query = plan.query
        bindings = query.slots.bind(params, session)
        # All rows first: the table read may be the table written.
        for row in session.db.execute(query.sql, bindings).fetchall():
            yield list(row)
        return
    for template in plan.rows:
        if template.query is None:
            yield _direct_row(session, template, params)
            continue
        query = template.query
        computed = session.db.execute(query.sql, query.slots.bind(params, session)).fetchone()
        assert computed is not None
        yield [
            computed[source.position] if type(source) is Expression
            else DEFAULT_VALUE if type(source) is DefaultValue
            else source_value(source, params, session)  # type: ignore[arg-type]
            for source in template.values
        ]  # fmt: skip


class Inserter:
    """Inserts rows of one plan and keeps the totals."""

    def __init__(self, session: SqlSession, plan: InsertPlan, params: Any) -> None:
        self._session = session
        self._plan = plan
        self._params = params
        self._target: TargetTable = plan.target
        self._totals = Totals()
        self._problems = session.problems
        self._strict = session.problems.strict
        self._problems.single = plan.query is None and len(plan.rows) == 1 and not plan.ignore
        if plan.ignore:
            self._problems.strict = False
        width = len(self._target.table.columns)
        self._in_order = plan.positions == tuple(range(width))
        self._given = set(plan.positions)

    def insert(self, values: list[Any]) -> None:
        totals = self._totals
        totals.rows += 1
        self._problems.row = totals.rows
        stored, generated = self._stored(values)
        plan = self._plan
        if plan.replace:
            self._replace(stored)
        try:
            self._session.db.execute(self._target.insert_sql, stored)
        except apsw.ConstraintError as problem:
            if not self._conflict(stored, problem):
                return
        else:
            totals.affected += 1
            self._note_id(stored, generated)

    def _stored(self, values: list[Any]) -> tuple[list[Any], int]:
        """The row in stored form, and the id generated for it (0: none)."""
        target, problems = self._target, self._problems
        if not self._in_order:
            values = self._spread(values)
        generated = 0
        auto = target.auto_position
        if auto is not None:
            generated = self._auto_increment(values, auto)
        stored = []
        for at, (value, store) in enumerate(zip(values, target.stores, strict=True)):
            if value is DEFAULT_VALUE:
                stored.append(self._default(at))
            else:
                stored.append(store(value, problems))
        return stored, generated

    def _spread(self, values: list[Any]) -> list[Any]:
        """Listed values put to their columns' places; defaults elsewhere."""
        row: list[Any] = [DEFAULT_VALUE] * len(self._target.table.columns)
        positions = self._plan.positions
        if len(values) != len(positions):
            raise error(1136, self._totals.rows)
        for position, value in zip(positions, values, strict=True):
            row[position] = value
        return row

    def _auto_increment(self, values: list[Any], at: int) -> int:
        value = values[at]
        session = self._session
        wanted = value is None or value is DEFAULT_VALUE or (
            value in (0, "0") and not session.variables.no_auto_value_on_zero
        )  # fmt: skip
        if not wanted:
            return 0
        generated = session.next_auto_increment(self._target.table)
        values[at] = generated
        return generated

    def _default(self, at: int) -> Any:
        target = self._target
        value = target.defaults[at]
        if not isinstance(value, Deferred):
            return value
        column = target.table.columns[at]
        if value is Deferred.NOW:
            return self._session.now_stored(column)
        if value is Deferred.EXPRESSION:
            query = self._plan.expression_defaults[at]
            session = self._session
            found = session.db.execute(query.sql, query.slots.bind((), session)).get
            return target.stores[at](found, self._problems)
        if column.type.family == "enum":
            return column.type.members[0]
        self._problems.report(1364, column.name)
        return implicit_default(column.type)

    def _note_id(self, stored: list[Any], generated: int) -> None:
        auto = self._target.auto_position
        if auto is None:
            return
        totals = self._totals
        if generated:
            totals.first_generated = totals.first_generated or generated
        else:
            value = stored[auto]
            if isinstance(value, int) and value > 0:
                totals.last_id = value
                self._session.shared.auto_increment.used(self._target.table, value)

    # conflicts

    def _conflict(self, stored: list[Any], problem: apsw.ConstraintError) -> bool:
        """Deal with a row that cannot be inserted; raises unless the statement says otherwise."""
        session, target, plan = self._session, self._target, self._plan
        if is_not_null(problem):
            raise error(1048, str(problem).rpartition(".")[2])
        found = find_conflict(session, target.lookups, stored)
        if found is None:
            raise error(1022, target.table.name)
        lookup, rowid = found
        if plan.on_duplicate is not None:
            self._update(stored, rowid)
            return False
        refused = duplicate(target.table, lookup, stored)
        if not plan.ignore:
            raise refused from problem
        session.warn(refused.errno, refused.message)
        self._totals.duplicates += 1
        return False

    def _update(self, stored: list[Any], rowid: int) -> None:
        """ON DUPLICATE KEY UPDATE of the row in the way."""
        session, change = self._session, self._plan.on_duplicate
        assert change is not None
        session.row_values = [*stored, rowid]
        session.stores = change.stores
        counter = session.change_counter
        counter.changed = 0
        session.db.preupdate_hook(counter, id=session)
        try:
            session.db.execute(change.sql, change.slots.bind(self._params, session))
        except apsw.ConstraintError as problem:
            raise update_conflict(session, None, (), problem, self._target.table) from problem
        finally:
            session.db.preupdate_hook(None, id=session)
        totals = self._totals
        totals.duplicates += 1
        if counter.changed:
            totals.affected += 2
            auto = self._target.auto_position
            if auto is not None:
                totals.updated_id = self._id_of(rowid)
        elif session.found_rows_wanted:
            totals.affected += 1

    def _id_of(self, rowid: int) -> int:
        table = self._target.table
        auto = self._target.auto_position
        assert auto is not None
        if table.rowid_column == table.columns[auto].name:
            return rowid
        row = self._session.stored_row(table, rowid)
        return int(row[auto] or 0)

    def _replace(self, stored: list[Any]) -> None:
        """Delete every row that holds one of the new row's unique keys."""
        session, target = self._session, self._target
        while (found := find_conflict(session, target.lookups, stored)) is not None:
            session.db.execute(target.delete_sql, (found[1],))
            self._totals.affected += 1

    def result(self) -> Ok:
        totals, session = self._totals, self._session
        self._problems.strict = self._strict
        insert_id = totals.first_generated
        if insert_id:
            session.last_insert_id = insert_id
        elif session.explicit_insert_id is not None:
            insert_id = session.explicit_insert_id
        elif totals.updated_id:
            insert_id = totals.updated_id
            session.last_insert_id = insert_id
        else:
            insert_id = totals.last_id
        info = ""
        if totals.rows > 1 or self._plan.query is not None:
            info = (f"Records: {totals.rows}  Duplicates: {self._shown_duplicates()}  "
                    f"Warnings: {session.warning_count}")  # fmt: skip
        return Ok(totals.affected, insert_id, info, session.warning_count)

    def _shown_duplicates(self) -> int:
        totals = self._totals
        return totals.affected - totals.rows if self._plan.replace else totals.duplicates
