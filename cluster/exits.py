"""Pure: exit codes of the `sixfold` command and the error that carries one.

Scripts branch on these numbers, so a number never changes its meaning. Every message is one line
that says what is wrong and what to do about it.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1  # a component refused to start, or the cluster did not become ready
    USAGE = 2  # click's own number for wrong options
    NOT_RUNNING = 3
    PORT_TAKEN = 4
    DATA_IN_USE = 5
    DATA_MISMATCH = 6  # another format version, or options that contradict the directory
    UNKNOWN_INSTANCE = 7
    REFUSED = 8  # the cluster is there and said no (failover without a healthy target, for example)


class OperatorError(Exception):
    """Something a person has to decide or repair; printed as one line, never as a traceback."""

    def __init__(self, code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
