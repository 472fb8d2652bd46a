"""Structured events: one logfmt line each on stderr, counted by name.

Invariants: an event never fails and never spans two lines, whatever bytes its fields hold; a flood
of one event name is limited to `LINES_PER_SECOND` lines (the counters still count, and the next
line written says how many were left out), so that garbage on a port cannot fill a disk with log.
"""

from __future__ import annotations

import enum
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from attrs import define, field

from runtime.clock import Clock

LINES_PER_SECOND = 20
FIELD_LIMIT = 2000
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@+,%#[](){}")


class Severity(enum.IntEnum):
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40  # a person must look; a simulation fails


def to_stderr(line: str) -> None:
    try:
        sys.stderr.write(line)
        sys.stderr.flush()
    except (OSError, ValueError):
        # Nobody is left to read the log; the work goes on.
        return


@define
class _Window:
    """How many lines one event name wrote in the current second."""

    began: float
    lines: int = 0
    left_out: int = 0


@define
class _Shared:
    """What a trace and its children have in common."""

    clock: Clock
    sink: Callable[[str], None]
    least: Severity
    counts: Counter[str] = field(factory=Counter)
    windows: dict[str, _Window] = field(factory=dict)


class Trace:
    """Where a component reports what happens to it."""

    __slots__ = ("_shared", "name")

    def __init__(
        self,
        clock: Clock,
        name: str,
        *,
        sink: Callable[[str], None] = to_stderr,
        least: Severity = Severity.INFO,
    ) -> None:
        self.name = name
        self._shared = _Shared(clock, sink, least)

    @property
    def counts(self) -> Counter[str]:
        """How often each event name occurred, whether or not its line was written."""
        return self._shared.counts

    def child(self, name: str) -> Trace:
        made = Trace.__new__(Trace)
        made.name = f"{self.name}/{name}" if self.name else name
        made._shared = self._shared
        return made

    def event(self, severity: Severity, name: str, /, **fields: Any) -> None:
        shared = self._shared
        shared.counts[name] += 1
        if severity < shared.least:
            return
        window = shared.windows.get(name)
        now = shared.clock.monotonic()
        if window is None or now - window.began >= 1.0:
            left_out = window.left_out if window is not None else 0
            window = shared.windows[name] = _Window(now)
            if left_out:
                fields["left_out"] = left_out
        if window.lines >= LINES_PER_SECOND:
            window.left_out += 1
            return
        window.lines += 1
        shared.sink(self._line(severity, name, fields))

    def debug(self, name: str, /, **fields: Any) -> None:
        self.event(Severity.DEBUG, name, **fields)

    def info(self, name: str, /, **fields: Any) -> None:
        self.event(Severity.INFO, name, **fields)

    def warn(self, name: str, /, **fields: Any) -> None:
        self.event(Severity.WARN, name, **fields)

    def error(self, name: str, /, **fields: Any) -> None:
        self.event(Severity.ERROR, name, **fields)

    def _line(self, severity: Severity, name: str, fields: dict[str, Any]) -> str:
        at = datetime.fromtimestamp(self._shared.clock.wall(), UTC)
        head = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z {severity.name}"
        parts = [head, f"component={quote(self.name)}", f"event={quote(name)}"]
        parts += [f"{key}={quote(value)}" for key, value in fields.items()]
        return " ".join(parts) + "\n"


def quote(value: object) -> str:
    """A logfmt value: bare when plain, otherwise quoted with everything unprintable escaped."""
    text = value if isinstance(value, str) else repr(value) if _odd(value) else str(value)
    if len(text) > FIELD_LIMIT:
        text = text[:FIELD_LIMIT] + "..."
    if text and _PLAIN.issuperset(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    if not escaped.isprintable():
        escaped = "".join(
            c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped
        )
    return f'"{escaped}"'


def _odd(value: object) -> bool:
    return isinstance(value, bytes | bytearray | memoryview | BaseException)


def where(error: BaseException, depth: int = 4) -> str:
    """An error's code positions, innermost first: a traceback that fits in one field."""
    places: list[str] = []
    step: TracebackType | None = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{step.tb_lineno}({code.co_name})")
        step = step.tb_next
    return " < ".join(reversed(places[-depth:]))
