"""Mutual exclusion that costs nothing while nobody waits.

``trio.Lock`` passes through the scheduler on every acquire; an append would pay that each time.
Order of arrival is kept.
"""

from __future__ import annotations

from types import TracebackType

from trio.lowlevel import ParkingLot


class Turnstile:
    """``async with turnstile: ...`` for one at a time."""

    __slots__ = ("_held", "_waiting")

    def __init__(self) -> None:
        self._held = False
        self._waiting = ParkingLot()

    async def __aenter__(self) -> None:
        if self._held:
            await self._waiting.park()
        else:
            self._held = True

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._waiting:
            self._waiting.unpark()
        else:
            self._held = False
