"""Losing storage nodes: two or an AZ cost nothing, three stop writes but not reads."""

from __future__ import annotations

import signal
import time
from functools import partial

import pymysql
import pytest

from tests.processes import history
from tests.processes.history import Writer
from tests.processes.real_cluster import RealCluster, stop, wait_until

PAIRS = [
    pytest.param(("storage-a1", "storage-a2"), id="az"),
    pytest.param(("storage-b1", "storage-c2"), id="two-azs"),
]


@pytest.mark.parametrize("pair", PAIRS)
def test_two_nodes_killed(cluster: RealCluster, pair: tuple[str, str]):
    with cluster.connect() as connection:
        history.prepare(connection, clients=1)
    with Writer(partial(cluster.connect, autocommit=False)) as writer:
        wait_until(lambda: writer.acknowledged() > 20, 30, "writes", cluster.evidence)
        for name in pair:
            cluster.signal(name, signal.SIGKILL)
        moment = time.monotonic()
        wait_until(
            lambda: writer.first_ok_after(moment) is not None, 10, "writes go on", cluster.evidence
        )
        with cluster.connect(cluster.reader_endpoint) as reader, reader.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {history.DATABASE}.log")
            assert cursor.fetchone()[0] > 0
    wait_caught_up(cluster)
    with cluster.connect() as connection:
        outcomes = history.check(connection, writer)
    assert set(outcomes) == {"ok"}, "the loss of two nodes was seen by a client"


@pytest.mark.parametrize("pair", PAIRS)
def test_two_nodes_gone_for_a_while(cluster: RealCluster, pair: tuple[str, str]):
    """Stopped nodes miss whole seconds of redo; once back they catch up from their peers."""
    with cluster.connect() as connection:
        history.prepare(connection, clients=1)
    pids = [cluster.pid(name) for name in pair]
    with Writer(partial(cluster.connect, autocommit=False)) as writer:
        wait_until(lambda: writer.acknowledged() > 20, 30, "writes", cluster.evidence)
        for pid in pids:
            stop(pid)
        before = writer.acknowledged()
        wait_until(
            lambda: writer.acknowledged() > before + 300, 30, "writes go on", cluster.evidence
        )
        # Killed while stopped: what lay in their sockets is lost with them, so gossip must fill it.
        for name in pair:
            cluster.signal(name, signal.SIGKILL)
        before = writer.acknowledged()
        wait_until(
            lambda: writer.acknowledged() > before + 50, 30, "writes go on", cluster.evidence
        )
    wait_caught_up(cluster)
    with cluster.connect() as connection:
        outcomes = history.check(connection, writer)
    assert set(outcomes) == {"ok"}, "the loss of two nodes was seen by a client"


def test_three_nodes_gone(cluster: RealCluster):
    with cluster.connect() as connection:
        history.prepare(connection, clients=1)
    names = ("storage-a1", "storage-b1", "storage-c1")
    pids = [cluster.pid(name) for name in names]
    writer = Writer(partial(cluster.connect, autocommit=False, read_timeout=60))
    with writer:
        wait_until(lambda: writer.acknowledged() > 20, 30, "writes", cluster.evidence)
        for pid in pids:
            stop(pid)
        frozen_at = time.monotonic()
        wait_until(
            lambda: bool(writer.operations) and writer.operations[-1].error != "",
            60,
            "a clear error",
            cluster.evidence,
        )
        failed = writer.operations[-1]
        print(f"three of six nodes stopped: {failed.ended - failed.began:.1f} s, {failed.error}")
        assert "of 6" in failed.error
        # Nothing begun while four of six could not answer was acknowledged.
        assert not [
            one
            for one in writer.operations
            if one.outcome is history.Outcome.OK and one.began > frozen_at
        ]
        for address in (cluster.reader_endpoint, f"127.0.0.1:{cluster.port}"):
            with cluster.connect(address) as reader, reader.cursor() as cursor:
                cursor.execute(f"SELECT COUNT(*) FROM {history.DATABASE}.log")
                assert cursor.fetchone()[0] > 0
        for name in names:
            cluster.signal(name, signal.SIGCONT)
        moment = time.monotonic()
        wait_until(
            lambda: writer.first_ok_after(moment) is not None, 30, "writes again", cluster.evidence
        )
    with cluster.connect() as connection:
        history.check(connection, writer)


def wait_caught_up(cluster: RealCluster) -> None:
    """Every node answers and is complete up to the VDL, as the nodes themselves say."""
    from tests.processes.storage_view import complete_points

    def caught_up() -> bool:
        try:
            vdl = cluster.status()["vdl"]
            points = complete_points(cluster)
        except (AssertionError, pymysql.Error):
            return False
        return len(points) == 6 and min(points.values()) >= vdl

    wait_until(caught_up, 30, "all six nodes to be complete", cluster.evidence)
