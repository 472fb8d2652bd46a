"""The seams: everything a component may reach the world through, in one object handed to it."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import evolve, frozen

from runtime.clock import Clock, SystemClock
from runtime.disk import Disk
from runtime.net import Net
from runtime.osdisk import OsDisk
from runtime.osnet import OsNet
from runtime.rng import Rng
from runtime.trace import Trace


@frozen
class Runtime:
    """A component's world."""

    clock: Clock
    rng: Rng
    disk: Disk
    net: Net
    trace: Trace

    @classmethod
    def system(cls, *, root: Path, seed: int | None, name: str) -> Runtime:
        """The real machine; without a seed the randomness comes from the operating system."""
        clock = SystemClock()
        trace = Trace(clock, name)
        if seed is None:
            seed = int.from_bytes(os.urandom(32), "big")
        return cls(clock, Rng(seed, name), OsDisk(root), OsNet(clock, trace), trace)

    def child(self, name: str) -> Runtime:
        """The same world under a longer name: own random numbers, own name in the log."""
        return evolve(self, rng=self.rng.child(name), trace=self.trace.child(name))
