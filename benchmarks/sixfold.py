"""Our own system, started and stopped through the same command a user has."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import define

from benchmarks.systems import BenchmarkError, Endpoint, free_port

PROGRAM = ("-m", "cluster.cli")
USER = "admin"
START_SECONDS = 90.0


@define
class Sixfold:
    root: Path
    name: str = "Sixfold"
    program: Sequence[str] = PROGRAM  # what Python runs as the `sixfold` command
    _status: dict[str, Any] | None = None

    def start(self) -> None:
        port = free_port(16306, span=2)
        self._run("up", "--data", str(self.root), "--port", str(port), "--detach")
        self._status = self.status()

    def stop(self) -> None:
        subprocess.run(
            [sys.executable, *self.program, "down", "--data", str(self.root)],
            capture_output=True,
            check=False,
        )
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

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *self.program, *arguments],
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
