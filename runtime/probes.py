"""Probes and buggify: marks that production code leaves for its tests.

`probe(name)` says "this rare path was reached"; a test suite can report the probes nobody reached.
`buggify(name)` asks whether the code should now be slow, short or out of order in a way its
contract allows; the answer is no unless a simulation has installed a `Simulator`. After
FoundationDB's flow/Buggify.h and CodeProbe.h.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Simulator = Callable[[str], bool]

reached: Counter[str] = Counter()
_simulator: Simulator | None = None


def probe(name: str) -> None:
    reached[name] += 1


def buggify(name: str) -> bool:
    return _simulator is not None and _simulator(name)


@contextmanager
def simulating(simulator: Simulator) -> Iterator[None]:
    """Let `simulator` decide every `buggify` inside the block."""
    global _simulator
    before, _simulator = _simulator, simulator
    try:
        yield
    finally:
        _simulator = before
