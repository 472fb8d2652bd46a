"""The monitor against fake instances: crash, hang, failing candidates, two monitors, switchover.

Everything runs on a mock clock, so "at once" means: no virtual time passed, that is, nothing on the
path waits for a timer.
"""

from __future__ import annotations

import trio
from attrs import evolve

from failover.decision import Analysis
from tests.unit.failover.fakes import on_mock_clock, until
from tests.unit.failover.monitorkit import (
    AT_ONCE,
    LIMITS,
    ask,
    is_steady,
    settled,
    stored,
)

# -- start -----------------------------------------------------------------------------------------


@on_mock_clock(0, 1, 2)
async def test_a_new_cluster_gets_its_best_tier_as_writer(cluster):
    began = trio.current_time()
    await settled(cluster, cluster.monitor())
    assert trio.current_time() - began < 0.5
    await until(lambda: stored(cluster).writer == "instance-1")
    assert stored(cluster).epoch == 1
    assert stored(cluster).claim is None


@on_mock_clock(0, 1, 2)
async def test_it_waits_for_the_best_tier_but_not_for_ever(cluster):
    await cluster[1].crash()
    began = trio.current_time()
    await cluster.nursery.start(cluster.monitor().run)
    await until(cluster.writers)
    assert cluster.writers() == ["instance-2"]
    assert LIMITS.cold_start <= trio.current_time() - began < LIMITS.cold_start + 0.1


@on_mock_clock(0, 1, 2)
async def test_a_monitor_that_restarts_changes_nothing(cluster):
    async with trio.open_nursery() as nursery:
        first = cluster.monitor()
        await nursery.start(first.run)
        await until(lambda: is_steady(first))
        nursery.cancel_scope.cancel()
    before = stored(cluster)
    await trio.sleep(600)
    assert cluster.writers() == ["instance-1"]
    await settled(cluster, cluster.monitor())
    await trio.sleep(60)
    assert cluster.promotions() == 1
    assert evolve(stored(cluster), acting=before.acting) == before


@on_mock_clock(0, 1, 2)
async def test_an_unreadable_document_is_retried_and_visible(cluster):
    cluster.store.available = False
    monitor = cluster.monitor()
    await cluster.nursery.start(monitor.run)
    await trio.sleep(20)
    assert cluster.promotions() == 0
    status = await ask(cluster, monitor, "status")
    assert status["analysis"] == "topology document unreadable"
    assert "3 of 6" in status["why"]
    cluster.store.available = True
    await until(cluster.writers)


# -- losing the writer -----------------------------------------------------------------------------


@on_mock_clock(0, 1, 2)
async def test_a_crash_is_acted_on_without_any_timer(cluster):
    await settled(cluster, cluster.monitor())
    await cluster[1].crash()
    began = trio.current_time()
    await until(cluster.writers)
    assert cluster.writers() == ["instance-2"]
    assert trio.current_time() - began < AT_ONCE


@on_mock_clock(0, 1, 2)
async def test_the_dead_writer_returns_as_a_reader(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    await cluster[1].restart(cluster.nursery)
    await until(cluster.writers)
    await trio.sleep(60)
    # It was back before anyone was promoted, and is the best tier: it is chosen like any other.
    assert len(cluster.writers()) == 1
    first = cluster.writers()[0]
    other = 2 if first == "instance-1" else 1
    assert cluster[other].role == "reader"
    assert is_steady(monitor)
    assert cluster.volume.epoch == 2


@on_mock_clock(0, 1, 2)
async def test_no_automatic_fail_back(cluster):
    await settled(cluster, cluster.monitor())
    await cluster[1].crash()
    await until(cluster.writers)
    await cluster[1].start(cluster.nursery)
    await trio.sleep(60)
    assert cluster.writers() == ["instance-2"]
    assert cluster.promotions() == 2


@on_mock_clock(0, 1, 2)
async def test_a_hung_writer_is_replaced_after_the_limit(cluster):
    await settled(cluster, cluster.monitor())
    cluster[1].hang()
    began = trio.current_time()
    await until(lambda: cluster[2].role == "writer")
    assert LIMITS.hung_after - 0.2 < trio.current_time() - began < LIMITS.hung_after + 0.1


@on_mock_clock(0, 1, 2)
async def test_the_hung_writer_resumes_believing_it_writes_and_is_ignored(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    cluster[1].hang()
    await until(lambda: cluster[2].role == "writer")
    cluster[1].resume()
    await trio.sleep(10)
    assert cluster.writers() == ["instance-2"]
    assert monitor.memory.view.last_writer == "instance-2"
    assert stored(cluster).writer == "instance-2"
    assert cluster.promotions() == 2


@on_mock_clock(0, 1, 2)
async def test_a_short_silence_is_not_death(cluster):
    await settled(cluster, cluster.monitor())
    cluster[1].hang()
    await trio.sleep(LIMITS.hung_after - 0.5)
    cluster[1].resume()
    await trio.sleep(10)
    assert cluster.writers() == ["instance-1"]
    assert cluster.promotions() == 1


@on_mock_clock(0, 1, 2)
async def test_a_blip_of_the_connection_is_not_death(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    await trio.sleep(LIMITS.silent_after)
    monitor.watch.client("instance-1").close()
    await trio.sleep(10)
    assert cluster.writers() == ["instance-1"]
    assert cluster.promotions() == 1
    healths = [r.fields["health"] for r in monitor.history.recent if r.kind == "member"]
    assert "suspect" in healths


# -- candidates that fail --------------------------------------------------------------------------


@on_mock_clock(0, 1, 2)
async def test_a_candidate_that_refuses_costs_nothing(cluster):
    await settled(cluster, cluster.monitor())
    cluster[2].on_promote = "not_now"
    await cluster[1].crash()
    began = trio.current_time()
    await until(cluster.writers)
    assert cluster.writers() == ["instance-3"]
    assert trio.current_time() - began < AT_ONCE


@on_mock_clock(0, 1, 2)
async def test_a_candidate_that_hangs_costs_its_time_limit(cluster):
    await settled(cluster, cluster.monitor())
    cluster[2].on_promote = trio.sleep_forever
    await cluster[1].crash()
    began = trio.current_time()
    await until(cluster.writers)
    assert cluster.writers() == ["instance-3"]
    assert LIMITS.promotion <= trio.current_time() - began < LIMITS.promotion + 0.1


@on_mock_clock(0, 1, 2)
async def test_a_candidate_that_dies_while_promoting_is_noticed_at_once(cluster):
    await settled(cluster, cluster.monitor())
    cluster[2].on_promote = cluster[2].crash
    await cluster[1].crash()
    began = trio.current_time()
    await until(cluster.writers)
    assert cluster.writers() == ["instance-3"]
    assert trio.current_time() - began < AT_ONCE


@on_mock_clock(0, 1, 2)
async def test_everyone_fails_then_one_recovers(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    cluster[2].on_promote = cluster[3].on_promote = "not_now"
    await cluster[1].crash()
    await trio.sleep(30)
    assert monitor.decision.analysis is Analysis.BACKING_OFF
    tried = cluster.promotions()
    assert tried < 40, "the back-off does not grow"
    cluster[3].on_promote = None
    await until(cluster.writers, within=2 * LIMITS.retry_max)
    assert cluster.writers() == ["instance-3"]


@on_mock_clock(0, 1, 2)
async def test_quorum_lost_keeps_retrying_and_says_so(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    cluster.volume.available = False
    await cluster[1].crash()
    await trio.sleep(60)
    status = await ask(cluster, monitor, "status")
    assert status["analysis"] == "backing off"
    assert status["failures"][-1]["kind"] == "quorum_lost"
    assert "3 of 6" in status["failures"][-1]["text"]
    assert status["incident_s"] > 59
    assert cluster[3].promotions == 0, "a lost quorum is no reason to try someone else"
    cluster.volume.available = True
    await until(cluster.writers, within=2 * LIMITS.retry_max)
    assert cluster.writers() == ["instance-2"]


@on_mock_clock(0, 1, 2)
async def test_cut_off_from_the_document_for_long_nothing_is_done_unannounced(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    cluster.store.available = False
    await trio.sleep(LIMITS.acting_for + LIMITS.refresh)
    await cluster[1].crash()
    await trio.sleep(60)
    assert cluster.promotions() == 1
    assert monitor.memory.view.failures[-1].text.startswith("3 of 6")
    cluster.store.available = True
    await until(cluster.writers, within=2 * LIMITS.retry_max)


@on_mock_clock(0, 1, 2)
async def test_a_short_loss_of_the_document_delays_nothing(cluster):
    await settled(cluster, cluster.monitor())
    cluster.store.available = False
    await cluster[1].crash()
    began = trio.current_time()
    await until(cluster.writers)
    assert trio.current_time() - began < AT_ONCE
    cluster.store.available = True
    await until(lambda: stored(cluster).writer == "instance-2")


@on_mock_clock(0, 1, 2)
async def test_all_hung_then_one_wakes_up(cluster):
    (monitor,) = await settled(cluster, cluster.monitor())
    for instance in cluster.instances.values():
        instance.hang()
    await trio.sleep(30)
    assert monitor.decision.analysis is Analysis.NO_CANDIDATE
    cluster[3].resume()
    await until(lambda: cluster[3].role == "writer", within=3)


@on_mock_clock(5)
async def test_one_instance_is_promoted_again_when_it_returns(cluster):
    await settled(cluster, cluster.monitor())
    await cluster[1].crash()
    await trio.sleep(100)
    assert cluster.writers() == []
    await cluster[1].start(cluster.nursery)
    began = trio.current_time()
    await until(cluster.writers)
    assert trio.current_time() - began <= LIMITS.redial_backoff_max + AT_ONCE


@on_mock_clock(0, 1, 2)
async def test_a_connection_that_only_looks_open_is_dialled_anew(cluster):
    """What a cut network leaves behind: no end of the connection, no word either."""
    (monitor,) = await settled(cluster, cluster.monitor())
    cluster[3].forget_watchers()
    await trio.sleep(LIMITS.hung_after + 1)
    healths = [r.fields["health"] for r in monitor.history.recent if r.kind == "member"]
    assert healths[-3:] == ["silent", "hung", "healthy"]
    assert monitor.watch.observations()["instance-3"].healthy
