"""Seeded trouble for six storage nodes: crashes that tear writes, lost messages, failed and
finished recoveries, bit rot, collected log.  Never more than two nodes are down, so nothing that
a write quorum acknowledged may ever be missing, and in the end all nodes hold the same truth."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from attrs import define, field

from runtime.rng import Rng
from tests.unit.volume.history import PAGE_SIZE, History
from tests.unit.volume.storage_cluster import HandWriter, Nodes
from volume import limits, messages
from volume.logindex import LogIndex
from volume.messages import EpochRaised, RaiseEpoch
from volume.pagestore import PageStore
from volume.segment import Segment
from wire.rpc import RpcError

STEPS = 40
SEEDS = range(3)


@define(eq=False)
class Churn:
    """One run: a seed decides everything."""

    nodes: Nodes
    rng: Rng
    history: History = field(factory=lambda: History(Rng(2)))
    writer: HandWriter = field(init=False)
    attached: set[int] = field(factory=set)
    epoch: int = 0
    log: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.writer = HandWriter(self.nodes)

    @property
    def up(self) -> list[int]:
        return sorted(self.nodes.running)

    def some(self, among: Sequence[int], least: int = 0) -> list[int]:
        chosen = list(among)
        self.rng.shuffle(chosen)
        return sorted(chosen[: max(least, self.rng.randrange(len(chosen) + 1))])

    async def run(self) -> None:
        await self.nodes.start_all()
        await self.recover()
        actions = [self.write] * 8 + [self.crash] * 3 + [self.start] * 3 + [self.wait] * 2
        actions += [self.recover, self.abandoned_recovery, self.wait, self.power_cut, self.rot]
        for _ in range(STEPS):
            action = self.rng.choice(actions)
            self.log.append(action.__name__)
            await action()
            await self.check_durable()
        await self.heal()

    async def write(self) -> None:
        """Some records to some nodes; durable if four of them are complete."""
        lsns = self.history.write(1 + self.rng.randrange(6))
        reached = 0
        for i in self.some([i for i in self.up if i in self.attached]):
            (scl,) = await self.writer.send(self.history, lsns, [i])
            reached += scl >= lsns[-1]
        if reached >= limits.Vw:
            self.writer.vdl = lsns[-1]

    async def crash(self) -> None:
        if len(self.up) > limits.Vw:
            await self._crash(self.rng.choice(self.up))

    async def _crash(self, i: int) -> None:
        await self.nodes.crash(i, rng=self.rng.child(f"crash-{len(self.log)}-{i}"))
        self.attached.discard(i)

    async def start(self) -> None:
        for i in self.some([i for i in range(6) if i not in self.nodes.running]):
            await self.nodes.start(i)
            if self.rng.randrange(2):
                # Otherwise it learns of the epoch from its peers.
                await self.writer.attach(i)
                self.attached.add(i)

    async def power_cut(self) -> None:
        for i in self.up:
            await self._crash(i)
        await self.nodes.start(*self.some(range(6), least=limits.Vw))
        await self.recover()

    async def recover(self) -> None:
        """A new writer: promises of four or more, keep at least what is durable, annul the rest."""
        scls = await self._raise(self.some(self.up, least=limits.Vw))
        above = self.rng.choice([max(scls), max(self.writer.vdl, 0)])
        above = max(lsn for lsn in [0, *self.history.records] if lsn <= above)
        self.writer = HandWriter(
            self.nodes,
            owner=f"writer-{self.epoch}",
            ranges=self.writer.ranges,
            vdl=self.writer.vdl,
        )
        upto = self.history.next_lsn + 1000
        await self.writer.open(self.epoch, self.up, above=above, upto=upto)
        self.history.recover(above, upto)
        self.attached = set(self.up)

    async def _raise(self, which: Sequence[int]) -> list[int]:
        self.epoch += 1
        scls = []
        for i in which:
            request = RaiseEpoch("v", 0, self.epoch, f"writer-{self.epoch}").encode()
            raised = EpochRaised.decode(await self.writer.call(i, messages.RAISE_EPOCH, request))
            scls.append(raised.scl)
        if len(scls) >= limits.Vw:
            assert max(scls) >= self.writer.vdl, "an acknowledged record is missing"
        return scls

    async def abandoned_recovery(self) -> None:
        """A candidate dies after a few promises; the next one has to outbid it."""
        await self._raise(self.some(self.up)[:3])
        await self.recover()

    async def wait(self) -> None:
        await trio.sleep(self.rng.uniform(0.01, 4))

    async def rot(self) -> None:
        """One bit of one file of one node flips while all nodes are up and equal."""
        await self.heal()
        i = self.rng.randrange(6)
        files = self.nodes.platters[i].files
        name = self.rng.choice(sorted(n for n in files if n.startswith("pg-")))
        data = files[name].data
        if data and not name.endswith(".tmp"):
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        if self.rng.randrange(2):
            await self._crash(i)
            await self.nodes.start(i)
        await self.heal()

    async def check_durable(self) -> None:
        """Every node that says it is complete at VDL tells the truth there."""
        for i in self.up:
            for page_no in range(8):
                expected = self.history.page_at(page_no, self.writer.vdl)
                try:
                    found = await self.writer.read(i, page_no, self.writer.vdl)
                except RpcError as refusal:
                    assert refusal.code in ("not_complete", "no_segment", "page_corrupt"), refusal
                    continue
                assert found == expected, f"node {i} page {page_no} at {self.writer.vdl}"

    async def heal(self) -> None:
        """All nodes up and attached: all become complete and equal."""
        await self.nodes.start(*(i for i in range(6) if i not in self.nodes.running))
        for i in range(6):
            await self.writer.attach(i)
        self.attached = set(range(6))
        unsure = [lsn for lsn in sorted(self.history.records) if lsn > self.writer.vdl]
        await self.writer.send(self.history, unsure, range(6))
        last = max([0, *self.history.records])
        await self.nodes.settle(*range(6), scl=last)
        self.writer.vdl = last
        await self.writer.send(self.history, [], range(6))
        for i in range(6):
            assert self.nodes.segment(i).promise.attached == self.epoch
            self.nodes.hosted(i).replica.images.forget(range(8))
        await trio.sleep(1)  # the nodes have found each other: what is damaged can be repaired
        await self.writer.check_pages(self.history, range(6), last)


async def churn(seed: int) -> list[str]:
    async with trio.open_nursery() as nursery:
        run = Churn(Nodes(nursery), Rng(seed, "churn"))
        try:
            await run.run()
        except BaseException:
            print("\n".join([*run.nodes.lines[-60:], f"seed {seed}: {run.log}"]))
            raise
        finally:
            nursery.cancel_scope.cancel()
    return run.log


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, retained log and chains so small that everything happens in a short run."""
    monkeypatch.setattr(limits, "LOG_FILE_BYTES", 1500)
    monkeypatch.setattr(limits, "PAGE_CHAIN_MAX", 6)


def retain(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(limits, "LOG_RETAIN_BYTES", 4000 if seed % 2 else 1 << 20)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", SEEDS)
async def test_no_trouble_loses_what_was_acknowledged(autojump_clock, monkeypatch, seed):
    retain(monkeypatch, seed)
    await churn(seed)


async def _read_unchecked(store: PageStore, page_no: int) -> tuple[int, bytes] | None:
    """The mutant: a base image is believed."""
    entry = store.table.get(page_no)
    if entry is None:
        return None
    file = store._data
    assert file is not None
    return entry.lsn, await file.read_at(entry.slot * PAGE_SIZE, PAGE_SIZE, purpose="read page")


def _forget_to_truncate(_index: LogIndex, _ranges: object) -> None:
    """The mutant: a truncation range is kept but not applied."""


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("owner", "name", "mutant", "seed"),
    [
        (Segment, "coalesce_point", property(lambda segment: segment.scl), 0),
        (PageStore, "read", _read_unchecked, 10),
        (LogIndex, "truncate", _forget_to_truncate, 0),
    ],
    ids=["coalesce above read points", "no page checksum", "range not applied"],
)
async def test_known_mistakes_are_caught(autojump_clock, monkeypatch, owner, name, mutant, seed):
    retain(monkeypatch, seed)
    monkeypatch.setattr(owner, name, mutant)
    with pytest.raises(ExceptionGroup) as caught:
        await churn(seed)
    assert caught.group_contains((AssertionError, trio.TooSlowError))
