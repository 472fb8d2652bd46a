"""Taking the directory's lock, and clearing processes that outlived a killed launcher.

Components end by themselves when their launcher is gone, but a stopped or stuck one may linger and
keep the lock. Only processes the dead launcher itself recorded, still with the same start time, are
killed.
"""

from __future__ import annotations

from typing import Any

from cluster import processes
from cluster.datadir import DataDir
from cluster.exits import ExitCode, OperatorError
from cluster.processes import ProcessId
from runtime.clock import Clock

ENDING_SECONDS = 3.0
KILL_SECONDS = 5.0
POLL_SECONDS = 0.02


async def take_lock(data: DataDir, clock: Clock) -> int:
    """The lock's descriptor; refuses while a launcher is alive, clears what a dead one left."""
    fd = data.try_lock()
    if fd is not None:
        return fd
    state = data.read_state()
    launcher = launcher_of(state)
    if launcher is None or launcher.alive():
        who = f" (pid {launcher.pid})" if launcher is not None else ""
        raise OperatorError(
            ExitCode.DATA_IN_USE,
            f"{data.root} is in use by another cluster{who}; "
            f"stop it with `sixfold down --data {data.root}` or use another --data directory",
        )
    await processes.wait_gone(recorded(state), ENDING_SECONDS, clock)
    await processes.kill_all(recorded(state), KILL_SECONDS, clock)
    deadline = clock.monotonic() + ENDING_SECONDS
    while (fd := data.try_lock()) is None:
        if clock.monotonic() >= deadline:
            raise OperatorError(
                ExitCode.DATA_IN_USE,
                f"{data.root} is still held by processes of an earlier cluster; "
                f"find them with `fuser {data.root}/lock` and end them",
            )
        await clock.sleep(POLL_SECONDS)
    return fd


def launcher_of(state: dict[str, Any] | None) -> ProcessId | None:
    return _process(state.get("launcher")) if state is not None else None


def recorded(state: dict[str, Any] | None) -> list[ProcessId]:
    """Every component process the last state names."""
    parts = (state or {}).get("components", [])
    found = (_process(part.get("process")) for part in parts)
    return [process for process in found if process is not None]


def _process(raw: Any) -> ProcessId | None:
    if not isinstance(raw, dict):
        return None
    return ProcessId(int(raw["pid"]), str(raw["start"]))
