"""What `make bench` prints and writes: a table with ratios and lags, and a plot of the ratios."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from benchmarks.lag import Lag
from benchmarks.rounds import Cell, Results

SIXFOLD = "Sixfold"
SIXFOLD_READERS = "Sixfold, reader endpoint"
ALONE = "MariaDB alone"
TRIO = "MariaDB semi-sync trio"

# workload, threads, baseline -> the ratio this project holds itself to
FLOORS = {
    (Cell("point_select", 1), ALONE): 0.5,
    (Cell("point_select", 8), ALONE): 0.15,
    (Cell("update_index", 1), TRIO): 0.8,
    (Cell("update_index", 8), TRIO): 0.8,
    (Cell("update_index", 32), TRIO): 0.8,
}
LAG_P99_LIMIT_MS = 20.0


@frozen
class Run:
    """Everything one run found out."""

    results: Results
    lags: Mapping[tuple[str, int], Lag]  # (system, threads)
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    rounds: int
    seconds: int
    rows: int
    command: str


def table(run: Run) -> list[str]:
    lines = [
        "| workload | threads | Sixfold /s | reader endpoint /s | MariaDB alone /s "
        "| semi-sync trio /s | ratio to alone | ratio to trio | reader endpoint to alone "
        "| p99 ms: Sixfold, alone, trio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    found = run.results
    for cell in found.cells():
        latencies = ", ".join(
            _number(found.p99_ms(cell, system), 2) for system in (SIXFOLD, ALONE, TRIO)
        )
        lines.append(
            f"| {cell.workload} | {cell.threads} "
            f"| {_number(found.rate(cell, SIXFOLD))} "
            f"| {_number(found.rate(cell, SIXFOLD_READERS))} "
            f"| {_number(found.rate(cell, ALONE))} | {_number(found.rate(cell, TRIO))} "
            f"| {_ratio(run, cell, SIXFOLD, ALONE)} | {_ratio(run, cell, SIXFOLD, TRIO)} "
            f"| {_number(found.ratio(cell, SIXFOLD_READERS, ALONE), 2)} | {latencies} |"
        )
    return lines


def lag_table(run: Run) -> list[str]:
    lines = [
        "| system | threads | samples | p50 ms | p99 ms | max ms | not seen at the end |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (system, threads), lag in run.lags.items():
        lines.append(
            f"| {system} | {threads} | {lag.samples} | {lag.p50_ms:.1f} | {lag.p99_ms:.1f} "
            f"| {lag.max_ms:.1f} | {lag.unseen} |"
        )
    return lines


def floors(run: Run) -> list[str]:
    """One line for each floor: what is demanded, what was measured."""
    lines = []
    for (cell, baseline), floor in FLOORS.items():
        ratio = run.results.ratio(cell, SIXFOLD, baseline)
        if ratio is not None:
            verdict = "met" if ratio >= floor else "MISSED"
            lines.append(
                f"{cell.workload}, {cell.threads} threads: {ratio:.2f} of {baseline} "
                f"(floor {floor}): {verdict}"
            )
    for (system, threads), lag in run.lags.items():
        if system == SIXFOLD:
            verdict = "met" if lag.p99_ms < LAG_P99_LIMIT_MS else "MISSED"
            lines.append(
                f"replica lag under update_index, {threads} threads: p99 {lag.p99_ms:.1f} ms "
                f"(limit {LAG_P99_LIMIT_MS:.0f} ms): {verdict}"
            )
    return lines


def page(run: Run) -> str:
    """docs/benchmarks.md."""
    machine = [
        f"| {key} | {value} |" for key, value in (*run.machine.items(), *run.versions.items())
    ]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"Written by `{run.command}`. {run.rounds} rounds of {run.seconds} s for each system, "
            f"workload and thread count, {run.rows:,} rows; systems take turns within a round, and "
            "each gets the time to finish its background work before the next one's turn. "
            "Rates are medians over the rounds, ratios are medians of the ratios within a round. "
            "All systems and the load generator share one machine.",
            "",
            "![ratios](benchmarks.svg)",
            "",
            *table(run),
            "",
            "Reads and writes go through the writer endpoint unless the column says reader "
            "endpoint. The trio is one source and two semi-sync replicas (AFTER_SYNC, "
            "sync_binlog=1, "
            "innodb_flush_log_at_trx_commit=1); its replicas apply with one thread, the default.",
            "",
            "## Floors",
            "",
            *(f"- {line}" for line in floors(run)),
            "",
            "## Replica lag under update_index",
            "",
            "From a write's acknowledgement at the writer to its visibility on one replica, "
            "polled by a client on the replica's own address.",
            "",
            *lag_table(run),
            "",
            "## Machine",
            "",
            "| | |",
            "|---|---|",
            *machine,
            "",
        ]
    )


def plot(run: Run, file: Path) -> None:
    """Ratios as bars, one group per workload and thread count, with the floors marked."""
    import matplotlib

    matplotlib.use("svg")
    # Text stays text, and the same figures give the same file.
    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["svg.hashsalt"] = "sixfold"
    from matplotlib import pyplot

    cells = run.results.cells()
    figure, axes = pyplot.subplots(figsize=(10, 4.2), layout="constrained")
    series = (
        (SIXFOLD, ALONE, "#4c72b0"),
        (SIXFOLD, TRIO, "#55a868"),
        (SIXFOLD_READERS, ALONE, "#8c8c8c"),
    )
    width = 0.8 / len(series)
    for index, (system, baseline, colour) in enumerate(series):
        positions = [place + index * width for place in range(len(cells))]
        heights = [run.results.ratio(cell, system, baseline) or 0.0 for cell in cells]
        axes.bar(positions, heights, width, color=colour, label=f"{system} / {baseline}")
    for (cell, baseline), floor in FLOORS.items():
        if cell in cells:
            at = cells.index(cell) + (width if baseline == TRIO else 0)
            axes.hlines(floor, at - width / 2, at + width / 2, color="black", linewidth=2)
    axes.axhline(1.0, color="black", linewidth=0.6, linestyle=":")
    axes.set_xticks(
        [place + width for place in range(len(cells))],
        [f"{cell.workload}\n{cell.threads} thr" for cell in cells],
        fontsize=8,
    )
    axes.set_ylabel("throughput ratio (1 = equal)")
    axes.set_title("Sixfold against MariaDB 10.11, same machine, same run; black marks are floors")
    axes.legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _ratio(run: Run, cell: Cell, system: str, baseline: str) -> str:
    ratio = run.results.ratio(cell, system, baseline)
    floor = FLOORS.get((cell, baseline))
    if ratio is None:
        return ""
    return f"{ratio:.2f}" if floor is None else f"**{ratio:.2f}** (floor {floor})"
