"""kill -9 of every process at once, then `up` on the same directory."""

from __future__ import annotations

from functools import partial

from cluster.exits import ExitCode
from tests.processes import history
from tests.processes.conftest import MakeCluster
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


def test_small_segments_large_pages_two_instances(make_cluster: MakeCluster):
    """A volume of several protection groups; the options are kept and may not be contradicted."""
    options = ("--page-size", "8192", "--segment-size", "128KiB", "--tiers", "3,0", "--seed", "7")
    cluster = make_cluster(options=options)
    cluster.up()
    assert [one["tier"] for one in cluster.status()["instances"]] == [3, 0]
    with cluster.connect() as connection, connection.cursor() as cursor:
        history.prepare(connection, clients=1)
        cursor.execute(f"CREATE TABLE {history.DATABASE}.filler (id INT PRIMARY KEY, v TEXT)")
        for start in range(0, 400, 20):
            rows = ", ".join(f"({start + n}, '{'x' * 2000}')" for n in range(20))
            cursor.execute(f"INSERT INTO {history.DATABASE}.filler VALUES {rows}")
    assert all(one["segments"] > 3 for one in cluster.status()["storage"])
    with Writer(partial(cluster.connect, autocommit=False)) as writer:
        wait_until(partial(reached, (writer,), 100), 60, "writes", cluster.evidence)
        cluster.kill_everything()
    refused = cluster.command("up", "--port", str(cluster.port), "--page-size", "4096")
    assert refused.returncode == ExitCode.DATA_MISMATCH
    assert "was created with --page-size 8192, not 4096" in refused.stderr
    cluster.up()
    with cluster.connect() as connection, connection.cursor() as cursor:
        history.check(connection, writer)
        cursor.execute(f"SELECT COUNT(*), SUM(LENGTH(v)) FROM {history.DATABASE}.filler")
        count, size = cursor.fetchone()
        assert (int(count), int(size)) == (400, 400 * 2000)
