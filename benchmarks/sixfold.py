"""Our own system, started and stopped through the same command a user has."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import define

from benchmarks.systems import BenchmarkError, Endpoint, free_port, tail

PROGRAM = ("-m", "cluster.cli")
USER = "admin"
START_SECONDS = 90.0
STOP_SECONDS = 30.0
READY_LINE = "connect with:"


@define
class Sixfold:
    root: Path
    name: str = "Sixfold"
    program: Sequence[str] = PROGRAM  # what Python runs as the `sixfold` command
    _status: dict[str, Any] | None = None
    _launcher: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """In the foreground of our own session, as `benchmarks.mariadb` explains."""
        port = free_port(16306, span=2)
        output = self.root.with_suffix(".out")
        with output.open("wb") as out:
            self._launcher = subprocess.Popen(
                self._command("up", "--data", str(self.root), "--port", str(port)),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                process_group=0,
            )
        deadline = time.monotonic() + START_SECONDS
        while READY_LINE not in output.read_text():
            if self._launcher.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"sixfold up: {tail(output)}")
            time.sleep(0.05)
        self._status = self.status()

    def stop(self) -> None:
        if self._launcher is not None:
            self._launcher.terminate()
            try:
                self._launcher.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._launcher.kill()  # its components end with it
                self._launcher.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def status(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self._run("status", "--data", str(self.root), "--json"))
        return parsed

    def pids(self) -> dict[str, int]:
        """Component name to pid."""
        status = self.status()
        parts = [(part["id"], part["pid"]) for part in (*status["instances"], *status["storage"])]
        return {
            **dict(parts),
            "router": status["router"]["pid"],
            "monitor": status["monitor"]["pid"],
        }

    @property
    def writer(self) -> Endpoint:
        return self._endpoint("writer_endpoint")

    @property
    def reads(self) -> Endpoint:
        return self._endpoint("reader_endpoint")

    @property
    def replica(self) -> Endpoint | None:
        """The first reader's own address."""
        assert self._status is not None
        reader = next(one for one in self._status["instances"] if one["role"] == "reader")
        return _parse(reader["address"])

    def version(self) -> str:
        return self._run("--version").strip()

    def _endpoint(self, key: str) -> Endpoint:
        assert self._status is not None
        return _parse(self._status[key])

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, *self.program, *arguments]

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            self._command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )
        if done.returncode:
            raise BenchmarkError(f"sixfold {arguments[0]}: {(done.stderr or done.stdout).strip()}")
        return done.stdout


def _parse(address: str) -> Endpoint:
    host, _, port = address.rpartition(":")
    return Endpoint(host, int(port), USER)
