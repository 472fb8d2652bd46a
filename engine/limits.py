"""Pure: what one instance allows its clients; each number with its reason.

Named after MySQL's system variables where there is one.
"""

from __future__ import annotations

from attrs import field, frozen, validators

from engine.protocol.constants import DEFAULT_MAX_ALLOWED_PACKET


@frozen
class SessionLimits:
    """Limits of sessions and of all of them together."""

    max_connections: int = field(default=2000, validator=validators.ge(1))
    max_allowed_packet: int = field(
        default=DEFAULT_MAX_ALLOWED_PACKET, validator=validators.ge(1024)
    )
    max_prepared_stmt_count: int = field(default=16382, validator=validators.ge(0))
    # connect_timeout: a client that does not speak must not hold a place for long.
    login_seconds: float = field(default=10.0, validator=validators.gt(0))
    # wait_timeout: 4031 for a session that has been silent for so long.
    idle_seconds: float = field(default=28800.0, validator=validators.gt(0))
