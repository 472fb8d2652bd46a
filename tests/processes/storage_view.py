"""What the storage nodes of a real cluster say about their segments, asked over their own ports."""

from __future__ import annotations

import json

import trio

from cluster.ask import ask
from runtime.net import Address
from runtime.seams import Runtime
from tests.processes.real_cluster import RealCluster
from volume.messages import STATUS, NodeStatus


def complete_points(cluster: RealCluster) -> dict[str, int]:
    """Node id to the lowest LSN up to which all its segments are complete.

    A segment whose SCL reaches the last record of its protection group is complete at the VDL even
    if the VDL is higher: the records between belong to other groups.
    """
    points: dict[str, int] = {}
    for name, status in node_statuses(cluster).items():
        points[name] = min(
            (max(s.scl, s.vdl) if s.scl >= s.tail else s.scl for s in status.segments), default=0
        )
    return points


def node_statuses(cluster: RealCluster) -> dict[str, NodeStatus]:
    volume_id = json.loads((cluster.data / "cluster.json").read_text())["volume_id"]
    addresses = {
        name: part["control"]
        for name, part in cluster.components().items()
        if part["kind"] == "storage"
    }

    async def collect() -> dict[str, NodeStatus]:
        runtime = Runtime.system(root=cluster.data / "run", seed=None, name="test")
        found = {}
        for name, address in addresses.items():
            reply = await ask(runtime, Address.parse(address), STATUS, [volume_id], seconds=2.0)
            if reply is not None:
                found[name] = NodeStatus.decode(reply)
        return found

    return trio.run(collect)
