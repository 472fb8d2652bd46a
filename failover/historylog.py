"""The monitor's history on its disk: see failover/history.py for the format.

Purpose: records survive restarts, and never delay a promotion: `add` only queues, one task appends
and syncs. A disk that fails costs history, not availability: it is reported and retried.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import trio

from failover import history
from failover.history import Record
from runtime.disk import DiskError, File
from runtime.seams import Runtime

FILE = "history.log"
OLDER = "history.1.log"
ROTATE_BYTES = 4 * 1024 * 1024
KEPT_IN_MEMORY = 500
PENDING_MAX = 10_000
RETRY_PAUSE = 1.0


class HistoryLog:
    def __init__(self, runtime: Runtime) -> None:
        self.recent: deque[Record] = deque(maxlen=KEPT_IN_MEMORY)
        self._runtime = runtime
        self._pending: deque[Record] = deque()
        self._more = trio.Event()
        self._file: File | None = None
        self._last_number = 0

    async def load(self) -> None:
        """Read what earlier runs left; cut off a torn tail."""
        file = await self._open()
        data = await file.read_at(0, file.size, purpose="read history")
        found = history.scan(data)
        if found.length < len(data):
            self._runtime.trace.warn("history_tail_cut", bytes=len(data) - found.length)
            await file.truncate(found.length, purpose="cut history tail")
        self.recent.extend(found.records)
        if found.records:
            self._last_number = found.records[-1].number
        self._file = file

    def add(self, kind: str, **fields: Any) -> None:
        self._last_number += 1
        record = Record(self._last_number, self._runtime.clock.wall(), kind, fields)
        self.recent.append(record)
        if len(self._pending) < PENDING_MAX:
            self._pending.append(record)
        self._more.set()

    async def run(self) -> None:
        """Append what is queued, for ever."""
        while True:
            await self._more.wait()
            self._more = trio.Event()
            while self._pending:
                batch = list(self._pending)
                try:
                    await self._append(b"".join(history.encode(record) for record in batch))
                except DiskError as error:
                    self._runtime.trace.warn("history_not_written", reason=str(error))
                    await self._runtime.clock.sleep(RETRY_PAUSE)
                    continue
                for _ in batch:
                    self._pending.popleft()

    async def _append(self, data: bytes) -> None:
        if self._file is None:
            self._file = await self._open()
        if self._file.size > ROTATE_BYTES:
            await self._rotate()
            self._file = await self._open()
        await self._file.append(data, purpose="append history")
        await self._file.sync(purpose="sync history")

    async def _rotate(self) -> None:
        assert self._file is not None
        await self._file.close()
        self._file = None
        await self._runtime.disk.rename(FILE, OLDER)

    async def _open(self) -> File:
        return await self._runtime.disk.open(FILE, create=True, purpose="open history")
