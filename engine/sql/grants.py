"""Privileges: GRANT, REVOKE and what SHOW GRANTS says, on the tables of the schema mysql.

Source: MySQL 8.0 Reference Manual, 6.2.2, 13.7.1.6 "GRANT Statement".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import apsw

from engine.errors import SqlError, error, no_database_selected, not_supported, unknown_table
from engine.sql.accounts import exists, find_account
from engine.sql.environment import SessionView
from engine.sql.parse import admin_nodes as admin
from engine.sql.schema import quote
from engine.sql.system_tables import GLOBAL_PRIVILEGES, SCHEMA_PRIVILEGES, TABLE_PRIVILEGES

Change = Callable[[apsw.Connection], None]
_GRANT_OPTION: Final = "GRANT OPTION"


def insert(db: apsw.Connection, table: str, values: dict[str, Any]) -> None:
    """A row of a table of the schema mysql."""
    names = ", ".join(map(quote, values))
    marks = ", ".join("?" * len(values))
    db.execute(f'INSERT INTO "mysql.{table}"({names}) VALUES({marks})', tuple(values.values()))


# checking


def global_privileges(db: apsw.Connection, user: str, host: str) -> set[str]:
    """Of the account with exactly that name and host."""
    columns = ", ".join(map(quote, GLOBAL_PRIVILEGES))
    row = db.execute(
        f'SELECT {columns} FROM "mysql.user" WHERE "User" = ? AND "Host" = ?', (user, host)
    ).fetchone()
    return _granted(GLOBAL_PRIVILEGES, row or ())


def _granted(columns: dict[str, str], row: Iterable[Any]) -> set[str]:
    return {name for name, switch in zip(columns.values(), row, strict=False) if switch == "Y"}


def require(session: SessionView, privilege: str) -> None:
    """Refuse the statement unless the session's account has a global privilege."""
    own = find_account(session.db, session.user, session.client_host)
    if own is None or privilege not in global_privileges(session.db, own.user, own.host):
        raise error(1227, privilege)


# changing


def change_of(session: SessionView, node: admin.Grant | admin.Revoke) -> Change:
    """The change to the grant tables that a GRANT or REVOKE makes."""
    require(session, _GRANT_OPTION)
    schema = node.schema
    if schema == "":
        if session.database is None:
            raise no_database_selected()
        schema = session.database
    _check_level(session, node, schema)
    accounts = [_account(session, spec) for spec in node.accounts]
    grant = isinstance(node, admin.Grant)
    names = set(node.privileges)
    if isinstance(node, admin.Grant) and node.grant_option:
        names.add(_GRANT_OPTION)

    def change(db: apsw.Connection) -> None:
        for account in accounts:
            if not exists(db, *account):
                if grant:
                    raise SqlError(1410, "42000", "You are not allowed to create a user with GRANT")
                raise error(1141, *account)
            if names == {"ALL", _GRANT_OPTION} and not grant:
                _revoke_everything(db, account)
            elif schema == "*":
                _switch(db, "user", GLOBAL_PRIVILEGES, account, None, names, grant)
            elif node.table == "*":
                _switch(db, "db", SCHEMA_PRIVILEGES, account, schema, names, grant)
            else:
                _change_table(db, account, schema, node.table, names, grant)

    return change


def _check_level(session: SessionView, node: admin.Grant | admin.Revoke, schema: str) -> None:
    if node.table == "*" or not isinstance(node, admin.Grant) or "CREATE" in node.privileges:
        return
    if session.catalog().find_table(schema, node.table) is None:
        raise unknown_table(schema, node.table)


def _account(session: SessionView, spec: admin.AccountSpec) -> tuple[str, str]:
    if spec.host:
        return spec.user, spec.host
    own = find_account(session.db, session.user, session.client_host)
    assert own is not None, "checked by require()"
    return own.user, own.host


def _expanded(names: set[str], known: Iterable[str]) -> set[str]:
    """ALL means every privilege of a level but GRANT OPTION."""
    wanted = names - {"ALL", "USAGE"}
    unknown = wanted - set(GLOBAL_PRIVILEGES.values())
    if unknown:
        raise not_supported(f"privilege {min(unknown)}")
    if not wanted <= set(known):
        raise error(1221, "DB GRANT", "GLOBAL PRIVILEGES")
    if "ALL" in names:
        wanted |= set(known) - {_GRANT_OPTION}
    return wanted


def _switch(
    db: apsw.Connection,
    table: str,
    columns: dict[str, str],
    account: tuple[str, str],
    schema: str | None,
    names: set[str],
    grant: bool,
) -> None:
    """Set or clear the Y/N columns of one row; a row of mysql.db without any Y goes away."""
    wanted = _expanded(names, columns.values())
    where = '"User" = ? AND "Host" = ?'
    key: tuple[str, ...] = account
    if schema is not None:
        where, key = f'{where} AND "Db" = ?', (*account, schema)
        if db.execute(f'SELECT 1 FROM "mysql.{table}" WHERE {where}', key).get is None:
            if not grant:
                raise error(1141, *account)
            names_and_key = {"User": account[0], "Host": account[1], "Db": schema}
            insert(db, table, dict.fromkeys(columns, "N") | names_and_key)
    changed = [column for column, name in columns.items() if name in wanted]
    if changed:
        switches = ", ".join(f"{quote(column)} = ?" for column in changed)
        values = ("Y" if grant else "N",) * len(changed)
        db.execute(f'UPDATE "mysql.{table}" SET {switches} WHERE {where}', (*values, *key))
    if schema is not None:
        none = " AND ".join(f"{quote(column)} = 'N'" for column in columns)
        db.execute(f'DELETE FROM "mysql.{table}" WHERE {where} AND {none}', key)


def _change_table(
    db: apsw.Connection,
    account: tuple[str, str],
    schema: str,
    table: str,
    names: set[str],
    grant: bool,
) -> None:
    wanted = {TABLE_PRIVILEGES[name] for name in _expanded(names, TABLE_PRIVILEGES)}
    key = (*account, schema, table)
    where = '"User" = ? AND "Host" = ? AND "Db" = ? AND "Table_name" = ?'
    found: Any = db.execute(f'SELECT "Table_priv" FROM "mysql.tables_priv" WHERE {where}', key).get
    if found is None and not grant:
        raise error(1147, *account, table)
    held = set(filter(None, (found or "").split(",")))
    held = held | wanted if grant else held - wanted
    text = ",".join(word for word in TABLE_PRIVILEGES.values() if word in held)
    db.execute(f'DELETE FROM "mysql.tables_priv" WHERE {where}', key)
    if text:
        row = dict(zip(("User", "Host", "Db", "Table_name"), key, strict=True))
        insert(db, "tables_priv", {**row, "Grantor": "", "Table_priv": text, "Column_priv": ""})


def _revoke_everything(db: apsw.Connection, account: tuple[str, str]) -> None:
    switches = ", ".join(f"{quote(column)} = 'N'" for column in GLOBAL_PRIVILEGES)
    db.execute(f'UPDATE "mysql.user" SET {switches} WHERE "User" = ? AND "Host" = ?', account)
    for table in ("db", "tables_priv", "columns_priv", "procs_priv"):
        db.execute(f'DELETE FROM "mysql.{table}" WHERE "User" = ? AND "Host" = ?', account)


# showing


def _account_text(account: tuple[str, str]) -> str:
    return "@".join("`" + part.replace("`", "``") + "`" for part in account)


def _statement(
    held: set[str], level: Iterable[str], where: str, account: tuple[str, str], *, spelled: bool
) -> str:
    every = [name for name in level if name != _GRANT_OPTION]
    names = [name for name in every if name in held]
    words = ", ".join(names) or "USAGE"
    if names == every and not spelled:
        words = "ALL PRIVILEGES"
    option = " WITH GRANT OPTION" if _GRANT_OPTION in held else ""
    return f"GRANT {words} ON {where} TO {_account_text(account)}{option}"


def statements_for(db: apsw.Connection, account: tuple[str, str]) -> list[str]:
    """The lines of SHOW GRANTS; 1141 when there is no such account."""
    if not exists(db, *account):
        raise error(1141, *account)
    held = global_privileges(db, *account)
    lines = [_statement(held, GLOBAL_PRIVILEGES.values(), "*.*", account, spelled=True)]
    for schema, names in schema_grants(db, account):
        where = f"{_identifier(schema)}.*"
        lines.append(_statement(names, SCHEMA_PRIVILEGES.values(), where, account, spelled=False))
    for schema, table, names in table_grants(db, account):
        where = f"{_identifier(schema)}.{_identifier(table)}"
        lines.append(_statement(names, TABLE_PRIVILEGES, where, account, spelled=False))
    return lines


def _identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def schema_grants(db: apsw.Connection, account: tuple[str, str]) -> list[tuple[str, set[str]]]:
    columns = ", ".join(map(quote, SCHEMA_PRIVILEGES))
    rows: list[Any] = db.execute(
        f'SELECT "Db", {columns} FROM "mysql.db" WHERE "User" = ? AND "Host" = ? ORDER BY "Db"',
        account,
    ).fetchall()
    return [(row[0], _granted(SCHEMA_PRIVILEGES, row[1:])) for row in rows]


def table_grants(db: apsw.Connection, account: tuple[str, str]) -> list[tuple[str, str, set[str]]]:
    rows: list[Any] = db.execute(
        'SELECT "Db", "Table_name", "Table_priv" FROM "mysql.tables_priv"'
        ' WHERE "User" = ? AND "Host" = ? ORDER BY "Db", "Table_name"',
        account,
    ).fetchall()
    names = {word: name for name, word in TABLE_PRIVILEGES.items()}
    return [
        (schema, table, {names[word] for word in words.split(",") if word})
        for schema, table, words in rows
    ]
