"""SHOW statements with answers of their own: definitions, sessions, warnings, grants, replication.

What does not exist here (binary log, classic replication, profiles) gives the right columns and
no rows, as on a server that does not use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from engine.errors import SqlError, error, no_database_selected, not_supported
from engine.results import ResultSet
from engine.sql import grants
from engine.sql.accounts import find_account
from engine.sql.environment import SessionView
from engine.sql.information_schema import estimates
from engine.sql.parse import admin_nodes as admin
from engine.sql.schema import TableDef
from engine.sql.show.create_table import show_create_database, show_create_table
from engine.sql.show.results import COUNT, NUMBER, SHORT, TEXT, Shape, result, texts
from engine.sql.system_tables import GLOBAL_PRIVILEGES

_SHOWN_INFO: Final = 100  # characters of a statement in SHOW PROCESSLIST without FULL

_REPLICA_STATUS: Final = (
    "Replica_IO_State", "Source_Host", "Source_User", "Source_Port", "Connect_Retry",
    "Source_Log_File", "Read_Source_Log_Pos", "Relay_Log_File", "Relay_Log_Pos",
    "Relay_Source_Log_File", "Replica_IO_Running", "Replica_SQL_Running", "Replicate_Do_DB",
    "Replicate_Ignore_DB", "Replicate_Do_Table", "Replicate_Ignore_Table",
    "Replicate_Wild_Do_Table", "Replicate_Wild_Ignore_Table", "Last_Errno", "Last_Error",
    "Skip_Counter", "Exec_Source_Log_Pos", "Relay_Log_Space", "Until_Condition", "Until_Log_File",
    "Until_Log_Pos", "Source_SSL_Allowed", "Source_SSL_CA_File", "Source_SSL_CA_Path",
    "Source_SSL_Cert", "Source_SSL_Cipher", "Source_SSL_Key", "Seconds_Behind_Source",
    "Source_SSL_Verify_Server_Cert", "Last_IO_Errno", "Last_IO_Error", "Last_SQL_Errno",
    "Last_SQL_Error", "Replicate_Ignore_Server_Ids", "Source_Server_Id", "Source_UUID",
    "Source_Info_File", "SQL_Delay", "SQL_Remaining_Delay", "Replica_SQL_Running_State",
    "Source_Retry_Count", "Source_Bind", "Last_IO_Error_Timestamp", "Last_SQL_Error_Timestamp",
    "Source_SSL_Crl", "Source_SSL_Crlpath", "Retrieved_Gtid_Set", "Executed_Gtid_Set",
    "Auto_Position", "Replicate_Rewrite_DB", "Channel_Name", "Source_TLS_Version",
    "Source_public_key_path", "Get_Source_public_key", "Network_Namespace",
)  # fmt: skip


def _slave_word(name: str) -> str:
    """A column of SHOW REPLICA STATUS as SHOW SLAVE STATUS calls it."""
    return (
        name.replace("Replica_", "Slave_")
        .replace("Source", "Master")
        .replace("Get_Source", "Get_master")
    )


EMPTY: Final[dict[str, Shape]] = {
    "MASTER STATUS": texts(
        "File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB", "Executed_Gtid_Set"
    ),
    "REPLICA STATUS": texts(*_REPLICA_STATUS),
    "SLAVE STATUS": texts(*map(_slave_word, _REPLICA_STATUS)),
    "SLAVE HOSTS": texts("Server_id", "Host", "Port", "Master_id", "Slave_UUID"),
    "PROFILES": texts("Query_ID", "Duration", "Query"),
    "OPEN TABLES": (
        ("Database", SHORT),
        ("Table", SHORT),
        ("In_use", COUNT),
        ("Name_locked", COUNT),
    ),
}


# definitions


def _table(session: SessionView, node: admin.Show) -> TableDef:
    schema = node.schema or session.database
    if schema is None:
        raise no_database_selected()
    return session.catalog().table(schema, node.table or "")


def _create_table(session: SessionView, node: admin.Show) -> ResultSet:
    table = _table(session, node)
    next_id = None if table.virtual else estimates.next_auto_increment(session.db, table)
    text = show_create_table(table, next_id)
    return result((("Table", SHORT), ("Create Table", TEXT)), [(table.name, text)])


def _create_view(session: SessionView, node: admin.Show) -> ResultSet:
    table = _table(session, node)
    raise SqlError(1347, "HY000", f"'{table.schema}.{table.name}' is not VIEW")


def _create_database(session: SessionView, node: admin.Show) -> ResultSet:
    schema = session.catalog().schema(node.schema or "")
    text = show_create_database(schema, if_not_exists=node.if_not_exists)
    return result((("Database", SHORT), ("Create Database", TEXT)), [(schema.name, text)])


def _create_routine(session: SessionView, node: admin.Show) -> ResultSet:
    kind = node.what.removeprefix("CREATE ")
    if kind == "TRIGGER":
        raise SqlError(1360, "HY000", "Trigger does not exist")
    if kind == "EVENT":
        raise SqlError(1539, "HY000", f"Unknown event '{node.table}'")
    raise error(1305, kind, node.table)


# accounts


def _account(session: SessionView, named: tuple[str, str] | None) -> tuple[str, str]:
    if named is not None and named[1]:
        return named
    own = find_account(session.db, session.user, session.client_host)
    if own is None:
        raise error(1141, session.user, session.client_host)
    return own.user, own.host


def _grants(session: SessionView, node: admin.Show) -> ResultSet:
    account = _account(session, node.user)
    lines = grants.statements_for(session.db, account)
    return result(texts(f"Grants for {account[0]}@{account[1]}"), [(line,) for line in lines])


def _create_user(session: SessionView, node: admin.Show) -> ResultSet:
    user, host = _account(session, node.user)
    row: Any = session.db.execute(
        'SELECT "plugin", coalesce("authentication_string", \'\') FROM "mysql.user"'
        ' WHERE "User" = ? AND "Host" = ?',
        (user, host),
    ).fetchone()
    if row is None:
        raise error(1396, "SHOW CREATE USER", f"'{user}'@'{host}'")
    stored = f" AS '{row[1]}'" if row[1] else ""
    text = (
        f"CREATE USER `{user}`@`{host}` IDENTIFIED WITH '{row[0]}'{stored} REQUIRE NONE "
        "PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT "
        "PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT"
    )
    return result(texts(f"CREATE USER for {user}@{host}"), [(text,)])


def _privileges(session: SessionView, node: admin.Show) -> ResultSet:
    rows = [(name.capitalize(), "Server Admin", "") for name in sorted(GLOBAL_PRIVILEGES.values())]
    return result(texts("Privilege", "Context", "Comment"), rows)


# sessions


def _processlist(session: SessionView, node: admin.Show) -> ResultSet:
    shape = (
        ("Id", COUNT), ("User", SHORT), ("Host", SHORT), ("db", SHORT), ("Command", SHORT),
        ("Time", NUMBER), ("State", SHORT), ("Info", TEXT),
    )  # fmt: skip
    rows = []
    for each in session.info.sessions.processes():
        info = each.info if each.info is None or node.full else each.info[:_SHOWN_INFO]
        rows.append(
            (
                each.id, each.user, each.host, each.database, each.command, each.seconds,
                each.state, info,
            )
        )  # fmt: skip
    return result(shape, rows)


_DIAGNOSTICS: Final = (("Level", SHORT), ("Code", COUNT), ("Message", TEXT))


def _warnings(session: SessionView, node: admin.Show) -> ResultSet:
    rows = [row for row in session.warnings if node.what == "WARNINGS" or row[0] == "Error"]
    offset, count = _limits(node.limit_text, len(rows))
    return result(_DIAGNOSTICS, rows[offset : offset + count])


def _limits(text: str, every: int) -> tuple[int, int]:
    """Offset and count of a LIMIT clause as written."""
    words = text.upper().replace("LIMIT", "").replace(",", " , ").split()
    if not words:
        return 0, every
    if not all(word.isdigit() or word in (",", "OFFSET") for word in words):
        raise not_supported("LIMIT with a parameter in SHOW WARNINGS")
    if "," in words:
        return int(words[0]), int(words[2])
    return (int(words[2]) if "OFFSET" in words else 0), int(words[0])


def _count(session: SessionView, node: admin.Show) -> ResultSet:
    errors = node.what == "COUNT ERRORS"
    number = sum(not errors or level == "Error" for level, _, _ in session.warnings)
    name = "@@session.error_count" if errors else "@@session.warning_count"
    return result(((name, COUNT),), [(number,)])


# engine and logs


def _engine_status(session: SessionView, node: admin.Show) -> ResultSet:
    info = session.info
    text = (
        f"instance {info.instance_id}, role {info.role}\n"
        f"volume epoch {info.epoch}, durable up to LSN {info.vdl}\n"
        f"replica lag {info.lag_ms:.3f} ms, sessions {len(info.sessions)}\n"
    )
    name = (node.table or "").upper()
    if name != "INNODB":
        raise error(1286, node.table)
    rows = [("InnoDB", "", text)] if node.what == "ENGINE STATUS" else []
    return result(texts("Type", "Name", "Status"), rows)


def _binary_logs(session: SessionView, node: admin.Show) -> ResultSet:
    raise SqlError(1381, "HY000", "You are not using binary logging")


ANSWERS: Final[dict[str, Callable[[SessionView, admin.Show], ResultSet]]] = {
    "CREATE TABLE": _create_table,
    "CREATE VIEW": _create_view,
    "CREATE DATABASE": _create_database,
    "CREATE TRIGGER": _create_routine,
    "CREATE PROCEDURE": _create_routine,
    "CREATE FUNCTION": _create_routine,
    "CREATE EVENT": _create_routine,
    "CREATE USER": _create_user,
    "GRANTS": _grants,
    "PRIVILEGES": _privileges,
    "PROCESSLIST": _processlist,
    "WARNINGS": _warnings,
    "ERRORS": _warnings,
    "COUNT WARNINGS": _count,
    "COUNT ERRORS": _count,
    "ENGINE STATUS": _engine_status,
    "ENGINE MUTEX": _engine_status,
    "ENGINE LOGS": _engine_status,
    "BINARY LOGS": _binary_logs,
}
