"""Asking a component over its control port, for commands that run and end."""

from __future__ import annotations

from typing import Any

import trio

from runtime.net import Address, ConnectFailed
from runtime.seams import Runtime
from wire.rpc import RpcClient, RpcClosed, RpcTimeout


async def ask(
    runtime: Runtime, address: Address, method: str, payload: Any, *, seconds: float
) -> Any:
    """The reply, or None when the component did not answer in time. A refusal raises RpcError."""
    async with trio.open_nursery() as nursery:
        try:
            client = await RpcClient.open(runtime, address, nursery=nursery, timeout=seconds)
            return await client.call(method, payload, timeout=seconds)
        except (ConnectFailed, RpcClosed, RpcTimeout):
            return None
        finally:
            nursery.cancel_scope.cancel()
