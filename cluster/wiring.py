"""Builds every component's configuration from the spec and the addresses of this start.

The one place that knows how the components fit together. It writes plain JSON values: the launcher
must not import the packages it starts (an SQL parser, SQLite), and the component checks its part
strictly.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from cluster.addresses import Addresses
from cluster.datadir import DataDir
from cluster.spec import AZS, ClusterSpec, instance_ids, storage_ids
from runtime.net import Address

Json = dict[str, Any]


@frozen
class Component:
    """One process of the cluster."""

    name: str
    kind: str  # the subcommand that runs it
    address: Address  # what a person would want to know; the RPC port unless it speaks MySQL
    control: Address
    az: str
    tier: int | None
    root: Path
    config: Json

    def envelope(self, seed: int | None, *, launched: bool = True) -> Json:
        """The component's configuration file; `launched` when a launcher holds its life line."""
        return {
            "kind": self.kind,
            "name": self.name,
            "root": str(self.root),
            "seed": seed,
            "stop_on_stdin_eof": launched,
            "config": self.config,
        }


def components(
    spec: ClusterSpec, addresses: Addresses, data: DataDir, sockets: Path | None
) -> list[Component]:
    """All processes, storage first. Without `sockets` the router relays instead of handing off."""
    volume = volume_config(spec, addresses)
    return [
        *_storage(addresses, data, volume),
        *_instances(spec, addresses, data, sockets, volume),
        _router(spec, addresses, data, sockets),
        _monitor(spec, addresses, data, volume),
    ]


def volume_config(spec: ClusterSpec, addresses: Addresses) -> Json:
    return {
        "volume_id": spec.volume_id,
        "page_size": spec.page_size,
        "segment_size": spec.segment_size,
        "nodes": [
            {"id": node_id, "az": az, "address": str(address)}
            for (node_id, az), address in zip(storage_ids(), addresses.storage, strict=True)
        ],
    }


def instance_az(number: int) -> str:
    """Instances are spread over the AZs in turn; number counts from 0."""
    return AZS[number % len(AZS)]


def _storage(addresses: Addresses, data: DataDir, volume: Json) -> list[Component]:
    return [
        Component(
            name=node_id,
            kind="storage",
            address=address,
            control=address,
            az=az,
            tier=None,
            root=data.storage_root(node_id),
            config={"node_id": node_id, "az": az, "listen": str(address), "volume": volume},
        )
        for (node_id, az), address in zip(storage_ids(), addresses.storage, strict=True)
    ]


def _instances(
    spec: ClusterSpec, addresses: Addresses, data: DataDir, sockets: Path | None, volume: Json
) -> list[Component]:
    ids = instance_ids(spec)
    peers = [
        {"id": instance_id, "control": str(own.control)}
        for instance_id, own in zip(ids, addresses.instances, strict=True)
    ]
    return [
        Component(
            name=instance_id,
            kind="instance",
            address=own.mysql,
            control=own.control,
            az=instance_az(number),
            tier=spec.tiers[number],
            root=data.instance_root(instance_id),
            config={
                "instance_id": instance_id,
                "az": instance_az(number),
                "tier": spec.tiers[number],
                "mysql_listen": str(own.mysql),
                "relay_listen": str(own.relay),
                "control_listen": str(own.control),
                "handoff_path": handoff_path(sockets, instance_id),
                "volume": volume,
                "peers": peers,
            },
        )
        for number, (instance_id, own) in enumerate(zip(ids, addresses.instances, strict=True))
    ]


def _router(
    spec: ClusterSpec, addresses: Addresses, data: DataDir, sockets: Path | None
) -> Component:
    return Component(
        name="router",
        kind="endpoint",
        address=addresses.writer,
        control=addresses.router_control,
        az=AZS[0],
        tier=None,
        root=data.run / "router",
        config={
            "writer_listen": str(addresses.writer),
            "reader_listen": str(addresses.reader),
            "control_listen": str(addresses.router_control),
            "instances": [
                member | {"relay": str(own.relay), "handoff_path": handoff_path(sockets, name)}
                for name, own, member in zip(
                    instance_ids(spec), addresses.instances, members(spec, addresses), strict=True
                )
            ],
        },
    )


def _monitor(spec: ClusterSpec, addresses: Addresses, data: DataDir, volume: Json) -> Component:
    return Component(
        name="monitor",
        kind="monitor",
        address=addresses.monitor,
        control=addresses.monitor,
        az=AZS[0],
        tier=None,
        root=data.run / "monitor",
        config={
            "listen": str(addresses.monitor),
            "volume": volume,
            "instances": members(spec, addresses),
            "seed": promotion_seed(spec),
        },
    )


def members(spec: ClusterSpec, addresses: Addresses) -> list[Json]:
    """The instances as the monitor and the router know them."""
    return [
        {
            "id": instance_id,
            "az": instance_az(number),
            "tier": spec.tiers[number],
            "control": str(own.control),
            "mysql": str(own.mysql),
        }
        for number, (instance_id, own) in enumerate(
            zip(instance_ids(spec), addresses.instances, strict=True)
        )
    ]


def promotion_seed(spec: ClusterSpec) -> int:
    """Decides between equal candidates; the same after every start, so a cluster behaves alike."""
    return spec.seed if spec.seed is not None else zlib.crc32(spec.volume_id.encode())


def handoff_path(sockets: Path | None, instance_id: str) -> str | None:
    return None if sockets is None else str(sockets / f"{instance_id}.sock")


def state(
    parts: list[Component], addresses: Addresses, pids: Mapping[str, Json], launcher: Json
) -> Json:
    """What DIR/run/state.json holds: enough for status, failover and down to find every process."""
    return {
        "launcher": launcher,
        "writer_endpoint": str(addresses.writer),
        "reader_endpoint": str(addresses.reader),
        "components": [
            {
                "name": part.name,
                "kind": part.kind,
                "address": str(part.address),
                "control": str(part.control),
                "az": part.az,
                "tier": part.tier,
                "process": pids.get(part.name),
            }
            for part in parts
        ],
    }
