"""Pure: OK, ERR and EOF payloads.

Source: MySQL internals, "OK_Packet", "ERR_Packet", "EOF_Packet". The OK packet's info is
length-encoded: that is what the server writes and every client reads.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from engine.errors import SqlError
from engine.protocol.primitives import encode_length, encode_string

# The OK packet most statements get, header included: counts below 251 and no info.
_SMALL_OK: Final = Struct("<IBBBHH").pack
_EOF: Final = Struct("<BHH").pack
_PREPARE_OK: Final = Struct("<BIHHBH").pack
MAX_ERROR_TEXT: Final = 512  # MYSQL_ERRMSG_SIZE


def ok(
    status: int, affected_rows: int = 0, last_insert_id: int = 0, warnings: int = 0, info: str = ""
) -> bytes:
    warnings = min(warnings, 0xFFFF)
    head = b"\0" + encode_length(affected_rows) + encode_length(last_insert_id)
    tail = status.to_bytes(2, "little") + warnings.to_bytes(2, "little")
    return head + tail + (encode_string(info.encode()) if info else b"")


def framed_ok(status: int, affected_rows: int, last_insert_id: int, sequence: int) -> bytes:
    """A whole OK packet without warnings and info, when both counts are small."""
    return _SMALL_OK(7 | sequence << 24, 0, affected_rows, last_insert_id, status, 0)


def eof(status: int, warnings: int = 0) -> bytes:
    return _EOF(0xFE, min(warnings, 0xFFFF), status)


def err(error: SqlError) -> bytes:
    text = error.message.encode("utf-8", "replace")[:MAX_ERROR_TEXT]
    return b"\xff" + error.errno.to_bytes(2, "little") + b"#" + error.sqlstate.encode() + text


def err_before_login(error: SqlError) -> bytes:
    """An error in place of a greeting: capabilities are not agreed, so no SQLSTATE."""
    text = error.message.encode("utf-8", "replace")[:MAX_ERROR_TEXT]
    return b"\xff" + error.errno.to_bytes(2, "little") + text


def prepare_ok(number: int, columns: int, parameters: int, warnings: int = 0) -> bytes:
    """COM_STMT_PREPARE_OK: the statement's number and what will follow."""
    return _PREPARE_OK(0, number, columns, parameters, 0, warnings)
