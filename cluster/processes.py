"""Processes by pid and start time, so that a recycled pid is never signalled by mistake."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from runtime.clock import Clock

POLL_SECONDS = 0.02
_PROC = Path("/proc/self/stat")


@frozen
class ProcessId:
    pid: int
    start: str

    def alive(self) -> bool:
        return start_mark(self.pid) == self.start

    def signal(self, number: signal.Signals) -> None:
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def start_mark(pid: int) -> str | None:
    """Something that differs between two processes that had the same pid; None when there is
    none.
    """
    if _PROC.exists():
        try:
            with open(f"/proc/{pid}/stat") as stat:
                # The command name may hold spaces and parentheses: fields count from the last one.
                fields = stat.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in ("Z", "X") else fields[19]
    listing = subprocess.run(
        ["ps", "-o", "lstart=,stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    start, _, state = listing.rpartition(" ")
    return None if not start or state.startswith("Z") else start


def identify(pid: int) -> ProcessId | None:
    start = start_mark(pid)
    return None if start is None else ProcessId(pid, start)


async def wait_gone(
    processes: Iterable[ProcessId], seconds: float, clock: Clock
) -> list[ProcessId]:
    """Those still there after at most `seconds`."""
    left = [process for process in processes if process.alive()]
    deadline = clock.monotonic() + seconds
    while left and clock.monotonic() < deadline:
        await clock.sleep(POLL_SECONDS)
        left = [process for process in left if process.alive()]
    return left


async def kill_all(processes: Iterable[ProcessId], seconds: float, clock: Clock) -> list[ProcessId]:
    """SIGKILL, which also ends stopped processes; returns what survived it."""
    listed = list(processes)
    for process in listed:
        process.signal(signal.SIGKILL)
    return await wait_gone(listed, seconds, clock)
