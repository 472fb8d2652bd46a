"""A cluster of real processes for one test: started by `sixfold up`, always ended, by pid.

Only the public command line and the documented files are used, so these tests hold for any inside.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pymysql
from attrs import define, field

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = ("-m", "cluster.cli")
READY_SECONDS = 60.0
COMMAND_SECONDS = 60.0
READY_LINE = "connect with:"


@define(eq=False)
class RealCluster:
    """`program` is what Python runs in place of the `sixfold` command (for mutants)."""

    data: Path
    port: int = field(factory=lambda: free_port_base())
    options: Sequence[str] = ()
    program: Sequence[str] = PROGRAM
    launcher: subprocess.Popen[bytes] | None = None
    ready_seconds: float = 0.0

    # -- life

    def up(self) -> None:
        self.start()
        self.wait_ready()

    def start(self) -> None:
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self.output_file.open("wb") as output:
            self.launcher = subprocess.Popen(
                self._command("up", "--port", str(self.port), *self.options),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        assert self.launcher is not None
        began = time.monotonic()
        while READY_LINE not in self.output():
            if self.launcher.poll() is not None or time.monotonic() - began > READY_SECONDS:
                raise AssertionError(f"the cluster did not become ready:\n{self.evidence()}")
            time.sleep(0.02)
        self.ready_seconds = time.monotonic() - began

    def interrupt(self, seconds: float = 20.0) -> int:
        """Ctrl-C; returns the launcher's exit code."""
        assert self.launcher is not None
        self.launcher.send_signal(signal.SIGINT)
        return self.launcher.wait(seconds)

    def destroy(self) -> None:
        """End whatever is left, stopped processes included."""
        if self.launcher is not None and self.launcher.poll() is None:
            self.launcher.kill()
            self.launcher.wait()
        for pid in self.every_pid():
            _kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.every_pid(), 10, "every process to end")

    def kill_everything(self) -> None:
        """SIGKILL to the launcher and all components at once."""
        assert self.launcher is not None
        pids = self.every_pid()
        for pid in [self.launcher.pid, *pids]:
            _kill(pid, signal.SIGKILL)
        self.launcher.wait()
        wait_until(lambda: not self.every_pid(), 10, "every process to end")

    # -- commands

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments),
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        parsed: dict[str, Any] = json.loads(done.stdout)
        return parsed

    def _command(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, *self.program, name, "--data", str(self.data), *arguments]

    # -- what runs

    def components(self) -> dict[str, dict[str, Any]]:
        """From the launcher's state file: component name to its entry."""
        state = json.loads((self.data / "run" / "state.json").read_text())
        return {part["name"]: part for part in state["components"]}

    def pid(self, name: str) -> int:
        process = self.components()[name]["process"]
        assert process is not None, f"{name} is not running"
        return int(process["pid"])

    def signal(self, name: str, number: signal.Signals) -> int:
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def every_pid(self) -> list[int]:
        """Every process whose command line names this data directory."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                command = _command_line(entry)
                if str(self.data) in command and "cluster.cli" in command + " ".join(self.program):
                    found.append(int(entry.name))
        return found

    def roles(self) -> dict[str, str]:
        return {one["id"]: one["role"] for one in self.status()["instances"]}

    def writer(self) -> str:
        name = self.status()["writer"]
        assert isinstance(name, str), "no writer"
        return name

    def wait_status(
        self, good: Callable[[dict[str, Any]], bool], seconds: float, what: str
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def look() -> bool:
            found.update(self.status())
            return good(found)

        wait_until(look, seconds, what, self.evidence)
        return found

    # -- clients

    def connect(self, address: str | None = None, **options: Any) -> pymysql.Connection:
        """To the writer endpoint, or to host:port."""
        host, _, port = (address or f"127.0.0.1:{self.port}").rpartition(":")
        return pymysql.connect(
            host=host,
            port=int(port),
            user="admin",
            **{"autocommit": True, "connect_timeout": 35, "read_timeout": 35, **options},
        )

    @property
    def reader_endpoint(self) -> str:
        return f"127.0.0.1:{self.port + 1}"

    # -- evidence for a failure

    @property
    def output_file(self) -> Path:
        return self.data.with_suffix(".out")

    def output(self) -> str:
        return self.output_file.read_text(errors="replace") if self.output_file.exists() else ""

    def evidence(self) -> str:
        parts = [self.output()]
        for log in sorted((self.data / "log").glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-8:]
            parts.append(f"--- {log.name}\n" + "\n".join(lines))
        return "\n".join(parts)


def wait_until(
    good: Callable[[], bool],
    seconds: float,
    what: str,
    evidence: Callable[[], str] = lambda: "",
) -> float:
    """Poll until `good`; returns how long it took."""
    began = time.monotonic()
    while not good():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"waited {seconds:.0f} s for {what}\n{evidence()}")
        time.sleep(0.02)
    return time.monotonic() - began


def free_port_base() -> int:
    """A port below the ephemeral range with its neighbours free; random, for parallel test runs."""
    while True:
        base = random.randrange(18000, 30000)
        if all(_free(base + offset) for offset in (0, 1, 100, 101, 102)):
            return base


def is_stopped(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"


def stop(pid: int) -> None:
    """SIGSTOP, and wait until the kernel says it is stopped."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(pid), 5, f"process {pid} to stop")


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _command_line(entry: Path) -> str:
    try:
        raw = (entry / "cmdline").read_bytes()
        state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
    return "" if state == "Z" else raw.replace(b"\0", b" ").decode(errors="replace")
