"""The write lock of an instance: one write transaction at a time, waiters in order of arrival.

Taking a free lock costs no checkpoint, because the usual holder keeps it for some ten microseconds.
The lock is held by a connection, not by a task: a session may be ended by another task than the
one that began its transaction.
"""

from __future__ import annotations

from collections import deque

import trio

from engine.txn.errors import LockWaitTimeout, StoreError


class _Waiter:
    __slots__ = ("failure", "holder", "ready")

    def __init__(self, holder: object) -> None:
        self.holder = holder
        self.ready = trio.Event()
        self.failure: StoreError | None = None


class WriteLock:
    """FIFO; see the module docstring."""

    def __init__(self) -> None:
        self.holder: object | None = None
        self._waiters: deque[_Waiter] = deque()
        self._idle: trio.Event | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def try_acquire(self, holder: object) -> bool:
        if self.holder is not None:
            return False
        self.holder = holder
        return True

    async def acquire(self, holder: object, *, timeout: float) -> None:
        """Wait in line; raises LockWaitTimeout, or whatever `fail_waiters` was given."""
        if self.try_acquire(holder):
            return
        waiter = _Waiter(holder)
        self._waiters.append(waiter)
        try:
            with trio.move_on_after(timeout):
                await waiter.ready.wait()
        finally:
            # A lock handed over in the very moment of a timeout or a cancellation is kept or
            # passed on, never lost.
            if not waiter.ready.is_set():
                self._waiters.remove(waiter)
        if waiter.failure is not None:
            raise waiter.failure
        if self.holder is not holder:
            raise LockWaitTimeout("Lock wait timeout exceeded; try restarting transaction")

    def release(self, holder: object) -> None:
        assert self.holder is holder, (self.holder, holder)
        if not self._waiters:
            self.holder = None
            if self._idle is not None:
                self._idle.set()
                self._idle = None
            return
        waiter = self._waiters.popleft()
        self.holder = waiter.holder
        waiter.ready.set()

    def give_up(self, holder: object, failure: StoreError) -> None:
        """Make one waiter stop waiting, if it does."""
        for waiter in self._waiters:
            if waiter.holder is holder:
                self._waiters.remove(waiter)
                waiter.failure = failure
                waiter.ready.set()
                return

    def fail_waiters(self, failure: StoreError) -> None:
        """Send everyone in line away; the holder stays."""
        while self._waiters:
            waiter = self._waiters.popleft()
            waiter.failure = failure
            waiter.ready.set()

    async def wait_free(self) -> None:
        """Until nobody holds the lock."""
        while self.holder is not None:
            if self._idle is None:
                self._idle = trio.Event()
            await self._idle.wait()
