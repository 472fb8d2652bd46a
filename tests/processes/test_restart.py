"""kill -9 of every process at once, then `up` on the same directory."""

from __future__ import annotations

from functools import partial

from tests.processes import history
from tests.processes.history import Writer
from tests.processes.real_cluster import RealCluster, wait_until


def test_nothing_acknowledged_is_missing_after_killing_everything(cluster: RealCluster):
    with cluster.connect() as connection:
        history.prepare(connection, clients=2)
    connect = partial(cluster.connect, autocommit=False)
    with Writer(connect, 0, pause=0.0) as first, Writer(connect, 1, pause=0.0) as second:
        for acknowledged in (200, 400):
            goal = partial(reached, (first, second), acknowledged)
            wait_until(goal, 60, "writes", cluster.evidence)
            epoch = cluster.status()["volume_epoch"]
            cluster.kill_everything()
            cluster.up()
            assert cluster.status()["volume_epoch"] > epoch
    with cluster.connect() as connection:
        outcomes = history.check(connection, first, second)
    assert outcomes["ok"] >= 400


def test_a_clean_stop_and_start_keeps_everything(cluster: RealCluster):
    with cluster.connect() as connection:
        history.prepare(connection, clients=1)
    with Writer(partial(cluster.connect, autocommit=False)) as writer:
        wait_until(partial(reached, (writer,), 100), 60, "writes", cluster.evidence)
    cluster.interrupt()
    cluster.up()
    with cluster.connect() as connection:
        history.check(connection, writer)


def reached(writers: tuple[Writer, ...], acknowledged: int) -> bool:
    return all(one.acknowledged() >= acknowledged for one in writers)
