"""Python functions and virtual tables, registered on a session's SQLite connection when needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import apsw

from engine.sql import information_schema
from engine.sql.functions.registry import (
    PYTHON_AGGREGATES,
    PYTHON_FUNCTIONS,
    skipping_null,
)
from engine.sql.plans import Plan
from engine.sql.values import as_decimal

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession


def compare_decimals(a: str, b: str) -> int:
    """The collation "decimal"."""
    if a == b:
        return 0
    first, second = as_decimal(a), as_decimal(b)
    return (first > second) - (first < second)


def install_collations(db: apsw.Connection) -> None:
    """Every connection that may touch a table's index needs them."""
    db.create_collation("decimal", compare_decimals)


class Bindings:
    """What has been registered on one connection."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._functions: set[str] = set()
        self._tables: set[str] = set()
        install_collations(session.db)

    def ensure(self, plan: Plan) -> None:
        if not plan.functions <= self._functions:
            self.ensure_names(plan.functions)
        for table in plan.virtual:
            if table.sqlite_name not in self._tables:
                information_schema.register(self._session.db, self._session, table)
                self._tables.add(table.sqlite_name)

    def ensure_names(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._functions:
                self._register(name)
                self._functions.add(name)

    def _register(self, name: str) -> None:
        db = self._session.db
        if name == "m_store":
            db.create_scalar_function(name, self._store, 2)
            return
        aggregate = PYTHON_AGGREGATES.get(name)
        if aggregate is not None:
            factory = aggregate.factory
            if aggregate.takes_session:
                factory = partial(factory, self._session)
            if aggregate.window:
                db.create_window_function(name, factory)
            else:
                db.create_aggregate_function(name, factory)
            return
        function = PYTHON_FUNCTIONS[name]
        call: Callable[..., Any] = function.call
        if function.takes_session:
            call = partial(call, self._session)
        if function.skip_null:
            call = skipping_null(call)
        db.create_scalar_function(name, call, deterministic=function.deterministic)

    def _store(self, *args: Any) -> Any:
        value, number = args
        session = self._session
        return session.stores[number](value, session.problems)
