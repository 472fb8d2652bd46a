"""A reader's end of the redo stream: find the writer, subscribe, apply, report; again and again.

The buffer pool survives all of it. A new subscription starts at the read point; what the writer no
longer has is bridged from the volume's log, and only when that is gone too the pool starts over.
While there is no writer, or no volume, reads go on at the last read point.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import trio

from engine.apply import RedoApplier, RedoGap
from engine.info import InstanceInfo
from engine.replication.messages import (
    REDO,
    REPLICAS,
    REPORT,
    SUBSCRIBE,
    BadMessage,
    Redo,
    Replicas,
    Report,
    Subscribe,
    Subscribed,
)
from engine.store import Store
from runtime.errors import OperatingError
from runtime.net import Address
from runtime.seams import Runtime
from volume.errors import OutOfLog, VolumeError
from volume.model import Lsn, PageNo, PgId
from wire.rpc import RpcClient

DIAL_SECONDS: Final = 0.5
REPORT_SECONDS: Final = 0.1
SILENT_SECONDS: Final = 1.0  # ten heartbeats: look whether there is another writer by now
RETRY_FIRST: Final = 0.05
RETRY_MAX: Final = 0.25
_SIZE_AT: Final = slice(28, 32)  # database size in pages, in page 0


class NotFollowing(OperatingError):
    """There is no stream to follow right now; the text says why."""


class VolumeState(Protocol):
    """What a read quorum of the volume says about it."""

    @property
    def epoch(self) -> int: ...
    @property
    def owner(self) -> str: ...
    @property
    def vdl(self) -> int: ...


class ReadableVolume(Protocol):
    """What a reader needs of the volume beside pages."""

    async def discover(self) -> VolumeState: ...
    async def fetch_log(self, pg: PgId, after: Lsn, upto: Lsn) -> bytes | None: ...
    async def read_page(self, page_no: PageNo, at: Lsn) -> tuple[Lsn, bytes | None]: ...


class RedoFollower:
    """Keeps one reader's pool up to date. `run` is cancelled when the instance is promoted."""

    def __init__(
        self,
        runtime: Runtime,
        volume: ReadableVolume,
        store: Store,
        info: InstanceInfo,
        writers: Mapping[str, Address],
        *,
        pages_per_segment: int,
    ) -> None:
        self.applier = RedoApplier(store.pool)
        self._runtime = runtime
        self._clock = runtime.clock
        self._volume = volume
        self._store = store
        self._info = info
        self._writers = writers
        self._pages_per_segment = pages_per_segment
        self._client: RpcClient | None = None
        self._epoch = 0  # of the writer subscribed to
        self._early: list[Redo] = []  # redo that overtook the reply to the subscription
        self._bridging = False
        self._vdl = 0  # highest announced; applied as far as the stream has come
        self._durable_at = 0.0
        self._heard_at = 0.0
        self._worst_lag_ms = 0.0
        self._current_at = runtime.clock.wall()  # when this reader last knew it was up to date

    @property
    def connected(self) -> bool:
        return self._client is not None

    # -- the loop --------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        pause = RETRY_FIRST
        while True:
            began = self._clock.monotonic()
            try:
                await self._follow_once()
            except (VolumeError, OperatingError) as error:
                self._runtime.trace.debug("not_following", reason=str(error))
            if self._clock.monotonic() - began > SILENT_SECONDS:
                pause = RETRY_FIRST
            self.note_lag()
            await self._clock.sleep(pause * self._runtime.rng.uniform(0.5, 1.0))
            pause = min(pause * 2, RETRY_MAX)

    async def _follow_once(self) -> None:
        """One subscription, from finding the writer to losing it."""
        state = await self._volume.discover()
        if self._store.read_point == 0 and state.vdl:
            self.start_over(state.vdl)  # a new instance: it copies nothing
        self._info.writer_id = state.owner or None
        address = self._writers.get(state.owner)
        if address is None or state.owner == self._info.instance_id:
            raise NotFollowing(f"no writer to follow: epoch {state.epoch} is {state.owner!r}'s")
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            try:
                await self._follow_at(address, state.epoch, nursery)
            except (VolumeError, OperatingError) as error:
                failure = error  # raised outside: a nursery would wrap it
            finally:
                self._client = None
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _follow_at(self, address: Address, epoch: int, nursery: trio.Nursery) -> None:
        self._client = await RpcClient.open(
            self._runtime,
            address,
            nursery=nursery,
            timeout=DIAL_SECONDS,
            on_notify=self._on_notify,
        )
        await self._subscribe(self._client, epoch)
        await self._keep_reporting(self._client)

    async def _subscribe(self, client: RpcClient, epoch: int) -> None:
        store, applier = self._store, self.applier
        applier.restart()
        self._early.clear()
        self._epoch = 0
        self._vdl = 0
        self._heard_at = self._clock.monotonic()
        wish = Subscribe(self._info.instance_id, store.read_point, store.pool.oldest_snapshot())
        payload = await client.call(SUBSCRIBE, wish.encode(), timeout=DIAL_SECONDS)
        try:
            reply = Subscribed.decode(payload)
        except BadMessage as error:
            raise NotFollowing(str(error)) from error
        if reply.epoch < epoch:
            raise NotFollowing(f"{client.address} writes in epoch {reply.epoch}, not in {epoch}")
        applier.expect(reply.start)
        self._epoch = reply.epoch
        self._info.epoch = reply.epoch
        self._bridging = True
        try:
            for redo in self._early:
                self._on_redo(redo)
            self._early.clear()
            await self.bridge(reply.start)
        finally:
            self._bridging = False
        self._catch_up()
        self._runtime.trace.info("following", writer=self._info.writer_id, at=store.read_point)

    async def _keep_reporting(self, client: RpcClient) -> None:
        """Until the connection ends, or the writer has been silent for too long."""
        while not client.closed.is_set():
            self.note_lag()
            report = Report(self._store.pool.oldest_snapshot(), self._info.own_status())
            client.notify(REPORT, report.encode())
            if self._clock.monotonic() - self._heard_at > SILENT_SECONDS:
                raise NotFollowing("the writer is silent")
            with trio.move_on_after(REPORT_SECONDS):
                await client.closed.wait()

    # -- the stream ------------------------------------------------------------------------

    def _on_notify(self, method: str, payload: Any) -> None:
        try:
            if method == REDO:
                self._on_redo(Redo.decode(payload))
            elif method == REPLICAS:
                self._on_replicas(Replicas.decode(payload))
        except (RedoGap, BadMessage, VolumeError) as error:
            self._runtime.trace.warn("redo_stream_broken", reason=str(error))
            if self._client is not None:
                self._client.close()

    def _on_redo(self, redo: Redo) -> None:
        self._heard_at = self._clock.monotonic()
        if self._epoch == 0:
            self._early.append(redo)
            return
        if redo.epoch != self._epoch:
            raise BadMessage(f"redo of epoch {redo.epoch} in a stream of epoch {self._epoch}")
        self.applier.receive(redo.after, redo.blob)
        if redo.vdl > self._vdl:
            self._vdl = redo.vdl
            self._durable_at = redo.durable_at
        if not self._bridging:
            self._catch_up()

    def _catch_up(self) -> None:
        if self._vdl <= self._store.read_point:
            return
        self.applier.advance(self._vdl)
        self._info.vdl = self._store.read_point
        now = self._clock.wall()
        self._current_at = now
        self._worst_lag_ms = max(self._worst_lag_ms, (now - self._durable_at) * 1000.0)

    def _on_replicas(self, beat: Replicas) -> None:
        self._heard_at = self._clock.monotonic()
        if beat.epoch != self._epoch:
            return
        if self._vdl <= self._store.read_point:
            self._current_at = self._clock.wall()
        for status in beat.statuses:
            if status.server_id != self._info.instance_id:
                self._info.note_replica(status)

    def note_lag(self) -> None:
        """Publish the worst lag since the last time, or how long nothing was heard."""
        silent_ms = (self._clock.wall() - self._current_at) * 1000.0
        heartbeat_ms = 2000.0 * REPORT_SECONDS
        if silent_ms > heartbeat_ms:
            self._worst_lag_ms = max(self._worst_lag_ms, silent_ms)
        self._info.lag_ms = max(0.0, self._worst_lag_ms)
        self._worst_lag_ms = 0.0

    async def take_over(self, vdl: int) -> None:
        """Bring the pool to the VDL this instance recovered, after `run` has ended.

        Redo received but not yet known to be durable is good for that, if it reaches so far: the
        LSNs up to the VDL are then all of the epoch that was followed.
        """
        if self.applier.covers(vdl):
            self.applier.advance(vdl)
        else:
            try:
                await self.bridge(vdl)
            except VolumeError as error:
                self._runtime.trace.warn("redo_not_bridged", upto=vdl, reason=str(error))
                self.start_over(vdl)
        self.applier.restart()

    # -- gaps ------------------------------------------------------------------------------

    async def bridge(self, upto: int) -> None:
        """Bring the pool to `upto`, a durable point: from the volume's log, or by starting over."""
        pool = self._store.pool
        after = pool.read_point
        if upto <= after:
            return
        blobs = await self._log_between(after, upto)
        if blobs is None:
            self.start_over(upto)
            return
        self.applier.bridge(blobs, upto)
        self._info.vdl = upto
        self._runtime.trace.info("redo_bridged", after=after, upto=upto, pages=len(pool.slots))

    async def _log_between(self, after: int, upto: int) -> list[bytes] | None:
        if after == 0:
            return None  # the whole history of the volume: pages are cheaper
        _, page0 = await self._volume.read_page(PageNo(0), Lsn(upto))
        pages = int.from_bytes(page0[_SIZE_AT], "big") if page0 is not None else 1
        blobs = []
        for pg in range(-(-pages // self._pages_per_segment)):
            try:
                blob = await self._volume.fetch_log(PgId(pg), Lsn(after), Lsn(upto))
            except OutOfLog:
                blob = None
            if blob is None:
                return None
            blobs.append(blob)
        return blobs

    def start_over(self, at: int) -> None:
        pool = self._store.pool
        self._runtime.trace.info("pool_cleared", pages=len(pool.slots), at=at)
        pool.clear(at)
        self._store.note_available()
        self._info.vdl = at
