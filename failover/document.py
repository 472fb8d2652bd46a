"""Keeping the topology document: read it, and change it by compare-and-set.

Purpose: the shell between `Topology` and the store on the storage nodes. Remembers the generation
last read, and reads it again now and then, so that a monitor soon learns of what others changed.
Invariants: one operation at a time; a change is made from the document as it is when its turn
comes, and makes its author the acting monitor; after a lost race the document has been read again
before the caller hears of it, so that the next decision sees what won.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from failover import topology as codec
from failover.decision import FailureKind
from failover.promotion import Failed, StepResult, Succeeded
from failover.topology import Member, Topology, Versioned
from runtime.seams import Runtime
from volume.errors import Conflict, VolumeError

# The wished document made from the current one; None when the current one forbids it.
Change = Callable[[Topology], Topology | None]

# The store is given a little less than the whole time, so that its reason is the one reported.
STORE_SHARE = 0.9


class DocumentStore(Protocol):
    """volume.topologydoc.TopologyStore, as much of it as is used here."""

    async def read(self, *, timeout: float) -> tuple[int, bytes]:
        """Generation 0 and no bytes when there is none yet."""
        ...

    async def write(self, expected_generation: int, data: bytes, *, timeout: float) -> int:
        """The new generation; raises Conflict when the expected one is not the newest."""
        ...


class DocumentKeeper:
    """One process's copy of the document."""

    def __init__(
        self,
        runtime: Runtime,
        store: DocumentStore,
        *,
        token: str,
        timeout: float,
        on_read: Callable[[Topology, float], None],
        on_error: Callable[[str], None],
    ) -> None:
        self.current: Versioned | None = None
        self._runtime = runtime
        self._store = store
        self._token = token
        self._timeout = timeout
        self._patience = timeout * STORE_SHARE
        self._on_read = on_read
        self._on_error = on_error
        self._lock = trio.Lock()

    async def open(
        self, members: tuple[Member, ...], *, pause_first: float, pause_max: float
    ) -> None:
        """Read the document until that works, bring its members up to the configuration, and
        become the acting monitor."""
        pause = pause_first
        while isinstance(result := await self._open_once(members), Failed):
            self._runtime.trace.warn("topology_not_opened", reason=result.text)
            await self._runtime.clock.sleep(pause * self._runtime.rng.uniform(0.5, 1.0))
            pause = min(2 * pause, pause_max)

    async def _open_once(self, members: tuple[Member, ...]) -> StepResult:
        read = await self.refresh()
        if isinstance(read, Failed):
            return read
        return await self.change(lambda topology: topology.with_members(members))

    async def keep_fresh(self, interval: float) -> None:
        """For ever. A failure is reported by `on_error` and makes the copy old, which is all."""
        while True:
            await self._runtime.clock.sleep(interval)
            await self.refresh()

    async def refresh(self) -> StepResult:
        async with self._lock:
            return await self._guarded(self._read)

    async def change(self, change: Change) -> StepResult:
        """Replace the document, provided that nobody else did since it was last read."""
        async with self._lock:
            if self.current is None:
                return Failed(FailureKind.DOCUMENT, "the topology document was never read")
            wished = change(self.current.topology)
            if wished is None:
                return Failed(FailureKind.CLAIM_LOST, self.current.topology.last_change)
            wanted = wished.acted_by(self._token)
            if wanted == self.current.topology:
                return Succeeded()
            return await self._guarded(lambda: self._write(wanted))

    async def _guarded(self, operation: Callable[[], Awaitable[None]]) -> StepResult:
        text = f"no answer within {self._timeout:g} s"
        lost = False
        with trio.move_on_after(self._timeout):
            try:
                await operation()
                return Succeeded()
            except Conflict as error:
                text, lost = str(error), True
            except (VolumeError, codec.TopologyUnreadable) as error:
                text = str(error)
        if not lost:
            self._on_error(text)
            return Failed(FailureKind.DOCUMENT, text)
        reread = await self._guarded(self._read)
        return reread if isinstance(reread, Failed) else Failed(FailureKind.CLAIM_LOST, text)

    async def _read(self) -> None:
        asked_at = self._runtime.clock.monotonic()
        generation, data = await self._store.read(timeout=self._patience)
        self._keep(generation, codec.decode(data) if data else Topology(), asked_at)

    async def _write(self, topology: Topology) -> None:
        assert self.current is not None
        data = codec.encode(topology)
        expected = self.current.generation
        asked_at = self._runtime.clock.monotonic()
        generation = await self._store.write(expected, data, timeout=self._patience)
        self._keep(generation, topology, asked_at)

    def _keep(self, generation: int, topology: Topology, asked_at: float) -> None:
        self.current = Versioned(generation, topology)
        self._on_read(topology, asked_at)
