"""Replica lag as a client sees it: from the acknowledgement of a write to its visibility on a
replica.

A writer connection counts a row up; a second connection polls the row on the replica. Every value
first seen (or skipped over) has its lag recorded against the moment its write was acknowledged, so
a replica that falls seconds behind is measured as such, without one probe per second limit. Runs as
a process of its own (`python -m benchmarks.lag`), so that its threads do not share an interpreter
with the runner.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import click
import pymysql
from attrs import asdict, define, field, frozen

from benchmarks.systems import DATABASE, BenchmarkError, Endpoint

TABLE = "lag_probe"
WRITE_INTERVAL = 0.02
POLL_INTERVAL = 0.0005
CATCH_UP_SECONDS = 60.0


@frozen
class Lag:
    samples: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    unseen: int  # values still not on the replica when the probe gave up


def percentile(values: Sequence[float], fraction: float) -> float:
    """Nearest-rank percentile: an observed value, never an interpolated one."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(len(ordered) * fraction + 0.999999) - 1))]


@define
class Probe:
    """Shared by the writing and the polling thread; `acked[n]` is when value n was acknowledged."""

    writer: Endpoint
    replica: Endpoint
    seconds: float
    acked: list[float] = field(factory=list)
    seen: list[float] = field(factory=list)
    writing: bool = True

    def prepare(self) -> None:
        with self.writer.connect(database=DATABASE) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (id INT PRIMARY KEY, n BIGINT)")
            cursor.execute(f"DELETE FROM {TABLE}")
            cursor.execute(f"INSERT INTO {TABLE} VALUES (1, -1)")
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while not self._visible():
            if time.monotonic() > deadline:
                raise BenchmarkError("the probe's table did not reach the replica")
            time.sleep(0.05)

    def _visible(self) -> bool:
        try:
            with (
                self.replica.connect(database=DATABASE) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute(f"SELECT n FROM {TABLE} WHERE id = 1")
                return cursor.fetchone() == (-1,)
        except pymysql.err.ProgrammingError:
            return False

    def run(self) -> Lag:
        poller = threading.Thread(target=self._poll)
        poller.start()
        try:
            self._write()
        finally:
            self.writing = False
            poller.join()
        lags = [(seen - acked) * 1000.0 for acked, seen in zip(self.acked, self.seen, strict=False)]
        if not lags:
            raise BenchmarkError("no write of the probe became visible on the replica")
        return Lag(
            samples=len(lags),
            # A value can be polled before its acknowledgement reached the writer: that is no lag.
            p50_ms=max(0.0, percentile(lags, 0.50)),
            p99_ms=max(0.0, percentile(lags, 0.99)),
            max_ms=max(0.0, *lags) if len(lags) > 1 else max(0.0, lags[0]),
            unseen=len(self.acked) - len(lags),
        )

    def _write(self) -> None:
        with self.writer.connect(database=DATABASE) as connection, connection.cursor() as cursor:
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:
                cursor.execute(f"UPDATE {TABLE} SET n = %s WHERE id = 1", (len(self.acked),))
                self.acked.append(time.monotonic())
                time.sleep(WRITE_INTERVAL)

    def _poll(self) -> None:
        with self.replica.connect(database=DATABASE) as connection, connection.cursor() as cursor:
            give_up: float | None = None
            while give_up is None or time.monotonic() < give_up:
                cursor.execute(f"SELECT n FROM {TABLE} WHERE id = 1")
                row = cursor.fetchone()
                now = time.monotonic()
                newest = int(row[0]) if row else -1
                self.seen.extend(now for _ in range(newest + 1 - len(self.seen)))
                if not self.writing:
                    give_up = give_up or now + CATCH_UP_SECONDS
                    if len(self.seen) >= len(self.acked):
                        return
                time.sleep(POLL_INTERVAL)


def measure(writer: Endpoint, replica: Endpoint, seconds: float) -> subprocess.Popen[str]:
    """Start a probe process; `result` reads its outcome."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "benchmarks.lag",
            json.dumps(asdict(writer)),
            json.dumps(asdict(replica)),
            str(seconds),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(probe: subprocess.Popen[str]) -> Lag:
    out, err = probe.communicate(timeout=2 * CATCH_UP_SECONDS + 120)
    if probe.returncode:
        raise BenchmarkError(f"the lag probe failed: {err.strip()[-1000:]}")
    return Lag(**json.loads(out))


@click.command()
@click.argument("writer")
@click.argument("replica")
@click.argument("seconds", type=float)
def main(writer: str, replica: str, seconds: float) -> None:
    probe = Probe(Endpoint(**json.loads(writer)), Endpoint(**json.loads(replica)), seconds)
    probe.prepare()
    print(json.dumps(asdict(probe.run())))


if __name__ == "__main__":
    main()
