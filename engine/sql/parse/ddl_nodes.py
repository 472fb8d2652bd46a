"""Syntax trees of data definition statements."""

from __future__ import annotations

from typing import TypeAlias

from attrs import define, field

from engine.sql.parse.ast import Expr, Query, TableRef, TypeName


@define
class ColumnSpec:
    name: str
    type: TypeName
    nullable: bool | None = None
    default: Expr | None = None
    default_text: str | None = None  # of an expression in parentheses
    on_update: Expr | None = None
    auto_increment: bool = False
    primary: bool = False
    unique: bool = False
    comment: str = ""
    visible: bool = True


@define
class IndexPart:
    column: str
    length: int | None = None
    descending: bool = False


@define
class IndexSpec:
    kind: str  # PRIMARY, UNIQUE, KEY
    name: str | None
    parts: list[IndexPart]
    comment: str = ""


@define
class TableOptions:
    engine: str | None = None
    charset: str | None = None
    collation: str | None = None
    comment: str | None = None
    auto_increment: int | None = None
    row_format: str | None = None


@define
class CreateTable:
    table: TableRef
    if_not_exists: bool
    columns: list[ColumnSpec] = field(factory=list)
    indexes: list[IndexSpec] = field(factory=list)
    options: TableOptions = field(factory=TableOptions)
    like: TableRef | None = None
    query: Query | None = None


@define
class DropTable:
    tables: list[TableRef]
    if_exists: bool


@define
class TruncateTable:
    table: TableRef


@define
class RenameTable:
    pairs: list[tuple[TableRef, TableRef]]


@define
class CreateIndex:
    table: TableRef
    index: IndexSpec


@define
class DropIndex:
    table: TableRef
    name: str


@define
class CreateDatabase:
    name: str
    if_not_exists: bool
    charset: str | None = None
    collation: str | None = None


@define
class AlterDatabase:
    name: str | None
    charset: str | None = None
    collation: str | None = None


@define
class DropDatabase:
    name: str
    if_exists: bool


# ALTER TABLE actions


@define
class AddColumn:
    column: ColumnSpec
    first: bool = False
    after: str | None = None


@define
class ChangeColumn:
    """MODIFY, and CHANGE with a new name."""

    name: str
    column: ColumnSpec
    first: bool = False
    after: str | None = None


@define
class DropColumn:
    name: str


@define
class RenameColumn:
    name: str
    new_name: str


@define
class SetDefault:
    """ALTER COLUMN ... SET DEFAULT, or DROP DEFAULT when `default` is None."""

    name: str
    default: Expr | None
    default_text: str | None = None  # of an expression in parentheses


@define
class AddIndex:
    index: IndexSpec


@define
class DropKey:
    name: str  # PRIMARY for the primary key


@define
class RenameKey:
    name: str
    new_name: str


@define
class RenameTo:
    table: TableRef


@define
class ChangeOptions:
    options: TableOptions


AlterAction: TypeAlias = (
    AddColumn | ChangeColumn | DropColumn | RenameColumn | SetDefault | AddIndex | DropKey
    | RenameKey | RenameTo | ChangeOptions
)  # fmt: skip


@define
class AlterTable:
    table: TableRef
    actions: list[AlterAction]


Definition: TypeAlias = (
    CreateTable | DropTable | TruncateTable | RenameTable | CreateIndex | DropIndex
    | CreateDatabase | AlterDatabase | DropDatabase | AlterTable
)  # fmt: skip
