"""Clusters for the tests here. Linux only: the tests find processes through /proc."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes.real_cluster import RealCluster

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]
MakeCluster = Callable[..., RealCluster]


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[MakeCluster]:
    """A factory of clusters that are ended with the test, whatever happens in it."""
    made: list[RealCluster] = []

    def make(name: str = "data", **options: object) -> RealCluster:
        cluster = RealCluster(tmp_path / name, **options)
        made.append(cluster)
        return cluster

    try:
        yield make
    finally:
        for cluster in made:
            cluster.destroy()


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> RealCluster:
    """A ready cluster of this test's own."""
    made = make_cluster()
    made.up()
    return made


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A ready cluster for a module whose tests leave it as they found it."""
    made = RealCluster(tmp_path_factory.mktemp("shared") / "data")
    try:
        made.up()
        yield made
    finally:
        made.destroy()
