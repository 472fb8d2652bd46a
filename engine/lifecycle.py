"""What an instance does in each role and on the way from one to the next.

Invariants
- Exactly one of follower (reader) and feed (writer) runs.
- Writes are allowed only between a successful opening of the volume and the first of: a demotion
  that began, an epoch that was lost. Losing the epoch ends writing in the same turn of the loop.
- The pool survives a promotion. After a lost epoch it loses what was not durable, and every session
  that may have seen it is cut.
- `promote` is idempotent: asked again, it joins the attempt under way, or answers at once.

The opening can be called off (`demote`) until the volume was opened. It ends by itself within the
time the caller gave: a candidate that was given up must not come back later and fence the next one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import greenback
import trio
from attrs import define, field

from engine.info import InstanceInfo
from engine.replication.feed import RedoFeed, RedoSource
from engine.replication.follower import ReadableVolume, RedoFollower
from engine.role import Event, Role, RoleState
from engine.store import Store, StoreConnection, StoreError, VolumeWriter
from runtime.seams import Runtime
from volume.errors import Fenced, VolumeError
from volume.model import Lsn
from wire.rpc import RpcError

OPEN_SECONDS: Final = 2.0
GRACE_SECONDS: Final = 0.05  # of a demotion, for transactions about to end by themselves
SESSIONS_SECONDS: Final = 2.0  # until a cut session must have let go of its connection
READ_POINT_SECONDS: Final = 0.1
LOCK_WAIT_SECONDS: Final = 5.0

Bootstrap = Callable[[StoreConnection], Awaitable[None]]


class WritableVolume(VolumeWriter, ReadableVolume, RedoSource, Protocol):
    """The volume as the lifecycle uses it."""

    on_durable: list[Callable[[Lsn], None]]
    on_fenced: list[Callable[[int, str], None]]

    @property
    def epoch(self) -> int: ...
    async def open_for_writing(self, owner: str, *, timeout: float) -> Lsn: ...
    async def close_writer(self) -> None: ...
    def set_read_points(self, lowest: Lsn) -> None: ...


@define(eq=False)
class _Attempt:
    """One try to open the volume, joined by every promote call that arrives meanwhile."""

    scope: trio.CancelScope = field(factory=trio.CancelScope)
    done: trio.Event = field(factory=trio.Event)
    failure: Exception | None = None


class Lifecycle:
    """Runs one instance through its roles."""

    def __init__(
        self,
        runtime: Runtime,
        volume: WritableVolume,
        store: Store,
        info: InstanceInfo,
        follower: RedoFollower,
        *,
        bootstrap: Bootstrap,
        on_change: Callable[[], None],
    ) -> None:
        self.feed: RedoFeed | None = None
        self.role = RoleState()
        self._runtime = runtime
        self._trace = runtime.trace
        self._clock = runtime.clock
        self._volume = volume
        self._store = store
        self._info = info
        self._follower = follower
        self._bootstrap = bootstrap
        self._on_change = on_change
        self._nursery: trio.Nursery | None = None
        self._attempt: _Attempt | None = None
        self._transition = trio.Lock()  # opening and stepping down never overlap
        self._following = trio.CancelScope()
        self._followed = trio.Event()
        self._feeding = trio.CancelScope()
        volume.on_durable.append(self._durable)
        volume.on_fenced.append(self._fenced)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; the instance begins as a reader."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._start_following()
            task_status.started()
            while True:
                await self._clock.sleep(READ_POINT_SECONDS)
                if self.feed is not None:
                    lowest = self.feed.oldest_needed(self._store.pool.oldest_snapshot())
                    self._volume.set_read_points(Lsn(lowest))

    # -- promotion -------------------------------------------------------------------------

    async def promote(self, reason: str, timeout: float = OPEN_SECONDS) -> int:
        """Become the writer; returns the epoch. Raises VolumeError, or RpcError when refused.

        Without success after `timeout` the attempt ends and nothing of it comes later.
        """
        if self.role.playing(Role.WRITER):
            return self.role.epoch
        if self.role.playing(Role.DEMOTING):
            raise RpcError("demoting", "this instance is handing over to another writer")
        attempt = self._attempt
        if attempt is None:
            assert self._nursery is not None
            attempt = self._attempt = _Attempt()
            self._enter(Event.PROMOTE)
            self._trace.info("promotion_began", reason=reason)
            deadline = self._clock.monotonic() + min(timeout, OPEN_SECONDS)
            self._nursery.start_soon(self._open, attempt, deadline, name="open the volume")
        await attempt.done.wait()
        if attempt.failure is not None:
            raise attempt.failure
        return self.role.epoch

    async def _open(self, attempt: _Attempt, deadline: float) -> None:
        began = self._clock.monotonic()
        async with self._transition:
            try:
                with attempt.scope:
                    await self._become_writer(deadline)
                    took_ms = round((self._clock.monotonic() - began) * 1000, 1)
                    self._trace.info("promoted", epoch=self.role.epoch, ms=took_ms)
                if attempt.scope.cancelled_caught:
                    attempt.failure = RpcError("called_off", "the promotion was called off")
            except StoreError as error:
                attempt.failure = RpcError("not_promoted", error.message)
            except (VolumeError, RpcError) as error:
                attempt.failure = error
            finally:
                self._attempt = None
                if attempt.failure is not None:
                    self._trace.warn("promotion_failed", reason=str(attempt.failure))
                if self.role.playing(Role.OPENING):
                    self._enter(Event.FAILED)
                if self.role.playing(Role.READER):
                    await self._step_down()
                attempt.done.set()

    async def _become_writer(self, deadline: float) -> None:
        volume, store = self._volume, self._store
        left = deadline - self._clock.monotonic()
        if left <= 0:
            raise RpcError("too_late", "the time for the promotion was over before it could begin")
        vdl = await volume.open_for_writing(self._info.instance_id, timeout=left)
        epoch = volume.epoch
        with trio.CancelScope(shield=True):  # the epoch is ours: no way back but forward
            self._following.cancel()
            await self._followed.wait()
            await self._follower.take_over(vdl)
            self._still_opening()
            self._start_feeding(epoch)
            store.allow_writes(vdl)
            if vdl == 0:
                await self._create_system_schema()
            self._still_opening()
            self.role.epoch = self._info.epoch = epoch
            self._info.writer_id = self._info.instance_id
            self._enter(Event.OPENED)

    def _still_opening(self) -> None:
        """The epoch may have been lost while this instance was still getting ready for it."""
        if not self.role.playing(Role.OPENING):
            raise Fenced(self._info.epoch, self._info.writer_id or "")

    async def _create_system_schema(self) -> None:
        """The first promotion on an empty volume creates the catalogue, in one transaction."""
        await greenback.ensure_portal()
        conn = self._store.connect()
        try:
            await conn.begin_write(lock_wait=LOCK_WAIT_SECONDS)
            await self._bootstrap(conn)
            await conn.commit()
        finally:
            conn.close()
        self._trace.info("system_schema_created", vdl=self._store.read_point)

    # -- demotion --------------------------------------------------------------------------

    async def demote(self, timeout: float) -> int:
        """Hand over: drain, then become a reader. Raises RpcError and stays the writer if the
        commits under way do not become durable in time."""
        attempt = self._attempt
        if attempt is not None:
            attempt.scope.cancel()
            await attempt.done.wait()
        if self.role.playing(Role.READER):
            return self._info.epoch
        if not self.role.playing(Role.WRITER):
            raise RpcError("demoting", "this instance is handing over already")
        self._enter(Event.DEMOTE)
        with trio.CancelScope(shield=True):
            drained = await self._drain(timeout)
            if self.role.playing(Role.READER):
                return self._info.epoch  # fenced meanwhile, which came to the same
            if not drained:
                self._enter(Event.UNDRAINED)
                self._store.resume_writes()
                raise RpcError("not_drained", f"commits were not durable within {timeout:g} s")
            self._enter(Event.DRAINED)
            async with self._transition:
                await self._step_down()
        return self._info.epoch

    async def _drain(self, timeout: float) -> bool:
        """Let what was begun end; whether all of it is durable now."""
        store = self._store
        deadline = self._clock.monotonic() + timeout
        with trio.move_on_after(min(GRACE_SECONDS, timeout / 2)):
            await store.lock.wait_free()
        if not await self._all_durable(deadline):
            return False
        self._info.sessions.cut_all()
        with trio.move_on_after(max(0.0, deadline - self._clock.monotonic())):
            await store.lock.wait_free()
        return store.lock.holder is None and await self._all_durable(deadline)

    async def _all_durable(self, deadline: float) -> bool:
        store = self._store
        if store.newest <= store.read_point:
            return True
        left = max(0.01, deadline - self._clock.monotonic())
        try:
            await self._volume.wait_durable(Lsn(store.newest), timeout=left)
        except VolumeError as error:
            self._trace.warn("not_drained", reason=str(error))
            return False
        return True

    def _fenced(self, epoch: int, owner: str) -> None:
        """Another instance opened the volume: nothing this one logs counts any more."""
        if not self.role.accepts(Event.FENCED):
            return
        self._trace.warn("fenced", epoch=epoch, owner=owner, own=self.role.epoch)
        self._info.epoch = max(self._info.epoch, epoch)
        self._info.writer_id = owner or None
        opening = self.role.playing(Role.OPENING)
        self._enter(Event.FENCED)
        self._info.sessions.cut_all()
        self._stop_feeding()
        if not opening:  # otherwise the attempt under way notices, and steps down itself
            assert self._nursery is not None
            self._nursery.start_soon(self._lost_epoch, name="step down")

    async def _lost_epoch(self) -> None:
        async with self._transition:
            await self._step_down()

    async def _step_down(self) -> None:
        """From writer, or almost writer, to reader of whoever comes next."""
        with trio.CancelScope(shield=True):
            if self.feed is not None:
                self._info.sessions.cut_all()
                self._stop_feeding()
            if self.role.refusal is not None:
                self._store.refuse_writes(self.role.refusal)
            await self._sessions_gone()
            await self._volume.close_writer()
            self._store.forget_undurable(self._store.read_point)
            if self._followed.is_set():
                self._start_following()
            self._on_change()

    async def _sessions_gone(self) -> None:
        """Cut sessions still hold connections whose SQLite caches saw undurable pages."""
        deadline = self._clock.monotonic() + SESSIONS_SECONDS
        while self._store.lock.holder is not None and self._clock.monotonic() < deadline:
            await self._clock.sleep(0.005)

    # -- what runs in a role ---------------------------------------------------------------

    def _start_following(self) -> None:
        assert self._nursery is not None
        self._following = trio.CancelScope()
        self._followed = trio.Event()
        self._nursery.start_soon(self._follow, name="follow the writer")

    async def _follow(self) -> None:
        try:
            with self._following:
                await self._follower.run()
        finally:
            self._followed.set()

    def _start_feeding(self, epoch: int) -> None:
        assert self._nursery is not None
        feed = self.feed = RedoFeed(self._runtime, self._volume, self._info, epoch=epoch)
        self._store.on_logged = feed.on_logged
        self._feeding = trio.CancelScope()
        self._nursery.start_soon(self._feed, feed, self._feeding, name="feed the readers")

    async def _feed(self, feed: RedoFeed, scope: trio.CancelScope) -> None:
        with scope:
            await feed.run()

    def _stop_feeding(self) -> None:
        feed, self.feed = self.feed, None
        self._store.on_logged = None
        if feed is not None:
            feed.flush()
            self._feeding.cancel()
            feed.close()

    def _durable(self, vdl: Lsn) -> None:
        self._store.on_durable(vdl)
        self._info.vdl = vdl
        if self.feed is not None:
            self.feed.on_durable()

    def _enter(self, event: Event) -> None:
        """Take the next role: what it refuses is refused before anyone hears of it."""
        role = self.role.on(event)
        self._info.role = role.value
        if self.role.refusal is not None:
            self._store.refuse_writes(self.role.refusal)
        self._trace.info("role", now=role.value, event=event.value, epoch=self._info.epoch)
        self._on_change()
