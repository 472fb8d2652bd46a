"""Pure: what writer and readers say to each other on the writer's control port.

  subscribe  reader -> writer  call: from where the reader needs the redo
  redo       writer -> reader  notify: whole MTRs, and the VDL up to which they may be applied
  replicas   writer -> reader  notify: a heartbeat with everybody's status
  report     reader -> writer  notify: the reader's lowest snapshot, lag and load

Every decoder raises BadMessage for anything that is not exactly such a message.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from engine.info import ReplicaStatus

SUBSCRIBE: Final = "subscribe"
REDO: Final = "redo"
REPLICAS: Final = "replicas"
REPORT: Final = "report"


class BadMessage(Exception):
    """The peer's payload has the wrong shape."""


@frozen
class Subscribe:
    instance_id: str
    after: int  # the reader's read point
    oldest: int  # its lowest open snapshot

    def encode(self) -> list[Any]:
        return [self.instance_id, self.after, self.oldest]

    @classmethod
    def decode(cls, payload: Any) -> Subscribe:
        match payload:
            case [str(instance_id), int(after), int(oldest)]:
                return cls(instance_id, after, oldest)
        raise BadMessage(f"not a subscription: {payload!r:.200}")


@frozen
class Subscribed:
    """The stream will begin after `start`; what lies between is for the reader to bridge."""

    epoch: int
    start: int

    def encode(self) -> list[Any]:
        return [self.epoch, self.start]

    @classmethod
    def decode(cls, payload: Any) -> Subscribed:
        match payload:
            case [int(epoch), int(start)]:
                return cls(epoch, start)
        raise BadMessage(f"not a reply to a subscription: {payload!r:.200}")


@frozen
class Redo:
    epoch: int
    after: int
    vdl: int
    durable_at: float  # the writer's wall clock when this VDL was reached
    blob: bytes

    def encode(self) -> list[Any]:
        return [self.epoch, self.after, self.vdl, self.durable_at, self.blob]

    @classmethod
    def decode(cls, payload: Any) -> Redo:
        match payload:
            case [int(epoch), int(after), int(vdl), float(durable_at), bytes(blob)]:
                return cls(epoch, after, vdl, durable_at, blob)
        raise BadMessage(f"not redo: {payload!r:.200}")


@frozen
class Replicas:
    epoch: int
    sent_at: float
    statuses: tuple[ReplicaStatus, ...]

    def encode(self) -> list[Any]:
        return [self.epoch, self.sent_at, [encode_status(status) for status in self.statuses]]

    @classmethod
    def decode(cls, payload: Any) -> Replicas:
        match payload:
            case [int(epoch), float(sent_at), list(statuses)]:
                return cls(epoch, sent_at, tuple(decode_status(status) for status in statuses))
        raise BadMessage(f"not a heartbeat: {payload!r:.200}")


@frozen
class Report:
    oldest: int
    status: ReplicaStatus

    def encode(self) -> list[Any]:
        return [self.oldest, encode_status(self.status)]

    @classmethod
    def decode(cls, payload: Any) -> Report:
        match payload:
            case [int(oldest), status]:
                return cls(oldest, decode_status(status))
        raise BadMessage(f"not a report: {payload!r:.200}")


def encode_status(status: ReplicaStatus) -> list[Any]:
    return [
        status.server_id,
        status.session_id,
        status.last_update_wall,
        status.lag_ms,
        status.cpu,
    ]


def decode_status(payload: Any) -> ReplicaStatus:
    match payload:
        case [str(server_id), str(session_id), float(updated), float(lag_ms), float(cpu)]:
            return ReplicaStatus(server_id, session_id, updated, lag_ms, cpu)
    raise BadMessage(f"not a replica's status: {payload!r:.200}")
