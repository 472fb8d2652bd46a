"""Syntax trees of queries and data changes. Plain values, no behaviour.

`Literal.index` is the literal's number in the statement's text (see `lexer`), or None where the
value was made by the parser. DDL and administrative statements have their trees in
`ddl_nodes` and `admin_nodes`.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import define, field


@define
class Literal:
    value: int | float | str | bytes | bool | None
    kind: str  # int, decimal (value is its text), float, string, bytes, hex, null, bool
    index: int | None = None
    charset: str | None = None


@define
class Param:
    index: int


@define
class ColumnRef:
    name: str
    table: str | None = None
    schema: str | None = None

    def written(self) -> str:
        return ".".join(part for part in (self.schema, self.table, self.name) if part)


@define
class Star:
    table: str | None = None
    schema: str | None = None


@define
class Unary:
    op: str
    operand: Expr


@define
class Binary:
    op: str
    left: Expr
    right: Expr


@define
class Is:
    """IS [NOT] NULL / TRUE / FALSE / UNKNOWN."""

    operand: Expr
    what: str
    negated: bool


@define
class In:
    operand: Expr
    items: list[Expr] | Query
    negated: bool


@define
class Between:
    operand: Expr
    low: Expr
    high: Expr
    negated: bool


@define
class Like:
    operand: Expr
    pattern: Expr
    escape: Expr | None
    negated: bool


@define
class Case:
    operand: Expr | None
    whens: list[tuple[Expr, Expr]]
    default: Expr | None


@define
class Window:
    partition: list[Expr] = field(factory=list)
    order: list[OrderItem] = field(factory=list)
    frame: str = ""
    name: str | None = None


@define
class Func:
    name: str  # upper case
    args: list[Expr]
    distinct: bool = False
    order: list[OrderItem] = field(factory=list)
    separator: str | None = None
    window: Window | None = None


@define
class TypeName:
    """A type as written in CAST or in a column definition."""

    name: str  # canonical lower-case MySQL name
    length: int | None = None
    decimals: int | None = None
    unsigned: bool = False
    zerofill: bool = False
    charset: str | None = None
    collation: str | None = None
    members: tuple[str, ...] = ()


@define
class Cast:
    operand: Expr
    type: TypeName


@define
class Interval:
    value: Expr
    unit: str


@define
class Collate:
    operand: Expr
    collation: str


@define
class Row:
    items: list[Expr]


@define
class Subquery:
    query: Query


@define
class Exists:
    query: Query


@define
class Quantified:
    """left op ANY|ALL (query)"""

    op: str
    left: Expr
    all: bool
    query: Query


@define
class UserVariable:
    name: str


@define
class SystemVariable:
    name: str
    scope: str  # "", "global", "session"


@define
class Assignment:
    """@name := value inside an expression."""

    name: str
    value: Expr


@define
class DefaultOf:
    """DEFAULT as a value, or DEFAULT(column)."""

    column: str | None = None


@define
class ValuesOf:
    """VALUES(column) of ON DUPLICATE KEY UPDATE."""

    column: str


Expr: TypeAlias = (
    Literal | Param | ColumnRef | Star | Unary | Binary | Is | In | Between | Like | Case | Func
    | Cast | Interval | Collate | Row | Subquery | Exists | Quantified | UserVariable
    | SystemVariable | Assignment | DefaultOf | ValuesOf
)  # fmt: skip


@define
class OrderItem:
    value: Expr
    descending: bool


@define
class SelectItem:
    value: Expr
    alias: str | None
    text: str  # as written, the column's name when there is no alias


@define
class TableRef:
    name: str
    schema: str | None
    alias: str | None


@define
class DerivedTable:
    query: Query
    alias: str
    columns: tuple[str, ...] = ()
    lateral: bool = False


@define
class Join:
    kind: str  # INNER, CROSS, STRAIGHT, LEFT, RIGHT
    left: Source
    right: Source
    on: Expr | None = None
    using: tuple[str, ...] = ()
    natural: bool = False


Source: TypeAlias = TableRef | DerivedTable | Join


@define
class Limit:
    count: Expr
    offset: Expr | None = None


@define
class Locking:
    exclusive: bool
    nowait: bool = False
    skip_locked: bool = False


@define
class Select:
    items: list[SelectItem]
    source: Source | None = None
    where: Expr | None = None
    group: list[Expr] = field(factory=list)
    having: Expr | None = None
    order: list[OrderItem] = field(factory=list)
    limit: Limit | None = None
    distinct: bool = False
    windows: dict[str, Window] = field(factory=dict)
    locking: Locking | None = None
    calc_found_rows: bool = False


@define
class Values:
    """VALUES ROW(...), ROW(...) as a query."""

    rows: list[list[Expr]]
    order: list[OrderItem] = field(factory=list)
    limit: Limit | None = None


@define
class SetOperation:
    """UNION / EXCEPT / INTERSECT of two queries, with the ORDER BY and LIMIT of the whole."""

    op: str
    all: bool
    left: Query
    right: Query
    order: list[OrderItem] = field(factory=list)
    limit: Limit | None = None


@define
class CommonTable:
    name: str
    columns: tuple[str, ...]
    query: Query


@define
class With:
    recursive: bool
    tables: list[CommonTable]
    body: Query


Query: TypeAlias = Select | Values | SetOperation | With


@define
class Insert:
    table: TableRef
    columns: list[str] | None
    rows: list[list[Expr]] | None
    query: Query | None
    replace: bool = False
    ignore: bool = False
    updates: list[tuple[ColumnRef, Expr]] = field(factory=list)
    row_alias: str | None = None
    column_aliases: tuple[str, ...] = ()


@define
class Update:
    source: Source
    assignments: list[tuple[ColumnRef, Expr]]
    where: Expr | None = None
    order: list[OrderItem] = field(factory=list)
    limit: Limit | None = None
    ignore: bool = False


@define
class Delete:
    targets: list[TableRef]  # empty for the single-table form
    source: Source
    where: Expr | None = None
    order: list[OrderItem] = field(factory=list)
    limit: Limit | None = None
    ignore: bool = False
