"""Pure: column definitions and everything of a result set that is the same for every execution.

`Metadata` is made once per statement and keeps its packets framed: a reply to a command always
starts at sequence id 1, so the bytes from the column count to the EOF before the rows are
constant for one status, and a row set of one row ends in a constant EOF as well.
Source: MySQL internals, "ColumnDefinition41", "ProtocolText::Resultset".
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from engine.protocol.framing import frame, frame_all
from engine.protocol.primitives import encode_length, encode_string
from engine.protocol.replies import eof
from engine.results import (
    CHARSET_BINARY,
    FLAG_BINARY,
    TYPE_ENUM,
    TYPE_SET,
    TYPE_STRING,
    TYPE_VAR_STRING,
    Column,
)

_FIXED_PART: Final = Struct("<BHIBHBH").pack
_CATALOG: Final = encode_string(b"def")
_STRING_TYPES: Final = frozenset(
    (15, TYPE_ENUM, TYPE_SET, 249, 250, 251, 252, TYPE_VAR_STRING, TYPE_STRING)
)
FIRST_REPLY: Final = 1  # sequence id of the first packet that answers a command


def definition(column: Column, results_charset: int | None = None) -> bytes:
    """ColumnDefinition41. Text is announced in the session's results character set, because
    that is what its bytes are in (`results_charset`; None: as stored)."""
    charset = column.charset
    if results_charset is not None and charset != CHARSET_BINARY and column.type in _STRING_TYPES:
        charset = results_charset
    return b"".join(
        (
            _CATALOG,
            encode_string(column.schema.encode()),
            encode_string(column.table.encode()),
            encode_string(column.org_table.encode()),
            encode_string(column.name.encode()),
            encode_string(column.org_name.encode()),
            _FIXED_PART(
                0x0C,
                charset,
                min(column.length, 0xFFFFFFFF),
                column.type,
                column.flags & 0xFFFF,
                column.decimals,
                0,
            ),
        )
    )


def field_list_definition(column: Column) -> bytes:
    """COM_FIELD_LIST adds a default value to each definition; NULL says there is none."""
    return definition(column) + b"\xfb"


def parameter_definitions(count: int) -> list[bytes]:
    """Parameters are of no known type until they are bound; MySQL announces them all alike."""
    mark = Column("?", "", "", "", "", TYPE_VAR_STRING, CHARSET_BINARY, 0, FLAG_BINARY, 0)
    return [definition(mark)] * count


class Metadata:
    """The definitions of one tuple of columns, ready to be sent."""

    __slots__ = (
        "_brackets",
        "columns",
        "definitions",
    )

    def __init__(self, columns: tuple[Column, ...], results_charset: int | None) -> None:
        self.columns = columns
        self.definitions = [definition(column, results_charset) for column in columns]
        # status -> (head, sequence id of the first row, EOF after one row)
        self._brackets: dict[int, tuple[bytes, int, bytes]] = {}

    def brackets(self, status: int) -> tuple[bytes, int, bytes]:
        """What comes before and after one row, as first reply to a command, without warnings."""
        found = self._brackets.get(status)
        if found is None:
            head, sequence = self.head(status, FIRST_REPLY)
            found = head, sequence, frame(eof(status), (sequence + 1) & 0xFF)
            self._brackets[status] = found
        return found

    def head(self, status: int, sequence: int, warnings: int = 0) -> tuple[bytes, int]:
        """Column count, definitions and EOF from that sequence id on, and the next one."""
        count = encode_length(len(self.columns))
        return frame_all([count, *self.definitions, eof(status, warnings)], sequence)
