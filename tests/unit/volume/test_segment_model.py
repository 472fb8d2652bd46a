"""The segment against a small model: any mix of loss, repetition, reordering, gossip, recovery
and coalescing leaves it with exactly the records a set-based model says, and every readable page
version equal to the true one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runtime.rng import Rng
from tests.unit.volume.history import PAGE_SIZE, History
from volume.errors import NotComplete
from volume.materialize import PageBuilder
from volume.model import TruncationRange
from volume.segment import Fresh, Segment


class SegmentMachine(RuleBasedStateMachine):
    """The system: one segment.  The model: the set of records it holds, and the true history."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History(Rng(7), page_count=4)
        self.segment = Segment(0, 0, 4)
        self.disk: dict[int, bytes] = {}
        self.position = 0
        self.held: set[int] = set()
        self.bases: dict[int, tuple[int, bytes]] = {}
        self.epoch = 1
        self.ranges: tuple[TruncationRange, ...] = ()
        self.vdl = 0
        self._attach()

    def _attach(self) -> None:
        promise = self.segment.plan_attach(self.epoch, "w", self.ranges)
        if promise is not None:
            self.segment.adopt(promise)

    def _deliver(self, fresh: Fresh) -> None:
        """Write to the pretended disk, then let it take effect."""
        for record in fresh.records:
            self.disk[self.position + record[4]] = fresh.data[record[4] : record[5]]
            self.held.add(record[0])
        self.segment.accept(fresh, self.position)
        self.position += len(fresh.data) + 7

    def _model_scl(self) -> int:
        scl = self.segment.log.base
        following = {self.history.backlinks[lsn]: lsn for lsn in self._valid_held()}
        while scl in following:
            scl = following[scl]
        return scl

    def _valid_held(self) -> set[int]:
        return {lsn for lsn in self.held if lsn in self.history.records}

    @rule(count=st.integers(1, 5))
    def write(self, count):
        self.history.write(count)

    @precondition(lambda self: self.history.records)
    @rule(data=st.data())
    def append_some(self, data):
        newest = sorted(self.history.records)[-12:]
        lsns = data.draw(st.lists(st.sampled_from(newest), min_size=1, max_size=6))
        self._deliver(self.segment.prepare(self.epoch, self.history.blob(lsns)))

    @precondition(lambda self: self.history.records)
    @rule(limit=st.integers(1, 8))
    def gossip_after_scl(self, limit):
        lsns = [lsn for lsn in sorted(self.history.records) if lsn > self.segment.scl][:limit]
        if lsns:
            self._deliver(self.segment.prepare_gossip(self.history.blob(lsns)))

    @rule()
    def advance_vdl(self):
        self.vdl = max(self.vdl, self.segment.scl)
        tail = max((lsn for lsn in self.history.records if lsn <= self.vdl), default=0)
        self.segment.learn(self.vdl, tail)
        self.segment.pgmrpl = self.vdl

    @rule(keep=st.integers(0, 10), seen=st.booleans())
    def recovery(self, keep, seen):
        """A new writer annuls some of what is above VDL; this segment sees it now or later."""
        above = max([self.vdl, *sorted(self.history.records)[:keep]])
        newest = self.history.next_lsn
        self.epoch += 1
        new = TruncationRange(self.epoch, above, max(newest, above) + 50)
        self.ranges = (*self.ranges, new)
        self.history.recover(new.above, new.upto)
        if seen:
            raised = self.segment.plan_raise(self.epoch, "w")
            assert raised is not None
            self.segment.adopt(raised)
        self._attach()

    @rule(page=st.integers(0, 3))
    def coalesce(self, page):
        point = self.segment.coalesce_point
        lsn, image = self._read(page, point)
        if image is not None:
            self.bases[page] = (lsn, image)
            self.segment.log.fold(page, lsn)

    @rule()
    def trim(self):
        folded = self.segment.log.folded()
        assert folded <= self.segment.coalesce_point
        if folded > self.segment.log.base:
            self.segment.adopt(self.segment.plan_base(folded, 1))
            self.segment.log.trim(folded)

    def _read(self, page: int, lsn: int) -> tuple[int, bytes | None]:
        base_lsn, base = self.bases.get(page, (0, None))
        changes = self.segment.log.page_changes(page, base_lsn, lsn)
        if not changes.extents:
            return base_lsn, base
        builder = PageBuilder(base, PAGE_SIZE)
        for position, length in changes.extents:
            record = self.disk[position]
            assert len(record) == length
            builder.apply(record)
        return changes.lsn, builder.image()

    @invariant()
    def scl_is_the_models(self):
        assert self.segment.scl == self._model_scl()

    @invariant()
    def what_is_durable_stays(self):
        assert self.segment.scl >= min(self.vdl, self._model_scl())
        assert self.segment.coalesce_point <= self.segment.vdl

    @invariant()
    def every_readable_version_is_true(self):
        for lsn in {self.segment.complete_upto, self.segment.vdl, self.segment.log.base}:
            try:
                self.segment.check_readable(0, lsn)
            except NotComplete:
                continue
            for page in range(4):
                base_lsn, _ = self.bases.get(page, (0, None))
                if base_lsn <= lsn:
                    assert self._read(page, lsn) == self.history.page_at(page, lsn)

    @invariant()
    def the_chain_is_whole(self):
        chain = [self.segment.log.base, *(lsn for lsn, _ in self.segment.log.tail_after(0))]
        for before, lsn in pairwise(chain):
            assert self.history.backlinks[lsn] == before


TestSegmentModel = SegmentMachine.TestCase
TestSegmentModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
