"""Where the time of one point select and one commit goes, packet in to packet out.

Two runs of sysbench with one thread each: first unprofiled, for the latency and for the CPU time
each process spends on a statement (from the kernel's scheduler statistics); then with cProfile in
the writer instance, for the shares. A profiler slows small Python functions more than large ones,
so the shares are scaled to the unprofiled CPU time and are to be read as proportions.
"""

from __future__ import annotations

import os
import pstats
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from benchmarks import machine, sysbench
from benchmarks.cpu import cpu_ns, used_ns, wait_quiet
from benchmarks.instrumented import PROFILE_SUFFIX, PROGRAM
from benchmarks.sixfold import Sixfold
from benchmarks.systems import BenchmarkError

ROOT = Path(__file__).resolve().parent.parent
STATEMENTS = {"one point select": "point_select", "one commit (update_index)": "update_index"}
TOP_FUNCTIONS = 20
TOP_MODULES = 16
A_STORAGE_NODE = "storage-a1"
WAITING = ("epoll", "select.", "poll'")  # time asleep is not work


@frozen
class Shares:
    """Parts of a process's working time."""

    cpu_us: float  # per statement, unprofiled
    modules: list[tuple[str, float]]
    functions: list[tuple[str, int, float]]  # name, calls per 100 statements, share


@frozen
class Measurement:
    per_second: float
    p99_ms: float
    cpu_us: Mapping[str, float]  # by component, per statement
    shares: Mapping[str, Shares]  # by profiled component


@click.command()
@click.option("--rows", default=100_000, show_default=True)
@click.option("--seconds", default=5, show_default=True)
@click.option("--output", default=str(ROOT / "docs" / "profile.md"), show_default=True)
def main(rows: int, seconds: int, output: str) -> None:
    """Profile the writer instance; writes docs/profile.md."""
    root = Path(tempfile.mkdtemp(prefix="sixfold-profile-"))
    cluster = Sixfold(root / "data", program=PROGRAM)
    try:
        cluster.start()
        sysbench.prepare(cluster.writer, rows)
        found = {
            title: measure(cluster, workload, rows, seconds)
            for title, workload in STATEMENTS.items()
        }
    except BenchmarkError as error:
        sys.exit(f"profile: {error}")
    finally:
        cluster.stop()
        shutil.rmtree(root, ignore_errors=True)
    text = page(found, rows)
    print(text)
    Path(output).write_text(text)


def measure(cluster: Sixfold, workload: str, rows: int, seconds: int) -> Measurement:
    def load() -> sysbench.Measured:
        return sysbench.run(cluster.writer, workload, threads=1, seconds=seconds, rows=rows)

    load()  # plans cached, pages in the pool
    pids = cluster.pids()
    wait_quiet(pids)
    idle = used_ns(pids, seconds)
    before = {name: cpu_ns(pid) for name, pid in pids.items()}
    measured = load()
    statements = measured.per_second * seconds
    cpu = {
        name: max(0.0, cpu_ns(pid) - before[name] - idle[name]) / 1000 / statements
        for name, pid in pids.items()
    }
    writer = cluster.status()["writer"]
    profiled = [writer] if workload in sysbench.READS else [writer, A_STORAGE_NODE]
    return Measurement(
        per_second=measured.per_second,
        p99_ms=measured.p99_ms,
        cpu_us=_grouped(cpu, writer),
        shares={
            name: shares(*_profiled(cluster, name, pids[name], load, seconds), cpu[name])
            for name in profiled
        },
    )


def _grouped(cpu: Mapping[str, float], writer: str) -> dict[str, float]:
    """The six storage nodes and the readers as one line each."""
    storage = sum(value for name, value in cpu.items() if name.startswith("storage"))
    readers = sum(
        value for name, value in cpu.items() if name.startswith("instance") and name != writer
    )
    return {
        "writer instance": cpu[writer],
        "six storage nodes together": storage,
        "two readers together": readers,
        "router": cpu["router"],
        "monitor": cpu["monitor"],
    }


def _profiled(
    cluster: Sixfold, name: str, pid: int, load: Any, seconds: int
) -> tuple[dict[Any, Any], float]:
    """One component at a time, so that the others run at their true speed."""
    output = cluster.root / "run" / f"{name}{PROFILE_SUFFIX}"
    output.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    measured = load()
    os.kill(pid, signal.SIGUSR2)
    deadline = time.monotonic() + 30
    while not output.exists():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{name} wrote no profile")
        time.sleep(0.05)
    stats: Any = pstats.Stats(str(output))
    return stats.stats, measured.per_second * seconds


def shares(stats: Mapping[Any, Any], statements: float, cpu_us: float) -> Shares:
    """Own time by module and by function, as parts of the time not spent waiting."""
    by_module: dict[str, float] = defaultdict(float)
    by_function: list[tuple[str, int, float]] = []
    for (file, _line, function), (_, calls, own, _, _) in stats.items():
        if any(word in function for word in WAITING):
            continue
        module = _module(file, function)
        by_module[module] += own
        by_function.append((f"{module}: {function}", calls, own))
    total = sum(by_module.values()) or 1.0
    modules = sorted(((m, t / total) for m, t in by_module.items()), key=lambda x: -x[1])
    functions = sorted(by_function, key=lambda x: -x[2])[:TOP_FUNCTIONS]
    return Shares(
        cpu_us=cpu_us,
        modules=modules[:TOP_MODULES],
        functions=[
            (name, round(100 * calls / statements), own / total) for name, calls, own in functions
        ],
    )


def _module(file: str, function: str) -> str:
    if file == "~":
        kind = function.strip("<>").removeprefix("built-in method ").removeprefix("method ")
        return "C: " + ("socket" if "socket" in kind or "send" in kind else kind.split(" ")[0])
    path = Path(file)
    if path.is_relative_to(ROOT) and ".venv" not in path.parts:
        return str(path.relative_to(ROOT))
    parts = path.parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    return f"python: {path.name}"


def page(found: Mapping[str, Measurement], rows: int) -> str:
    about = ", ".join(f"{key} {value}" for key, value in machine.describe().items())
    lines = [
        "# One point select and one commit, packet in to packet out",
        "",
        f"Written by `make profile`: sysbench with one thread on {rows:,} rows, through the writer "
        f"endpoint. Machine: {about}.",
        "",
        "CPU time is the kernel's count for each process, less what it uses when idle, divided by "
        "the statements. Shares come from cProfile in one process at a time and are proportions of "
        "its working time; the microseconds beside them scale the unprofiled CPU time.",
    ]
    for title, one in found.items():
        lines += [
            "",
            f"## {title[0].upper()}{title[1:]}",
            "",
            f"{one.per_second:,.0f} per second with one thread "
            f"({1e6 / one.per_second:.0f} µs each, p99 {one.p99_ms:.2f} ms).",
            "",
            "| process | CPU µs |",
            "|---|---:|",
            *(f"| {name} | {value:.1f} |" for name, value in one.cpu_us.items()),
        ]
        for name, part in one.shares.items():
            lines += [
                "",
                f"| {name}, by module | share | µs |",
                "|---|---:|---:|",
                *(
                    f"| {m} | {share:.1%} | {share * part.cpu_us:.1f} |"
                    for m, share in part.modules
                ),
                "",
                f"| {name}, by function | calls per 100 statements | share |",
                "|---|---:|---:|",
                *(f"| `{f}` | {calls} | {share:.1%} |" for f, calls, share in part.functions),
            ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
