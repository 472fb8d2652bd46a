from __future__ import annotations

from pathlib import Path

from runtime import probes
from runtime.seams import Runtime
from runtime.threads import run_blocking


def test_the_system_runtime_is_seeded_by_name(tmp_path: Path) -> None:
    a, b = (Runtime.system(root=tmp_path, seed=1, name=name) for name in ("a", "b"))
    again = Runtime.system(root=tmp_path, seed=1, name="a")
    assert a.rng.uuid() == again.rng.uuid()
    assert a.rng.uuid() != b.rng.uuid()


def test_without_a_seed_chance_is_real(tmp_path: Path) -> None:
    runtimes = [Runtime.system(root=tmp_path, seed=None, name="a") for _ in range(2)]
    assert len({runtime.rng.uuid() for runtime in runtimes}) == 2


def test_a_child_has_its_own_numbers_and_name(tmp_path: Path) -> None:
    parent = Runtime.system(root=tmp_path, seed=1, name="node-1")
    child = parent.child("gossip")
    assert child.trace.name == "node-1/gossip"
    assert child.rng.path == "node-1/gossip"
    assert child.disk is parent.disk


def test_buggify_is_off_outside_a_simulation() -> None:
    assert not probes.buggify("short read")
    with probes.simulating(lambda name: name == "short read"):
        assert probes.buggify("short read")
        assert not probes.buggify("slow sync")
    assert not probes.buggify("short read")


def test_probes_count() -> None:
    before = probes.reached["rare path"]
    probes.probe("rare path")
    assert probes.reached["rare path"] == before + 1


async def test_blocking_work_returns_its_result() -> None:
    assert await run_blocking(lambda: 6 * 7) == 42
