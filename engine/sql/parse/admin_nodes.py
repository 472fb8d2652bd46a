"""Syntax trees of statements about sessions, transactions, accounts and the server."""

from __future__ import annotations

from typing import TypeAlias

from attrs import define, field

from engine.sql.parse.ast import Expr, TableRef


@define
class Begin:
    read_only: bool = False
    consistent_snapshot: bool = False


@define
class Commit:
    chain: bool = False
    release: bool = False


@define
class Rollback:
    chain: bool = False
    release: bool = False


@define
class Savepoint:
    name: str


@define
class RollbackTo:
    name: str


@define
class ReleaseSavepoint:
    name: str


@define
class SetVariable:
    """One system variable; `value` None means DEFAULT."""

    name: str
    scope: str  # "", session, global
    value: Expr | None


@define
class SetUserVariable:
    name: str
    value: Expr


@define
class SetNames:
    charset: str | None  # None: DEFAULT
    collation: str | None = None


@define
class SetCharacterSet:
    charset: str | None


@define
class SetTransaction:
    scope: str  # "" (next transaction), session, global
    isolation: str | None
    read_only: bool | None


@define
class SetPassword:
    user: str | None
    host: str | None
    password: str


SetItem: TypeAlias = (
    SetVariable | SetUserVariable | SetNames | SetCharacterSet | SetTransaction | SetPassword
)


@define
class Set:
    items: list[SetItem]


@define
class Use:
    name: str


@define
class Show:
    """`what` is the canonical phrase after SHOW, e.g. "TABLES" or "CREATE TABLE"."""

    what: str
    full: bool = False
    scope: str = "session"
    table: str | None = None
    schema: str | None = None
    like: str | None = None
    where: Expr | None = None
    where_text: str = ""
    if_not_exists: bool = False
    user: tuple[str, str] | None = None
    limit_text: str = ""


@define
class Describe:
    table: TableRef
    like: str | None = None


@define
class Explain:
    statement: object  # the tree of the statement explained
    format: str = "TRADITIONAL"


@define
class Kill:
    query: bool
    target: Expr


@define
class Do:
    values: list[Expr]


@define
class Flush:
    what: tuple[str, ...]
    read_lock: bool = False


@define
class LockTables:
    tables: list[tuple[TableRef, bool]]  # True: WRITE


@define
class UnlockTables:
    pass


@define
class Maintain:
    """ANALYZE, CHECK, OPTIMIZE, REPAIR TABLE."""

    operation: str
    tables: list[TableRef]


@define
class AccountSpec:
    user: str
    host: str
    plugin: str | None = None
    password: str | None = None  # clear text
    auth_string: str | None = None  # stored form


@define
class CreateUser:
    accounts: list[AccountSpec]
    if_not_exists: bool = False


@define
class AlterUser:
    accounts: list[AccountSpec]
    if_exists: bool = False


@define
class DropUser:
    accounts: list[AccountSpec]
    if_exists: bool = False


@define
class RenameUser:
    pairs: list[tuple[AccountSpec, AccountSpec]] = field(factory=list)


@define
class Grant:
    privileges: tuple[str, ...]
    schema: str  # "*" for all
    table: str  # "*" for all
    accounts: list[AccountSpec]
    grant_option: bool = False


@define
class Revoke:
    privileges: tuple[str, ...]
    schema: str
    table: str
    accounts: list[AccountSpec]


Administration: TypeAlias = (
    Begin | Commit | Rollback | Savepoint | RollbackTo | ReleaseSavepoint | Set | Use | Show
    | Describe | Explain | Kill | Do | Flush | LockTables | UnlockTables | Maintain | CreateUser
    | AlterUser | DropUser | RenameUser | Grant | Revoke
)  # fmt: skip
