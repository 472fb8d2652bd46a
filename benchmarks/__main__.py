"""`make bench`: run the comparison, print it, write docs/benchmarks.md and docs/benchmarks.svg."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from attrs import evolve, frozen

from benchmarks import lag, machine, report, sysbench
from benchmarks.cpu import wait_quiet
from benchmarks.mariadb import MariaDbAlone, MariaDbSemiSync
from benchmarks.rounds import Cell, Results, Sample, schedule
from benchmarks.sixfold import Sixfold
from benchmarks.systems import BenchmarkError, Endpoint, System

DOCS = Path(__file__).resolve().parent.parent / "docs"
SETTLE_SECONDS = 1


@frozen
class Plan:
    rows: int = 100_000
    threads: tuple[int, ...] = (1, 8, 32)
    workloads: tuple[str, ...] = ("point_select", "read_only", "update_index", "write_only")
    rounds: int = 3
    seconds: int = 4
    lag_seconds: int = 10


QUICK = Plan(rounds=1, seconds=2, lag_seconds=4)
SMOKE = Plan(
    rows=2_000,
    threads=(1, 8),
    workloads=("point_select", "update_index"),
    rounds=1,
    seconds=1,
    lag_seconds=2,
)


@click.command()
@click.option("--quick", is_flag=True, help="One short round, full table; about two minutes.")
@click.option("--smoke", is_flag=True, help="A small table and little else: does it run at all?")
@click.option("--rounds", type=int)
@click.option("--seconds", type=int, help="Length of one measurement.")
@click.option("--rows", type=int)
@click.option("--threads", help="Comma-separated thread counts.")
@click.option(
    "--workloads", help="Comma-separated: point_select,read_only,update_index,write_only."
)
@click.option("--only", help="Run just the systems whose names contain this.")
@click.option(
    "--write/--no-write", default=None, help="Write docs/ (default: only a full run does)."
)
def main(
    quick: bool,
    smoke: bool,
    rounds: int | None,
    seconds: int | None,
    rows: int | None,
    threads: str | None,
    workloads: str | None,
    only: str | None,
    write: bool | None,
) -> None:
    """Compare Sixfold with MariaDB alone and with a MariaDB semi-sync trio."""
    base = SMOKE if smoke else QUICK if quick else Plan()
    plan = evolve(
        base,
        rounds=rounds or base.rounds,
        seconds=seconds or base.seconds,
        rows=rows or base.rows,
    )
    if threads:
        plan = evolve(plan, threads=tuple(int(one) for one in threads.split(",")))
    if workloads:
        plan = evolve(plan, workloads=tuple(workloads.split(",")))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        found = compare(plan, only)
    except BenchmarkError as error:
        sys.exit(f"bench: {error}")
    print(
        "\n".join(
            ["", *report.table(found), "", *report.lag_table(found), "", *report.floors(found)]
        )
    )
    if write if write is not None else (plan == Plan() and not only):
        (DOCS / "benchmarks.md").write_text(report.page(found))
        report.plot(found, DOCS / "benchmarks.svg")
        print(f"\nwritten: {DOCS / 'benchmarks.md'}, {DOCS / 'benchmarks.svg'}")


def compare(plan: Plan, only: str | None) -> report.Run:
    about = machine.describe()  # before we load it ourselves
    with ExitStack() as cleanup:
        root = Path(tempfile.mkdtemp(prefix="sixfold-bench-"))
        cleanup.callback(shutil.rmtree, root, ignore_errors=True)
        systems = _start(root, only, cleanup)
        for system in systems:
            _say(f"{system.name}: loading {plan.rows:,} rows")
            sysbench.prepare(system.writer, plan.rows)
        samples = tuple(_samples(plan, systems))
        lags = {
            (system.name, threads): _lag(plan, system, replica, threads)
            for threads in plan.threads
            for system in systems
            if (replica := system.replica) is not None
        }
        return report.Run(
            results=Results(samples),
            lags=lags,
            machine=about,
            versions={system.name: system.version() for system in systems},
            rounds=plan.rounds,
            seconds=plan.seconds,
            rows=plan.rows,
            command=" ".join(["python -m benchmarks", *sys.argv[1:]]),
        )


def _start(root: Path, only: str | None, cleanup: ExitStack) -> list[System]:
    candidates: list[System] = [
        Sixfold(root / "sixfold"),
        MariaDbAlone(root / "alone"),
        MariaDbSemiSync(root / "trio"),
    ]
    chosen = [one for one in candidates if only is None or only.lower() in one.name.lower()]
    for system in chosen:
        _say(f"{system.name}: starting")
        cleanup.callback(system.stop)
        system.start()
    return chosen


def _samples(plan: Plan, systems: Sequence[System]) -> Iterator[Sample]:
    by_name = {system.name: system for system in systems}
    for workload in plan.workloads:
        targets: dict[str, Endpoint] = {name: one.writer for name, one in by_name.items()}
        owner = dict(by_name)
        if workload in sysbench.READS and report.SIXFOLD in by_name:
            targets[report.SIXFOLD_READERS] = by_name[report.SIXFOLD].reads
            owner[report.SIXFOLD_READERS] = by_name[report.SIXFOLD]
        for threads in plan.threads:
            cell = Cell(workload, threads)
            for number, name in schedule(list(targets), plan.rounds):
                measured = sysbench.run(
                    targets[name],
                    workload,
                    threads=threads,
                    seconds=plan.seconds,
                    rows=plan.rows,
                )
                _say(
                    f"{workload:<13} {threads:>2} threads  round {number + 1}  {name:<25}"
                    f"{measured.per_second:>10,.0f}/s  p99 {measured.p99_ms:.2f} ms"
                )
                yield Sample(cell, name, number, measured)
                wait_quiet(owner[name].pids())


def _lag(plan: Plan, system: System, replica: Endpoint, threads: int) -> lag.Lag:
    """Replica lag while update_index runs; the load covers the probe's whole writing time."""
    load = subprocess.Popen(
        sysbench.start(
            system.writer,
            "update_index",
            threads=threads,
            seconds=plan.lag_seconds + 2 * SETTLE_SECONDS,
            rows=plan.rows,
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = lag.result(lag.measure(system.writer, replica, float(plan.lag_seconds)))
    finally:
        load.terminate()
        load.wait()
    wait_quiet(system.pids())
    _say(
        f"lag {threads:>2} threads  {system.name:<25}"
        f" p50 {found.p50_ms:.1f} p99 {found.p99_ms:.1f} ms"
    )
    return found


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
