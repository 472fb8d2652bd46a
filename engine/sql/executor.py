"""One client's SQL session: statements in, results out.

The caller (`engine.session`) prepares and runs one statement at a time, consumes or closes each
result before the next, and translates nothing: every failure leaves here as a SqlError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeVar

import apsw
from attrs import evolve

from engine.errors import SqlError, error, no_database_selected
from engine.info import InstanceInfo
from engine.results import STATUS_NO_BACKSLASH_ESCAPES, Column, Ok, Result, ResultSet
from engine.sql import collations
from engine.sql.assign import Problems
from engine.sql.bindings import Bindings
from engine.sql.bulk import SHORTEST, cut_rows
from engine.sql.catalog import Catalog
from engine.sql.commands import command_columns, run_command
from engine.sql.compile.context import Settings
from engine.sql.faults import FAULTS, as_sql_error
from engine.sql.inserts import run_bulk_insert, run_insert
from engine.sql.plancache import Statement
from engine.sql.planner import Request
from engine.sql.plans import (
    CommandPlan,
    DeletePlan,
    InsertPlan,
    MultiDeletePlan,
    Plan,
    RowwiseUpdatePlan,
    SelectPlan,
    UpdatePlan,
)
from engine.sql.preparation import compile_for, prepare_statement
from engine.sql.selects import RowStream, run_select
from engine.sql.sessionstate import SessionState
from engine.sql.shared import Shared, shared_of
from engine.sql.text import expand_comments, single_statement, split_statements
from engine.sql.timezones import find_zone
from engine.sql.transaction import Transaction
from engine.sql.variables import SessionVariables
from engine.sql.waiting import SessionLocks
from engine.sql.writes import (
    ChangeCounter,
    check_safe_updates,
    run_delete,
    run_multi_delete,
    run_rowwise_update,
    run_update,
)
from engine.store import StoreConnection

CLIENT_FOUND_ROWS: Final = 2
MOST_WARNINGS: Final = 1024
_T = TypeVar("_T")
_P = TypeVar("_P", bound=Plan)


class SqlSession(SessionState, SessionLocks):
    """See the module docstring. Attributes without an underscore are for `engine.sql` alone."""

    def __init__(
        self,
        conn: StoreConnection,
        info: InstanceInfo,
        user: str,
        client_host: str,
        connection_id: int,
        charset_id: int,
        client_flags: int,
        database: str | None,
        account: str | None = None,
    ) -> None:
        self.conn = conn
        self.db: apsw.Connection = conn.db
        self.info = info
        self.user = user
        self.client_host = client_host
        self.account = account or f"{user}@%"
        self.connection_id = connection_id
        self.found_rows_wanted = bool(client_flags & CLIENT_FOUND_ROWS)
        self.shared: Shared = shared_of(info)
        self.database: str | None = None
        self._charset_id = charset_id
        self._first_database = database
        self.settings = 0
        self.open_stream: RowStream | None = None
        self.change_counter = ChangeCounter()
        self.stores: tuple[Any, ...] = ()
        self.row_values: list[Any] = []
        self.zone: tzinfo = UTC
        self.problems = Problems(self)
        self.bindings = Bindings(self)
        self.variables = SessionVariables(info, self.settings_changed)
        self.transaction = Transaction(conn, self.variables)
        self._fresh()

    def _fresh(self) -> None:
        """The state of a session that has just connected."""
        self.user_variables: dict[str, tuple[Any, Any]] = {}
        self.warnings: list[tuple[str, int, str]] = []
        self.warning_count = 0
        self.row_count = -1  # ROW_COUNT(): of the statement before the running one
        self._counted = -1
        self.found_rows = 0
        self.explicit_insert_id: int | None = None
        self.statement_state: dict[Any, Any] = {}
        self._now: datetime | None = None
        self.variables.connection_id = self.connection_id
        self.variables.use_collation(self._charset_id)
        self.settings_changed()

    # settings

    def settings_changed(self) -> None:
        """Variables or the default database changed what statements mean."""
        if not hasattr(self, "variables"):
            return  # called while the variables are being made
        variables = self.variables
        zone = find_zone(variables.time_zone)
        self.zone = UTC if zone is None else zone
        settings = Settings(
            self.database,
            variables.backslash_escapes,
            variables.ansi_quotes,
            variables.pipes_as_concat,
            variables.full_group_by,
            self.zone is UTC,
        )
        self.compile_settings = settings
        self.settings = self.shared.plans.settings_key(settings)
        modes = variables.sql_mode
        self.problems.zone = self.zone
        self.problems.no_zero_date = "NO_ZERO_DATE" in modes
        self.problems.no_zero_in_date = "NO_ZERO_IN_DATE" in modes
        self.problems.strict = variables.strict

    @property
    def status_flags(self) -> int:
        flags = self.transaction.status()
        if not self.variables.backslash_escapes:
            flags |= STATUS_NO_BACKSLASH_ESCAPES
        return flags

    @property
    def client_charset(self) -> int:
        return _default_collation(self.variables.character_set_client)

    @property
    def results_charset(self) -> int | None:
        name = self.variables.character_set_results
        return None if name is None else _default_collation(name)

    @property
    def last_insert_id(self) -> int:
        return self.variables.last_insert_id

    @last_insert_id.setter
    def last_insert_id(self, value: int) -> None:
        self.variables.last_insert_id = value

    # statements

    def split(self, sql: str | bytes, multi: bool) -> list[str]:
        text = sql if isinstance(sql, str) else sql.decode("utf-8", "surrogateescape")
        if "/*!" in text or "/*M" in text:
            text = expand_comments(text)
        if multi:
            return split_statements(text)
        return [single_statement(text)]

    async def prepare(self, sql: str) -> Statement:
        found = self.shared.plans.texts.get((sql, self.settings))
        if found is not None:
            return found
        try:
            if len(sql) >= SHORTEST and self.compile_settings.backslash_escapes:
                cut = cut_rows(sql)
                if cut is not None:
                    inner = await self.prepare(cut.statement)
                    return evolve(inner, rows=cut.rows)
            statement = prepare_statement(self, sql)
            if isinstance(statement.plan, CommandPlan):
                statement.columns = await command_columns(self, statement.plan.node)
            return statement
        except SqlError as problem:
            self._note_error(problem)
            raise
        except FAULTS as problem:
            raise as_sql_error(problem) from problem
        finally:
            self.transaction.statement_done()

    async def run(self, statement: Statement, params: Sequence[Any] = ()) -> Result:
        """Execute; on an error what the statement did is undone, and it alone."""
        if self.open_stream is not None:
            self.open_stream.close()
        self.row_count = self._counted
        self._now = None
        if statement.settings != self.settings:
            statement = statement.under(self.settings)
        if self.warnings and not _keeps_warnings(statement):
            self.warnings = []
            self.warning_count = 0
        try:
            plan = self._plan_for(statement, params)
            if statement.literals is not None:
                params = statement.literals
            if isinstance(plan, SelectPlan):
                return await self._select(statement, plan, params)
            if isinstance(plan, CommandPlan):
                result = await run_command(self, plan.node, params)
            else:
                result = await self._change(statement, plan, params)
            self._count_rows(result)
            return result
        except SqlError as problem:
            self._note_error(problem)
            raise
        except FAULTS as problem:
            translated = as_sql_error(problem)
            self._note_error(translated)
            raise translated from problem
        except UnicodeEncodeError as problem:
            raise error(1300, "utf8mb4", ascii(problem.object[problem.start : problem.end])) from (
                problem
            )
        finally:
            if self.open_stream is None:
                self.transaction.statement_done()

    def _count_rows(self, result: Result) -> None:
        self._counted = result.affected_rows if isinstance(result, Ok) else -1

    def _plan_for(self, statement: Statement, params: Sequence[Any]) -> Plan:
        """The plan for these parameters, good for the catalogue as this session sees it now."""
        plan = statement.plan
        if statement.param_count and statement.rows is None and (
            plan is None or not plan.any_kinds
        ):  # fmt: skip
            kinds = tuple(map(type, params))
            if kinds != statement.kinds or plan is None:
                plan = statement.variants.get(kinds)
                statement.plan, statement.kinds = plan, kinds
        if plan is None or type(plan) is not CommandPlan:
            conn = self.conn
            conn.pin()
            if plan is None or not plan.cacheable or plan.version != conn.catalog_version():
                plan = compile_for(self, statement, params)
        return plan

    async def _select(self, statement: Statement, plan: SelectPlan, params: Any) -> ResultSet:
        if plan.uses_tables:
            self.transaction.touch()
        if plan.locking is not None and plan.uses_tables and self.transaction.lasting:
            await self.transaction.begin_write()
            plan = self._current(statement, plan, params)
        if plan.functions or plan.virtual:
            self.bindings.ensure(plan)
            self.statement_state.clear()
        self._counted = -1
        return run_select(self, plan, params)

    def _current(self, statement: Statement, plan: _P, params: Any) -> _P:
        """The plan, made anew if the catalogue moved on while waiting for the write lock."""
        if plan.version == self.conn.catalog_version():
            return plan
        fresh = compile_for(self, statement, params)
        if type(fresh) is not type(plan):
            raise error(1412)
        return fresh

    async def _change(self, statement: Statement, plan: Plan, params: Any) -> Ok:
        transaction, conn = self.transaction, self.conn
        self.problems.strict = self.variables.strict
        self.problems.single = False
        self.problems.row = 1
        self.explicit_insert_id = None
        await transaction.begin_write()
        transaction.touch()
        lasting = transaction.lasting
        savepoint = lasting and not isinstance(plan, UpdatePlan | DeletePlan)
        if savepoint:
            self.db.execute("SAVEPOINT statement")
        try:
            plan = self._current(statement, plan, params)
            if plan.functions or plan.virtual:
                self.bindings.ensure(plan)
                self.statement_state.clear()
            if statement.rows is not None:
                assert isinstance(plan, InsertPlan)
                self._changes_before = self.db.total_changes()
                result = run_bulk_insert(self, plan, statement.rows)
            else:
                result = self._run_change(plan, params)
        except BaseException:
            if not lasting:
                conn.rollback()
            elif not self.db.in_transaction:
                transaction.rollback()  # SQLite gave the whole transaction up
            elif savepoint:
                self.db.execute("ROLLBACK TO statement")
                self.db.execute("RELEASE statement")
            raise
        if savepoint:
            self.db.execute("RELEASE statement")
        if not lasting:
            await self._finish(result)
        return result

    async def _finish(self, result: Ok) -> None:
        """Autocommit; a statement that changed nothing has nothing to make durable."""
        if result.affected_rows == 0 and self.change_counter.changed == 0 and (
            self.db.total_changes() == self._changes_before
        ):  # fmt: skip
            self.transaction.rollback()
        else:
            await self.transaction.commit()

    def _run_change(self, plan: Plan, params: Any) -> Ok:
        self.change_counter.changed = 0
        self._changes_before = self.db.total_changes()
        if isinstance(plan, UpdatePlan):
            check_safe_updates(self, plan)
            result = run_update(self, plan, params)
            if self.change_counter.changed == 0:
                self._changes_before = self.db.total_changes()
            return result
        if isinstance(plan, InsertPlan):
            return run_insert(self, plan, params)
        if isinstance(plan, DeletePlan):
            check_safe_updates(self, plan)
            return run_delete(self, plan, params)
        if isinstance(plan, RowwiseUpdatePlan):
            self.bindings.ensure(plan.query)
            return run_rowwise_update(self, plan, params)
        assert isinstance(plan, MultiDeletePlan)
        self.bindings.ensure(plan.query)
        return run_multi_delete(self, plan, params)

    # what commands, functions and virtual tables use

    def request(
        self,
        param_count: int,
        kinds: tuple[type, ...] | None,
        *,
        free_literals: bool = False,
        database: str | None = None,
    ) -> Request:
        settings = self.compile_settings
        if database is not None and database != settings.database:
            settings = evolve(settings, database=database)
        return Request(
            self.catalog(),
            settings,
            self.variables,
            self.user_variables,
            param_count,
            kinds,
            free_literals,
        )

    def catalog(self) -> Catalog:
        """As the running statement sees it."""
        conn = self.conn
        if not conn.writing:
            conn.pin()
        return self.shared.catalogs.get(self.db, conn.catalog_version())

    async def query(self, sql: str) -> ResultSet:
        """Run a query of the server's own; warnings and counters stay as they are."""
        statement = await self.prepare(sql)
        plan = self._plan_for(statement, ())
        assert isinstance(plan, SelectPlan)
        return await self._select(statement, plan, statement.literals or ())

    async def write(
        self, change: Callable[[apsw.Connection], _T], *, implicit_commit: bool = False
    ) -> _T:
        """Run a change in a write transaction: an own one, or the one that is open."""
        if implicit_commit:
            await self.transaction.commit()
        await self.transaction.begin_write()
        own = implicit_commit or not self.transaction.lasting
        try:
            found = change(self.db)
        except BaseException:
            if own:
                self.transaction.rollback()
            raise
        if own:
            await self.transaction.commit()
        elif self.conn.writing:
            self.transaction.touch()
        return found

    def warn(self, code: int, message: str, level: str = "Warning") -> None:
        self.warning_count += 1
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append((level, code, message))
        self.variables.warning_count = self.warning_count

    def _note_error(self, problem: SqlError) -> None:
        self._counted = -1
        self.warnings = [*self.warnings, ("Error", problem.errno, problem.message)]
        self.warning_count = len(self.warnings)
        self.variables.error_count = 1

    def division_by_zero(self) -> None:
        if self.problems.strict and self.conn.writing and (
            "ERROR_FOR_DIVISION_BY_ZERO" in self.variables.sql_mode
        ):  # fmt: skip
            raise error(1365)
        if "ERROR_FOR_DIVISION_BY_ZERO" in self.variables.sql_mode:
            self.warn(1365, "Division by 0")

    # the session itself

    async def use(self, database: str) -> None:
        try:
            schema = self.catalog().schema(database)
        except FAULTS as problem:
            raise as_sql_error(problem) from problem
        finally:
            self.transaction.statement_done()
        self.variables.use_database(schema.charset, schema.collation)
        self.set_database(schema.name)

    def set_database(self, name: str | None) -> None:
        """None when the default database was dropped."""
        self.database = name
        self.settings_changed()

    async def field_list(self, table: str) -> tuple[Column, ...]:
        if self.database is None:
            raise no_database_selected()
        quoted = table.replace("`", "``")
        return (await self.prepare(f"SELECT * FROM `{quoted}`")).columns

    async def reset(self) -> None:
        """COM_RESET_CONNECTION: everything but the login and the default database."""
        self._end()
        self.variables.reset()
        self._fresh()

    async def close(self) -> None:
        self._end()

    def _end(self) -> None:
        if self.open_stream is not None:
            self.open_stream.close()
        self.release_all_locks()
        self.transaction.rollback()


def _keeps_warnings(statement: Statement) -> bool:
    """SHOW WARNINGS and the like show what the statement before them said."""
    plan = statement.plan
    return isinstance(plan, CommandPlan) and getattr(plan.node, "what", "") in (
        "WARNINGS", "ERRORS", "COUNT WARNINGS", "COUNT ERRORS",
    )  # fmt: skip


def _default_collation(charset: str) -> int:
    found = collations.find_charset(charset)
    collation = None if found is None else collations.find_collation(found.default_collation)
    return 255 if collation is None else collation.id
