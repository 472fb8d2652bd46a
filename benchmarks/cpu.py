"""CPU time of processes, as the kernel's scheduler counts it (Linux)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

QUIET_SHARE = 0.25  # of one core, for all processes of a system together
LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 90.0


def cpu_ns(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def used_ns(pids: Mapping[str, int], seconds: float) -> dict[str, int]:
    """What each process uses during the next `seconds`."""
    before = {name: cpu_ns(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    return {name: cpu_ns(pid) - before[name] for name, pid in pids.items()}


def wait_quiet(pids: Mapping[str, int]) -> float:
    """Until the processes have nothing left to do; returns how long that took.

    Replicas that are seconds behind and storage nodes that fold their log go on working after a
    measurement: without waiting, that work would be charged to whoever is measured next.
    """
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_SECONDS:
        if sum(used_ns(pids, LOOK_SECONDS).values()) < QUIET_SHARE * LOOK_SECONDS * 1e9:
            break
    return time.monotonic() - began
