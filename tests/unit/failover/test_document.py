"""The keeper of the topology document, against a store that races, fails and hangs."""

from __future__ import annotations

import pytest
import trio
from attrs import evolve

from failover.decision import FailureKind
from failover.document import DocumentKeeper
from failover.promotion import Failed, Succeeded
from failover.topology import Claim, Topology, TopologyUnreadable, decode, encode
from tests.fakes import fake_runtime
from tests.unit.failover.builders import members
from tests.unit.failover.fakes import FakeStore

STAFF = members(0, 1)


class Keeping:
    """A keeper and what it told its owner."""

    def __init__(self, store: FakeStore, token: str = "me") -> None:
        self.read: list[Topology] = []
        self.errors: list[str] = []
        self.keeper = DocumentKeeper(
            fake_runtime(name=token),
            store,
            token=token,
            timeout=1.0,
            on_read=lambda topology, asked_at: self.read.append(topology),
            on_error=self.errors.append,
        )

    async def open(self) -> Keeping:
        await self.keeper.open(STAFF, pause_first=0.05, pause_max=1.0)
        return self


async def test_opening_makes_the_document_and_its_author_the_acting_monitor(autojump_clock):
    store = FakeStore()
    await Keeping(store).open()
    first = decode(store.data)
    assert (first.members, first.acting) == (STAFF, "me")
    await Keeping(store, "other").open()
    assert decode(store.data) == evolve(first, acting="other")


async def test_opening_waits_for_the_store(autojump_clock):
    store = FakeStore(available=False)
    keeping = Keeping(store)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeping.open)
        await trio.sleep(30)
        assert keeping.errors
        assert not keeping.read
        store.available = True
    assert keeping.read[-1].members == STAFF


async def test_after_a_lost_race_what_won_is_known(autojump_clock):
    store = FakeStore()
    mine = await Keeping(store).open()
    other = await Keeping(store, "other").open()
    theirs = Claim("instance-2", "other", "x")
    assert isinstance(await other.keeper.change(lambda t: t.claimed(theirs, None)), Succeeded)
    result = await mine.keeper.change(lambda t: t.claimed(Claim("instance-1", "me", "y"), None))
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.CLAIM_LOST
    assert mine.read[-1].claim == theirs
    again = await mine.keeper.change(lambda t: t.claimed(Claim("instance-1", "me", "y"), None))
    assert isinstance(again, Failed), "refused without asking the store"
    assert decode(store.data).claim == theirs


async def test_changes_of_one_process_do_not_overwrite_each_other(autojump_clock):
    store = FakeStore()
    keeping = await Keeping(store).open()
    store.latency = 0.1
    async with trio.open_nursery() as nursery:
        for change in (
            lambda t: t.written_by("instance-1", 1),
            lambda t: t.with_automatic(False),
            lambda t: t.with_exclusion("instance-2", True),
        ):
            nursery.start_soon(keeping.keeper.change, change)
    found = decode(store.data)
    assert (found.writer, found.automatic) == ("instance-1", False)
    assert found.member("instance-2").excluded


async def test_no_change_is_not_written(autojump_clock):
    store = FakeStore()
    keeping = await Keeping(store).open()
    generation = store.generation
    assert isinstance(await keeping.keeper.change(lambda t: t), Succeeded)
    assert store.generation == generation


@pytest.mark.parametrize("trouble", ["gone", "hangs", "damaged"])
async def test_trouble_is_a_result_not_an_exception(autojump_clock, trouble):
    store = FakeStore()
    keeping = await Keeping(store).open()
    if trouble == "gone":
        store.available = False
    elif trouble == "hangs":
        store.latency = 100.0
    else:
        store.data = b"{}"
    result = await keeping.keeper.refresh()
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.DOCUMENT
    assert keeping.errors == [result.text]


async def test_a_newer_format_is_left_alone(autojump_clock):
    store = FakeStore(generation=1, data=encode(Topology()).replace(b'"format":1', b'"format":9'))
    keeping = Keeping(store)
    result = await keeping.keeper.refresh()
    assert isinstance(result, Failed)
    assert "format 9" in result.text
    with pytest.raises(TopologyUnreadable):
        decode(store.data)


async def test_the_age_of_a_copy_counts_from_before_it_was_asked_for(autojump_clock):
    store = FakeStore(latency=0.5)
    asked: list[float] = []
    keeper = DocumentKeeper(
        fake_runtime(),
        store,
        token="me",
        timeout=1.0,
        on_read=lambda topology, asked_at: asked.append(asked_at),
        on_error=lambda text: None,
    )
    began = trio.current_time()
    await keeper.refresh()
    assert asked == [began]
    assert evolve(Topology(), acting="me") == Topology().acted_by("me")
