"""What one compilation knows and collects, and the table its expression rules are kept in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from attrs import define, field, frozen

from engine.errors import not_supported, unknown_variable
from engine.sql.catalog import Catalog
from engine.sql.compile.code import Binder, Code
from engine.sql.compile.scope import Scope
from engine.sql.parse import ast
from engine.sql.types import SqlType


@frozen
class Settings:
    """What a session's settings mean for a plan; part of the plan cache's key."""

    database: str | None = None
    backslash_escapes: bool = True
    ansi_quotes: bool = False
    pipes_as_concat: bool = False
    full_group_by: bool = True
    utc: bool = True  # the session time zone is UTC: TIMESTAMPs need no conversion
    division_errors: bool = True


class VariableTypes(Protocol):
    """What the compiler asks about system variables."""

    def sql_type(self, name: str, scope: str) -> SqlType:
        """1193 for unknown names, 1238 for a scope the variable does not have."""
        ...


class NoVariables:
    """Outside a session, as in a column's default, there are no system variables."""

    def sql_type(self, name: str, scope: str) -> SqlType:
        raise unknown_variable(name)


@define
class Context:
    """One statement being compiled."""

    catalog: Catalog
    settings: Settings
    param_kinds: tuple[type, ...] | None = None  # Python types of the bound parameters
    free_literals: bool = False  # literals met now may become parameters
    freed: set[int] = field(factory=set)
    binder: Binder = field(factory=Binder)
    clause: str = "field list"
    tables: set[tuple[str, str]] = field(factory=set)
    functions: set[str] = field(factory=set)
    sources: int = 0
    common_tables: list[dict[str, Any]] = field(factory=list)
    variables: VariableTypes = field(factory=NoVariables)
    user_variables: Mapping[str, tuple[Any, SqlType]] = field(factory=dict)
    assigned_variables: dict[str, SqlType] = field(factory=dict)
    once: set[str] = field(factory=set)  # why the plan can only be used once
    locking: ast.Locking | None = None
    inside_aggregate: bool = False
    over: str = ""  # OVER clause for the aggregate being compiled
    insert_values: dict[str, Code] | None = None  # VALUES(column) of ON DUPLICATE KEY UPDATE

    def next_source(self) -> str:
        self.sources += 1
        return f"t{self.sources - 1}"

    def use(self, function: str) -> str:
        """Name of a function implemented in Python, noted so that it gets registered."""
        self.functions.add(function)
        return function


Rule: TypeAlias = Callable[[Context, Scope, Any], Code]
RULES: Final[dict[type, Rule]] = {}
_R = TypeVar("_R", bound=Rule)


def rule(node_type: type) -> Callable[[_R], _R]:
    """Registers the compilation of one kind of node."""

    def register(function: _R) -> _R:
        RULES[node_type] = function
        return function

    return register


def compile_expression(cx: Context, scope: Scope, node: ast.Expr) -> Code:
    found = RULES.get(type(node))
    if found is None:
        raise not_supported(f"{type(node).__name__} here")
    return found(cx, scope, node)


def without_free_literals(cx: Context, scope: Scope, node: ast.Expr) -> Code:
    """Compile where a literal's value shapes the plan, so it cannot become a parameter."""
    before, cx.free_literals = cx.free_literals, False
    try:
        return compile_expression(cx, scope, node)
    finally:
        cx.free_literals = before
