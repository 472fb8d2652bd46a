"""Pure: what an instance knows about itself and its cluster, as SQL shows it.

System variables, `information_schema.replica_host_status`, the process list and KILL read this
object; role, replication and listener write it. No I/O.
"""

from __future__ import annotations

from typing import Final

from attrs import define, evolve, field, frozen

from engine.sessions import SessionRegistry
from runtime.clock import Clock
from runtime.rng import Rng

MASTER_SESSION_ID: Final = "MASTER_SESSION_ID"
"""SESSION_ID of the writer's row in replica_host_status; readers show a UUID."""

CURRENT_SECONDS: Final = 15.0
"""A replica row not renewed for this long is shown with IS_CURRENT = 0."""

FORGET_SECONDS: Final = 300.0
"""Rows of vanished instances linger this long, as on Aurora: clients are built to expect it."""


@frozen
class ReplicaStatus:
    """One row of information_schema.replica_host_status."""

    server_id: str
    session_id: str
    last_update_wall: float
    lag_ms: float
    cpu: float
    is_current: bool = True


@define(eq=False)
class InstanceInfo:
    """See the module docstring."""

    instance_id: str
    az: str
    tier: int
    port: int
    server_uuid: str
    session_id: str  # this instance's SESSION_ID while it is a reader
    clock: Clock
    rng: Rng
    started_at_wall: float
    started_at: float  # monotonic, for Uptime
    sessions: SessionRegistry
    role: str = "reader"
    epoch: int = 0
    vdl: int = 0
    lag_ms: float = 0.0
    cpu: float = 0.0
    writer_id: str | None = None
    _replicas: dict[str, ReplicaStatus] = field(factory=dict)

    def is_writer(self) -> bool:
        return self.role == "writer"

    @property
    def read_only(self) -> bool:
        return self.role != "writer"

    def uptime(self) -> float:
        return self.clock.monotonic() - self.started_at

    def own_status(self) -> ReplicaStatus:
        return ReplicaStatus(
            self.instance_id,
            MASTER_SESSION_ID if self.is_writer() else self.session_id,
            self.clock.wall(),
            0.0 if self.is_writer() else self.lag_ms,
            self.cpu,
        )

    def note_replica(self, status: ReplicaStatus) -> None:
        """A report about another instance; of two about the same one the newer stays."""
        known = self._replicas.get(status.server_id)
        if known is None or known.last_update_wall <= status.last_update_wall:
            self._replicas[status.server_id] = status

    def known_replicas(self) -> list[ReplicaStatus]:
        """What was reported about others, not yet forgotten."""
        horizon = self.clock.wall() - FORGET_SECONDS
        for server_id in [s for s, r in self._replicas.items() if r.last_update_wall < horizon]:
            del self._replicas[server_id]
        return [r for s, r in self._replicas.items() if s != self.instance_id]

    def replica_statuses(self) -> list[ReplicaStatus]:
        """The rows of replica_host_status as this instance sees them, itself first."""
        fresh = self.clock.wall() - CURRENT_SECONDS
        rows = [self.own_status()]
        for row in self.known_replicas():
            rows.append(evolve(row, is_current=row.last_update_wall >= fresh))
        return rows
