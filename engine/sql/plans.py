"""Plans: what a statement was compiled to, ready to be executed with bindings.

A plan is immutable and shared by the sessions of an instance; it is good for one catalogue
version and one set of `Settings`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from engine.results import Column
from engine.sql.assign import Store
from engine.sql.compile.code import Slots, Source
from engine.sql.parse import ast
from engine.sql.parse.statements import StatementNode
from engine.sql.schema import IndexDef, TableDef

Printer: TypeAlias = Callable[[Any], Any]


@frozen(eq=False, kw_only=True)
class Plan:
    """What all plans have."""

    version: int  # of the catalogue
    functions: frozenset[str] = frozenset()
    virtual: tuple[TableDef, ...] = ()
    uses_tables: bool = False
    cacheable: bool = True
    columns: tuple[Column, ...] = ()
    any_kinds: bool = False  # good for parameters of any types


@frozen(eq=False, kw_only=True)
class SelectPlan(Plan):
    sql: str
    slots: Slots
    printers: tuple[Printer | None, ...] | None = None
    single_row: bool = False
    count: SelectPlan | None = None  # SQL_CALC_FOUND_ROWS
    locking: ast.Locking | None = None
    limited: bool = False  # has a LIMIT of its own: sql_select_limit does not apply

    def printed(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        assert self.printers is not None
        return tuple(
            value if value is None or convert is None else convert(value)
            for value, convert in zip(row, self.printers, strict=True)
        )


@frozen(eq=False, kw_only=True)
class UpdatePlan(Plan):
    """One table, one SQLite UPDATE."""

    sql: str
    slots: Slots
    table: TableDef
    stores: tuple[Store, ...]
    node: ast.Update


@frozen(eq=False, kw_only=True)
class RowUpdate:
    """One target of a row-by-row update."""

    table: TableDef
    rowid_at: int  # columns of the query's rows
    values_at: tuple[int, ...]
    stores: tuple[Store, ...]
    now_columns: tuple[int, ...]  # positions of ON UPDATE CURRENT_TIMESTAMP columns not assigned
    positions: tuple[int, ...]  # table positions of the assigned columns
    sql: str  # SET all assigned columns, then the now columns, WHERE rowid


@frozen(eq=False, kw_only=True)
class RowwiseUpdatePlan(Plan):
    """Several tables, an order, or IGNORE: the rows are found first, then changed one by one."""

    query: SelectPlan
    targets: tuple[RowUpdate, ...]
    ignore: bool


@frozen(eq=False, kw_only=True)
class DeletePlan(Plan):
    sql: str
    slots: Slots
    table: TableDef


@frozen(eq=False, kw_only=True)
class MultiDeletePlan(Plan):
    """Rows found by a query, whose columns are the row ids of the targets."""

    query: SelectPlan
    targets: tuple[str, ...]  # DELETE statements by row id


@frozen
class DefaultValue:
    """DEFAULT in a VALUES row; there is one object, compared by identity."""


DEFAULT_VALUE: Final = DefaultValue()


@frozen
class Expression:
    """A value computed by the row's SELECT, by its position in it."""

    position: int


ValueSource: TypeAlias = Source | DefaultValue | Expression


@frozen
class RowTemplate:
    """A VALUES row: where each value comes from, and the SELECT of those that need SQLite."""

    values: tuple[ValueSource, ...]
    query: SelectPlan | None = None


@frozen(eq=False)
class UniqueLookup:
    """Finds the row that holds a unique key's value."""

    index: IndexDef
    positions: tuple[int, ...]
    prefixes: tuple[int | None, ...]
    sql: str


@frozen(eq=False, kw_only=True)
class TargetTable:
    """Everything an insert needs to know of its table; made once per definition."""

    table: TableDef
    stores: tuple[Store, ...]
    defaults: tuple[Any, ...]  # a stored value, or one of `inserts.Deferred`
    insert_sql: str
    auto_position: int | None
    lookups: tuple[UniqueLookup, ...]
    delete_sql: str


@frozen(eq=False, kw_only=True)
class OnDuplicate:
    """ON DUPLICATE KEY UPDATE: an UPDATE by row id whose slots may take the new row's values."""

    sql: str
    slots: Slots
    stores: tuple[Store, ...]


@frozen(eq=False, kw_only=True)
class InsertPlan(Plan):
    target: TargetTable
    positions: tuple[int, ...]  # table position of each listed column
    rows: tuple[RowTemplate, ...] = ()
    query: SelectPlan | None = None
    replace: bool = False
    ignore: bool = False
    on_duplicate: OnDuplicate | None = None
    expression_defaults: dict[int, SelectPlan] = field(factory=dict)


@frozen(eq=False, kw_only=True)
class CommandPlan(Plan):
    """A statement executed from its tree: DDL, SET, SHOW, transactions, accounts."""

    node: StatementNode
    param_count: int = 0
