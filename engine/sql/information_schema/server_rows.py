"""Rows of the virtual tables about the server: character sets, engine, sessions, replicas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from engine.sql import collations
from engine.sql.environment import SessionView
from engine.sql.information_schema.module import Producer, Row, Wanted
from engine.sql.parse.keywords import RESERVED, words
from engine.sql.timezones import find_zone
from engine.sql.variables import SERVER_VERSION
from engine.sql.variables.status import status_rows

ENGINES: Final = (
    (
        "InnoDB", "DEFAULT", "Supports transactions, row-level locking, and foreign keys", "YES",
        "YES", "YES",
    ),
)  # fmt: skip
_UNRESERVED: Final = words(
    """
    ACCOUNT ACTION AFTER ALGORITHM ALWAYS AT AUTO_INCREMENT AVG BEGIN BIT BOOL BOOLEAN BTREE CHAIN
    CHARSET CHECKSUM COLLATION COLUMNS COMMENT COMMIT COMMITTED CONSISTENT CURRENT DATA DATE
    DATETIME DAY DEFINER DISABLE DO DUPLICATE DYNAMIC ENABLE END ENGINE ENGINES ENUM ERRORS EVENT
    EVENTS EXTENDED FIELDS FIRST FIXED FLUSH FOLLOWING FORMAT FULL GLOBAL GRANTS HASH HELP HOST
    HOUR IDENTIFIED INDEXES INVISIBLE INVOKER ISOLATION JSON LAST LEVEL LOCAL LOCKED LOGS MASTER
    MERGE MICROSECOND MINUTE MODE MODIFY MONTH NAMES NO NOWAIT OFFSET ONLY OPEN PARTITIONS PASSWORD
    PERSIST PLUGINS PREPARE PRIVILEGES PROCESSLIST PROXY QUARTER QUERY READ_ONLY REPEATABLE REPLICA
    RESET ROLLBACK ROUTINE ROW_FORMAT SAVEPOINT SECOND SECURITY SERIALIZABLE SESSION SHARE SIGNED
    SKIP SLAVE SNAPSHOT START STATUS STORAGE TABLES TEMPORARY TEXT TIME TIMESTAMP TRANSACTION
    TRIGGERS TRUNCATE TYPE UNCOMMITTED USER VALUE VARIABLES VIEW VISIBLE WARNINGS WEEK WORK YEAR
    """
)


def stored_datetime(wall: float, zone: str) -> str:
    """Seconds since 1970 as a DATETIME(6) in stored form: no trailing zeros."""
    moment = datetime.fromtimestamp(wall, find_zone(zone) or UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")


def character_sets(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for charset in collations.CHARACTER_SETS.values():
        yield charset.name, charset.default_collation, charset.description, charset.longest


def collation_rows(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for each in collations.COLLATIONS.values():
        yield (
            each.name, each.charset, each.id, "Yes" if each.is_default else "", "Yes",
            0 if each.no_pad else 1, "NO PAD" if each.no_pad else "PAD SPACE",
        )  # fmt: skip


def applicability(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for each in collations.COLLATIONS.values():
        yield each.name, each.charset


def engines(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    yield from ENGINES


def plugins(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for name, kind, about in (
        ("mysql_native_password", "AUTHENTICATION", "Native MySQL authentication"),
        ("InnoDB", "STORAGE ENGINE", "Supports transactions and row-level locking"),
    ):
        yield (
            name, "1.0", "ACTIVE", kind, SERVER_VERSION, None, None, "Sixfold", about, None,
            "FORCE",
        )  # fmt: skip


def keywords(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for word in sorted(RESERVED | _UNRESERVED):
        yield word, int(word in RESERVED)


def processlist(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for process in session.info.sessions.processes():
        yield (
            process.id, process.user, process.host, process.database, process.command,
            process.seconds, process.state, process.info,
        )  # fmt: skip


def performance_processlist(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for row in processlist(session, wanted):
        yield (*row, "PRIMARY")


def threads(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    for process in session.info.sessions.processes():
        yield (
            process.id, "thread/sql/one_connection", "FOREGROUND", process.id, process.user,
            process.host.partition(":")[0], process.database, process.command, process.seconds,
            process.state, process.info, None, None, "NO", "NO", "TCP/IP", None,
        )  # fmt: skip


def replica_host_status(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    zone = session.variables.time_zone  # clients compare with NOW(), which is in the session's zone
    for status in session.info.replica_statuses():
        lag = float(status.lag_ms)
        seen = stored_datetime(status.last_update_wall, zone)
        yield (
            status.server_id, status.session_id, seen, lag,
            round(lag * 1000), 0.0, round(lag * 1000), float(status.cpu), int(status.is_current),
        )  # fmt: skip


def global_status(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    yield from status_rows(session.info)


def session_status(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    yield from status_rows(session.info, session.connection_id)


def global_variables(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    yield from session.variables.rows("global")


def session_variables(session: SessionView, wanted: Wanted) -> Iterator[Row]:
    yield from session.variables.rows("session")


PRODUCERS: Final[dict[str, Producer]] = {
    "CHARACTER_SETS": character_sets,
    "COLLATIONS": collation_rows,
    "COLLATION_CHARACTER_SET_APPLICABILITY": applicability,
    "ENGINES": engines,
    "KEYWORDS": keywords,
    "PLUGINS": plugins,
    "PROCESSLIST": processlist,
    "REPLICA_HOST_STATUS": replica_host_status,
}
PERFORMANCE_PRODUCERS: Final[dict[str, Producer]] = {
    "GLOBAL_STATUS": global_status,
    "GLOBAL_VARIABLES": global_variables,
    "PROCESSLIST": performance_processlist,
    "SESSION_STATUS": session_status,
    "SESSION_VARIABLES": session_variables,
    "THREADS": threads,
}
