"""The checker can fail: on histories made up to break each rule, and on a build that acknowledges
at one of six, driven through the same scenario that the true build survives.
"""

from __future__ import annotations

import signal
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tests.processes import history
from tests.processes.conftest import MakeCluster
from tests.processes.history import HistoryViolated, Operation, Outcome, Writer
from tests.processes.real_cluster import RealCluster, stop, wait_until

MUTANT = (str(Path(__file__).with_name("ack_one.py")),)


def op(sequence: int, outcome: Outcome) -> Operation:
    return Operation(0, sequence, outcome, 0.0, 0.0)


OPERATIONS = [op(1, Outcome.OK), op(2, Outcome.FAIL), op(3, Outcome.UNKNOWN)]


@pytest.mark.parametrize("rows", [[1], [1, 3]])
def test_a_sound_history_passes(rows: list[int]):
    found = Counter((0, sequence) for sequence in rows)
    assert history.judge(OPERATIONS, found, {0: len(rows)})["ok"] == 1


@pytest.mark.parametrize(
    ("rows", "counter", "complaint"),
    [
        ([3], 1, "acknowledged transactions lost"),
        ([1, 2], 2, "refused transactions are there"),
        ([1, 1], 2, "more than once"),
        ([1, 7], 2, "nobody wrote"),
        ([1], 2, "counter 2, 1 rows"),
    ],
)
def test_each_rule_can_fail(rows: list[int], counter: int, complaint: str):
    found = Counter((0, sequence) for sequence in rows)
    with pytest.raises(HistoryViolated, match=complaint):
        history.judge(OPERATIONS, found, {0: counter})


def test_the_true_build_survives_the_scenario(make_cluster: MakeCluster):
    judge_one_copy_scenario(make_cluster())


def test_a_build_that_acknowledges_at_one_of_six_is_caught(make_cluster: MakeCluster):
    with pytest.raises(HistoryViolated, match="acknowledged transactions lost"):
        judge_one_copy_scenario(make_cluster(program=MUTANT))


def judge_one_copy_scenario(cluster: RealCluster) -> None:
    """Only one node can hear the writer; then that node is away while the others recover.

    The five nodes are killed while stopped, so that what waits in their sockets is gone, and every
    instance is killed, so that nobody can send it again.
    """
    cluster.up()
    with cluster.connect() as connection:
        history.prepare(connection, clients=1)
    *others, last = (f"storage-{az}{n}" for az in "abc" for n in (1, 2))
    connect = partial(cluster.connect, autocommit=False, connect_timeout=2, read_timeout=4)
    with Writer(connect, pause=0.0) as writer:
        wait_until(lambda: writer.acknowledged() > 20, 30, "writes", cluster.evidence)
        for name in others:
            stop(cluster.pid(name))
        count = len(writer.operations)
        # The mutant goes on acknowledging; the true build gives one error and then refuses.
        wait_until(
            lambda: len(writer.operations) > count + 50 or writer.operations[-1].error != "",
            60,
            "the writer to go on or to fail",
            cluster.evidence,
        )
        stop(cluster.pid(last))
        for instance in ("instance-1", "instance-2", "instance-3"):
            cluster.signal(instance, signal.SIGKILL)
        for name in others:
            cluster.signal(name, signal.SIGKILL)
    cluster.wait_status(lambda status: status["writer"] is not None, 30, "a writer on five nodes")
    with cluster.connect() as connection:
        history.check(connection, writer)
