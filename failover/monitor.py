"""The monitor process: configuration, and how its parts are put together.

Purpose: the package's entry point, `sixfold monitor`. See failover/loop.py for what it does.
"""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import field, frozen

from failover.control import MonitorControl
from failover.loop import Monitor
from failover.timeouts import Timeouts
from failover.topology import Member
from runtime.net import Address
from runtime.seams import Runtime
from volume.model import VolumeConfig
from volume.topologydoc import TopologyStore


@frozen
class MonitorConfig:
    listen: Address
    volume: VolumeConfig
    instances: tuple[Member, ...]
    seed: int = 0
    timeouts: Timeouts = field(factory=Timeouts)

    def __attrs_post_init__(self) -> None:
        ids = [member.id for member in self.instances]
        if not ids:
            raise ValueError("a monitor needs at least one instance to watch")
        if len(set(ids)) != len(ids):
            raise ValueError(f"instance ids must be distinct, got {', '.join(ids)}")


async def run_monitor(
    config: MonitorConfig, runtime: Runtime, *, ready: Callable[[Address], None]
) -> None:
    """Until cancelled. Ready means: the control port answers; whether there is a writer is a
    question for `status`."""
    async with trio.open_nursery() as nursery:
        store = TopologyStore(config.volume, runtime.child("topology"))
        nursery.start_soon(store.run)
        monitor = Monitor(
            runtime, config.instances, store, seed=config.seed, timeouts=config.timeouts
        )
        await nursery.start(monitor.run)
        ready(await nursery.start(MonitorControl(runtime, monitor).server.serve, config.listen))
