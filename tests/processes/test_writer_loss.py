"""Losing the writer: promoted by tier, fenced by epoch, nothing acknowledged lost."""

from __future__ import annotations

import signal
import time
from functools import partial

import pymysql
import pytest

from cluster.exits import ExitCode
from tests.processes import history
from tests.processes.history import Writer
from tests.processes.real_cluster import RealCluster, stop, wait_until

# Generous: what is asserted is order and completeness. `first_ok_after` is printed for a reader.
RECOVERY_SECONDS = 20.0


@pytest.fixture
def writers(cluster: RealCluster):
    """Two writing clients at work on the writer endpoint."""
    with cluster.connect() as connection:
        history.prepare(connection, clients=2)
    connect = partial(cluster.connect, autocommit=False)
    with Writer(connect, 0) as first, Writer(connect, 1) as second:
        wait_until(
            lambda: first.acknowledged() > 20 and second.acknowledged() > 20,
            30,
            "the clients to write",
            cluster.evidence,
        )
        yield [first, second]


def wait_acknowledged_after(cluster: RealCluster, writers: list[Writer], moment: float) -> float:
    wait_until(
        lambda: all(one.first_ok_after(moment) is not None for one in writers),
        RECOVERY_SECONDS,
        "writes to be acknowledged again",
        cluster.evidence,
    )
    return max(one.first_ok_after(moment) or 0.0 for one in writers)


def check_history(cluster: RealCluster, writers: list[Writer]) -> None:
    for one in writers:
        one.stop()
    with cluster.connect() as connection:
        outcomes = history.check(connection, *writers)
    assert outcomes["ok"] > 40
    # Readers converge to the same history.
    instances = [one["address"] for one in cluster.status()["instances"]]
    for address in instances:
        wait_until(
            partial(reads_whole_history, cluster, address, writers),
            20,
            f"{address} to show the whole history",
            cluster.evidence,
        )


def reads_whole_history(cluster: RealCluster, address: str, writers: list[Writer]) -> bool:
    try:
        with cluster.connect(address) as connection:
            history.check(connection, *writers)
    except (pymysql.Error, history.HistoryViolated):
        return False
    return True


def test_kill_9_the_writer(cluster: RealCluster, writers: list[Writer]):
    before = cluster.status()
    old = before["writer"]
    others = [one for one in before["instances"] if one["id"] != old]
    best_tier = min(one["tier"] for one in others)
    moment = time.monotonic()
    cluster.signal(old, signal.SIGKILL)
    took = wait_acknowledged_after(cluster, writers, moment)
    print(f"kill -9 to acknowledged writes on both clients: {took:.3f} s")
    after = cluster.wait_status(
        lambda status: {one["id"]: one["role"] for one in status["instances"]}[old] == "reader",
        RECOVERY_SECONDS,
        "the killed instance to come back as a reader",
    )
    assert after["writer"] in [one["id"] for one in others if one["tier"] == best_tier]
    assert after["volume_epoch"] > before["volume_epoch"]
    check_history(cluster, writers)


def test_a_stopped_writer_is_fenced_when_it_wakes(cluster: RealCluster, writers: list[Writer]):
    old = cluster.writer()
    address = next(one["address"] for one in cluster.status()["instances"] if one["id"] == old)
    session = cluster.connect(address, read_timeout=20)
    with session.cursor() as cursor:
        cursor.execute("SELECT @@innodb_read_only")
        assert cursor.fetchone() == (0,)
    moment = time.monotonic()
    pid = cluster.pid(old)
    stop(pid)
    took = wait_acknowledged_after(cluster, writers, moment)
    print(f"SIGSTOP to acknowledged writes on both clients: {took:.3f} s")
    assert cluster.writer() != old
    cluster.signal(old, signal.SIGCONT)
    # The old writer's own session cannot commit any more: its append is refused by the storage.
    with pytest.raises(pymysql.Error), session, session.cursor() as cursor:
        cursor.execute(f"INSERT INTO {history.DATABASE}.log VALUES (99, 99)")
    cluster.wait_status(
        lambda status: {one["id"]: one["role"] for one in status["instances"]}[old] == "reader",
        RECOVERY_SECONDS,
        "the fenced instance to become a reader",
    )
    check_history(cluster, writers)


def test_switchover_to_a_named_instance_and_by_tier(cluster: RealCluster, writers: list[Writer]):
    before = cluster.status()
    moment = time.monotonic()
    done = cluster.command("failover", "--to", "instance-3")
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.startswith("instance-3 is the writer")
    wait_acknowledged_after(cluster, writers, moment)
    after = cluster.status()
    assert after["writer"] == "instance-3"
    assert after["volume_epoch"] > before["volume_epoch"]
    assert {one["id"]: one["role"] for one in after["instances"]}["instance-1"] == "reader"
    by_tier = cluster.command("failover")
    assert by_tier.returncode == ExitCode.OK, by_tier.stderr
    assert cluster.writer() == "instance-1"
    check_history(cluster, writers)
