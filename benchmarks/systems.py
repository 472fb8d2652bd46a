"""What the benchmark compares: a system that can be started, addressed and stopped."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Protocol

import pymysql
from attrs import frozen

DATABASE = "sbtest"


class BenchmarkError(Exception):
    """The run cannot go on; the text says why."""


@frozen
class Endpoint:
    host: str
    port: int
    user: str
    password: str = ""

    def connect(self, *, database: str | None = None, timeout: float = 10.0) -> pymysql.Connection:
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=database,
            autocommit=True,
            connect_timeout=max(1, int(timeout)),
            read_timeout=timeout,
            write_timeout=timeout,
        )


class System(Protocol):
    """A database system under test. `stop` leaves no process, whatever happened before."""

    name: str

    @property
    def writer(self) -> Endpoint: ...

    @property
    def reads(self) -> Endpoint:
        """Where an application would send reads; the writer when nothing else is there."""
        ...

    @property
    def replica(self) -> Endpoint | None:
        """One replica's own address, for the lag probe."""
        ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def version(self) -> str: ...

    def pids(self) -> dict[str, int]:
        """Its processes, by name."""
        ...


def find_program(*names: str) -> str:
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if found:
            return found
    raise BenchmarkError(f"{names[0]} is not installed; `.ci/run` shows the packages needed")


def free_port(start: int, *, span: int = 1) -> int:
    """The first port from `start` with `span` free loopback ports in a row."""
    for port in range(start, 32000):
        if all(_is_free(port + offset) for offset in range(span)):
            return port
    raise BenchmarkError(f"no free loopback port from {start} upward")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def tail(path: Path, lines: int = 5) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
