"""`python -m cluster.containers DIR`: the configurations of the containers in compose.yaml.

The same wiring as on one machine, with the containers' names for addresses. There is no launcher
in containers: Docker restarts what dies. Run once per start; the volume id is kept in
DIR/cluster.json.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cluster import wiring
from cluster.addresses import Addresses, InstanceAddresses
from cluster.datadir import DataDir, write_json
from cluster.spec import ClusterSpec, Requested, instance_ids, storage_ids
from runtime.net import Address
from runtime.seams import Runtime

MYSQL_PORT = 3306
READER_PORT = 3307
RELAY_PORT = 3316
CONTROL_PORT = 7000
# Where each container mounts its own volume.
STATE = Path("/state")


def addresses(spec: ClusterSpec) -> Addresses:
    return Addresses(
        writer=Address("router", MYSQL_PORT),
        reader=Address("router", READER_PORT),
        instances=tuple(
            InstanceAddresses(
                mysql=Address(name, MYSQL_PORT),
                control=Address(name, CONTROL_PORT),
                relay=Address(name, RELAY_PORT),
            )
            for name in instance_ids(spec)
        ),
        storage=tuple(Address(name, CONTROL_PORT) for name, _ in storage_ids()),
        router_control=Address("router", CONTROL_PORT),
        monitor=Address("monitor", CONTROL_PORT),
    )


def write_configs(directory: Path) -> None:
    runtime = Runtime.system(root=directory, seed=None, name="containers")
    spec = DataDir(directory).open_or_create(Requested(), volume_id=runtime.rng.uuid())
    for part in wiring.components(spec, addresses(spec), DataDir(STATE), sockets=None):
        envelope = part.envelope(spec.seed, launched=False)
        write_json(directory / f"{part.name}.json", envelope, durable=False)


if __name__ == "__main__":
    write_configs(Path(sys.argv[1]))
