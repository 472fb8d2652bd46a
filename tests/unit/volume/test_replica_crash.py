"""Power fails at every single disk call: what was acknowledged before is there afterwards.

The scenario passes through everything that writes: first promise, appends, rotation, coalescing,
log collection, epochs, truncation, hydration.  After each crash unsynced writes survive wholly,
partly or not at all, by a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from attrs import define, field

from runtime.rng import Rng
from tests.fakes.disk import MemoryDisk, Platter
from tests.fakes.runtime import fake_runtime
from tests.unit.volume.history import PAGE_SIZE, History
from volume import logstore
from volume.coalesce import Situation
from volume.coalescer import Coalescer
from volume.messages import PageVersion
from volume.model import TruncationRange, VolumeConfig
from volume.pageread import PageReader
from volume.replica import NodeResources, Replica

VOLUME = VolumeConfig("v", PAGE_SIZE, 8 * PAGE_SIZE)


class PowerCut(Exception):
    """The machine is gone."""


class CrashingDisk(MemoryDisk):
    """Loses power just before its n-th call."""

    def __init__(self, platter: Platter, crash_at: int | None = None) -> None:
        super().__init__(platter)
        self.calls = 0
        self.crash_at = crash_at

    def check(self, purpose: str, growth: int = 0) -> None:
        if self.calls == self.crash_at:
            raise PowerCut
        self.calls += 1
        super().check(purpose, growth)


@define(eq=False)
class Acked:
    """What the outside world was told."""

    epoch: int = 0
    attached: int = 0
    scl: int = 0
    vdl: int = 0
    truncations: tuple[TruncationRange, ...] = ()
    planned: tuple[TruncationRange, ...] = ()
    annulled: list[int] = field(factory=list)


async def no_peer(_pg: int, _page_no: int, _lsn: int) -> PageVersion | None:
    return None


IDLE = Situation(idle=True, log_bytes=0, retain_bytes=1 << 30)


def never() -> bool:
    return False


@define(eq=False)
class Machine:
    """A replica on a disk, with the background work driven by hand."""

    replica: Replica
    reader: PageReader
    coalescer: Coalescer

    @classmethod
    async def start(cls, disk: MemoryDisk) -> Machine:
        runtime = fake_runtime(disk=disk)
        replica = Replica(runtime, VOLUME, 0, NodeResources())
        replica.log.file_bytes = 700
        await replica.open()
        reader = PageReader(replica, no_peer, runtime.trace)
        return cls(replica, reader, Coalescer(replica, reader, runtime.trace))

    async def coalesce_all(self) -> None:
        while await self.coalescer.round(IDLE, foreground_waits=never):
            pass
        await self.replica.collect_log(0)


async def scenario(machine: Machine, history: History, acked: Acked) -> None:
    """Everything that writes; ``acked`` is updated when the caller would get its reply."""
    replica = machine.replica
    await open_for(replica, acked, 1, ())
    for _ in range(4):
        await append(replica, history, acked, history.write(3))
    await heartbeat(replica, acked)
    await machine.coalesce_all()
    await append(replica, history, acked, history.write(4))
    skipped = history.write(2)
    await append(replica, history, acked, history.write(2))
    await append(replica, history, acked, skipped)
    await heartbeat(replica, acked)
    lost = history.write(3)
    await append(replica, history, acked, lost)
    above = lost[0] - 1
    await replica.raise_epoch(2, "w2")
    acked.epoch = 2
    gap = TruncationRange(2, above, above + 1000)
    # From here on the annulled records may be gone, acknowledged or not.
    acked.scl = min(acked.scl, above)
    history.recover(gap.above, gap.upto)
    acked.planned = (gap,)
    await replica.truncate(2, gap)
    acked.truncations, acked.annulled = (gap,), lost
    await open_for(replica, acked, 2, (gap,))
    for _ in range(5):
        await append(replica, history, acked, history.write(3))
    await heartbeat(replica, acked)
    await machine.coalesce_all()
    await append(replica, history, acked, history.write(3))
    await heartbeat(replica, acked)
    await hydrate(replica, history, acked)
    await append(replica, history, acked, history.write(3))
    await heartbeat(replica, acked)
    await machine.coalesce_all()


async def open_for(
    replica: Replica, acked: Acked, epoch: int, ranges: tuple[TruncationRange, ...]
) -> None:
    await replica.raise_epoch(epoch, f"w{epoch}")
    acked.epoch = epoch
    await replica.attach(epoch, f"w{epoch}", ranges)
    acked.attached = epoch


async def append(replica: Replica, history: History, acked: Acked, lsns: list[int]) -> None:
    blob = history.blob(lsns)
    acked.scl = max(acked.scl, await replica.append(acked.epoch, acked.vdl, acked.vdl, 0, blob))


async def heartbeat(replica: Replica, acked: Acked) -> None:
    """The writer learns that everything so far is durable elsewhere as well."""
    acked.vdl = replica.segment.scl
    await replica.append(acked.epoch, acked.vdl, acked.vdl, acked.vdl, b"")


async def hydrate(replica: Replica, history: History, acked: Acked) -> None:
    """As from a peer that has coalesced everything up to VDL."""
    store = await replica.new_pages()
    pages = [(p, *history.page_at(p, acked.vdl)) for p in sorted(history.pages)]
    await store.write([(p, lsn, image) for p, lsn, image in pages if image is not None])
    await replica.adopt_pages(store, acked.vdl)


async def check(machine: Machine, history: History, acked: Acked) -> None:
    """Everything acknowledged is there, nothing annulled is."""
    segment = machine.replica.segment
    promise = segment.promise
    assert promise.epoch >= acked.epoch
    assert promise.attached >= acked.attached
    assert segment.scl >= acked.scl, f"acknowledged {acked.scl}, found {segment.scl}"
    covered = [r for r in acked.truncations if r.upto > segment.log.base]
    assert set(covered) <= set(promise.truncations)
    kept = {lsn for lsn, _ in segment.log.tail_after(0)}
    assert not kept & set(acked.annulled)
    for page_no in range(8):
        for lsn in {acked.vdl, segment.scl} & {0, *history.records}:
            if segment.pages and lsn >= machine.replica.pages.table.lsn_of(page_no):
                assert await machine.reader.read(page_no, lsn) == history.page_at(page_no, lsn)


async def go_on(machine: Machine, history: History, acked: Acked) -> None:
    """A writer comes and everything works: what is missing arrives, more is written, coalesced."""
    replica = machine.replica
    epoch = replica.segment.promise.epoch + 1
    await open_for(replica, acked, epoch, acked.planned)
    await append(replica, history, acked, sorted(history.records))
    await append(replica, history, acked, history.write(5))
    assert replica.segment.scl == max(history.records)
    await heartbeat(replica, acked)
    await machine.coalesce_all()
    await check(machine, history, acked)


async def run_until(crash_at: int | None) -> tuple[Platter, History, Acked, int]:
    platter = Platter()
    disk = CrashingDisk(platter, crash_at)
    history, acked = History(Rng(3)), Acked()
    with suppress(PowerCut):
        await scenario(await Machine.start(disk), history, acked)
    return platter, history, acked, disk.calls


async def crash_everywhere(seeds: int, step: int = 1) -> int:
    """Crash before every call, restart, check, go on; returns the number of crash points."""
    calls = (await run_until(None))[3]
    for crash_at in range(0, calls, step):
        for seed in range(seeds):
            platter, history, acked, _ = await run_until(crash_at)
            platter.crash(Rng(seed, f"crash/{crash_at}") if seed else None)
            machine = await Machine.start(MemoryDisk(platter))
            await check(machine, history, acked)
            await go_on(machine, history, acked)
    return calls


async def test_the_scenario_itself():
    platter, history, acked, calls = await run_until(None)
    machine = await Machine.start(MemoryDisk(platter))
    await check(machine, history, acked)
    assert machine.replica.segment.scl == acked.scl == max(history.records)
    assert machine.replica.pages.generation == 2
    assert calls > 80


async def test_a_crash_at_every_disk_call_loses_nothing_acknowledged():
    assert await crash_everywhere(seeds=3) > 80


async def test_a_second_crash_during_recovery_loses_nothing_either():
    calls = (await run_until(None))[3]
    for crash_at in range(calls // 2, calls, 7):
        platter, history, acked, _ = await run_until(crash_at)
        platter.crash(Rng(crash_at))
        for again in range(12):
            try:
                await Machine.start(CrashingDisk(platter, again))
            except PowerCut:
                platter.crash(Rng(again))
        await check(await Machine.start(MemoryDisk(platter)), history, acked)


async def _ack_before_sync(
    self: logstore.HotLog, current: logstore.LogFile, kind: int, body: bytes, vdl: int, tail: int
) -> None:
    """The mutant: as ``HotLog._append`` without the sync."""
    file = current.file
    entry = logstore.hotlog.encode_entry(kind, current.sequence, file.size, vdl, tail, body)
    await file.append(entry, purpose="append hot log")


async def _forget_promises(self: logstore.HotLog, promise: object, vdl: int, tail: int) -> None:
    """The mutant: promises are made in memory only."""


async def _remove_first(self: Replica, retain_bytes: int) -> int:
    """The mutant: log files go before the promise that the log begins later."""
    log = self.segment.log
    sequences, high = self.log.collectable(log.folded(), retain_bytes)
    if not sequences:
        return 0
    await self.log.remove(sequences)
    base = log.last_at(high)
    if base > log.base:
        await self._promise(self.segment.plan_base(base, self.pages.generation))
        log.trim(base)
    return len(sequences)


@pytest.mark.parametrize(
    ("owner", "name", "mutant"),
    [
        (logstore.HotLog, "_append", _ack_before_sync),
        (logstore.HotLog, "append_promise", _forget_promises),
        (Replica, "collect_log", _remove_first),
    ],
    ids=["ack before sync", "promise in memory only", "collect before the promise"],
)
async def test_the_check_catches_known_mistakes(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, mutant: Callable[..., object]
):
    monkeypatch.setattr(owner, name, mutant)
    with pytest.raises(AssertionError):
        await crash_everywhere(seeds=2)
