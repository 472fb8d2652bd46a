"""`sixfold up`: a whole cluster on this machine, one child process per component.

Order of a start: lock the directory, settle the spec, find addresses, write the configurations,
start all processes at once, wait for each one's ready line, then prove both endpoints with a real
client. Order of a stop: first what talks to clients and could start a failover, then storage;
whatever does not end within its grace is killed, so nothing is ever left behind.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import trio
from attrs import define, field

from cluster import logs, spec, wiring
from cluster.addresses import Addresses, plan
from cluster.child import Child, write_config
from cluster.datadir import DataDir
from cluster.exits import ExitCode, OperatorError
from cluster.leftovers import take_lock
from cluster.processes import identify
from runtime.seams import Runtime

READY_TIMEOUT = 60.0
STOP_GRACE = 4.0
LOG_CHECK_INTERVAL = 5.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What runs a component; the subcommand and --config follow.
PROGRAM: tuple[str, ...] = (sys.executable, "-m", "cluster.cli")


@define(eq=False)
class Launcher:
    data: DataDir
    requested: spec.Requested
    port: int
    report: Callable[[str], None]
    on_ready: Callable[[], None]
    program: Sequence[str] = field(factory=lambda: PROGRAM)
    _children: list[Child] = field(factory=list, init=False)
    _addresses: Addresses | None = field(default=None, init=False)

    def run(self) -> None:
        """Blocks until the cluster was told to stop; raises OperatorError when it cannot start."""
        spec.check(self.requested)
        self.data.make()
        try:
            trio.run(self._run)
        except BaseExceptionGroup as group:
            raise _operator_error(group) from None

    async def _run(self) -> None:
        runtime = Runtime.system(root=self.data.run, seed=None, name="launcher")
        with ExitStack() as held:
            # Held to the very end: an impatient second Ctrl-C must not interrupt the stopping.
            signals = held.enter_context(trio.open_signal_receiver(*STOP_SIGNALS))
            lock_fd = await take_lock(self.data, runtime.clock)
            held.callback(os.close, lock_fd)
            # From here on `down` finds this launcher, and nobody an earlier one's processes.
            held.callback(self.data.remove_state)
            self.data.write_state({"launcher": _own_process(), "components": []})
            settled = self.data.open_or_create(self.requested, volume_id=runtime.rng.uuid())
            addresses = plan(
                self.port, instances=settled.instances, storage_nodes=len(spec.storage_ids())
            )
            self._addresses = addresses
            sockets = held.enter_context(self.data.socket_directory())
            self._make_children(settled, addresses, sockets, lock_fd, runtime)
            self.report(f"volume {settled.volume_id} in {self.data.root}")
            try:
                await self._supervise(addresses, runtime, signals)
            finally:
                with trio.CancelScope(shield=True):
                    await stop(self._children, signals)

    def _make_children(
        self,
        settled: spec.ClusterSpec,
        addresses: Addresses,
        sockets: Path,
        lock_fd: int,
        runtime: Runtime,
    ) -> None:
        for part in wiring.components(settled, addresses, self.data, sockets):
            child = Child(
                part=part,
                program=self.program,
                data=self.data,
                lock_fd=lock_fd,
                clock=runtime.clock,
                report=self.report,
                on_change=self._write_state,
            )
            write_config(child, settled.seed)
            self._children.append(child)

    async def _supervise(
        self, addresses: Addresses, runtime: Runtime, signals: AsyncIterator[int]
    ) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stop_on_signal, signals, nursery.cancel_scope)
            for child in sorted(self._children, key=_start_rank):
                await nursery.start(child.keep_running)
            nursery.start_soon(self._rotate_logs, runtime)
            nursery.start_soon(self._become_ready, addresses, runtime)

    async def _become_ready(self, addresses: Addresses, runtime: Runtime) -> None:
        from cluster import readiness

        with trio.move_on_after(READY_TIMEOUT) as limit:
            async with trio.open_nursery() as nursery:
                for child in self._children:
                    nursery.start_soon(self._report_ready, child)
            await readiness.prove(addresses, runtime)
        if limit.cancelled_caught:
            waiting = [child.part.name for child in self._children if not child.ready.is_set()]
            what = ", ".join(waiting) if waiting else "an endpoint that answers"
            raise OperatorError(
                ExitCode.FAILED,
                f"not ready after {READY_TIMEOUT:.0f} s, still waiting for {what}; "
                f"see {self.data.log}",
            )
        self.report("")
        self.report(f"writer endpoint  {addresses.writer}")
        self.report(f"reader endpoint  {addresses.reader}")
        self.report(
            f"connect with:    mysql -h {addresses.writer.host} -P {addresses.writer.port} -u admin"
        )
        self.on_ready()

    async def _report_ready(self, child: Child) -> None:
        await child.ready.wait()
        part = child.part
        place = f"az {part.az}" + (f"  tier {part.tier}" if part.tier is not None else "")
        shown = place if part.kind in ("storage", "instance") else ""
        self.report(f"  {part.name:<12} ready  {part.address!s:<16} {shown}".rstrip())

    async def _stop_on_signal(self, signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
        await anext(signals)
        self.report("stopping")
        scope.cancel()

    async def _rotate_logs(self, runtime: Runtime) -> None:
        while True:
            await runtime.clock.sleep(LOG_CHECK_INTERVAL)
            for child in self._children:
                logs.rotate_if_large(self.data.log_file(child.part.name))

    def _write_state(self) -> None:
        assert self._addresses is not None
        pids = {
            child.part.name: {"pid": child.identity.pid, "start": child.identity.start}
            for child in self._children
            if child.identity is not None
        }
        parts = [child.part for child in self._children]
        self.data.write_state(wiring.state(parts, self._addresses, pids, _own_process()))


def _start_rank(child: Child) -> int:
    """What loads longest goes first, so that a slow machine still promotes by tier."""
    return ("instance", "storage", "endpoint", "monitor").index(child.part.kind)


def _own_process() -> dict[str, Any]:
    own = identify(os.getpid())
    assert own is not None
    return {"pid": own.pid, "start": own.start}


async def stop(children: Sequence[Child], signals: AsyncIterator[int]) -> None:
    """End every child: clients and failover first, storage last; a further signal kills at once."""
    front = [child for child in children if child.part.kind != "storage"]
    back = [child for child in children if child.part.kind == "storage"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_kill_on_signal, children, signals)
        for stage in (front, back):
            await _stop_stage(stage)
        nursery.cancel_scope.cancel()


async def _stop_stage(stage: Sequence[Child]) -> None:
    for child in stage:
        child.request_stop()
    with trio.move_on_after(STOP_GRACE):
        async with trio.open_nursery() as nursery:
            for child in stage:
                nursery.start_soon(child.wait_ended)
    for child in stage:
        child.signal(signal.SIGKILL)
    for child in stage:
        await child.wait_ended()


async def _kill_on_signal(children: Sequence[Child], signals: AsyncIterator[int]) -> None:
    async for _ in signals:
        for child in children:
            child.signal(signal.SIGKILL)


def _operator_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one failure a person should read; anything else is a bug and keeps its traceback."""
    operator, rest = group.split(OperatorError)
    if operator is None or rest is not None:
        return group
    found: BaseException = operator
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
