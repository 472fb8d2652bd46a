"""sysbench as a subprocess: the load generator everybody knows, with prepared statements."""

from __future__ import annotations

import re
import subprocess

from attrs import frozen

from benchmarks.systems import DATABASE, BenchmarkError, Endpoint, find_program

WORKLOADS = {
    "point_select": "oltp_point_select",
    "read_only": "oltp_read_only",
    "update_index": "oltp_update_index",
    "write_only": "oltp_write_only",
}
READS = frozenset({"point_select", "read_only"})
PREPARE_SECONDS = 300.0
SLACK_SECONDS = 60.0


@frozen
class Measured:
    per_second: float  # transactions; one statement each in point_select and update_index
    p99_ms: float
    errors: int


def prepare(endpoint: Endpoint, rows: int) -> None:
    with endpoint.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    _sysbench(endpoint, "oltp_read_only", "prepare", rows, timeout=PREPARE_SECONDS)


def run(endpoint: Endpoint, workload: str, *, threads: int, seconds: int, rows: int) -> Measured:
    output = _sysbench(
        endpoint,
        WORKLOADS[workload],
        "run",
        rows,
        f"--threads={threads}",
        f"--time={seconds}",
        "--percentile=99",
        "--report-interval=0",
        timeout=seconds + SLACK_SECONDS,
    )
    return parse(output)


def start(endpoint: Endpoint, workload: str, *, threads: int, seconds: int, rows: int) -> list[str]:
    """The command line of a run, for a caller that wants it in the background."""
    return [
        *_base(endpoint, WORKLOADS[workload], rows),
        f"--threads={threads}",
        f"--time={seconds}",
        "run",
    ]


def parse(output: str) -> Measured:
    """Figures from sysbench's report."""
    rate = re.search(r"transactions:\s+\d+\s+\(([\d.]+) per sec", output)
    p99 = re.search(r"99th percentile:\s+([\d.]+)", output)
    errors = re.search(r"ignored errors:\s+(\d+)", output)
    if rate is None or p99 is None or errors is None:
        raise BenchmarkError(f"sysbench printed no figures:\n{output[-2000:]}")
    return Measured(float(rate.group(1)), float(p99.group(1)), int(errors.group(1)))


def _base(endpoint: Endpoint, script: str, rows: int) -> list[str]:
    return [
        find_program("sysbench"),
        script,
        "--db-driver=mysql",
        f"--mysql-host={endpoint.host}",
        f"--mysql-port={endpoint.port}",
        f"--mysql-user={endpoint.user}",
        f"--mysql-password={endpoint.password}",
        f"--mysql-db={DATABASE}",
        "--tables=1",
        f"--table-size={rows}",
    ]


def _sysbench(
    endpoint: Endpoint, script: str, command: str, rows: int, *options: str, timeout: float
) -> str:
    arguments = [*_base(endpoint, script, rows), *options, command]
    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"sysbench {script} {command} hung for {timeout:.0f} s") from error
    if done.returncode:
        raise BenchmarkError(
            f"sysbench {script} {command} failed: {(done.stdout + done.stderr)[-2000:]}"
        )
    return done.stdout
