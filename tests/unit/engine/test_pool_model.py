"""The buffer pool against a model that remembers every version of every page."""

from __future__ import annotations

from bisect import bisect_right

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.bufferpool import BufferPool, Fetch
from volume.records import make_change

PAGE_SIZE = 512
PAGES = st.integers(0, 5)


class Model:
    """What the volume would answer."""

    def __init__(self) -> None:
        self.lsns: dict[int, list[int]] = {}
        self.images: dict[int, list[bytes]] = {}

    def add(self, page_no: int, lsn: int, image: bytes) -> None:
        self.lsns.setdefault(page_no, []).append(lsn)
        self.images.setdefault(page_no, []).append(image)

    def at(self, page_no: int, lsn: int) -> tuple[int, bytes | None]:
        index = bisect_right(self.lsns.get(page_no, []), lsn)
        if not index:
            return 0, None
        return self.lsns[page_no][index - 1], self.images[page_no][index - 1]

    def cut(self, lsn: int) -> None:
        for page_no, lsns in self.lsns.items():
            keep = bisect_right(lsns, lsn)
            del lsns[keep:], self.images[page_no][keep:]


class PoolMachine(RuleBasedStateMachine):
    """As writer (images) and as reader (deltas), with snapshots, fetches, eviction and cuts."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.pool = BufferPool(6 * PAGE_SIZE, PAGE_SIZE)
        self.lsn = 0
        self.pins: list[int] = []
        self.fetches: list[Fetch] = []

    def _next(self, page_no: int, value: int) -> tuple[bytes | None, bytes]:
        self.lsn += 1
        old = self.model.at(page_no, self.lsn)[1]
        image = bytearray(old or bytes(PAGE_SIZE))
        image[value % PAGE_SIZE] ^= 1 + value % 255
        return old, bytes(image)

    @rule(page_no=PAGES, value=st.integers(0, 10**6))
    def log(self, page_no: int, value: int) -> None:
        _, image = self._next(page_no, value)
        self.model.add(page_no, self.lsn, image)
        self.pool.push_image(page_no, self.lsn, image)

    @precondition(lambda self: not self.undurable())
    @rule(page_no=PAGES, value=st.integers(0, 10**6))
    def apply(self, page_no: int, value: int) -> None:
        """A reader applies durable records only, and moves its read point at once."""
        old, image = self._next(page_no, value)
        self.model.add(page_no, self.lsn, image)
        flags, payload = make_change(old, image)
        self.pool.push_change(page_no, self.lsn, flags, payload)
        self.pool.advance(self.lsn)

    def undurable(self) -> bool:
        newest = max((lsns[-1] for lsns in self.model.lsns.values() if lsns), default=0)
        return newest > self.pool.read_point

    @rule(share=st.floats(0, 1))
    def durable(self, share: float) -> None:
        low = self.pool.read_point
        self.pool.advance(low + round(share * (self.lsn - low)))

    @rule()
    def pin(self) -> None:
        self.pins.append(self.pool.read_point)
        self.pool.pin(self.pins[-1])

    @precondition(lambda self: self.pins)
    @rule(which=st.integers(0, 100))
    def unpin(self, which: int) -> None:
        self.pool.unpin(self.pins.pop(which % len(self.pins)))

    @rule(page_no=PAGES)
    def begin_fetch(self, page_no: int) -> None:
        if page_no not in self.pool.slots and not self.pool.fetch_in_progress(page_no):
            self.fetches.append(self.pool.begin_fetch(page_no))

    @precondition(lambda self: self.fetches)
    @rule(which=st.integers(0, 100), works=st.booleans())
    def end_fetch(self, which: int, works: bool) -> None:
        fetch = self.fetches.pop(which % len(self.fetches))
        if works:
            self.pool.finish_fetch(fetch, *self.model.at(fetch.page_no, fetch.at))
        else:
            self.pool.abandon_fetch(fetch)

    @precondition(lambda self: self.pins)
    @rule(page_no=PAGES, which=st.integers(0, 100))
    def fetch_old(self, page_no: int, which: int) -> None:
        at = self.pins[which % len(self.pins)]
        if self.pool.lookup(page_no, at) is None:
            self.pool.insert_old(page_no, at, *self.model.at(page_no, at))

    @rule()
    def evict(self) -> None:
        self.pool.evict()

    @rule()
    def lose_epoch(self) -> None:
        """Everything undurable is annulled; new LSNs start above the range."""
        self.model.cut(self.pool.read_point)
        self.pool.cut_above(self.pool.read_point)
        self.lsn += 1000

    @rule()
    def start_over(self) -> None:
        """Only a reader does, and it holds nothing undurable."""
        if not self.undurable():
            self.pool.clear(self.pool.read_point)

    @invariant()
    def every_snapshot_reads_what_it_should(self) -> None:
        for page_no in range(6):
            for at in {*self.pins, self.pool.read_point, self.lsn}:
                found = self.pool.lookup(page_no, at)
                if found is not None:
                    expected = self.model.at(page_no, at)[1]
                    assert found == (expected or bytes(PAGE_SIZE)), (page_no, at)

    @invariant()
    def sizes_add_up(self) -> None:
        assert self.pool.bytes == sum(slot.size for slot in self.pool.slots.values())
        for slot in self.pool.slots.values():
            depth, version = 0, slot.head
            while version is not None:
                depth += 1
                version = version.older  # type: ignore[assignment]
            assert depth == slot.depth, (slot.page_no, depth, slot.depth)

    @invariant()
    def undurable_pages_stay(self) -> None:
        for page_no, lsns in self.model.lsns.items():
            slot = self.pool.slots.get(page_no)
            if slot is not None and lsns:
                assert slot.head.lsn <= lsns[-1]


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
