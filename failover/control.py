"""The monitor's control RPC: status, topology, history, failover, maintenance.

Purpose: what the command line and the dashboard ask. Payloads are plain values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from failover.observe import Observation
from failover.promotion import Failed
from failover.topology import to_plain
from runtime.seams import Runtime
from wire.rpc import Handler, Peer, RpcError, RpcServer

if TYPE_CHECKING:
    from failover.loop import Monitor

HISTORY_DEFAULT = 50


class MonitorControl:
    def __init__(self, runtime: Runtime, monitor: Monitor) -> None:
        self._runtime = runtime
        self._monitor = monitor
        handlers: Mapping[str, Handler] = {
            "status": self._status,
            "topology": self._topology,
            "history": self._history,
            "failover": self._failover,
            "automatic": self._automatic,
            "exclude": self._exclude,
        }
        self.server = RpcServer(runtime, handlers, name="monitor")

    async def _status(self, peer: Peer, payload: Any) -> dict[str, Any]:
        monitor = self._monitor
        now = self._runtime.clock.monotonic()
        view = monitor.memory.view
        decision = monitor.decision
        reasons = {v.member: v.reason for v in decision.verdicts} if decision else {}
        return {
            "pid": os.getpid(),
            "analysis": decision.analysis.value if decision else "starting",
            "why": decision.why if decision else "",
            "wake_in_s": _delay(decision.wake_at if decision else None, now),
            "running": view.running,
            "epoch": view.highest_epoch,
            "writer": view.last_writer,
            "automatic": view.topology.automatic if view.topology else None,
            "acting": bool(view.topology and view.topology.acting == view.token),
            "document_error": view.document_error,
            "incident_s": None if view.incident_since is None else now - view.incident_since,
            "failures": [
                {"member": f.member, "kind": f.kind.value, "text": f.text, "ago_s": now - f.at}
                for f in view.failures[-5:]
            ],
            "members": {
                name: _member(seen, now) | {"reason": reasons.get(name, "")}
                for name, seen in monitor.watch.observations().items()
            },
            "counters": dict(self._runtime.trace.counts),
        }

    async def _topology(self, peer: Peer, payload: Any) -> dict[str, Any]:
        current = self._monitor.keeper.current
        if current is None:
            why = self._monitor.memory.view.document_error or "it was not read yet"
            raise RpcError("unavailable", f"the topology document cannot be read: {why}")
        return {"generation": current.generation, "topology": to_plain(current.topology)}

    async def _history(self, peer: Peer, payload: Any) -> list[dict[str, Any]]:
        last = payload.get("last") if isinstance(payload, dict) else None
        count = last if isinstance(last, int) and last > 0 else HISTORY_DEFAULT
        return [record.to_plain() for record in list(self._monitor.history.recent)[-count:]]

    async def _failover(self, peer: Peer, payload: Any) -> dict[str, Any]:
        to = payload.get("to") if isinstance(payload, dict) else payload
        if to is not None and not isinstance(to, str):
            raise RpcError("bad_request", "`to` must be an instance id")
        request = self._monitor.requests.add(to)
        self._monitor.watch.wake()
        return await self._monitor.requests.answer(request)

    async def _automatic(self, peer: Peer, payload: Any) -> dict[str, Any]:
        """Maintenance mode on (False) or off (True)."""
        if not isinstance(payload, bool):
            raise RpcError("bad_request", "say true or false")
        result = await self._monitor.change_topology(lambda t: t.with_automatic(payload))
        return self._changed(result)

    async def _exclude(self, peer: Peer, payload: Any) -> dict[str, Any]:
        """Keep an instance out of promotions, or admit it again."""
        try:
            member, excluded = str(payload["instance"]), bool(payload["excluded"])
        except (KeyError, TypeError) as error:
            raise RpcError("bad_request", "give `instance` and `excluded`") from error
        topology = self._monitor.memory.view.topology
        if topology is not None and topology.member(member) is None:
            known = ", ".join(topology.member_ids())
            raise RpcError("refused", f"unknown instance {member}; this cluster has {known}")
        result = await self._monitor.change_topology(lambda t: t.with_exclusion(member, excluded))
        return self._changed(result)

    def _changed(self, result: object) -> dict[str, Any]:
        if isinstance(result, Failed):
            raise RpcError("unavailable", f"the topology document was not changed: {result.text}")
        current = self._monitor.keeper.current
        assert current is not None
        return {"generation": current.generation}


def _member(seen: Observation, now: float) -> dict[str, Any]:
    report = seen.report
    return {
        "health": seen.health.value,
        "for_s": round(max(0.0, now - seen.health_since), 3),
        "role": seen.role.value if seen.role else None,
        "state": report.state if report else None,
        "epoch": seen.epoch,
        "vdl": report.vdl if report else None,
        "lag_ms": report.lag_ms if report else None,
        "pid": report.pid if report else None,
        "sessions": report.session_count if report else None,
    }


def _delay(at: float | None, now: float) -> float | None:
    return None if at is None else round(max(0.0, at - now), 3)
