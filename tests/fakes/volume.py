"""The volume in memory, with the interface of `volume.client.Volume`.

`FakeStorage` stands for the six storage nodes of one volume and is shared by the `FakeVolume`s of
all instances. Durability is immediate unless `hold()` is in force; reads are immediate unless
`read_gate` is closed. `reachable` says how many nodes answer: below 4 nothing becomes durable,
below 3 nothing can be read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

import trio
from attrs import define, field, frozen

from volume.errors import Fenced, NotWritable, QuorumLost, QuorumTimeout, StaleEpoch
from volume.model import Lsn
from volume.records import CPL, FULL, apply_change, encode_record

TRUNCATION_GAP = 1000


@frozen
class FakeState:
    epoch: int
    owner: str
    vdl: int


@define(eq=False)
class FakeStorage:
    page_size: int = 4096
    pages_per_segment: int = 1 << 20
    epoch: int = 0
    owner: str = ""
    vdl: int = 0
    next_lsn: int = 1
    reachable: int = 6
    held: bool = False
    collected: int = 0  # log at or below is gone
    # page -> LSNs and changes, ascending; only what is logged and not annulled
    lsns: dict[int, list[int]] = field(factory=dict)
    changes: dict[int, list[tuple[int, bytes]]] = field(factory=dict)
    mtrs: list[tuple[int, int, bytes]] = field(factory=list)  # epoch, CPL, blob
    volumes: list[FakeVolume] = field(factory=list)
    changed: trio.Event = field(factory=trio.Event)

    def hold(self) -> None:
        self.held = True

    def release(self, upto: int | None = None) -> None:
        """Make what was logged durable, up to an LSN or all of it (and stop holding)."""
        if upto is None:
            self.held = False
            upto = self.mtrs[-1][1] if self.mtrs else 0
        self._settle(upto)

    def _settle(self, upto: int) -> None:
        if self.reachable < 4 or upto <= self.vdl:
            return
        self.vdl = upto
        for volume in list(self.volumes):
            volume._durable(upto)
        self.changed.set()
        self.changed = trio.Event()

    def log(
        self, epoch: int, cpl: int, blob: bytes, changes: list[tuple[int, int, int, bytes]]
    ) -> None:
        self.mtrs.append((epoch, cpl, blob))
        for lsn, page_no, flags, payload in changes:
            self.changes.setdefault(page_no, []).append((flags, payload))
            self.lsns.setdefault(page_no, []).append(lsn)
        if not self.held:
            self._settle(cpl)

    def truncate(self) -> None:
        self.mtrs = [m for m in self.mtrs if m[1] <= self.vdl]
        for page_no, lsns in self.lsns.items():
            keep = bisect_right(lsns, self.vdl)
            del lsns[keep:], self.changes[page_no][keep:]

    def read(self, page_no: int, at: int) -> tuple[int, bytes | None]:
        lsns = self.lsns.get(page_no, [])
        index = bisect_right(lsns, at)
        if not index:
            return 0, None
        changes = self.changes[page_no]
        first = max(n for n in range(index) if n == 0 or changes[n][0] & FULL)
        image: bytes | None = None
        for flags, payload in changes[first:index]:
            image = apply_change(image, flags, payload, self.page_size)
        return lsns[index - 1], image


class FakeVolume:
    def __init__(self, storage: FakeStorage) -> None:
        self.storage = storage
        self.page_size = storage.page_size
        self.epoch = 0
        self.vdl = Lsn(0)
        self.newest_lsn = Lsn(0)
        self.writable = False
        self.on_durable: list[Callable[[Lsn], None]] = []
        self.on_fenced: list[Callable[[int, str], None]] = []
        self.read_points: list[int] = []
        self.reads: list[tuple[int, int]] = []
        self.read_gate = trio.Event()
        self.read_gate.set()
        self._ring: list[tuple[int, bytes]] = []
        self._ring_floor = 0
        self._fenced: Fenced | None = None

    @property
    def reachable(self) -> int:
        return self.storage.reachable

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:  # the process is gone: it hears of nothing any more
            self.on_durable.clear()
            self.on_fenced.clear()

    async def open_for_writing(self, owner: str, *, timeout: float = 5.0) -> Lsn:
        storage = self.storage
        await trio.lowlevel.checkpoint()
        if storage.reachable < 4:
            raise QuorumLost(f"{storage.reachable} of 6 storage nodes answer, 4 are needed")
        storage.epoch += 1
        storage.owner = owner
        storage.truncate()
        for other in list(storage.volumes):
            other._fence(storage.epoch, owner)
        await trio.lowlevel.checkpoint()
        if storage.owner != owner:
            raise StaleEpoch(storage.epoch, storage.owner)
        storage.volumes = [self]
        if storage.vdl:
            storage.next_lsn = max(storage.next_lsn, storage.vdl + TRUNCATION_GAP)
        self.epoch = storage.epoch
        self.vdl = Lsn(storage.vdl)
        self.newest_lsn = Lsn(storage.next_lsn - 1)
        self._ring, self._ring_floor, self._fenced = [], storage.vdl, None
        self.writable = True
        return self.vdl

    def log(self, changes: Sequence[tuple[int, int, bytes]]) -> Lsn:
        storage = self.storage
        if self._fenced is not None:
            raise self._fenced
        if not self.writable:
            raise NotWritable("not opened for writing")
        blobs, stored, lsn = [], [], storage.next_lsn
        for position, (page_no, flags, payload) in enumerate(changes, 1):
            if position == len(changes):
                flags |= CPL
            blobs.append(encode_record(lsn, 0, page_no, flags, payload))
            stored.append((lsn, page_no, flags, payload))
            lsn += 1
        storage.next_lsn = lsn
        cpl = Lsn(lsn - 1)
        blob = b"".join(blobs)
        self.newest_lsn = cpl
        self._ring.append((cpl, blob))
        storage.log(self.epoch, cpl, blob, stored)
        return cpl

    async def wait_room(self) -> None:
        return

    async def wait_durable(self, lsn: Lsn, *, timeout: float) -> None:
        with trio.move_on_after(timeout):
            while True:
                if self.vdl >= lsn:
                    return
                if self._fenced is not None:
                    raise self._fenced
                await self.storage.changed.wait()
        raise QuorumTimeout(f"{self.storage.reachable} of 6 storage nodes reachable")

    def set_read_points(self, lowest: Lsn) -> None:
        self.read_points.append(lowest)

    def redo_since(self, after: Lsn, upto: Lsn) -> list[bytes] | None:
        if after < self._ring_floor:
            return None
        return [blob for cpl, blob in self._ring if after < cpl <= upto]

    async def read_page(self, page_no: int, at: Lsn) -> tuple[Lsn, bytes | None]:
        self.reads.append((page_no, at))
        await self.read_gate.wait()
        if self.storage.reachable < 3:
            raise QuorumLost(f"{self.storage.reachable} of 6 storage nodes reachable")
        lsn, image = self.storage.read(page_no, at)
        return Lsn(lsn), image

    async def fetch_log(self, pg: int, after: Lsn, upto: Lsn) -> bytes | None:
        await trio.lowlevel.checkpoint()
        if after < self.storage.collected:
            return None
        return b"".join(blob for _, cpl, blob in self.storage.mtrs if after < cpl <= upto)

    async def discover(self) -> FakeState:
        await trio.lowlevel.checkpoint()
        if self.storage.reachable < 3:
            raise QuorumLost(f"{self.storage.reachable} of 6 storage nodes reachable")
        return FakeState(self.storage.epoch, self.storage.owner, self.storage.vdl)

    async def close_writer(self) -> None:
        self.writable = False
        await trio.lowlevel.checkpoint()
        if self in self.storage.volumes:
            self.storage.volumes.remove(self)

    def forget_ring(self) -> None:
        """As when the in-memory log buffer has dropped everything so far."""
        self._ring, self._ring_floor = [], self.newest_lsn

    def _durable(self, vdl: int) -> None:
        self.vdl = Lsn(vdl)
        for callback in list(self.on_durable):
            callback(self.vdl)

    def _fence(self, epoch: int, owner: str) -> None:
        if not self.writable:
            return
        self.writable = False
        self._fenced = Fenced(epoch, owner)
        for callback in list(self.on_fenced):
            callback(epoch, owner)
        self.storage.changed.set()
        self.storage.changed = trio.Event()
