"""Accounts: who may log in, kept in mysql.user; CREATE, ALTER, DROP, RENAME USER, SET PASSWORD.

Passwords are kept as mysql_native_password's SHA1(SHA1(password)); `accounts` says which row a
client logs in to. Source: MySQL 8.0 Reference Manual, 13.7.1 "Account Management Statements".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import apsw

from engine.auth import native_hash
from engine.backend import Account
from engine.errors import SqlError, error, not_supported
from engine.protocol.handshake import NATIVE_PASSWORD
from engine.results import Ok
from engine.sql import grants
from engine.sql.accounts import exists, find_account, written
from engine.sql.environment import SessionView
from engine.sql.parse import admin_nodes as admin
from engine.sql.system_tables import CREATE_TABLES, GLOBAL_PRIVILEGES
from engine.store import StoreConnection

__all__ = [
    "CREATE_TABLES",
    "Account",
    "create_first_accounts",
    "execute_account",
    "find",
    "find_account",
]

FIRST_ACCOUNT: Final = ("admin", "%")
_GRANT_TABLES: Final = ("user", "db", "tables_priv", "columns_priv", "procs_priv")
_HASH_LENGTH: Final = 41
_LONGEST_USER: Final = 32


# logging in


def find(conn: StoreConnection, user: str, host: str) -> Account | None:
    """The account that a client from `host` logs in to; the connection holds a snapshot."""
    return find_account(conn.db, user, host)


def create_first_accounts(db: apsw.Connection) -> None:
    """The account a new cluster is reached with: every privilege, no password."""
    user, host = FIRST_ACCOUNT
    _insert(db, admin.AccountSpec(user, host, password=""))
    switches = ", ".join(f"\"{column}\" = 'Y'" for column in GLOBAL_PRIVILEGES)
    db.execute(f'UPDATE "mysql.user" SET {switches} WHERE "User" = ?', (user,))


# statements


async def execute_account(session: SessionView, node: Any) -> Ok:
    """Run a statement about accounts or privileges; its changes are one transaction."""
    change: Callable[[apsw.Connection], Any]
    if isinstance(node, admin.SetPassword):
        account = _named(session, node.user or "", node.host or "")
        if node.user is not None and not _is_own(session, account):
            grants.require(session, "CREATE USER")
        spec = admin.AccountSpec(*account, password=node.password)
        change = _each([spec], "SET PASSWORD", _alter)
    elif isinstance(node, admin.Grant | admin.Revoke):
        change = grants.change_of(session, node)
    else:
        change = _user_change(session, node)
    await session.write(change, implicit_commit=True)
    return Ok()


def _user_change(session: SessionView, node: Any) -> Callable[[apsw.Connection], Any]:
    if isinstance(node, admin.AlterUser):
        specs = [_resolved(session, spec) for spec in node.accounts]
        if not all(_is_own(session, (spec.user, spec.host)) for spec in specs):
            grants.require(session, "CREATE USER")
        return _each(specs, "ALTER USER", _alter, lenient=node.if_exists)
    grants.require(session, "CREATE USER")
    if isinstance(node, admin.CreateUser):
        return _each(node.accounts, "CREATE USER", _create, lenient=node.if_not_exists)
    if isinstance(node, admin.DropUser):
        specs = [_resolved(session, spec) for spec in node.accounts]
        return _each(specs, "DROP USER", _drop, lenient=node.if_exists)
    if isinstance(node, admin.RenameUser):
        return _renaming(node)
    raise not_supported(type(node).__name__)


def _each(
    specs: list[admin.AccountSpec],
    operation: str,
    action: Callable[[apsw.Connection, admin.AccountSpec], bool],
    *,
    lenient: bool = False,
) -> Callable[[apsw.Connection], None]:
    """A change that acts on every account, or on none and says which ones it could not."""

    def change(db: apsw.Connection) -> None:
        failed = [spec for spec in specs if not action(db, spec)]
        if failed and not lenient:
            raise error(1396, operation, ",".join(written(s.user, s.host) for s in failed))

    return change


def _is_own(session: SessionView, account: tuple[str, str]) -> bool:
    own = find_account(session.db, session.user, session.client_host)
    return own is not None and (own.user, own.host) == account


def _named(session: SessionView, user: str, host: str) -> tuple[str, str]:
    """The account meant; without a host it is the session's own."""
    if host:
        return user, host
    own = find_account(session.db, session.user, session.client_host)
    if own is None:
        raise error(1396, "ALTER USER", written(session.user, session.client_host))
    return own.user, own.host


def _resolved(session: SessionView, spec: admin.AccountSpec) -> admin.AccountSpec:
    user, host = _named(session, spec.user, spec.host)
    return admin.AccountSpec(user, host, spec.plugin, spec.password, spec.auth_string)


def _create(db: apsw.Connection, spec: admin.AccountSpec) -> bool:
    if len(spec.user) > _LONGEST_USER:
        raise SqlError(
            1470,
            "HY000",
            f"String '{spec.user}' is too long for user name (should be no longer than "
            f"{_LONGEST_USER})",
        )
    if exists(db, spec.user, spec.host):
        return False
    _insert(db, spec)
    return True


def _insert(db: apsw.Connection, spec: admin.AccountSpec) -> None:
    """Columns get the defaults of their definition, which SQLite does not keep."""
    values: dict[str, Any] = dict.fromkeys(GLOBAL_PRIVILEGES, "N")
    values |= {
        "Host": spec.host, "User": spec.user, "ssl_type": "", "max_questions": 0,
        "max_updates": 0, "max_connections": 0, "max_user_connections": 0,
        "plugin": NATIVE_PASSWORD, "authentication_string": _stored(spec),
        "password_expired": "N", "account_locked": "N",
    }  # fmt: skip
    grants.insert(db, "user", values)


def _stored(spec: admin.AccountSpec) -> str:
    if spec.plugin is not None and spec.plugin != NATIVE_PASSWORD:
        raise error(1524, spec.plugin)
    if spec.auth_string is None:
        return native_hash(spec.password or "")
    text = spec.auth_string
    digits = text[1:]
    if text and (len(text) != _HASH_LENGTH or text[0] != "*" or not _is_hexadecimal(digits)):
        raise error(1372, _HASH_LENGTH)
    return text.upper()


def _is_hexadecimal(text: str) -> bool:
    return all(char in "0123456789abcdefABCDEF" for char in text)


def _alter(db: apsw.Connection, spec: admin.AccountSpec) -> bool:
    if not exists(db, spec.user, spec.host):
        return False
    if spec.password is not None or spec.auth_string is not None or spec.plugin is not None:
        db.execute(
            'UPDATE "mysql.user" SET "authentication_string" = ?, "plugin" = ?'
            ' WHERE "User" = ? AND "Host" = ?',
            (_stored(spec), NATIVE_PASSWORD, spec.user, spec.host),
        )
    return True


def _drop(db: apsw.Connection, spec: admin.AccountSpec) -> bool:
    if not exists(db, spec.user, spec.host):
        return False
    for table in _GRANT_TABLES:
        db.execute(
            f'DELETE FROM "mysql.{table}" WHERE "User" = ? AND "Host" = ?', (spec.user, spec.host)
        )
    return True


def _renaming(node: admin.RenameUser) -> Callable[[apsw.Connection], None]:
    def change(db: apsw.Connection) -> None:
        for old, new in node.pairs:
            if not exists(db, old.user, old.host) or exists(db, new.user, new.host):
                raise error(1396, "RENAME USER", written(old.user, old.host))
            for table in _GRANT_TABLES:
                db.execute(
                    f'UPDATE "mysql.{table}" SET "User" = ?, "Host" = ?'
                    ' WHERE "User" = ? AND "Host" = ?',
                    (new.user, new.host, old.user, old.host),
                )

    return change
