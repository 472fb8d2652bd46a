"""Two tables: functions registered with SQLite, and how MySQL calls are compiled.

Names registered with SQLite begin with "m_". A Python function gets values in stored form (see
`types`) and returns one; by default it is not called when an argument is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from attrs import frozen

from engine.sql.compile.code import Code
from engine.sql.compile.context import Context
from engine.sql.compile.scope import Scope
from engine.sql.parse import ast
from engine.sql.types import SqlType

# Compiles a call from its already compiled arguments.
Builder: TypeAlias = Callable[[Context, Scope, ast.Func], Code]
ResultType: TypeAlias = SqlType | Callable[[Sequence[Code]], SqlType]


@frozen
class PythonFunction:
    """A scalar function for SQLite."""

    name: str
    call: Callable[..., Any]
    takes_session: bool = False
    deterministic: bool = True
    skip_null: bool = True


@frozen
class PythonAggregate:
    """An aggregate for SQLite; `factory` makes an object with step() and final(), and for a
    window function value() and inverse()."""

    name: str
    factory: Callable[..., Any]
    window: bool = False
    takes_session: bool = False


PYTHON_FUNCTIONS: Final[dict[str, PythonFunction]] = {}
PYTHON_AGGREGATES: Final[dict[str, PythonAggregate]] = {}
BUILDERS: Final[dict[str, Builder]] = {}
AGGREGATES: Final[set[str]] = set()


def python_function(
    name: str,
    call: Callable[..., Any],
    *,
    takes_session: bool = False,
    deterministic: bool = True,
    skip_null: bool = True,
) -> None:
    assert name not in PYTHON_FUNCTIONS and name not in PYTHON_AGGREGATES, name
    PYTHON_FUNCTIONS[name] = PythonFunction(name, call, takes_session, deterministic, skip_null)


def python_aggregate(
    name: str, factory: Callable[..., Any], *, window: bool = False, takes_session: bool = False
) -> None:
    assert name not in PYTHON_AGGREGATES and name not in PYTHON_FUNCTIONS, name
    PYTHON_AGGREGATES[name] = PythonAggregate(name, factory, window, takes_session)


def builder(*names: str) -> Callable[[Builder], Builder]:
    """Registers how calls of these MySQL functions are compiled."""

    def register(function: Builder) -> Builder:
        for name in names:
            assert name not in BUILDERS, name
            BUILDERS[name] = function
        return function

    return register


def skipping_null(call: Callable[..., Any]) -> Callable[..., Any]:
    """NULL if any argument is NULL, without the call."""

    def skip(*args: Any) -> Any:
        return None if None in args else call(*args)

    return skip
