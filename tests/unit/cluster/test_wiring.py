"""What the launcher writes is what each component's own config class accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster import config, wiring
from cluster.addresses import Addresses, InstanceAddresses
from cluster.datadir import DataDir
from cluster.exits import OperatorError
from cluster.spec import Requested, create
from runtime.net import Address

ADDRESSES = Addresses(
    writer=Address("127.0.0.1", 3306),
    reader=Address("127.0.0.1", 3307),
    instances=tuple(
        InstanceAddresses(
            Address(f"127.0.0.{10 + n}", 3306),
            Address("127.0.0.1", 3420 + n),
            Address("127.0.0.1", 3440 + n),
        )
        for n in (1, 2, 3)
    ),
    storage=tuple(Address("127.0.0.1", 3406 + n) for n in range(6)),
    router_control=Address("127.0.0.1", 3460),
    monitor=Address("127.0.0.1", 3461),
)
SPEC = create(Requested(seed=5), volume_id="v")
PARTS = wiring.components(SPEC, ADDRESSES, DataDir(Path("/d")), Path("/d/run"))


def test_the_default_cluster_is_eleven_processes():
    kinds = [part.kind for part in PARTS]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "storage": 6,
        "instance": 3,
        "endpoint": 1,
        "monitor": 1,
    }


def test_instances_are_spread_over_the_azs():
    assert [part.az for part in PARTS if part.kind == "instance"] == ["a", "b", "c"]


def config_class(kind: str) -> type[Any]:
    if kind == "storage":
        from volume.node import StorageConfig

        return StorageConfig
    if kind == "instance":
        from engine.instance import InstanceConfig

        return InstanceConfig
    if kind == "endpoint":
        from endpoints.router import RouterConfig

        return RouterConfig
    from failover.monitor import MonitorConfig

    return MonitorConfig


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_config_survives_json_and_its_strict_class(part: wiring.Component):
    raw = json.loads(json.dumps(part.envelope(SPEC.seed)))
    envelope = config.structure(raw, config.ComponentFile, where="test")
    config.structure(envelope.config, config_class(part.kind), where="test")


def test_an_unknown_key_is_refused_with_its_name():
    raw = PARTS[0].envelope(None)
    raw["lisen"] = "x"
    with pytest.raises(OperatorError, match="lisen"):
        config.structure(raw, config.ComponentFile, where="f")


def test_a_bad_address_is_refused_with_its_path():
    from volume.node import StorageConfig

    raw = {**PARTS[0].config, "listen": "nowhere"}
    with pytest.raises(OperatorError, match="host:port"):
        config.structure(raw, StorageConfig, where="f")


def test_a_file_of_another_kind_says_how_to_run_it(tmp_path: Path):
    file = tmp_path / "c.json"
    file.write_text(json.dumps(PARTS[0].envelope(None)))
    with pytest.raises(OperatorError, match="run `sixfold storage`"):
        config.load(file, "monitor")
