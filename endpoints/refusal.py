"""Pure: telling a MySQL client why it is not connected, before any greeting was sent.

Purpose: an ERR packet in place of the server's first packet. Clients show its text, so it says what
is going on and what to do. No SQLSTATE: capabilities were not negotiated yet
(MySQL manual, client/server protocol, ERR_Packet).
"""

from __future__ import annotations

from struct import pack

ER_CON_COUNT_ERROR = 1040  # "Too many connections": the waiting room is full
CR_CONN_HOST_ERROR = 2003  # what drivers take as "server unreachable, try again or fail over"

TEXT_MAX = 512  # MYSQL_ERRMSG_SIZE


def err_packet(number: int, text: str) -> bytes:
    message = text.encode()[:TEXT_MAX]
    body = pack("<BH", 0xFF, number) + message
    return len(body).to_bytes(3, "little") + b"\x00" + body


def room_full(endpoint: str, limit: int, reason: str) -> bytes:
    return err_packet(
        ER_CON_COUNT_ERROR,
        f"Too many connections: {limit} are waiting at the {endpoint} endpoint already "
        f"({reason}); try again in a moment",
    )


def waited_in_vain(endpoint: str, seconds: float, reason: str) -> bytes:
    return err_packet(
        CR_CONN_HOST_ERROR,
        f"Can't connect through the {endpoint} endpoint: waited {seconds:g} s, {reason}; "
        f"no statement was executed, it is safe to try again",
    )
