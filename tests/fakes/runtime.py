"""A whole `Runtime` in memory."""

from __future__ import annotations

from runtime.clock import Clock
from runtime.disk import Disk
from runtime.net import Net
from runtime.rng import Rng
from runtime.seams import Runtime
from runtime.trace import Severity, Trace
from tests.fakes.clock import TrioClock
from tests.fakes.disk import MemoryDisk
from tests.fakes.net import MemoryNet, World


def fake_runtime(
    *,
    seed: int = 0,
    name: str = "test",
    world: World | None = None,
    disk: Disk | None = None,
    net: Net | None = None,
    clock: Clock | None = None,
    lines: list[str] | None = None,
) -> Runtime:
    """One node. Nodes that share a `world` reach each other; log lines are added to `lines`."""
    clock = clock or TrioClock()
    log = lines if lines is not None else []
    trace = Trace(clock, name, sink=log.append, least=Severity.DEBUG)
    if net is None:
        net = MemoryNet(world or World(), trace)
    return Runtime(clock, Rng(seed, name), disk or MemoryDisk(), net, trace)
