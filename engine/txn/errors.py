"""Pure: what the transaction layer refuses, and what it cannot know; SQL gives these numbers.

`OutcomeUnknown` is the third answer beside yes and no: the commit was shipped and may be durable,
now or later. It must never be reported as a failure that can be repeated safely.
"""

from __future__ import annotations

from runtime.errors import OperatingError


class StoreError(OperatingError):
    """Base of the operating errors of the store; the message is one line for a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ReadOnlyInstance(StoreError):
    """This instance is not the writer (MySQL error 1290)."""


class LockWaitTimeout(StoreError):
    """Another transaction kept the write lock for too long (MySQL error 1205)."""


class VolumeUnavailable(StoreError):
    """The volume lacks the quorum the operation needs; nothing of it was done."""


class OutcomeUnknown(StoreError):
    """The commit was shipped but is not known to be durable; it may still become so."""


class SessionCut(StoreError):
    """Not committed: the instance stopped being the writer while the transaction was open."""


class Interrupted(StoreError):
    """The statement was ended by KILL QUERY or a timeout (MySQL error 1317)."""
