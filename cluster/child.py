"""One component as a child process: started, watched until ready, started again when it dies.

Invariants: the child holds the data directory's lock; its standard input is a pipe whose other end
only the launcher holds, so it stops when the launcher is gone; it leads its own process group
within the launcher's session, so that Ctrl-C reaches only the launcher, and the kernel continues
and hangs up a stopped child whose launcher died (POSIX, orphaned process groups).
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from functools import partial

import trio
from attrs import define, field

from cluster import logs
from cluster.backoff import Backoff
from cluster.component import READY_WORD
from cluster.datadir import DataDir, write_json
from cluster.exits import ExitCode, OperatorError
from cluster.processes import ProcessId, identify
from cluster.wiring import Component
from runtime.clock import Clock


@define(eq=False)
class Child:
    part: Component
    program: Sequence[str]
    data: DataDir
    lock_fd: int
    clock: Clock
    report: Callable[[str], None]
    on_change: Callable[[], None]
    ready: trio.Event = field(factory=trio.Event)
    process: trio.Process | None = None
    identity: ProcessId | None = None
    _backoff: Backoff = field(factory=Backoff)
    _log_start: int = 0

    async def keep_running(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run until cancelled; only a first start that fails is an error."""
        process = await self._start()
        task_status.started()
        while True:
            await self._watch(process)
            code = await process.wait()
            self.process = self.identity = None
            self.on_change()
            if not self.ready.is_set():
                raise self._start_failure(code)
            delay = self._backoff.died(self.clock.monotonic())
            self.report(f"{self.part.name} {ending(code)}; starting it again")
            await self.clock.sleep(delay)
            process = await self._start()

    def request_stop(self) -> None:
        """Ask for a clean end; a stopped process is continued so that it can obey."""
        for number in (signal.SIGTERM, signal.SIGCONT):
            self.signal(number)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def wait_ended(self) -> None:
        if self.process is not None:
            await self.process.wait()

    async def _start(self) -> trio.Process:
        log = self.data.log_file(self.part.name)
        stderr = logs.open_for_child(log)
        self._log_start = log.stat().st_size
        command = [
            *self.program,
            self.part.kind,
            "--config",
            str(self.data.config_file(self.part.name)),
        ]
        launch = partial(
            trio.lowlevel.open_process,
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            process_group=0,
            pass_fds=(self.lock_fd,),
        )
        try:
            # Shielded: a process that was started but never recorded could not be stopped.
            with trio.CancelScope(shield=True):
                self.process = process = await launch()
        finally:
            os.close(stderr)
        self.identity = identify(process.pid)
        self._backoff.started(self.clock.monotonic())
        self.on_change()
        return process

    async def _watch(self, process: trio.Process) -> None:
        """Follow the child's standard output to its end; the ready line is all it says there."""
        assert process.stdout is not None
        seen = b""
        async for chunk in process.stdout:
            if self.ready.is_set():
                continue
            seen += chunk
            if any(line.startswith(READY_WORD.encode()) for line in seen.splitlines()):
                self.ready.set()

    def _start_failure(self, code: int) -> OperatorError:
        said = logs.last_line(self.data.log_file(self.part.name), self._log_start)
        detail = said or f"see {self.data.log_file(self.part.name)}"
        return OperatorError(
            ExitCode.FAILED, f"{self.part.name} {ending(code)} before it was ready: {detail}"
        )


def write_config(child: Child, seed: int | None) -> None:
    write_json(child.data.config_file(child.part.name), child.part.envelope(seed), durable=False)


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exited with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
