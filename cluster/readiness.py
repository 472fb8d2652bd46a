"""Proof that a cluster serves: a real client logs in at both endpoints and runs a statement.

PyMySQL is the client because it is independent of our protocol code. Its calls block, so they run
in a worker thread of the launcher, which has no latency to lose.
"""

from __future__ import annotations

from functools import partial

import pymysql

from cluster.addresses import Addresses
from runtime.net import Address
from runtime.seams import Runtime
from runtime.threads import run_blocking

USER = "admin"
ATTEMPT_SECONDS = 5.0
RETRY_INTERVAL = 0.05


async def prove(addresses: Addresses, runtime: Runtime) -> None:
    """Returns once the writer endpoint leads to an instance that accepts writes and the reader
    endpoint answers."""
    await _until(runtime, partial(_answers, addresses.writer, "SELECT @@innodb_read_only", 0))
    await _until(runtime, partial(_answers, addresses.reader, "SELECT 1", 1))


async def _until(runtime: Runtime, attempt: partial[bool]) -> None:
    while not await run_blocking(attempt):
        await runtime.clock.sleep(RETRY_INTERVAL)


def _answers(address: Address, statement: str, expected: int) -> bool:
    try:
        connection = pymysql.connect(
            host=address.host,
            port=address.port,
            user=USER,
            connect_timeout=ATTEMPT_SECONDS,
            read_timeout=ATTEMPT_SECONDS,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
    except (pymysql.Error, OSError):
        return False
    return row is not None and int(row[0]) == expected
