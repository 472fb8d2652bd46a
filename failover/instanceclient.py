"""Talking to an instance's control port: the calls the monitor makes, and how refusals are read.

Purpose: the one file that knows the method names and payloads of the control RPC, which
engine/control.py serves. Used by the watcher and by the monitor.
"""

from __future__ import annotations

from typing import Any

from failover.decision import FailureKind
from failover.observe import Report, Role
from failover.promotion import Failed, StepResult, Succeeded
from runtime.errors import OperatingError
from runtime.net import Address
from wire.rpc import RpcClient, RpcClosed, RpcError, RpcTimeout

WATCH = "watch"
STATUS = "status"
PROMOTE = "promote"
DEMOTE = "demote"

PROMOTE_SHARE = 0.9
DEMOTE_SHARE = 0.75

_KIND_BY_CODE = {
    "quorum_lost": FailureKind.QUORUM_LOST,
    "quorum_timeout": FailureKind.QUORUM_LOST,
    "stale_epoch": FailureKind.OVERTAKEN,
    "fenced": FailureKind.OVERTAKEN,
}


class BadStatus(OperatingError):
    """What answered is not an instance of this version."""


def parse_report(payload: Any) -> Report:
    """A status payload as a Report; BadStatus for anything else, whatever its shape."""
    try:
        return Report(
            id=str(payload["id"]),
            role=Role(payload["role"]),
            state=str(payload["state"]),
            epoch=int(payload["epoch"]),
            vdl=int(payload["vdl"]),
            lag_ms=float(payload["lag_ms"] or 0.0),
            pid=int(payload["pid"]),
            mysql=_address(payload.get("mysql")),
            relay=_address(payload.get("relay")),
            handoff_path=payload.get("handoff_path") or None,
            session_count=int(payload.get("session_count") or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadStatus(f"not an instance's status: {error!r}") from error


def _address(text: Any) -> Address | None:
    return Address.parse(text) if text else None


async def promote(client: RpcClient | None, reason: str, *, timeout: float) -> StepResult:
    """The instance gives up by itself a little before `timeout`, so that its reason is heard."""
    payload = {"reason": reason, "timeout": timeout * PROMOTE_SHARE}
    return await _step(client, PROMOTE, payload, timeout)


async def demote(client: RpcClient | None, *, timeout: float) -> StepResult:
    """The instance drains its commits within most of `timeout`, or refuses and stays the writer."""
    return await _step(client, DEMOTE, {"timeout": timeout * DEMOTE_SHARE}, timeout)


async def _step(client: RpcClient | None, method: str, payload: Any, timeout: float) -> StepResult:
    if client is None:
        return Failed(FailureKind.CLOSED, "not connected")
    try:
        reply = await client.call(method, payload, timeout=timeout)
    except RpcError as error:
        return Failed(_KIND_BY_CODE.get(error.code, FailureKind.REFUSED), error.message)
    except RpcClosed as error:
        return Failed(FailureKind.CLOSED, str(error))
    except RpcTimeout:
        return Failed(FailureKind.TIMEOUT, f"no answer to {method} within {timeout:g} s")
    epoch = reply.get("epoch") if isinstance(reply, dict) else None
    return Succeeded(epoch if isinstance(epoch, int) else 0)
