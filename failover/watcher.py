"""Watching instances: a connection to each control port, feeding its detector.

Purpose: the eyes of the monitor and of the router. Event driven: a broken connection, a refused
redial and every change of role reach `on_change` from the read loop itself, without a poll.
Invariants: after a connection breaks there is one redial without pause; only its failure makes the
member DOWN. A hung member's connection is given up and redialled, since a cut network leaves
connections that look open for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any

import trio
from attrs import evolve

from failover.instanceclient import STATUS, WATCH, BadStatus, parse_report
from failover.observe import Detector, DialFailure, Health, Observation, Report, Role
from failover.timeouts import Timeouts
from runtime.errors import OperatingError
from runtime.net import Address, ConnectFailed
from runtime.seams import Runtime
from wire.rpc import RpcClient, RpcClosed, RpcError, RpcTimeout

BACKOFF_GROWTH = 2.0

OnChange = Callable[[str], None]


class Watcher:
    """One member: keeps a connection, owns the detector."""

    def __init__(
        self,
        runtime: Runtime,
        member_id: str,
        control: Address,
        timeouts: Timeouts,
        on_change: OnChange,
    ) -> None:
        self.id = member_id
        self.detector = Detector(member_id, timeouts, runtime.clock.monotonic())
        self.client: RpcClient | None = None
        self._runtime = runtime
        self._control = control
        self._timeouts = timeouts
        self._on_change = on_change

    async def run(self) -> None:
        """Until cancelled."""
        first, most = self._timeouts.redial_backoff_first, self._timeouts.redial_backoff_max
        pause = 0.0
        short = 0  # connections in a row that ended as soon as they were there
        while True:
            began = self._now()
            worked = await self._connected()
            short = short + 1 if worked and self._now() - began < first else 0
            if worked and short < 2:
                pause = 0.0  # the quick redial
                continue
            pause = min(max(pause * BACKOFF_GROWTH, first), most)
            await self._runtime.clock.sleep(pause * self._runtime.rng.uniform(0.5, 1.0))

    def look(self, now: float) -> None:
        """Let time pass for the detector; gives up the connection of a member that is hung."""
        self._report_change(self.detector.look(now))
        if self.detector.health is Health.HUNG and self.client is not None:
            self.client.close()

    def assume(self, role: Role, epoch: int) -> None:
        """What a call's reply says about a member holds until its next report."""
        report = self.detector.report
        if report is None or self.detector.health.dead:
            return
        assumed = evolve(report, role=role, epoch=max(epoch, report.epoch))
        self._report_change(self.detector.on_report(assumed, self._now()))

    async def _connected(self) -> bool:
        """One connection from dial to end; False when it never came to a report."""
        began = self._now()
        failure: OperatingError | None = None
        async with trio.open_nursery() as nursery:
            try:
                await self._follow(nursery)
            except (ConnectFailed, RpcClosed, RpcError, RpcTimeout, BadStatus) as error:
                failure = error
            finally:
                self.client = None
                nursery.cancel_scope.cancel()
        if failure is not None:
            self._dial_failed(failure, self._now() - began)
            return False
        self._report_change(self.detector.on_broken(self._now()))
        return True

    async def _follow(self, nursery: trio.Nursery) -> None:
        """Connect, ask for reports, and stay until the connection ends."""
        client = await RpcClient.open(
            self._runtime,
            self._control,
            nursery=nursery,
            timeout=self._timeouts.redial,
            on_notify=self._on_notify,
        )
        report = self._checked(await client.call(WATCH, None, timeout=self._timeouts.redial))
        self.client = client  # before anyone hears of the report: they may want to call at once
        self._report_change(self.detector.on_report(report, self._now()))
        await client.closed.wait()

    def _dial_failed(self, error: OperatingError, took: float) -> None:
        slow = isinstance(error, RpcTimeout) or took >= self._timeouts.redial
        failure = DialFailure.TIMEOUT if slow else DialFailure.REFUSED
        self._runtime.trace.debug("dial_failed", member=self.id, reason=str(error))
        self._report_change(self.detector.on_dial_failed(failure, self._now()))

    def _on_notify(self, method: str, payload: Any) -> None:
        if method != STATUS:
            return
        try:
            report = self._checked(payload)
        except BadStatus as error:
            self._runtime.trace.warn("bad_status", member=self.id, reason=str(error))
            return
        self._report_change(self.detector.on_report(report, self._now()))

    def _checked(self, payload: Any) -> Report:
        report = parse_report(payload)
        if report.id != self.id:
            raise BadStatus(f"{self._control} is {report.id}, not {self.id}")
        return report

    def _report_change(self, changed: bool) -> None:
        if changed:
            self._on_change(self.id)

    def _now(self) -> float:
        return self._runtime.clock.monotonic()


class Watch:
    """All members together, and one place to wait for news about any of them."""

    def __init__(
        self,
        runtime: Runtime,
        members: Iterable[tuple[str, Address]],
        timeouts: Timeouts,
        on_change: OnChange | None = None,
    ) -> None:
        self._clock = runtime.clock
        self._news = trio.Event()
        self._also = on_change
        self.watchers = {
            member_id: Watcher(runtime, member_id, control, timeouts, self._changed)
            for member_id, control in members
        }

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for watcher in self.watchers.values():
                nursery.start_soon(watcher.run, name=f"watch {watcher.id}")

    def look(self, now: float) -> None:
        for watcher in self.watchers.values():
            watcher.look(now)

    def observations(self) -> Mapping[str, Observation]:
        return {name: item.detector.observation() for name, item in self.watchers.items()}

    def client(self, member_id: str) -> RpcClient | None:
        watcher = self.watchers.get(member_id)
        return watcher.client if watcher is not None else None

    def wake(self) -> None:
        self._news.set()

    async def wait(self, until: float | None) -> None:
        """For news, or for a moment on this node's clock."""
        if not self._news.is_set():
            seconds = inf if until is None else max(0.0, until - self._clock.monotonic())
            with trio.move_on_after(seconds):
                await self._news.wait()
        self._news = trio.Event()

    def _changed(self, member_id: str) -> None:
        if self._also is not None:
            self._also(member_id)
        self._news.set()
