"""Connections to the storage nodes: one per node, kept up for as long as the volume is in use.

A link is up once the node has answered `status` for this volume under the expected id; a wrong
answer is a configuration mistake and is logged as such. Lost connections are redialled with a
growing, jittered pause. Listeners hear `link_up` and `link_down`, in that order and in turn.
"""

from __future__ import annotations

from typing import Final, Protocol

import trio

from runtime.net import ConnectFailed
from runtime.seams import Runtime
from volume import messages
from volume.errors import BadRequest
from volume.messages import NodeStatus
from volume.model import StorageNodeInfo, VolumeConfig
from wire.rpc import RpcClient, RpcClosed, RpcError, RpcTimeout

CONNECT_SECONDS: Final = 1.0
HANDSHAKE_SECONDS: Final = 2.0
PAUSE_FIRST_SECONDS: Final = 0.02
PAUSE_MAX_SECONDS: Final = 0.5


class LinkListener(Protocol):
    """Who wants to know."""

    def link_up(self, node: int) -> None: ...

    def link_down(self, node: int) -> None: ...


class NodeLink:
    """The connection to one storage node."""

    def __init__(self, index: int, info: StorageNodeInfo, volume_id: str, runtime: Runtime) -> None:
        self.index = index
        self.info = info
        self.client: RpcClient | None = None
        self.suspect = False  # connected, but it has not answered for a while
        self._volume_id = volume_id
        self._runtime = runtime
        self._complaint = ""

    @property
    def reachable(self) -> bool:
        return self.client is not None and not self.suspect

    def drop(self, reason: str) -> None:
        """Give up this connection; a new one is made."""
        if self.client is not None:
            self._runtime.trace.warn("storage_link_dropped", node=self.info.id, reason=reason)
            self.client.close()

    async def run(self, listeners: list[LinkListener]) -> None:
        """Keep the connection up until cancelled."""
        pause = PAUSE_FIRST_SECONDS
        while True:
            if await self._live(listeners):
                pause = PAUSE_FIRST_SECONDS
            await self._runtime.clock.sleep(pause * self._runtime.rng.uniform(0.5, 1.0))
            pause = min(pause * 2, PAUSE_MAX_SECONDS)

    async def _live(self, listeners: list[LinkListener]) -> bool:
        """One connection from dial to end; whether it was ever up."""
        async with trio.open_nursery() as nursery:
            client = await self._connect(nursery)
            if client is not None:
                self._up(client, listeners)
                try:
                    await client.closed.wait()
                finally:
                    self._down(listeners)
            nursery.cancel_scope.cancel()
        return client is not None

    def _up(self, client: RpcClient, listeners: list[LinkListener]) -> None:
        self.client = client
        self.suspect = False
        self._complaint = ""
        self._runtime.trace.info("storage_link_up", node=self.info.id)
        for listener in list(listeners):
            listener.link_up(self.index)

    def _down(self, listeners: list[LinkListener]) -> None:
        self.client = None
        self._runtime.trace.info("storage_link_down", node=self.info.id)
        for listener in list(listeners):
            listener.link_down(self.index)

    async def _connect(self, nursery: trio.Nursery) -> RpcClient | None:
        client = None
        try:
            client = await RpcClient.open(
                self._runtime, self.info.address, nursery=nursery, timeout=CONNECT_SECONDS
            )
            payload = [self._volume_id]
            reply = await client.call(messages.STATUS, payload, timeout=HANDSHAKE_SECONDS)
            status = NodeStatus.decode(reply)
            if status.node_id == self.info.id:
                return client
            self._complain(f"{self.info.address} is storage node {status.node_id}")
        except (ConnectFailed, RpcClosed, RpcTimeout) as error:
            self._runtime.trace.debug("storage_unreachable", node=self.info.id, reason=str(error))
        except (RpcError, BadRequest) as error:
            self._complain(str(error))
        if client is not None:
            client.close()
        return None

    def _complain(self, reason: str) -> None:
        """A node that answers wrongly goes on doing so: say it once, not with every attempt."""
        if reason != self._complaint:
            self._complaint = reason
            self._runtime.trace.error("storage_link_refused", node=self.info.id, reason=reason)


class Links:
    """The links to all six nodes, in the order of the configuration."""

    def __init__(self, config: VolumeConfig, runtime: Runtime) -> None:
        self.all = [
            NodeLink(i, info, config.volume_id, runtime) for i, info in enumerate(config.nodes)
        ]
        self.listeners: list[LinkListener] = []

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for link in self.all:
                nursery.start_soon(link.run, self.listeners, name=f"link to {link.info.id}")

    @property
    def reachable(self) -> int:
        """How many nodes answer."""
        return sum(link.reachable for link in self.all)

    def __getitem__(self, node: int) -> NodeLink:
        return self.all[node]
