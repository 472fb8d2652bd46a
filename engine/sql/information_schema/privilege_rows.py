"""Rows of information_schema's tables about privileges, from the grant tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from engine.sql import grants
from engine.sql.environment import SessionView
from engine.sql.information_schema.module import Producer, Row, Wanted
from engine.sql.system_tables import GLOBAL_PRIVILEGES, SCHEMA_PRIVILEGES, TABLE_PRIVILEGES

_OPTION: Final = "GRANT OPTION"


def _accounts(session: SessionView) -> list[tuple[str, str]]:
    query = 'SELECT "User", "Host" FROM "mysql.user" ORDER BY "User", "Host"'
    return [(user, host) for user, host in session.db.execute(query)]


def _grantee(account: tuple[str, str]) -> str:
    return f"'{account[0]}'@'{account[1]}'"


def _named(held: set[str], level: Iterable[str]) -> list[tuple[str, str]]:
    """Privilege and IS_GRANTABLE; USAGE when there is none."""
    grantable = "YES" if _OPTION in held else "NO"
    names = [name for name in level if name in held and name != _OPTION]
    return [(name, grantable) for name in names or ["USAGE"]]


def user_privileges(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for account in _accounts(session):
        held = grants.global_privileges(session.db, *account)
        for name, grantable in _named(held, GLOBAL_PRIVILEGES.values()):
            yield _grantee(account), "def", name, grantable


def schema_privileges(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for account in _accounts(session):
        for schema, held in grants.schema_grants(session.db, account):
            for name, grantable in _named(held, SCHEMA_PRIVILEGES.values()):
                yield _grantee(account), "def", schema, name, grantable


def table_privileges(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for account in _accounts(session):
        for schema, table, held in grants.table_grants(session.db, account):
            for name, grantable in _named(held, TABLE_PRIVILEGES):
                yield _grantee(account), "def", schema, table, name, grantable


def user_attributes(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for user, host in _accounts(session):
        yield user, host, None


PRODUCERS: Final[dict[str, Producer]] = {
    "SCHEMA_PRIVILEGES": schema_privileges,
    "TABLE_PRIVILEGES": table_privileges,
    "USER_ATTRIBUTES": user_attributes,
    "USER_PRIVILEGES": user_privileges,
}
