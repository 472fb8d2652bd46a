"""Tasks that wait for the VDL to pass their LSN, as cheaply as trio allows.

Invariants: a waiter is woken exactly once: by the VDL, by its deadline or by a failure; waiters are
kept in LSN order, so an acknowledgement looks only at those it wakes. A cancelled waiter leaves a
tombstone that the VDL sweeps away. Deadlines are checked by the caller's heartbeat, not by a timer
per commit.
"""

from __future__ import annotations

from bisect import insort_right
from collections import deque
from collections.abc import Callable

import outcome
from trio import lowlevel

from volume.model import Lsn


class _Wait:
    __slots__ = ("deadline", "lsn", "task")

    def __init__(self, lsn: Lsn, deadline: float, task: lowlevel.Task) -> None:
        self.lsn = lsn
        self.deadline = deadline
        self.task: lowlevel.Task | None = task


class DurabilityWaits:
    """Commits waiting to become durable, lowest LSN first."""

    __slots__ = ("_waits",)

    def __init__(self) -> None:
        self._waits: deque[_Wait] = deque()

    def __len__(self) -> int:
        return sum(wait.task is not None for wait in self._waits)

    async def wait(self, lsn: Lsn, deadline: float) -> None:
        """Sleep until `reached`, `expire` or `fail` concerns this LSN."""
        wait = _Wait(lsn, deadline, lowlevel.current_task())
        waits = self._waits
        if not waits or waits[-1].lsn <= lsn:
            waits.append(wait)
        else:
            insort_right(waits, wait, key=_lsn_of)

        def abort(_: object) -> lowlevel.Abort:
            wait.task = None
            return lowlevel.Abort.SUCCEEDED

        await lowlevel.wait_task_rescheduled(abort)

    def reached(self, vdl: Lsn) -> None:
        """Everything at or below `vdl` is durable."""
        waits = self._waits
        while waits and waits[0].lsn <= vdl:
            task = waits.popleft().task
            if task is not None:
                lowlevel.reschedule(task)

    def expire(self, now: float, error: Callable[[Lsn], Exception]) -> None:
        """Wake those whose deadline has passed with an error."""
        if any(wait.deadline <= now for wait in self._waits):
            late = [wait for wait in self._waits if wait.deadline <= now]
            self._waits = deque(wait for wait in self._waits if wait.deadline > now)
            _raise_in(late, error)

    def fail(self, error: Callable[[Lsn], Exception]) -> None:
        """Wake all with an error."""
        waits, self._waits = self._waits, deque()
        _raise_in(waits, error)


def _raise_in(waits: deque[_Wait] | list[_Wait], error: Callable[[Lsn], Exception]) -> None:
    for wait in waits:
        if wait.task is not None:
            lowlevel.reschedule(wait.task, outcome.Error(error(wait.lsn)))


def _lsn_of(wait: _Wait) -> Lsn:
    return wait.lsn
