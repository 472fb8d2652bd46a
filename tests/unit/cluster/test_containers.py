"""compose.yaml and the configurations written for it name the same components."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cluster import config, containers
from tests.unit.cluster.test_wiring import config_class

COMPOSE = (Path(__file__).parents[3] / "compose.yaml").read_text()


def test_every_service_has_its_configuration(tmp_path: Path):
    containers.write_configs(tmp_path)
    written = {file.stem for file in tmp_path.glob("*.json")} - {"cluster"}
    commands = {
        name: kind
        for kind, name in re.findall(
            r"command: \[(\w+), --config, /config/([\w-]+)\.json\]", COMPOSE
        )
    }
    assert set(commands) == written
    for name, kind in commands.items():
        raw = json.loads((tmp_path / f"{name}.json").read_text())
        envelope = config.structure(raw, config.ComponentFile, where=name)
        assert (envelope.kind, envelope.stop_on_stdin_eof) == (kind, False)
        config.structure(envelope.config, config_class(kind), where=name)


def test_writing_again_keeps_the_volume(tmp_path: Path):
    containers.write_configs(tmp_path)
    first = (tmp_path / "cluster.json").read_text()
    containers.write_configs(tmp_path)
    assert (tmp_path / "cluster.json").read_text() == first


def test_only_the_endpoints_are_published_and_on_loopback():
    published = re.findall(r'"([\d.]+):(\d+):(\d+)"', COMPOSE)
    assert published == [("127.0.0.1", "3306", "3306"), ("127.0.0.1", "3307", "3307")]
