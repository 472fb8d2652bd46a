"""Which row of mysql.user a client logs in to.

Several rows may fit: the most specific host wins, then a named user before the anonymous one.
Source: MySQL 8.0 Reference Manual, 6.2.6 "Access Control, Stage 1".
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final

import apsw

from engine.backend import Account
from engine.sql.like import pattern

_LOOPBACK: Final = frozenset(["127.0.0.1", "::1"])


def find_account(db: apsw.Connection, user: str, host: str) -> Account | None:
    try:
        rows: list[Any] = db.execute(
            'SELECT "User", "Host", "plugin", coalesce("authentication_string", \'\')'
            ' FROM "mysql.user" WHERE "User" IN (?, \'\')',
            (user,),
        ).fetchall()
    except apsw.SQLError as problem:
        if "no such table" in str(problem):  # a volume that no writer has opened yet
            return None
        raise
    fitting = [Account(*row) for row in rows if host_matches(row[1], host)]
    return min(fitting, key=_generality, default=None)


def host_matches(allowed: str, host: str) -> bool:
    """Whether a client's address fits an account's host: a name, a pattern or a network."""
    if allowed == "localhost":
        return host in _LOOPBACK or host == "localhost"
    if "/" in allowed:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(allowed, strict=False)
        except ValueError:
            return False
    return pattern(allowed or "%").fullmatch(host) is not None


def _generality(account: Account) -> tuple[int, int, bool]:
    """Sorts the most specific account first."""
    host = account.host
    wildcard = min((at for at in (host.find("%"), host.find("_")) if at >= 0), default=-1)
    if "/" in host:
        return 1, -len(host), not account.user
    if wildcard < 0:
        return (0 if host else 3), 0, not account.user
    return (3 if host == "%" else 2), -wildcard, not account.user


def exists(db: apsw.Connection, user: str, host: str) -> bool:
    found = db.execute(
        'SELECT 1 FROM "mysql.user" WHERE "User" = ? AND "Host" = ?', (user, host)
    ).get
    return found is not None


def written(user: str, host: str) -> str:
    return f"'{user}'@'{host}'"
