"""The topology document: the register's rules, and compare-and-set on real nodes."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.volume.client_world import volume_world
from volume import docregister
from volume.docregister import Ballot, Copy, Value, accept, decode_copy, encode_copy, promise
from volume.errors import BadRequest, Conflict, QuorumLost, QuorumTimeout
from volume.topologydoc import TopologyStore


async def store_in(world, name="m1", seed=7):
    runtime = world.runtime(name, seed)
    store = TopologyStore(world.config, runtime)
    store.net = runtime.net
    await world._nursery.start(store.run)
    return store


async def test_nothing_written_yet(autojump_clock):
    async with volume_world() as world:
        store = await store_in(world)
        assert await store.read() == (0, b"")


async def test_write_read_and_conflict(autojump_clock):
    async with volume_world() as world:
        one, two = await store_in(world, "m1", 1), await store_in(world, "m2", 2)
        assert await one.write(0, b"first") == 1
        assert await two.read() == (1, b"first")
        assert await two.write(1, b"second") == 2
        with pytest.raises(Conflict, match="generation 2"):
            await one.write(1, b"stale")
        assert await one.read() == (2, b"second")


async def test_it_survives_a_restart_of_all_nodes_and_reads_on_a_read_quorum(autojump_clock):
    async with volume_world() as world:
        store = await store_in(world)
        await store.write(0, b"kept")
        await world.kill(*range(6))
        with pytest.raises(QuorumLost, match="0 of 6 storage nodes reachable"):
            await store.read(timeout=1)
        await world.start(0, 3, 5)
        assert await store.read() == (1, b"kept")
        with pytest.raises(QuorumTimeout, match="3 of 6 storage nodes reachable, a write needs 4"):
            await store.write(1, b"no", timeout=2)


async def test_copies_that_missed_a_write_are_repaired_by_a_read(autojump_clock):
    async with volume_world(started=range(4)) as world:
        store = await store_in(world)
        await store.write(0, b"v1")
        await world.start(4, 5)
        await trio.sleep(1)
        assert await store.read() == (1, b"v1")
        await world.kill(0, 1, 2)
        assert await store.read() == (1, b"v1")


async def test_a_value_on_too_few_copies_is_settled_by_the_next_reader(autojump_clock):
    async with volume_world() as world:
        store = await store_in(world)
        await store.write(0, b"v1")
        half = await store_in(world, "m2", 2)
        half.net.cut_off(0, 1, 2)
        with pytest.raises(QuorumTimeout):
            await half.write(1, b"v2", timeout=1)
        seen = await store.read()
        assert seen == (1, b"v1")
        assert await store.write(1, b"v3") == 2
        half.net.heal()
        assert await half.read() == (2, b"v3")


@pytest.mark.parametrize("turns", range(0, 40, 4))
async def test_a_lost_answer_is_not_a_lost_write(turns, autojump_clock):
    """Wherever the answers stop coming, the same call finds out what became of its value."""
    async with volume_world() as world:
        store = await store_in(world)
        await store.write(0, b"v1")
        result = []

        async def write():
            result.append(await store.write(1, b"v2", timeout=30))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            for _ in range(turns):
                await trio.lowlevel.checkpoint()
            store.net.hang(*range(6))
            await trio.sleep(3)
            store.net.heal()
        assert result == [2]
        assert await store.read() == (2, b"v2")


async def test_of_concurrent_writers_exactly_one_wins_each_generation(autojump_clock):
    async with volume_world() as world:
        stores = [await store_in(world, f"m{n}", n) for n in range(4)]
        wins = []

        async def compete(n, store):
            for _ in range(5):
                generation, _ = await store.read()
                data = f"{n}:{generation + 1}".encode()
                try:
                    wins.append((await store.write(generation, data, timeout=60), data))
                except Conflict:
                    continue

        async with trio.open_nursery() as nursery:
            for n, store in enumerate(stores):
                nursery.start_soon(compete, n, store)
        generations = [generation for generation, _ in wins]
        assert len(set(generations)) == len(generations)
        assert len(wins) >= 5
        last = max(wins)
        assert await stores[0].read() == last


@pytest.mark.parametrize("seed", range(5))
async def test_counting_over_flaky_connections_loses_no_step(seed, autojump_clock):
    """Each acknowledged write is in the history of the final value."""
    rng = Random(seed)
    async with volume_world() as world:
        stores = [await store_in(world, f"m{n}", 10 * seed + n) for n in range(3)]
        acknowledged = set()

        async def append(n, store):
            for m in range(6):
                token = f"{n}.{m}"
                while True:
                    try:
                        generation, data = await store.read()
                        if token in data.decode().split():
                            break  # an outcome that was unknown turned out well
                        await store.write(generation, data + f" {token}".encode(), timeout=3)
                    except (Conflict, QuorumLost):
                        await trio.sleep(rng.uniform(0.01, 0.3))
                        continue
                    acknowledged.add(token)
                    break

        async def nemesis(scope):
            while True:
                store = rng.choice(stores)
                await trio.sleep(rng.uniform(0, 0.2))
                getattr(store.net, rng.choice(["hang", "cut_off"]))(*rng.sample(range(6), 3))
                await trio.sleep(rng.uniform(0, 1.5))
                store.net.heal()

        async with trio.open_nursery() as outer:
            outer.start_soon(nemesis, outer.cancel_scope)
            async with trio.open_nursery() as nursery:
                for n, store in enumerate(stores):
                    nursery.start_soon(append, n, store)
            outer.cancel_scope.cancel()
        for store in stores:
            store.net.heal()
        generation, data = await stores[0].read()
        tokens = data.decode().split()
        assert len(tokens) == len(set(tokens)) == generation == 18
        assert acknowledged <= set(tokens)


# ------------------------------------------------------------------ the register's rules


def test_a_copy_survives_its_encoding():
    copy = Copy(Ballot(3, "p"), Ballot(2, "q"), Value(7, "q-1", b"data"))
    assert decode_copy(encode_copy(copy)) == copy
    assert decode_copy(b"") == Copy()


@pytest.mark.parametrize("data", [b"\xc1", b"x", b"\x93\x01\x02\x03", b"\x94\x07\x90\x90\x90"])
def test_damaged_copies_are_refused(data):
    with pytest.raises(BadRequest):
        decode_copy(data)


@given(st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused(data):
    try:
        decode_copy(data)
    except BadRequest:
        return


def test_a_promise_refuses_older_ballots():
    copy = promise(Copy(), Ballot(2, "b"))
    assert promise(copy, Ballot(2, "a")) is None
    assert promise(copy, Ballot(2, "b")) is None
    assert accept(copy, Ballot(1, "z"), Value(1)) is None
    assert accept(copy, Ballot(2, "b"), Value(1)).value == Value(1)
    assert promise(copy, Ballot(3, "a")).promised == Ballot(3, "a")


@pytest.mark.parametrize("seed", range(150))
def test_a_durable_value_is_never_replaced_by_one_that_ignored_it(seed):
    """Writers step by step on six copies, in random order, dying anywhere."""
    rng = Random(seed)
    copies = [Copy() for _ in range(6)]
    accepted_by = {}
    durable = []

    def attempt(name):
        seen = yield from pick(4, lambda copy: copy)
        ballot = docregister.next_ballot(seen.values(), name, 0)
        promised = {}
        for node in rng.sample(range(6), 6):
            yield
            changed = promise(copies[node], ballot)
            if changed is not None:
                copies[node] = changed
                promised[node] = changed
            if len(promised) == 4:
                break
        if len(promised) < 4:
            return
        base = docregister.newest(promised.values()).value
        value = Value(base.generation + 1, name, base.data + name.encode())
        for node in rng.sample(range(6), 6):
            yield
            changed = accept(copies[node], ballot, value)
            if changed is not None:
                copies[node] = changed
                nodes = accepted_by.setdefault((ballot, value), set())
                nodes.add(node)
                if len(nodes) == 4:
                    durable.append(value)

    def pick(count, of):
        found = {}
        for node in rng.sample(range(6), count):
            yield
            found[node] = of(copies[node])
        return found

    running = []
    for n in range(12):
        running.append(attempt(chr(97 + n)))
        for _ in range(rng.randrange(30)):
            if running:
                one = rng.choice(running)
                if next(one, "end") == "end" or rng.random() < 0.02:
                    running.remove(one)
    for one in running:
        for _ in one:
            pass
    durable.sort(key=lambda value: value.generation)
    for earlier, later in pairwise(durable):
        assert later.data.startswith(earlier.data), durable
