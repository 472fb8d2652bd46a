"""`sixfold status` from a state file and replies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster import status, wiring
from tests.unit.cluster.test_wiring import ADDRESSES, PARTS
from volume.messages import NodeStatus, SegmentStatus

PIDS = {part.name: {"pid": 100 + n, "start": "1"} for n, part in enumerate(PARTS)}
STATE = wiring.state(PARTS, ADDRESSES, PIDS, {"pid": 1, "start": "1"})


def instance(name: str, role: str, epoch: int, lag: float | None = None) -> dict[str, Any]:
    return {
        "id": name,
        "role": role,
        "state": "available",
        "epoch": epoch,
        "vdl": 500 + epoch,
        "lag_ms": lag,
        "pid": 7,
        "mysql": "127.0.0.11:3306",
    }


def storage(name: str) -> list[Any]:
    segment = SegmentStatus(0, 3, 3, "instance-1", 503, 503, 503, 0, 503, ())
    return NodeStatus(name, "a", 9, "v", "serving", (segment,), {}).encode()


def test_the_documented_shape():
    replies = {"instance-1": instance("instance-1", "writer", 3)} | {
        name: instance(name, "reader", 3, 1.5) for name in ("instance-2", "instance-3")
    }
    replies |= {part.name: storage(part.name) for part in PARTS if part.kind == "storage"}
    found = status.assemble(STATE, replies)
    assert found["writer_endpoint"] == "127.0.0.1:3306"
    assert found["reader_endpoint"] == "127.0.0.1:3307"
    assert (found["volume_epoch"], found["vdl"], found["writer"]) == (3, 503, "instance-1")
    assert found["instances"][1] == {
        "id": "instance-2",
        "role": "reader",
        "state": "available",
        "tier": 1,
        "az": "b",
        "address": "127.0.0.12:3306",
        "pid": 107,
        "replica_lag_ms": 1.5,
    }
    assert found["storage"][0] == {
        "id": "storage-a1",
        "az": "a",
        "state": "serving",
        "address": "127.0.0.1:3406",
        "pid": 100,
        "segments": 1,
    }
    assert (found["router"], found["monitor"]) == ({"pid": 109}, {"pid": 110})


def test_the_highest_epoch_is_the_writer():
    replies = {
        "instance-1": instance("instance-1", "writer", 3),
        "instance-2": instance("instance-2", "writer", 4),
    }
    assert status.assemble(STATE, replies)["writer"] == "instance-2"


def test_what_does_not_answer_is_listed_all_the_same():
    found = status.assemble(STATE, {"instance-1": {"not": "a status"}, "storage-a1": [1, 2]})
    assert [one["state"] for one in found["instances"]] == ["unreachable"] * 3
    assert found["storage"][0]["state"] == "unreachable"
    assert found["writer"] is None
    assert found["vdl"] is None


def test_a_component_between_two_starts_has_no_pid():
    state = wiring.state(PARTS, ADDRESSES, {}, {"pid": 1, "start": "1"})
    found = status.assemble(state, {})
    assert found["instances"][0]["pid"] is None
    assert found["instances"][0]["state"] == "restarting"


def test_rendering_names_every_component():
    text = status.render(status.assemble(STATE, {}))
    assert all(part.name in text for part in PARTS)
    assert str(Path("127.0.0.13:3306")) in text
