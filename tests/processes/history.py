"""What a writing client did and what it was told, and the judgement over it afterwards.

Each operation is one transaction: a row into the log and one step of the client's counter. Its
outcome is `ok` (acknowledged), `fail` (refused, certainly not done) or `unknown` (the connection
went away or the server said it does not know), as in Jepsen. The rules, checked by reading the
database afterwards:

1. every `ok` operation is there, once;           (nothing acknowledged is lost)
2. no `fail` operation is there;                  (a refusal is a promise too)
3. `unknown` operations are there whole or not at all;
4. the counter equals the number of logged rows.  (transactions are atomic, no update is lost)
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum

import pymysql
from attrs import define, field, frozen

DATABASE = "history"
# Errors that say the transaction was not done: read-only server, lock wait timeout, deadlock, too
# many connections, no such table or schema, access denied.
REFUSALS = frozenset({1290, 1205, 1213, 1040, 1146, 1049, 1045})


class Outcome(Enum):
    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@frozen
class Operation:
    client: int
    sequence: int
    outcome: Outcome
    began: float
    ended: float
    error: str = ""


class HistoryViolated(AssertionError):
    """The database contradicts what clients were told."""


def prepare(connection: pymysql.Connection, clients: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        cursor.execute(
            f"CREATE TABLE {DATABASE}.log "
            "(client INT, sequence INT, PRIMARY KEY (client, sequence))"
        )
        cursor.execute(f"CREATE TABLE {DATABASE}.counter (client INT PRIMARY KEY, n INT NOT NULL)")
        for client in range(clients):
            cursor.execute(f"INSERT INTO {DATABASE}.counter VALUES (%s, 0)", (client,))


@define(eq=False)
class Writer:
    """One client thread; writes until told to stop, reconnecting whenever it has to."""

    connect: Callable[[], pymysql.Connection]
    client: int = 0
    pause: float = 0.002
    operations: list[Operation] = field(factory=list)
    _stopping: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Writer:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(60)
            assert not self._thread.is_alive(), "the writing client hangs"

    def acknowledged(self) -> int:
        return sum(one.outcome is Outcome.OK for one in self.operations)

    def first_ok_after(self, moment: float) -> float | None:
        """Seconds from `moment` to the end of the first acknowledged operation begun after it."""
        for one in self.operations:
            if one.outcome is Outcome.OK and one.began >= moment:
                return one.ended - moment
        return None

    def _run(self) -> None:
        connection: pymysql.Connection | None = None
        sequence = 0
        while not self._stopping.is_set():
            if connection is None:
                connection = self._reconnect()
                continue
            sequence += 1
            began = time.monotonic()
            outcome, error = self._write(connection, sequence)
            self.operations.append(
                Operation(self.client, sequence, outcome, began, time.monotonic(), error)
            )
            if outcome is not Outcome.OK:
                close_quietly(connection)
                connection = None
            self._stopping.wait(self.pause)
        if connection is not None:
            close_quietly(connection)

    def _reconnect(self) -> pymysql.Connection | None:
        try:
            return self.connect()
        except (pymysql.Error, OSError):
            self._stopping.wait(0.02)
            return None

    def _write(self, connection: pymysql.Connection, sequence: int) -> tuple[Outcome, str]:
        committing = False
        try:
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute(
                    f"INSERT INTO {DATABASE}.log VALUES (%s, %s)", (self.client, sequence)
                )
                cursor.execute(
                    f"UPDATE {DATABASE}.counter SET n = n + 1 WHERE client = %s", (self.client,)
                )
                committing = True
                cursor.execute("COMMIT")
        except (pymysql.Error, OSError) as error:
            number = error.args[0] if error.args else None
            # Before COMMIT was sent nothing can have been done, whatever the error.
            refused = not committing or number in REFUSALS
            return (Outcome.FAIL if refused else Outcome.UNKNOWN), repr(error)
        return Outcome.OK, ""


def check(connection: pymysql.Connection, *writers: Writer) -> Counter[str]:
    """Judge the database against the writers' histories; returns how many of each outcome."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT client, sequence FROM {DATABASE}.log")
        rows = Counter((int(client), int(sequence)) for client, sequence in cursor.fetchall())
        cursor.execute(f"SELECT client, n FROM {DATABASE}.counter")
        counters = {int(client): int(n) for client, n in cursor.fetchall()}
    operations = [one for writer in writers for one in writer.operations]
    return judge(operations, rows, counters)


def judge(
    operations: list[Operation], rows: Counter[tuple[int, int]], counters: dict[int, int]
) -> Counter[str]:
    """The rules above, on plain values."""
    known = {(one.client, one.sequence): one for one in operations}
    lost = [k for k, one in known.items() if one.outcome is Outcome.OK and k not in rows]
    if lost:
        raise HistoryViolated(f"{len(lost)} acknowledged transactions lost: {lost[:10]}")
    undead = [k for k, one in known.items() if one.outcome is Outcome.FAIL and k in rows]
    if undead:
        raise HistoryViolated(f"{len(undead)} refused transactions are there: {undead[:10]}")
    double = [k for k, count in rows.items() if count != 1]
    if double:
        raise HistoryViolated(f"rows more than once: {double[:10]}")
    strangers = [k for k in rows if k not in known]
    if strangers:
        raise HistoryViolated(f"rows nobody wrote: {strangers[:10]}")
    for client, n in counters.items():
        logged = sum(one == client for one, _ in rows)
        if n != logged:
            raise HistoryViolated(f"client {client}: counter {n}, {logged} rows in the log")
    return Counter(one.outcome.value for one in operations)


def close_quietly(connection: pymysql.Connection) -> None:
    """Drop a connection that may already be broken."""
    try:
        connection.close()
    except (pymysql.Error, OSError):
        connection._force_close()
