"""Keeping a long-running activity going.

`keep_running` restarts an activity after an error, with growing pauses. An `AssertionError` is a
mistake in this program: it is logged and passed on, and takes the process down, because going on
after one is how data gets lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from runtime.errors import OperatingError
from runtime.seams import Runtime
from runtime.trace import where

BACKOFF_GROWTH = 2.0


async def keep_running(
    runtime: Runtime,
    name: str,
    fn: Callable[[], Awaitable[Any]],
    *,
    backoff_first: float = 0.05,
    backoff_max: float = 2.0,
) -> None:
    """Run `fn` until it returns; after an error run it again.

    The pause grows from `backoff_first` to `backoff_max`, varied by up to a half so that many do
    not come back at the same moment, and starts afresh once a run has lasted longer than
    `backoff_max`.
    """
    pause = backoff_first
    while True:
        began = runtime.clock.monotonic()
        try:
            await fn()
            return
        except Exception as error:  # noqa: BLE001 - this is the activity's top
            _report(runtime, name, error)
        if runtime.clock.monotonic() - began > backoff_max:
            pause = backoff_first
        await runtime.clock.sleep(pause * runtime.rng.uniform(0.5, 1.0))
        pause = min(pause * BACKOFF_GROWTH, backoff_max)


def _report(runtime: Runtime, name: str, error: Exception) -> None:
    """Log an error; passes on what must not be survived."""
    causes = _leaves(error)
    if bad := next((cause for cause in causes if isinstance(cause, AssertionError)), None):
        runtime.trace.error("activity_broken", activity=name, error=bad, at=where(bad))
        raise error
    for cause in causes:
        if isinstance(cause, OperatingError | OSError):
            runtime.trace.warn("activity_failed", activity=name, reason=str(cause))
        else:
            runtime.trace.error("activity_failed", activity=name, error=cause, at=where(cause))


def _leaves(error: Exception) -> list[Exception]:
    """The single errors in a (possibly nested) group."""
    if not isinstance(error, ExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
