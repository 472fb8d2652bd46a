"""A cluster's directory on disk: where things lie, who holds it, and what the last launcher wrote.

    DIR/cluster.json        the spec, written once
    DIR/lock                flock held by the launcher and its components
    DIR/storage/<node>/     one storage node's files
    DIR/log/<name>.log      each component's standard error
    DIR/run/state.json      pids and addresses now
    DIR/run/<name>.json     each component's configuration

Invariant: the lock's descriptor is inherited by every component, so the directory stays "in use"
until the last process that could write to it has gone, even when the launcher was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from cluster import spec
from cluster.exits import ExitCode, OperatorError

# sun_path is 108 bytes on Linux and 104 on macOS; stay clear of both.
MAX_SOCKET_PATH = 96


@frozen
class DataDir:
    root: Path

    @classmethod
    def at(cls, path: str | Path) -> DataDir:
        return cls(Path(path).expanduser().absolute())

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    def storage_root(self, node_id: str) -> Path:
        return self.root / "storage" / node_id

    def instance_root(self, instance_id: str) -> Path:
        return self.run / instance_id

    def config_file(self, component: str) -> Path:
        return self.run / f"{component}.json"

    def log_file(self, component: str) -> Path:
        return self.log / f"{component}.log"

    # -- the spec

    def open_or_create(self, requested: spec.Requested, *, volume_id: str) -> spec.ClusterSpec:
        """The directory's spec, created on first use. The caller holds the lock."""
        file = self.root / "cluster.json"
        if file.exists():
            found = self.load_spec()
            spec.refuse_contradiction(found, requested, where=str(self.root))
            return found
        if (self.root / "storage").exists():
            raise OperatorError(
                ExitCode.DATA_MISMATCH,
                f"{self.root} holds storage data but no cluster.json; restore that file "
                f"or use another --data directory",
            )
        created = spec.create(requested, volume_id=volume_id)
        write_json(file, created.to_json(), durable=True)
        return created

    def load_spec(self) -> spec.ClusterSpec:
        raw = read_json(self.root / "cluster.json")
        if not isinstance(raw, dict):
            raise OperatorError(
                ExitCode.DATA_MISMATCH,
                f"{self.root}/cluster.json is not readable JSON; restore it "
                f"or use another --data directory",
            )
        return spec.from_json(raw, where=str(self.root))

    def make(self) -> None:
        """Create the directories; refuses a directory that plainly belongs to something else."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            foreign = not (self.root / "lock").exists() and any(self.root.iterdir())
            if foreign:
                raise OperatorError(
                    ExitCode.DATA_MISMATCH,
                    f"{self.root} is not empty and not a Sixfold data directory; "
                    f"name an empty or new one with --data",
                )
            for directory in (self.run, self.log):
                directory.mkdir(exist_ok=True)
        except OSError as error:
            raise OperatorError(
                ExitCode.FAILED, f"cannot use {self.root}: {error.strerror}; choose another --data"
            ) from error

    # -- the lock

    def try_lock(self) -> int | None:
        """An inheritable descriptor holding the lock, or None while another process holds it."""
        fd = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def is_locked(self) -> bool:
        """Whether some process of a cluster lives on this directory."""
        if not (self.root / "lock").exists():
            return False
        fd = self.try_lock()
        if fd is None:
            return True
        os.close(fd)
        return False

    # -- what runs

    def write_state(self, state: dict[str, Any]) -> None:
        write_json(self.run / "state.json", state, durable=False)

    def read_state(self) -> dict[str, Any] | None:
        raw = read_json(self.run / "state.json")
        return raw if isinstance(raw, dict) else None

    def remove_state(self) -> None:
        (self.run / "state.json").unlink(missing_ok=True)

    @contextmanager
    def socket_directory(self) -> Iterator[Path]:
        """A directory for hand-off sockets whose paths fit into a socket address."""
        longest = self.run / "instance-16.sock"
        if len(os.fsencode(longest)) <= MAX_SOCKET_PATH:
            yield self.run
            return
        with tempfile.TemporaryDirectory(prefix="sixfold-", dir="/tmp") as short:
            yield Path(short)


def write_json(path: Path, value: object, *, durable: bool) -> None:
    """Replace `path` in one step, so that a reader never sees half a file."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w") as out:
        json.dump(value, out, indent=2)
        out.write("\n")
        out.flush()
        if durable:
            os.fsync(out.fileno())
    temporary.replace(path)
    if durable:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def read_json(path: Path) -> object | None:
    try:
        parsed: object = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return parsed
