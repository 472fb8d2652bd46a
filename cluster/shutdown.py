"""`sixfold down`: stop the launcher, wait for everything it started, kill what does not end."""

from __future__ import annotations

import os
import signal
from typing import Any

import trio

from cluster import processes
from cluster.datadir import DataDir
from cluster.exits import ExitCode, OperatorError
from cluster.leftovers import launcher_of, recorded, take_lock
from runtime.clock import Clock
from runtime.seams import Runtime

# The launcher's own graces (two stages) with room to spare.
STOP_SECONDS = 15.0
KILL_SECONDS = 5.0


def not_running(data: DataDir) -> OperatorError:
    return OperatorError(
        ExitCode.NOT_RUNNING,
        f"no cluster is running on {data.root}; start one with `sixfold up --data {data.root}`",
    )


def running_state(data: DataDir) -> dict[str, Any]:
    """The state file of the cluster that runs on `data`; raises OperatorError when none does."""
    state = data.read_state()
    if state is None or not data.is_locked():
        raise not_running(data)
    if not state["components"]:
        raise OperatorError(
            ExitCode.NOT_RUNNING, f"the cluster on {data.root} is only starting; try again shortly"
        )
    return state


def shut_down(data: DataDir) -> str:
    """Returns the line to print; raises OperatorError when nothing runs or something will not
    end.
    """
    if not data.is_locked():
        raise not_running(data)
    runtime = Runtime.system(root=data.run, seed=None, name="down")
    trio.run(_shut_down, data, runtime.clock)
    return f"stopped the cluster on {data.root}"


async def _shut_down(data: DataDir, clock: Clock) -> None:
    state = data.read_state()
    parts = recorded(state)
    launcher = launcher_of(state)
    if launcher is not None:
        launcher.signal(signal.SIGTERM)
        launcher.signal(signal.SIGCONT)
        left = await processes.wait_gone([launcher], STOP_SECONDS, clock)
        await processes.kill_all(left, KILL_SECONDS, clock)
    await processes.kill_all(
        await processes.wait_gone(parts, KILL_SECONDS, clock), KILL_SECONDS, clock
    )
    os.close(await take_lock(data, clock))
    data.remove_state()
