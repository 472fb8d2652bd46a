"""A writer against six real storage nodes in one process, in virtual time."""

from __future__ import annotations

import pytest
import trio

from tests.unit.volume.client_world import image, page, volume_world
from volume.errors import Fenced, NotWritable, QuorumLost, QuorumTimeout, StaleEpoch


async def commit(volume, *changes, timeout=30):
    lsn = volume.log(list(changes))
    await volume.wait_durable(lsn, timeout=timeout)
    return lsn


async def test_a_commit_is_durable_and_readable(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        assert (volume.epoch, volume.vdl, volume.writable) == (1, 0, True)
        seen = []
        volume.on_durable.append(seen.append)
        lsn = await commit(volume, page(0, "a"), page(1, "b"))
        assert lsn == volume.vdl == volume.newest_lsn == 2
        assert seen == [2]
        assert await volume.read_page(0, lsn) == (1, image("a"))
        assert await volume.read_page(1, lsn) == (2, image("b"))
        assert await volume.read_page(9, lsn) == (0, None)


async def test_every_version_between_is_readable(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        for n in range(1, 6):
            await commit(volume, page(3, f"v{n}"))
        for n in range(1, 6):
            assert await volume.read_page(3, n) == (n, image(f"v{n}"))


async def test_commits_go_on_without_any_two_nodes_and_they_catch_up(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        await commit(volume, page(0, "0"))
        await world.kill(2, 5)
        for n in range(1, 30):
            await commit(volume, page(n % 5, str(n)))
        await world.start(2, 5)
        await trio.sleep(3)
        assert volume.reachable == 6
        await world.kill(0, 1)
        lsn = await commit(volume, page(7, "7"))
        assert await volume.read_page(4, lsn) == (30, image("29"))


async def test_three_nodes_down_writes_time_out_and_say_why_and_reads_go_on(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        lsn = await commit(volume, page(0, "0"))
        await world.kill(0, 2, 4)
        with pytest.raises(QuorumTimeout, match="3 of 6 storage nodes reachable, a write needs 4"):
            await commit(volume, page(0, "1"), timeout=2)
        assert await volume.read_page(0, lsn) == (1, image("0"))
        await world.start(0)
        await volume.wait_durable(volume.newest_lsn, timeout=10)
        assert volume.vdl == 2


async def test_a_hung_node_holds_nobody_up_and_costs_bounded_memory(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        await commit(volume, page(0))
        volume.net.hang(3)
        start = trio.current_time()
        for n in range(200):
            await commit(volume, page(n % 7, str(n)))
        assert trio.current_time() - start < 0.1
        assert volume.net.swallowed.get(7003, 0) < 10_000
        await trio.sleep(3)
        assert volume.reachable == 5
        volume.net.heal()
        await trio.sleep(3)
        assert volume.reachable == 6
        await world.kill(0, 1)
        await commit(volume, page(0, "end"))


async def test_a_node_that_stays_hung_loses_its_connection(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        volume.net.hang(3)
        await commit(volume, page(0))
        await trio.sleep(15)
        assert any("storage_link_dropped" in line for line in world.lines)
        volume.net.heal()
        await trio.sleep(3)
        assert volume.reachable == 6


async def test_a_second_writer_fences_the_first(autojump_clock):
    async with volume_world() as world:
        old = await world.writer("i1")
        await commit(old, page(0, "old"))
        fenced = []
        old.on_fenced.append(lambda epoch, owner: fenced.append((epoch, owner)))
        new = await world.writer("i2")
        assert (new.epoch, new.vdl) == (2, 1)
        with pytest.raises(Fenced, match="epoch 2 of i2"):
            await commit(old, page(0, "lost"))
        assert fenced == [(2, "i2")]
        assert not old.writable
        with pytest.raises(Fenced):
            old.log([page(0)])
        with pytest.raises(Fenced):
            await old.wait_room()
        lsn = await commit(new, page(1, "new"))
        assert await new.read_page(0, lsn) == (1, image("old"))


async def test_an_idle_writer_learns_by_heartbeat_that_it_was_replaced(autojump_clock):
    async with volume_world() as world:
        old = await world.writer("i1")
        fenced = []
        old.on_fenced.append(lambda epoch, owner: fenced.append((epoch, owner)))
        await world.client("i2")
        await world.writer("i2")
        await trio.sleep(0.5)
        assert fenced == [(2, "i2")]
        assert not old.writable


async def test_a_paused_writer_with_commits_in_flight_loses_them_all(autojump_clock):
    """SIGSTOP, promotion, SIGCONT: what it sent before arrives late and is void."""
    async with volume_world() as world:
        old = await world.writer("i1")
        await commit(old, page(0, "kept"))
        old.net.hang(*range(6))
        outcomes = []

        async def doomed(n):
            try:
                await commit(old, page(n, "lost"))
            except Fenced as error:
                outcomes.append(str(error))

        async with trio.open_nursery() as nursery:
            for n in range(3):
                nursery.start_soon(doomed, n)
            new = await world.writer("i2")
            await commit(new, page(5, "new"))
            old.net.heal()
        assert len(outcomes) == 3
        assert await new.read_page(0, new.vdl) == (1, image("kept"))


async def test_the_fenced_instance_may_open_again(autojump_clock):
    async with volume_world() as world:
        one = await world.writer("i1")
        two = await world.writer("i2")
        with pytest.raises(Fenced):
            await commit(one, page(0))
        await two.close_writer()
        assert await one.open_for_writing("i1") == 0
        assert one.epoch == 3
        await commit(one, page(0, "again"))


async def test_a_new_instance_finds_everything_after_a_restart_of_all(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        for n in range(40):
            await commit(volume, page(n, str(n)), page(100 + n, str(n)))
        await volume.close_writer()
        await world.kill(*range(6))
        await world.start(*range(6))
        heir = await world.writer("i2")
        assert heir.vdl == 80
        for n in range(40):
            assert (await heir.read_page(n, heir.vdl))[1] == image(str(n))


async def test_closing_the_writer_ends_its_waiters(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        await world.kill(0, 1, 2)
        lsn = volume.log([page(0)])
        async with trio.open_nursery() as nursery:

            async def wait():
                with pytest.raises(NotWritable):
                    await volume.wait_durable(lsn, timeout=100)

            nursery.start_soon(wait)
            await trio.sleep(0.1)
            await volume.close_writer()
        with pytest.raises(NotWritable):
            volume.log([page(0)])


async def test_opening_waits_for_a_write_quorum_and_gives_up_at_the_deadline(autojump_clock):
    async with volume_world(started=range(3)) as world:
        volume = await world.client()
        with pytest.raises(QuorumLost, match="3 of 6 storage nodes reachable, a write needs 4"):
            await volume.open_for_writing("i1", timeout=3)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(volume.open_for_writing, "i1")
            await trio.sleep(1)
            assert not volume.writable
            await world.start(5)
        await commit(volume, page(0))


async def test_of_two_openers_at_once_one_loses(autojump_clock):
    async with volume_world() as world:
        clients = [await world.client(name, seed=n) for n, name in enumerate(("i1", "i2", "i3"))]
        lost = []

        async def open_it(volume, name):
            try:
                await volume.open_for_writing(name)
            except StaleEpoch as error:
                lost.append(error)

        async with trio.open_nursery() as nursery:
            for volume, name in zip(clients, ("i1", "i2", "i3"), strict=True):
                nursery.start_soon(open_it, volume, name)
        await trio.sleep(1)
        able = [volume for volume in clients if volume.writable]
        assert len(able) == 1
        assert lost
        assert all(error.owner in ("i1", "i2", "i3") for error in lost)
        await commit(able[0], page(0))


async def test_a_volume_of_several_groups(autojump_clock):
    async with volume_world(segment_pages=4) as world:
        volume = await world.writer()
        await commit(volume, page(1, "a"), page(9, "c"), page(5, "b"))
        await commit(volume, page(6, "d"))
        lsn = await commit(volume, page(0, "e"))
        assert (await volume.read_page(9, lsn))[1] == image("c")
        heir = await world.writer("i2")
        assert heir.vdl == lsn
        await commit(heir, page(30, "f"), page(5, "g"))
        for number, text in ((0, "e"), (1, "a"), (5, "g"), (6, "d"), (9, "c"), (30, "f")):
            assert (await heir.read_page(number, heir.vdl))[1] == image(text)


async def test_many_committers_share_boxcars(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        durable = []
        volume.on_durable.append(durable.append)

        async def work(n):
            for m in range(10):
                await commit(volume, page(n, f"{n}-{m}"))

        async with trio.open_nursery() as nursery:
            for n in range(30):
                nursery.start_soon(work, n)
        assert volume.vdl == 300
        assert len(durable) < 150
        for n in range(30):
            assert (await volume.read_page(n, volume.vdl))[1] == image(f"{n}-9")


async def test_a_cancelled_waiter_leaves_the_others_waiting(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        await world.kill(0, 1, 2)
        lsn = volume.log([page(0)])
        done = []

        async def wait():
            await volume.wait_durable(lsn, timeout=100)
            done.append(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            with trio.move_on_after(1):
                await volume.wait_durable(lsn, timeout=100)
            assert not done
            await world.start(0)


async def test_redo_for_readers_comes_from_memory(autojump_clock):
    async with volume_world() as world:
        volume = await world.writer()
        await commit(volume, page(0, "a"), page(1, "b"))
        await commit(volume, page(2, "c"))
        assert len(volume.redo_since(0, volume.vdl)) == 2
        assert len(volume.redo_since(2, volume.vdl)) == 1
        assert [lsn for lsn, _ in volume.recent_mtrs(0)] == [2, 3]
        heir = await world.writer("i2")
        assert heir.redo_since(0, heir.vdl) is None
        assert heir.redo_since(heir.vdl, heir.vdl) == []
