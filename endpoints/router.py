"""The endpoint router: listens on the writer and reader endpoints, brings clients to instances.

Purpose: a thin shell over routes.py (where to), hold.py (how long to wait) and the forwarders
(how). It watches every instance itself, so that it works without the monitor and learns of a new
writer from the writer.
Invariants: sessions on an instance that is demoted, fenced, hung, restarted or dead are cut in the
same turn of the loop that learns of it, before any held client is let in.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import trio
from attrs import field, frozen

from endpoints.admission import Admission, LiveSession
from endpoints.forward import Forwarder
from endpoints.handoff import HandOff
from endpoints.hold import WaitingRoom
from endpoints.relay import Relay
from endpoints.routes import Cut, Endpoint, Routes
from failover.timeouts import Timeouts
from failover.watcher import Watch
from runtime.net import Address
from runtime.seams import Runtime
from wire.rpc import Peer, RpcError, RpcServer

AUTO = "auto"  # hand-off where a path is configured, otherwise relay
HANDOFF = "handoff"
RELAY = "relay"


@frozen
class RoutedInstance:
    """An instance as the router is configured to reach it."""

    id: str
    az: str
    tier: int
    control: Address
    mysql: Address
    relay: Address | None = None
    handoff_path: str | None = None


@frozen
class RouterConfig:
    writer_listen: Address
    reader_listen: Address
    control_listen: Address
    instances: tuple[RoutedInstance, ...]
    forwarding: str = AUTO
    timeouts: Timeouts = field(factory=Timeouts)

    def __attrs_post_init__(self) -> None:
        if self.forwarding not in (AUTO, HANDOFF, RELAY):
            raise ValueError(
                f"forwarding must be {AUTO}, {HANDOFF} or {RELAY}, is {self.forwarding!r}"
            )
        for instance in self.instances:
            if self.way_to(instance) is None:
                raise ValueError(
                    f"{instance.id}: forwarding {self.forwarding} needs "
                    f"{'relay' if self.forwarding == RELAY else 'handoff_path'}"
                )

    def way_to(self, instance: RoutedInstance) -> str | None:
        """HANDOFF or RELAY; None when the instance lacks what the forwarding asked for needs."""
        if self.forwarding != RELAY and instance.handoff_path is not None:
            return HANDOFF
        if self.forwarding != HANDOFF and instance.relay is not None:
            return RELAY
        return None


class Router:
    def __init__(self, config: RouterConfig, runtime: Runtime) -> None:
        self._config = config
        self._runtime = runtime
        self._routes = Routes()
        self._live: dict[int, LiveSession] = {}
        self._cut: Counter[str] = Counter()
        self._drains: dict[str, float] = {}  # instance -> when its sessions are cut
        self._ways: dict[str, Forwarder] = {}
        self._watch = Watch(
            runtime.child("watch"),
            ((instance.id, instance.control) for instance in config.instances),
            config.timeouts,
        )
        tickets = itertools.count(1)
        listen = {
            Endpoint.WRITER: config.writer_listen,
            Endpoint.READER: config.reader_listen,
        }
        self._admissions = {
            endpoint: Admission(
                endpoint,
                runtime.child(endpoint.value),
                self._routes,
                self._ways,
                WaitingRoom(config.timeouts.hold_count, config.timeouts.hold),
                self._live,
                tickets,
                address,
            )
            for endpoint, address in listen.items()
        }

    async def run(self, *, ready: Callable[[Address], None]) -> None:
        """Until cancelled. Ready when both endpoints and the control port listen."""
        async with trio.open_nursery() as nursery:
            self._build_ways(nursery)
            nursery.start_soon(self._watch.run)
            nursery.start_soon(self._follow)
            for admission in self._admissions.values():
                serve = self._runtime.net.serve
                admission.address = await nursery.start(serve, admission.address, admission.serve)
            await nursery.start(self._control().serve, self._config.control_listen)
            ready(self._admissions[Endpoint.WRITER].address)

    def _build_ways(self, nursery: trio.Nursery) -> None:
        for instance in self._config.instances:
            if self._config.way_to(instance) == HANDOFF:
                assert instance.handoff_path is not None
                self._ways[instance.id] = HandOff(
                    self._runtime, nursery, instance.id, instance.handoff_path
                )
            else:
                assert instance.relay is not None
                self._ways[instance.id] = Relay(self._runtime, instance.id, instance.relay)

    # -- following the instances --------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            now = self._runtime.clock.monotonic()
            self._watch.look(now)
            observations = self._watch.observations()
            for cut in self._routes.observe(observations):
                self._cut_sessions(cut)
            self._end_drains(now)
            for admission in self._admissions.values():
                admission.wake()
            moments = [seen.next_look for seen in observations.values()]
            moments += self._drains.values()
            await self._watch.wait(min((at for at in moments if at is not None), default=None))

    def _cut_sessions(self, cut: Cut) -> None:
        doomed = [live for live in self._live.values() if live.session.instance == cut.instance]
        for live in doomed:
            live.link.cut()
        self._cut[cut.reason] += len(doomed)
        self._runtime.trace.info(
            "sessions_cut", instance=cut.instance, reason=cut.reason, count=len(doomed)
        )

    def _end_drains(self, now: float) -> None:
        for instance in [name for name, at in self._drains.items() if at <= now]:
            del self._drains[instance]
            self._cut_sessions(Cut(instance, "drained"))

    # -- control RPC --------------------------------------------------------------------------

    def _control(self) -> RpcServer:
        handlers = {"status": self._status, "drain": self._drain, "undrain": self._undrain}
        return RpcServer(self._runtime, handlers, name="router")

    async def _status(self, peer: Peer, payload: Any) -> dict[str, Any]:
        now = self._runtime.clock.monotonic()
        by_endpoint: Counter[tuple[str, str]] = Counter(
            (live.session.instance, live.session.endpoint) for live in self._live.values()
        )
        writer = self._routes.writer()
        return {
            "pid": os.getpid(),
            "writer": writer.id if writer else None,
            "epoch": self._routes.highest_epoch,
            "endpoints": {e.value: str(a.address) for e, a in self._admissions.items()},
            "held": {e.value: len(a.room) for e, a in self._admissions.items()},
            "longest_wait_s": {
                e.value: round(a.room.longest_wait(now), 3) for e, a in self._admissions.items()
            },
            "left_room": {
                e.value: {how.value: count for how, count in a.room.left.items()}
                for e, a in self._admissions.items()
            },
            "cut": dict(self._cut),
            "instances": {
                seen.id: {
                    "health": seen.health.value,
                    "role": seen.role.value if seen.role else None,
                    "epoch": seen.epoch,
                    "connections": self._routes.connections.get(seen.id, 0),
                    "by_endpoint": {e.value: by_endpoint[seen.id, e.value] for e in Endpoint},
                    "draining": seen.id in self._routes.draining,
                    "forwarding": self._way_name(seen.id),
                }
                for seen in self._watch.observations().values()
            },
        }

    def _way_name(self, instance_id: str) -> str:
        return HANDOFF if isinstance(self._ways[instance_id], HandOff) else RELAY

    async def _drain(self, peer: Peer, payload: Any) -> dict[str, Any]:
        """No new sessions for an instance; those it has may end by themselves for a while."""
        instance = self._known(payload)
        self._routes.draining.add(instance)
        self._drains[instance] = self._runtime.clock.monotonic() + self._config.timeouts.drain
        self._watch.wake()
        return {"connections": self._routes.connections.get(instance, 0)}

    async def _undrain(self, peer: Peer, payload: Any) -> dict[str, Any]:
        instance = self._known(payload)
        self._routes.draining.discard(instance)
        self._drains.pop(instance, None)
        self._watch.wake()
        return {"connections": self._routes.connections.get(instance, 0)}

    def _known(self, payload: Any) -> str:
        instance = payload.get("instance") if isinstance(payload, dict) else None
        if instance not in self._ways:
            known = ", ".join(self._ways)
            raise RpcError("refused", f"unknown instance {instance}; this router has {known}")
        return str(instance)


async def run_router(
    config: RouterConfig, runtime: Runtime, *, ready: Callable[[Address], None]
) -> None:
    await Router(config, runtime).run(ready=ready)
