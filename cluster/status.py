"""`sixfold status`: the launcher's state file joined with what every component says of itself.

A component that does not answer still appears, with its pid and state `unreachable`, because that
is when somebody looks. Who writes is what the instances say, under the highest volume epoch.
"""

from __future__ import annotations

from typing import Any

import trio

from cluster.ask import ask
from cluster.datadir import DataDir
from cluster.shutdown import running_state
from failover.instanceclient import BadStatus, parse_report
from failover.observe import Report, Role
from runtime.net import Address
from runtime.seams import Runtime
from volume.errors import BadRequest
from volume.messages import STATUS, NodeStatus
from wire.rpc import RpcError

ANSWER_SECONDS = 1.0
UNREACHABLE = "unreachable"
STOPPED = "restarting"
Json = dict[str, Any]


def status_now(data: DataDir) -> Json:
    """The documented JSON object; raises OperatorError when no cluster runs on `data`."""
    state = running_state(data)
    volume_id = data.load_spec().volume_id
    return trio.run(_collect, state, volume_id, data)


async def _collect(state: Json, volume_id: str, data: DataDir) -> Json:
    runtime = Runtime.system(root=data.run, seed=None, name="status")
    replies: dict[str, Any] = {}

    async def one(part: Json) -> None:
        payload = [volume_id] if part["kind"] == "storage" else None
        try:
            replies[part["name"]] = await ask(
                runtime, Address.parse(part["control"]), STATUS, payload, seconds=ANSWER_SECONDS
            )
        except RpcError:
            replies[part["name"]] = None

    async with trio.open_nursery() as nursery:
        for part in state["components"]:
            if part["kind"] in ("storage", "instance"):
                nursery.start_soon(one, part)
    return assemble(state, replies)


def assemble(state: Json, replies: dict[str, Any]) -> Json:
    """The documented shape, from the state file and the replies by component name."""
    reports = {
        part["name"]: report
        for part in _of_kind(state, "instance")
        if (report := _report(replies.get(part["name"]))) is not None
    }
    nodes = {
        part["name"]: node
        for part in _of_kind(state, "storage")
        if (node := _node(replies.get(part["name"]))) is not None
    }
    writer = _writer(reports)
    segments = [segment for node in nodes.values() for segment in node.segments]
    return {
        "writer_endpoint": state["writer_endpoint"],
        "reader_endpoint": state["reader_endpoint"],
        "volume_epoch": max(
            [segment.epoch for segment in segments] + [one.epoch for one in reports.values()],
            default=None,
        ),
        "vdl": writer.vdl if writer else max((one.vdl for one in segments), default=None),
        "writer": writer.id if writer else None,
        "instances": [
            _instance(part, reports.get(part["name"])) for part in _of_kind(state, "instance")
        ],
        "storage": [_storage(part, nodes.get(part["name"])) for part in _of_kind(state, "storage")],
        "router": {"pid": _pid(_of_kind(state, "endpoint")[0])},
        "monitor": {"pid": _pid(_of_kind(state, "monitor")[0])},
    }


def render(found: Json) -> str:
    """For people: the endpoints, then one line for each process."""
    lines = [
        f"writer endpoint  {found['writer_endpoint']}",
        f"reader endpoint  {found['reader_endpoint']}",
        f"volume epoch {_shown(found['volume_epoch'])}, VDL {_shown(found['vdl'])}",
        "",
    ]
    rows = [("COMPONENT", "ROLE", "STATE", "AZ", "TIER", "ADDRESS", "PID", "LAG ms / SEGMENTS")]
    for one in found["instances"]:
        lag = one["replica_lag_ms"]
        rows.append(
            (
                one["id"],
                _shown(one["role"]),
                one["state"],
                one["az"],
                str(one["tier"]),
                one["address"],
                _shown(one["pid"]),
                "-" if lag is None else f"{lag:.1f}",
            )
        )
    for one in found["storage"]:
        rows.append(
            (
                one["id"],
                "storage",
                one["state"],
                one["az"],
                "",
                one["address"],
                _shown(one["pid"]),
                _shown(one["segments"]),
            )
        )
    rows.extend((name, name, "", "", "", "", _shown(found[name]["pid"]), "") for name in _SINGLES)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines.extend(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


_SINGLES = ("router", "monitor")


def _instance(part: Json, report: Report | None) -> Json:
    return {
        "id": part["name"],
        "role": report.role.value if report else None,
        "state": report.state if report else _absent(part),
        "tier": part["tier"],
        "az": part["az"],
        "address": part["address"],
        "pid": _pid(part),
        "replica_lag_ms": report.lag_ms if report else None,
    }


def _storage(part: Json, node: NodeStatus | None) -> Json:
    return {
        "id": part["name"],
        "az": part["az"],
        "state": node.state if node else _absent(part),
        "address": part["address"],
        "pid": _pid(part),
        "segments": len(node.segments) if node else None,
    }


def _writer(reports: dict[str, Report]) -> Report | None:
    """An old writer that was cut off may still say writer: the highest epoch is the true one."""
    writers = [one for one in reports.values() if one.role is Role.WRITER]
    return max(writers, key=lambda one: one.epoch, default=None)


def _report(reply: Any) -> Report | None:
    try:
        return None if reply is None else parse_report(reply)
    except BadStatus:
        return None


def _node(reply: Any) -> NodeStatus | None:
    try:
        return None if reply is None else NodeStatus.decode(reply)
    except BadRequest:
        return None


def _of_kind(state: Json, kind: str) -> list[Json]:
    return [part for part in state["components"] if part["kind"] == kind]


def _pid(part: Json) -> int | None:
    return part["process"]["pid"] if part["process"] else None


def _absent(part: Json) -> str:
    return UNREACHABLE if part["process"] else STOPPED


def _shown(value: object) -> str:
    return "-" if value is None else str(value)
