"""The monitor among others: a second monitor, operators, restraint, record. See test_monitor.py."""

from __future__ import annotations

import pytest
import trio
from attrs import asdict, evolve

from failover import topology
from failover.decision import Analysis
from tests.fakes import MemoryDisk
from tests.unit.failover.fakes import on_mock_clock, until
from tests.unit.failover.monitorkit import (
    AT_ONCE,
    LIMITS,
    Blind,
    ask,
    is_public,
    is_steady,
    settled,
    stored,
)
from wire.rpc import RpcError


def acts(monitor):
    return monitor.memory.view.topology.acting == monitor.token


# -- two monitors ----------------------------------------------------------------------------------


@on_mock_clock(0, 1, 2)
async def test_two_monitors_make_one_promotion(cluster):
    one, two = cluster.monitor("one"), cluster.monitor("two")
    await settled(cluster, one, two)
    for _ in range(3):
        epoch = cluster.volume.epoch
        await trio.sleep(LIMITS.short_reign + LIMITS.hung_after)
        writer = cluster.instances[cluster.writers()[0]]
        await writer.crash()
        await until(cluster.writers)
        await writer.start(cluster.nursery)
        await until(lambda: is_steady(one) and is_steady(two))
        assert cluster.volume.epoch == epoch + 1
        assert len(cluster.writers()) == 1


@on_mock_clock(0, 1, 2)
async def test_the_second_monitor_takes_over_a_claim_whose_owner_died(cluster):
    (one,) = await settled(cluster, cluster.monitor("one"))
    # A third monitor claimed the promotion and died before it ordered anything.
    claim = topology.Claim("instance-3", "dead", "instance-1 is down")
    claimed = stored(cluster).claimed(claim, None).acted_by("dead")
    cluster.store.data = topology.encode(claimed)
    cluster.store.generation += 1
    await until(lambda: one.memory.view.foreign_claim is not None)
    await cluster[1].crash()
    began = trio.current_time()
    await until(cluster.writers)
    assert LIMITS.turn <= trio.current_time() - began < LIMITS.turn + 0.1
    assert cluster.writers() == ["instance-2"]
    analyses = {r.fields.get("analysis") for r in one.history.recent}
    assert Analysis.CLAIMED_ELSEWHERE.value in analyses


@on_mock_clock(0, 1, 2)
async def test_the_acting_monitor_dies_with_the_writer(cluster):
    async with trio.open_nursery() as nursery:
        one, two = cluster.monitor("one"), cluster.monitor("two")
        await cluster.nursery.start(one.run)
        await until(lambda: is_steady(one))
        await nursery.start(two.run)
        await until(lambda: is_steady(two) and not acts(one))
        assert acts(two), "who came last acts"
        nursery.cancel_scope.cancel()
    await cluster[1].crash()
    began = trio.current_time()
    await until(cluster.writers)
    assert LIMITS.turn <= trio.current_time() - began < LIMITS.turn + 0.1
    await until(lambda: acts(one))
    await cluster.instances[cluster.writers()[0]].crash()
    began = trio.current_time()
    await until(cluster.writers)
    assert trio.current_time() - began < AT_ONCE


@on_mock_clock(0, 1, 2)
async def test_two_monitors_race_for_the_office_of_a_dead_third(cluster):
    one, two = cluster.monitor("one"), cluster.monitor("two")
    await settled(cluster, one, two)
    dead = stored(cluster).acted_by("dead")
    cluster.store.data = topology.encode(dead)
    cluster.store.generation += 1
    cluster.store.latency = 0.01
    await until(lambda: not acts(one) and not acts(two))
    conflicts = cluster.store.conflicts
    await cluster[1].crash()
    await until(cluster.writers)
    assert cluster.promotions() == 2
    assert cluster.store.conflicts > conflicts, "they never raced, so this proved nothing"


@on_mock_clock(0, 1, 2)
async def test_two_monitors_that_see_different_things_never_make_two_writers(cluster):
    """One is cut off from the writer only. It deposes a working writer, which is fenced; it does
    not make a second one."""
    one, two = cluster.monitor("one"), cluster.monitor("two")
    await settled(cluster, one, two)
    await until(lambda: stored(cluster).claim is None)
    watcher = one.watch.watchers["instance-1"]
    watcher.detector = Blind(**asdict(watcher.detector, recurse=False, filter=is_public))
    await trio.sleep(20)
    assert len(cluster.writers()) == 1
    owners = [owner for _, owner in cluster.volume.opened]
    assert cluster.writers() == owners[-1:]
    epochs = [epoch for epoch, _ in cluster.volume.opened]
    assert epochs == sorted(set(epochs))


# -- switchover ------------------------------------------------------------------------------------


@on_mock_clock(0, 1, 2)
async def test_switchover_on_request(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    reply = await ask(cluster, monitor, "failover", {"to": "instance-3"})
    assert reply["writer"] == "instance-3"
    assert reply["epoch"] == 2
    assert cluster.writers() == ["instance-3"]
    assert cluster[1].role == "reader"


@on_mock_clock(0, 1, 2)
async def test_switchover_without_a_target_takes_the_best(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    assert (await ask(cluster, monitor, "failover"))["writer"] == "instance-2"


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("instance-9", "unknown instance instance-9"),
        ("instance-1", "is the writer already"),
        ("instance-3", "cannot be promoted: not healthy"),
    ],
)
@on_mock_clock(0, 1, 2)
async def test_switchover_refused_with_a_reason(cluster, to, reason):
    (monitor,) = await settled(cluster, cluster.monitor())
    await cluster[3].crash()
    await until(lambda: monitor.watch.observations()["instance-3"].health.dead)
    with pytest.raises(RpcError, match=reason) as caught:
        await ask(cluster, monitor, "failover", {"to": to})
    assert caught.value.code == "refused"
    assert cluster.promotions() == 1


@pytest.mark.parametrize("how", ["not_now", "quorum_lost", trio.sleep_forever])
@on_mock_clock(0, 1, 2)
async def test_the_old_writer_is_reinstated_when_the_target_fails(cluster, how):
    (monitor,) = await settled(cluster, cluster.monitor())
    cluster[2].on_promote = how
    with pytest.raises(RpcError, match="instance-1 is the writer again"):
        await ask(cluster, monitor, "failover", {"to": "instance-2"})
    assert cluster.writers() == ["instance-1"]
    await trio.sleep(30)
    assert cluster.writers() == ["instance-1"]
    assert cluster.volume.epoch == 2


@on_mock_clock(0, 1, 2)
async def test_a_writer_that_cannot_drain_stays_the_writer(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    cluster[1].on_demote = "drain_timeout"
    with pytest.raises(RpcError, match="instance-1 stays the writer"):
        await ask(cluster, monitor, "failover", {"to": "instance-2"})
    await trio.sleep(30)
    assert cluster.volume.opened == [(1, "instance-1")]
    assert cluster.writers() == ["instance-1"]


@on_mock_clock(0, 1, 2)
async def test_the_writer_dying_in_its_demotion_does_not_stop_the_switchover(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    cluster[1].on_demote = cluster[1].crash
    reply = await ask(cluster, monitor, "failover", {"to": "instance-3"})
    assert reply["writer"] == "instance-3"


@on_mock_clock(0, 1, 2)
async def test_maintenance_stops_automatic_action_only(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    await ask(cluster, monitor, "automatic", False)
    await cluster[1].crash()
    await trio.sleep(60)
    assert cluster.writers() == []
    assert (await ask(cluster, monitor, "status"))["analysis"] == "automatic failover is off"
    assert (await ask(cluster, monitor, "failover"))["writer"] == "instance-2"
    await ask(cluster, monitor, "automatic", True)
    assert stored(cluster).automatic


@on_mock_clock(0, 1, 2)
async def test_excluded_members_are_not_promoted(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    await ask(cluster, monitor, "exclude", {"instance": "instance-2", "excluded": True})
    await cluster[1].crash()
    await until(cluster.writers)
    assert cluster.writers() == ["instance-3"]
    with pytest.raises(RpcError, match="unknown instance"):
        await ask(cluster, monitor, "exclude", {"instance": "nobody", "excluded": True})


# -- restraint and record --------------------------------------------------------------------------


@on_mock_clock(0, 1, 2)
async def test_writers_that_do_not_last_slow_the_promotions_down(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    gaps = []
    for _ in range(6):
        await trio.sleep(LIMITS.short_reign / 4)
        writer = cluster.instances[cluster.writers()[0]]
        await writer.restart(cluster.nursery)
        began = trio.current_time()
        await until(cluster.writers)
        gaps.append(trio.current_time() - began)
    assert max(gaps[: LIMITS.short_reigns_free - 1]) < AT_ONCE
    assert gaps[-1] >= LIMITS.pause_first
    assert Analysis.PAUSED.value in {r.fields.get("analysis") for r in monitor.history.recent}


@on_mock_clock(0, 1, 2)
async def test_the_history_tells_why_and_survives_a_restart(cluster):
    disk = MemoryDisk()
    async with trio.open_nursery() as nursery:
        monitor = cluster.monitor(disk=disk)
        await nursery.start(monitor.run)
        await until(lambda: is_steady(monitor))
        await cluster[1].crash()
        await until(lambda: cluster.writers() and is_steady(monitor))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    again = cluster.monitor(disk=disk.crash())
    await cluster.nursery.start(again.run)
    await until(lambda: is_steady(again))
    records = await ask(cluster, again, "history", {"last": 1000})
    assert [r["number"] for r in records] == list(range(1, len(records) + 1))
    assert sum(1 for r in records if r["kind"] == "started") == 2
    chosen = next(r for r in records if r.get("target") == "instance-2")
    assert chosen["analysis"] == "writer lost"
    assert chosen["members"]["instance-2"] == "chosen: number 1 of 2, tier 1"
    assert chosen["members"]["instance-1"].startswith("not healthy: down")
    assert chosen["members"]["instance-3"] == "behind instance-2: tier 2 after 1"
    outcome = next(r for r in records if r.get("member") == "instance-2" and r["kind"] == "outcome")
    assert outcome["outcome"] == "promoted"
    assert [step[0] for step in outcome["steps"]] == ["promote"]


@on_mock_clock(0, 1, 2)
async def test_a_full_disk_costs_history_not_availability(cluster):
    disk = MemoryDisk()
    monitor = cluster.monitor(disk=disk)
    disk.fail("append history")
    await settled(cluster, monitor)
    await cluster[1].crash()
    await until(cluster.writers)
    disk.heal()
    await trio.sleep(5)
    assert disk.platter.files["history.log"].data


@on_mock_clock(0, 1, 2)
async def test_topology_is_served(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    reply = await ask(cluster, monitor, "topology")
    assert [m["id"] for m in reply["topology"]["members"]] == list(cluster.instances)


@on_mock_clock(0, 1, 2)
async def test_garbage_from_an_instance_is_counted_not_fatal(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    cluster[3].extra = {"role": "emperor"}
    await trio.sleep(1)
    cluster[3].extra = {"id": "somebody-else"}
    await trio.sleep(20)
    assert cluster.writers() == ["instance-1"]
    assert monitor.watch.observations()["instance-3"].health.dead
    assert any("bad_status" in line for line in cluster.log)


@on_mock_clock(0, 1, 2)
async def test_configured_members_replace_the_stored_ones(cluster):
    async with trio.open_nursery() as nursery:
        first = cluster.monitor()
        await nursery.start(first.run)
        await until(lambda: is_steady(first))
        await first.change_topology(lambda t: t.with_exclusion("instance-2", True))
        nursery.cancel_scope.cancel()
    cluster[3].tier = 9
    await settled(cluster, cluster.monitor())
    await until(lambda: stored(cluster).member("instance-3").tier == 9)
    assert stored(cluster).member("instance-2") == evolve(cluster[2].member, excluded=True)
