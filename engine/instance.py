"""One database instance: the composition of volume, store, replication, control port and listener.

An instance keeps nothing durable: it starts as a reader of the volume and becomes the writer when
it is told to and the volume lets it. Everything it needs comes in `InstanceConfig` and `Runtime`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import trio
from attrs import field, frozen

from engine.control import ControlServer
from engine.info import InstanceInfo
from engine.lifecycle import Lifecycle
from engine.limits import SessionLimits
from engine.listener import Doors, Listener
from engine.replication.feed import RedoFeed
from engine.replication.follower import RedoFollower
from engine.role import Role
from engine.sessions import MOST_INSTANCES, SessionRegistry
from engine.sql.bootstrap import create_system_schema
from engine.store import Store
from engine.storebackend import StoreBackend
from runtime.errors import OperatingError
from runtime.net import Address
from runtime.rng import Rng
from runtime.seams import Runtime
from volume.client import Volume
from volume.model import VolumeConfig

POOL_BYTES: Final = 128 << 20
MEASURE_SECONDS: Final = 0.5
TIERS: Final = range(16)


class BadInstanceConfig(OperatingError):
    """The configuration contradicts itself; the text says where."""


@frozen
class PeerInfo:
    """An instance of the cluster, this one included, and its control port."""

    id: str
    control: Address


@frozen
class InstanceConfig:
    """What one instance is started with."""

    instance_id: str
    az: str
    tier: int
    mysql_listen: Address
    control_listen: Address
    volume: VolumeConfig
    peers: tuple[PeerInfo, ...]
    relay_listen: Address | None = None
    handoff_path: str | None = None
    pool_bytes: int = POOL_BYTES
    limits: SessionLimits = field(factory=SessionLimits)

    def __attrs_post_init__(self) -> None:
        ids = [peer.id for peer in self.peers]
        if len(set(ids)) != len(ids) or self.instance_id not in ids:
            raise BadInstanceConfig(f"peers must name each instance once, {self.instance_id} too")
        if len(ids) > MOST_INSTANCES:
            raise BadInstanceConfig(f"{len(ids)} instances; a cluster has at most {MOST_INSTANCES}")
        if self.tier not in TIERS:
            raise BadInstanceConfig(f"promotion tier {self.tier} is not in 0..15")
        if self.pool_bytes < 64 * self.volume.page_size:
            raise BadInstanceConfig(f"pool_bytes {self.pool_bytes} is less than 64 pages")

    @property
    def index(self) -> int:
        """1 for the first instance: the high byte of its connection ids."""
        return 1 + [peer.id for peer in self.peers].index(self.instance_id)


def make_info(config: InstanceConfig, runtime: Runtime) -> InstanceInfo:
    clock = runtime.clock
    identity = Rng(0, f"server_uuid/{config.volume.volume_id}/{config.instance_id}")
    return InstanceInfo(
        instance_id=config.instance_id,
        az=config.az,
        tier=config.tier,
        port=config.mysql_listen.port,
        server_uuid=identity.uuid(),
        session_id=runtime.rng.child("session").uuid(),
        clock=clock,
        rng=runtime.rng.child("sql"),
        started_at_wall=clock.wall(),
        started_at=clock.monotonic(),
        sessions=SessionRegistry(config.index, clock.monotonic),
    )


class Instance:
    """The running instance, as its control port sees it."""

    def __init__(self, config: InstanceConfig, runtime: Runtime, volume: Volume) -> None:
        self.config = config
        self.info = make_info(config, runtime)
        self.doors = Doors(config.mysql_listen, config.relay_listen, config.handoff_path)
        self.store = Store(volume, runtime.child("store"), pool_bytes=config.pool_bytes)
        self.control = ControlServer(runtime, self)
        follower = RedoFollower(
            runtime.child("follower"),
            volume,
            self.store,
            self.info,
            {peer.id: peer.control for peer in config.peers},
            pages_per_segment=config.volume.pages_per_segment,
        )
        self.lifecycle = Lifecycle(
            runtime,
            volume,
            self.store,
            self.info,
            follower,
            bootstrap=create_system_schema,
            on_change=self.control.publish,
        )
        backend = StoreBackend(self.store, self.info)
        self.listener = Listener(
            runtime.child("listener"), backend, self.info.sessions, config.limits
        )

    @property
    def feed(self) -> RedoFeed | None:
        return self.lifecycle.feed

    async def promote(self, reason: str, timeout: float) -> int:
        return await self.lifecycle.promote(reason, timeout)

    async def demote(self, timeout: float) -> int:
        return await self.lifecycle.demote(timeout)

    def status(self) -> dict[str, Any]:
        """The InstanceStatus that monitor, router and `sixfold status` read."""
        info, config, doors = self.info, self.config, self.doors
        role = self.lifecycle.role.role
        return {
            "id": info.instance_id,
            "az": info.az,
            "tier": info.tier,
            "role": role.value,
            "state": self._state(role),
            "epoch": info.epoch,
            "vdl": self.store.read_point,
            "lag_ms": 0.0 if role is Role.WRITER else info.lag_ms,
            "pid": os.getpid(),
            "mysql": str(doors.mysql),
            "relay": str(doors.relay) if doors.relay is not None else None,
            "handoff_path": config.handoff_path,
            "session_count": len(info.sessions),
        }

    def _state(self, role: Role) -> str:
        if self.store.read_point == 0:
            return "starting"  # nothing to read yet: no writer has created the volume's content
        return "ready" if role in (Role.READER, Role.WRITER) else role.value

    async def measure(self, runtime: Runtime) -> None:
        """Keep `info.cpu`, the process's share of one core in percent."""
        clock = runtime.clock
        at, used = clock.monotonic(), _cpu_seconds()
        while True:
            await clock.sleep(MEASURE_SECONDS)
            now, now_used = clock.monotonic(), _cpu_seconds()
            if now > at:
                self.info.cpu = round(100.0 * (now_used - used) / (now - at), 2)
            at, used = now, now_used


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


async def run_instance(
    config: InstanceConfig, runtime: Runtime, *, ready: Callable[[], None]
) -> None:
    """Run the instance until cancelled. Raises AddressInUse, ListenFailed."""
    volume = Volume(config.volume, runtime.child("volume"), az=config.az)
    instance = Instance(config, runtime, volume)
    async with trio.open_nursery() as nursery:
        await nursery.start(volume.run)
        instance.doors = await nursery.start(instance.listener.run, instance.doors)
        instance.info.port = instance.doors.mysql.port
        await nursery.start(instance.lifecycle.run)
        await nursery.start(instance.control.run, config.control_listen)
        nursery.start_soon(instance.measure, runtime, name="measure")
        runtime.trace.info("instance_ready", mysql=instance.doors.mysql)
        ready()
