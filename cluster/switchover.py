"""`sixfold failover`: ask the monitor for a planned switchover and wait for its end."""

from __future__ import annotations

from typing import Any

import trio

from cluster.ask import ask
from cluster.datadir import DataDir
from cluster.exits import ExitCode, OperatorError
from cluster.shutdown import running_state
from cluster.spec import instance_ids
from runtime.net import Address
from runtime.seams import Runtime
from wire.rpc import RpcError

# Longer than the monitor's own limits on draining and promoting: its answer is the one heard.
ANSWER_SECONDS = 30.0


def switch_over(data: DataDir, to: str | None) -> str:
    """The line to print; raises OperatorError with the monitor's reason when it refuses."""
    state = running_state(data)
    known = instance_ids(data.load_spec())
    if to is not None and to not in known:
        raise OperatorError(
            ExitCode.UNKNOWN_INSTANCE,
            f"unknown instance {to!r}; this cluster has {', '.join(known)}",
        )
    address = next(part["control"] for part in state["components"] if part["kind"] == "monitor")
    reply = trio.run(_ask_monitor, data, Address.parse(address), to)
    took = f" after {reply['ms']:.0f} ms" if "ms" in reply else ""
    return f"{reply['writer']} is the writer{took}, volume epoch {reply['epoch']}"


async def _ask_monitor(data: DataDir, address: Address, to: str | None) -> dict[str, Any]:
    runtime = Runtime.system(root=data.run, seed=None, name="failover")
    try:
        reply = await ask(runtime, address, "failover", {"to": to}, seconds=ANSWER_SECONDS)
    except RpcError as error:
        raise OperatorError(ExitCode.REFUSED, f"no failover: {error.message}") from error
    if not isinstance(reply, dict):
        raise OperatorError(
            ExitCode.FAILED,
            f"the monitor at {address} did not answer; see {data.log_file('monitor')} "
            "and `sixfold status`",
        )
    return reply
