"""The schedule of a comparison and what is concluded from it.

Systems run in turn within each round, so that a slow minute of the machine falls on all of them,
and the order rotates from round to round. A ratio is taken within a round, between neighbours in
time; the result is the median of those ratios, never a ratio of two averages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from attrs import frozen

from benchmarks.sysbench import Measured


@frozen
class Cell:
    """One thing measured: a workload at a number of threads."""

    workload: str
    threads: int


@frozen
class Sample:
    cell: Cell
    system: str
    round: int
    measured: Measured


def schedule(systems: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    for number in range(rounds):
        turn = number % len(systems)
        for system in (*systems[turn:], *systems[:turn]):
            yield number, system


@frozen
class Results:
    samples: tuple[Sample, ...]

    def cells(self) -> list[Cell]:
        return list(dict.fromkeys(sample.cell for sample in self.samples))

    def rate(self, cell: Cell, system: str) -> float | None:
        rates = [sample.measured.per_second for sample in self._of(cell, system).values()]
        return median(rates) if rates else None

    def p99_ms(self, cell: Cell, system: str) -> float | None:
        values = [sample.measured.p99_ms for sample in self._of(cell, system).values()]
        return median(values) if values else None

    def ratio(self, cell: Cell, system: str, baseline: str) -> float | None:
        """Median over the rounds of system / baseline."""
        ours, theirs = self._of(cell, system), self._of(cell, baseline)
        ratios = [
            ours[number].measured.per_second / theirs[number].measured.per_second
            for number in ours.keys() & theirs.keys()
            if theirs[number].measured.per_second > 0
        ]
        return median(ratios) if ratios else None

    def errors(self, system: str) -> int:
        return sum(s.measured.errors for s in self.samples if s.system == system)

    def _of(self, cell: Cell, system: str) -> Mapping[int, Sample]:
        return {s.round: s for s in self.samples if s.cell == cell and s.system == system}
