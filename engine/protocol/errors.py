"""Pure: what a client may not send: every refusal ends its connection with one error packet.

Two kinds are kept apart. `ProtocolError` is the peer's fault and fatal for its connection. An
ordinary `SqlError` (unknown statement handler, unknown database) is an answer; the connection
goes on.
"""

from __future__ import annotations

from engine.errors import (
    SqlError,
    bad_handshake,
    packet_too_large,
    packets_out_of_order,
    unknown_command,
)


class ProtocolError(Exception):
    """The peer broke the protocol; `answer` is its last packet."""

    def __init__(self, answer: SqlError) -> None:
        super().__init__(str(answer))
        self.answer = answer


def malformed(what: str) -> ProtocolError:
    """1835: a packet whose contents do not follow its own structure."""
    return ProtocolError(SqlError(1835, "HY000", f"Malformed communication packet: {what}"))


def malformed_handshake() -> ProtocolError:
    return ProtocolError(bad_handshake())


def out_of_order() -> ProtocolError:
    return ProtocolError(packets_out_of_order())


def too_large() -> ProtocolError:
    return ProtocolError(packet_too_large())


def not_now() -> ProtocolError:
    """A command in a state that has no place for it."""
    return ProtocolError(unknown_command())
