"""Connections to the other storage nodes of the volume, kept open, and their last known status."""

from __future__ import annotations

from typing import Any

import trio
from attrs import define, evolve

from runtime.net import ConnectFailed
from runtime.seams import Runtime
from runtime.supervise import keep_running
from volume import messages
from volume.errors import BadRequest
from volume.gossip import PeerSegment
from volume.messages import NodeStatus, PageVersion, ReadPage, SegmentStatus
from volume.model import StorageNodeInfo, VolumeConfig
from wire.rpc import RpcClient, RpcClosed, RpcError, RpcTimeout

DIAL_SECONDS = 2.0
STATUS_SECONDS = 0.5
READ_SECONDS = 2.0

CALL_FAILED = (RpcError, RpcClosed, RpcTimeout, BadRequest)


@define(eq=False)
class Peer:
    """One other node."""

    info: StorageNodeInfo
    client: RpcClient | None = None
    segments: dict[int, SegmentStatus] | None = None


class Peers:
    """All other nodes."""

    def __init__(self, runtime: Runtime, volume: VolumeConfig, node_id: str, az: str) -> None:
        self._runtime = runtime
        self._volume_id = volume.volume_id
        self._page_size = volume.page_size
        self._az = az
        self._peers = {info.id: Peer(info) for info in volume.nodes if info.id != node_id}

    async def run(self) -> None:
        """Keep a connection to each."""
        async with trio.open_nursery() as nursery:
            for peer in self._peers.values():
                nursery.start_soon(
                    keep_running, self._runtime, f"peer {peer.info.id}", self._keeper(peer)
                )

    def _keeper(self, peer: Peer) -> Any:
        async def keep() -> None:
            while True:
                await self._stay_connected(peer)
                await self._runtime.clock.sleep(self._runtime.rng.uniform(0.2, 0.6))

        return keep

    async def _stay_connected(self, peer: Peer) -> None:
        async with trio.open_nursery() as nursery:
            try:
                client = await RpcClient.open(
                    self._runtime, peer.info.address, nursery=nursery, timeout=DIAL_SECONDS
                )
            except ConnectFailed:
                self._runtime.trace.debug("peer_unreachable", peer=peer.info.id)
                return
            peer.client = client
            try:
                await client.closed.wait()
            finally:
                peer.client = None
                peer.segments = None

    async def call(self, node_id: str, method: str, payload: Any, timeout: float) -> Any:
        """One call; raises one of ``CALL_FAILED``."""
        client = self._peers[node_id].client
        if client is None:
            raise RpcClosed(f"storage node {node_id} is not connected")
        return await client.call(method, payload, timeout=timeout)

    async def poll(self) -> None:
        """Ask all connected peers where they are."""
        async with trio.open_nursery() as nursery:
            for peer in self._peers.values():
                if peer.client is not None:
                    nursery.start_soon(self._poll_one, peer)

    async def _poll_one(self, peer: Peer) -> None:
        try:
            raw = await self.call(peer.info.id, messages.STATUS, [self._volume_id], STATUS_SECONDS)
            status = NodeStatus.decode(raw)
        except CALL_FAILED as error:
            self._runtime.trace.debug("peer_status_failed", peer=peer.info.id, reason=error)
            peer.segments = None
            return
        peer.segments = {segment.pg: segment for segment in status.segments}

    def groups(self) -> set[int]:
        """The protection groups that some peer has an attached segment of."""
        known = [peer.segments or {} for peer in self._peers.values()]
        return {pg for segments in known for pg, status in segments.items() if status.attached}

    def segments_of(self, pg: int) -> list[PeerSegment]:
        """The peers' segments of a protection group, as last heard."""
        return [
            PeerSegment(peer.info.id, peer.info.az == self._az, peer.segments[pg])
            for peer in self._peers.values()
            if peer.client is not None and peer.segments is not None and pg in peer.segments
        ]

    def heard(self, node_id: str, pg: int, **changes: Any) -> None:
        """A reply told more about a peer's segment than its last status."""
        segments = self._peers[node_id].segments
        if segments is not None and pg in segments:
            segments[pg] = evolve(segments[pg], **changes)

    async def read_page(self, pg: int, page_no: int, lsn: int) -> PageVersion | None:
        """A page version from whichever peer can tell it, own AZ first."""
        order = sorted(self._peers.values(), key=lambda peer: peer.info.az != self._az)
        request = ReadPage(self._volume_id, pg, page_no, lsn).encode()
        for peer in order:
            if peer.client is None:
                continue
            try:
                raw = await self.call(peer.info.id, messages.READ_COPY, request, READ_SECONDS)
                version = PageVersion.decode(raw)
            except CALL_FAILED as error:
                self._runtime.trace.debug("peer_read_failed", peer=peer.info.id, reason=error)
                continue
            if version.image is None or len(version.image) == self._page_size:
                return version
        return None
