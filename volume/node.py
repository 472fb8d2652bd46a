"""The storage node: one process that hosts a segment of each protection group.

It gets no vote (P18 section 2.2): it accepts a valid write, refuses a stale one, fills its holes
from peers and builds pages when nobody is waiting.  Everything a peer may send is checked here or
below; what is malformed is refused and the node lives on.  A sync that fails ends the process,
for what the disk then holds is no longer known.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from attrs import field, frozen

from runtime.disk import DiskError
from runtime.net import Address
from runtime.seams import Runtime
from runtime.supervise import keep_running
from volume import datadir, limits, messages
from volume.background import Background
from volume.catchup import CatchUp
from volume.document import DocumentStore
from volume.errors import (
    BadRequest,
    NeedAttach,
    StorageBroken,
    StorageFull,
    VolumeError,
    WrongVolume,
)
from volume.hosting import Hosting
from volume.model import VolumeConfig
from volume.peers import Peers
from wire.rpc import Handler, Peer, RpcError, RpcServer


@frozen
class StorageConfig:
    """What one storage node is told."""

    node_id: str
    az: str
    listen: Address
    volume: VolumeConfig = field()

    @volume.validator
    def _check_member(self, _attribute: object, value: VolumeConfig) -> None:
        if self.node_id not in {node.id for node in value.nodes}:
            raise ValueError(f"storage node {self.node_id} is not in the volume's list of nodes")


class StorageNode:
    """See the module's text."""

    def __init__(self, config: StorageConfig, runtime: Runtime) -> None:
        self._config = config
        self._runtime = runtime
        self._volume_id = config.volume.volume_id
        self.peers = Peers(runtime, config.volume, config.node_id, config.az)
        self.hosting = Hosting(runtime, config.volume, self.peers.read_page)
        self.catch_up = CatchUp(runtime, config.volume, self.hosting, self.peers, self._fail)
        self.background = Background(runtime, self.hosting)
        self.document = DocumentStore(runtime)
        self._broken: StorageBroken | None = None
        self._failed = trio.Event()
        self._appends = self._records_bytes = self._heartbeats = self._reads = 0

    # -- the process ---------------------------------------------------------------------------

    async def open(self) -> None:
        """Claim the data directory and recover what is in it."""
        await datadir.claim(self._runtime.disk, self._config.node_id, self._config.volume)
        await self.document.open()
        await self.hosting.open()

    async def run(self, ready: Callable[[Address], None]) -> None:
        """Serve until cancelled; raises StorageBroken when the disk can no longer be trusted."""
        server = RpcServer(
            self._runtime,
            self._handlers(),
            inline=frozenset({messages.APPEND}),
            name=f"storage {self._config.node_id}",
        )
        try:
            async with trio.open_nursery() as nursery:
                address = await nursery.start(server.serve, self._config.listen)
                nursery.start_soon(self.peers.run)
                self._keep(nursery, "gossip", self.catch_up.run)
                self._keep(nursery, "background", self.background.run)
                ready(address)
                await self._failed.wait()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await self.hosting.close()
        if self._broken is not None:
            raise self._broken

    def _keep(
        self, nursery: trio.Nursery, name: str, activity: Callable[[], Awaitable[None]]
    ) -> None:
        async def guarded() -> None:
            try:
                await activity()
            except StorageBroken as error:
                self._fail(error)

        nursery.start_soon(keep_running, self._runtime, name, guarded)

    def _fail(self, error: StorageBroken) -> None:
        self._broken = error
        self._failed.set()

    # -- requests ------------------------------------------------------------------------------

    def _handlers(self) -> dict[str, Handler]:
        table: dict[str, Callable[[Any], Awaitable[Any]]] = {
            messages.STATUS: self._status,
            messages.RAISE_EPOCH: self._raise_epoch,
            messages.TRUNCATE: self._truncate,
            messages.ATTACH: self._attach,
            messages.APPEND: self._append,
            messages.READ_PAGE: self._read_page,
            messages.READ_COPY: self._read_copy,
            messages.FETCH_LOG: self._fetch_log,
            messages.FETCH_PAGES: self._fetch_pages,
            messages.DOC_READ: self._doc_read,
            messages.DOC_WRITE: self._doc_write,
        }
        return {method: self._answering(handler) for method, handler in table.items()}

    def _answering(self, handler: Callable[[Any], Awaitable[Any]]) -> Handler:
        """Errors of this package become refusals with their code."""

        async def answer(_peer: Peer, payload: Any) -> Any:
            try:
                return await handler(payload)
            except VolumeError as error:
                raise self._refusal(error) from None
            except DiskError as error:
                raise self._refusal(StorageFull(str(error))) from None

        return answer

    def _refusal(self, error: VolumeError) -> RpcError:
        if isinstance(error, StorageBroken):
            self._fail(error)
        if isinstance(error, BadRequest | StorageFull | StorageBroken):
            self._runtime.trace.warn("request_refused", code=error.code, reason=error.message)
        return RpcError(error.code, error.message, error.details)

    def _check_volume(self, volume_id: object) -> None:
        if volume_id != self._volume_id:
            raise WrongVolume(f"this node belongs to volume {self._volume_id}")

    async def _append(self, payload: Any) -> Any:
        volume_id, pg, epoch, vdl, pgmrpl, tail, records = messages.decode_append(payload)
        if volume_id != self._volume_id:
            self._check_volume(volume_id)
        hosted = self.hosting.segments.get(pg)
        if hosted is None:
            raise NeedAttach(0)
        if records:
            if len(records) > limits.APPEND_BYTES_MAX:
                raise BadRequest(f"append of {len(records)} bytes")
            self.background.foreground()
            self._appends += 1
            self._records_bytes += len(records)
        else:
            self._heartbeats += 1
        scl = await hosted.replica.append(epoch, vdl, pgmrpl, tail, records)
        if hosted.replica.segment.log.high_lsn > scl:
            self.catch_up.kick()
        return (scl,)

    async def _raise_epoch(self, payload: Any) -> Any:
        request = messages.RaiseEpoch.decode(payload)
        self._check_volume(request.volume_id)
        hosted = await self.hosting.get_or_create(request.pg)
        return (await hosted.replica.raise_epoch(request.epoch, request.owner)).encode()

    async def _truncate(self, payload: Any) -> Any:
        request = messages.Truncate.decode(payload)
        self._check_volume(request.volume_id)
        hosted = self.hosting.get(request.pg)
        return [await hosted.replica.truncate(request.epoch, request.range)]

    async def _attach(self, payload: Any) -> Any:
        request = messages.Attach.decode(payload)
        self._check_volume(request.volume_id)
        hosted = await self.hosting.get_or_create(request.pg)
        scl = await hosted.replica.attach(request.epoch, request.owner, request.truncations)
        self.catch_up.kick()
        return [scl]

    async def _read_page(self, payload: Any) -> Any:
        request = messages.ReadPage.decode(payload)
        self._check_volume(request.volume_id)
        self.background.foreground()
        self._reads += 1
        hosted = self.hosting.get(request.pg)
        return await hosted.reader.read(request.page_no, request.lsn)

    async def _read_copy(self, payload: Any) -> Any:
        request = messages.ReadPage.decode(payload)
        self._check_volume(request.volume_id)
        hosted = self.hosting.get(request.pg)
        return await hosted.reader.read_copy(request.page_no, request.lsn)

    async def _fetch_log(self, payload: Any) -> Any:
        request = messages.FetchLog.decode(payload)
        self._check_volume(request.volume_id)
        limit = min(request.limit_bytes, limits.FETCH_BYTES_MAX)
        hosted = self.hosting.get(request.pg)
        return (await hosted.replica.log_after(request.after, limit)).encode()

    async def _fetch_pages(self, payload: Any) -> Any:
        request = messages.FetchPages.decode(payload)
        self._check_volume(request.volume_id)
        limit = min(request.limit_bytes, limits.FETCH_BYTES_MAX)
        hosted = self.hosting.get(request.pg)
        return (await hosted.replica.pages_after(request.start, limit)).encode()

    async def _doc_read(self, payload: Any) -> Any:
        self._check_volume(messages.decode_volume(payload, messages.DOC_READ))
        return messages.Document(self.document.generation, self.document.data).encode()

    async def _doc_write(self, payload: Any) -> Any:
        request = messages.WriteDocument.decode(payload)
        self._check_volume(request.volume_id)
        generation = await self.document.write(
            request.expected_generation, request.generation, request.data
        )
        return [generation]

    async def _status(self, payload: Any) -> Any:
        self._check_volume(messages.decode_volume(payload, messages.STATUS))
        return messages.NodeStatus(
            node_id=self._config.node_id,
            az=self._config.az,
            pid=os.getpid(),
            volume_id=self._volume_id,
            state=self._state(),
            segments=tuple(hosted.replica.status() for hosted in self.hosting),
            counters=self._counters(),
        ).encode()

    def _state(self) -> str:
        hydrating = any(hosted.replica.segment.hydrating for hosted in self.hosting)
        return "hydrating" if hydrating else "serving"

    def _counters(self) -> dict[str, int]:
        return {
            "appends": self._appends,
            "append_bytes": self._records_bytes,
            "heartbeats": self._heartbeats,
            "reads": self._reads,
            "gossip_records": self.catch_up.records,
            "hydrations": self.catch_up.hydrations,
            "pages_coalesced": self.background.pages_coalesced,
            "pages_damaged": self.background.pages_damaged,
            "log_bytes": sum(hosted.replica.log.size for hosted in self.hosting),
        }


async def run_storage(
    config: StorageConfig, runtime: Runtime, *, ready: Callable[[Address], None]
) -> None:
    """Run a storage node until cancelled."""
    node = StorageNode(config, runtime)
    await node.open()
    await node.run(ready)
