"""Medians of paired ratios, percentiles, sysbench's report, and the page that is written."""

from __future__ import annotations

import pytest

from benchmarks import report, sysbench
from benchmarks.lag import Lag, percentile
from benchmarks.rounds import Cell, Results, Sample, schedule
from benchmarks.sysbench import Measured
from benchmarks.systems import BenchmarkError

CELL = Cell("update_index", 8)

SYSBENCH = """
SQL statistics:
    queries performed:
        total:                           37002
    transactions:                        37002  (12331.22 per sec.)
    queries:                             37002  (12331.22 per sec.)
    ignored errors:                      3      (0.00 per sec.)

Latency (ms):
         min:                                    0.05
         99th percentile:                        0.12
"""


def results(*rates: tuple[str, int, float]) -> Results:
    return Results(tuple(Sample(CELL, name, n, Measured(rate, 1.0, 0)) for name, n, rate in rates))


def test_systems_take_turns_and_nobody_is_always_first():
    order = list(schedule(["a", "b", "c"], 3))
    assert [name for number, name in order if number == 0] == ["a", "b", "c"]
    assert [name for number, name in order if number == 1] == ["b", "c", "a"]
    assert len(order) == 9


def test_the_ratio_is_the_median_of_the_ratios_within_a_round():
    """One slow round of the machine, which hit both systems, does not move it."""
    found = results(("x", 0, 10), ("y", 0, 20), ("x", 1, 1), ("y", 1, 2), ("x", 2, 9), ("y", 2, 10))
    assert found.ratio(CELL, "x", "y") == 0.5
    assert found.rate(CELL, "x") == 9


def test_what_was_not_measured_has_no_ratio():
    assert results(("x", 0, 10)).ratio(CELL, "x", "y") is None
    assert results(("x", 0, 10)).rate(CELL, "y") is None


@pytest.mark.parametrize(("fraction", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_percentiles_are_observed_values(fraction: float, expected: int):
    assert percentile(range(1, 101), fraction) == expected


def test_sysbench_report():
    assert sysbench.parse(SYSBENCH) == Measured(12331.22, 0.12, 3)
    with pytest.raises(BenchmarkError, match="no figures"):
        sysbench.parse("FATAL: unable to connect")


def run(lag_ms: float) -> report.Run:
    found = results((report.SIXFOLD, 0, 85.0), (report.TRIO, 0, 100.0), (report.ALONE, 0, 200.0))
    lags = {(report.SIXFOLD, 8): Lag(100, 1.0, lag_ms, lag_ms, 0)}
    return report.Run(found, lags, {"cores": "2"}, {"x": "1"}, 1, 1, 100, "make bench")


def test_the_page_says_which_floors_are_met():
    assert report.floors(run(5.0)) == [
        "update_index, 8 threads: 0.85 of MariaDB semi-sync trio (floor 0.8): met",
        "replica lag under update_index, 8 threads: p99 5.0 ms (limit 20 ms): met",
    ]
    assert "MISSED" in report.floors(run(25.0))[1]
    page = report.page(run(5.0))
    assert "| update_index | 8 | 85 |" in page
    assert "**0.85** (floor 0.8)" in page
    assert "| cores | 2 |" in page
