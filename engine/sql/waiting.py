"""What makes a session wait inside a statement: SLEEP() and GET_LOCK().

They are called by SQLite in the middle of a statement; greenback lets only this session wait.
"""

from __future__ import annotations

from typing import Any, Final

import greenback

from engine.sql.shared import Shared, UserLock

_SLICE: Final = 0.05  # seconds between looks at an interrupt


class SessionLocks:
    """The part of a session that waits."""

    shared: Shared
    info: Any
    db: Any
    connection_id: int

    def sleep(self, seconds: float) -> bool:
        """Whether the sleep was interrupted."""
        clock = self.info.clock
        end = clock.monotonic() + seconds
        while (left := end - clock.monotonic()) > 0:
            if self.db.is_interrupted:
                return True
            greenback.await_(clock.sleep(min(left, _SLICE)))
        return False

    def get_lock(self, name: str, wait: float) -> int | None:
        clock = self.info.clock
        end = clock.monotonic() + wait if wait >= 0 else float("inf")
        locks = self.shared.user_locks
        key = name.lower()
        while True:
            held = locks.get(key)
            if held is None:
                locks[key] = UserLock(self)
                return 1
            if held.owner is self:
                held.count += 1
                return 1
            left = end - clock.monotonic()
            if left <= 0:
                return 0
            if self.db.is_interrupted:
                return None
            greenback.await_(clock.sleep(min(left, _SLICE)))

    def release_lock(self, name: str) -> int | None:
        held = self.shared.user_locks.get(name.lower())
        if held is None:
            return None
        if held.owner is not self:
            return 0
        held.count -= 1
        if not held.count:
            del self.shared.user_locks[name.lower()]
        return 1

    def release_all_locks(self) -> int:
        locks = self.shared.user_locks
        mine = [key for key, held in locks.items() if held.owner is self]
        count = sum(locks[key].count for key in mine)
        for key in mine:
            del locks[key]
        return count

    def lock_owner(self, name: str) -> int | None:
        held = self.shared.user_locks.get(name.lower())
        return None if held is None else int(held.owner.connection_id)
