"""Answers of statements on their way to the client: OK packets and streamed rows.

A small result leaves in one send. A large one leaves in pieces of about 64 KiB, each awaited, so
a slow client holds its own query up and the instance holds at most one piece. The rows' sequence
ids continue the definitions' and wrap at 256. An error among the rows is sent in their place.
"""

from __future__ import annotations

from typing import Final

import trio

from engine.clientstream import ClientStream
from engine.errors import SqlError
from engine.protocol.columns import FIRST_REPLY, Metadata
from engine.protocol.constants import MAX_PAYLOAD
from engine.protocol.framing import frame, packets_of
from engine.protocol.replies import eof, framed_ok, ok
from engine.protocol.rows import RowEncoder
from engine.results import Ok, ResultSet

FLUSH_BYTES: Final = 64 * 1024


async def write_ok(client: ClientStream, result: Ok, status: int) -> None:
    reader = client.reader
    if (
        result.affected_rows < 251
        and result.last_insert_id < 251
        and not result.info
        and not result.warnings
    ):
        data = framed_ok(status, result.affected_rows, result.last_insert_id, reader.sequence)
    else:
        data = frame(
            ok(
                status,
                result.affected_rows,
                result.last_insert_id,
                result.warnings,
                result.info,
            ),
            reader.sequence,
        )
    reader.sequence = (reader.sequence + 1) & 0xFF
    await client.send(data)


async def write_rows(
    client: ClientStream,
    result: ResultSet,
    metadata: Metadata,
    encode: RowEncoder,
    status: int,
) -> None:
    """A whole result set, its rows as they come."""
    reader = client.reader
    tail = None
    if reader.sequence == FIRST_REPLY and not result.warnings:
        head, sequence, tail = metadata.brackets(status)
    else:
        head, sequence = metadata.head(status, reader.sequence, result.warnings)
    first = sequence
    pending = [head]
    size = len(head)
    try:
        for row in result.rows:
            payload = encode(row)
            length = len(payload)
            if length < MAX_PAYLOAD:
                pending.append((length | sequence << 24).to_bytes(4, "little"))
                pending.append(payload)
                sequence = (sequence + 1) & 0xFF
            else:
                pending.append(frame(payload, sequence))
                sequence = (sequence + packets_of(length)) & 0xFF
            size += length + 4
            if size >= FLUSH_BYTES:
                await client.send(b"".join(pending))
                # A fast client never suspends the send, and others want their turn.
                await trio.lowlevel.checkpoint()
                pending.clear()
                size = 0
    except SqlError:
        # What was encoded goes first; the caller puts the error in the next row's place.
        result.close()
        await client.send(b"".join(pending))
        reader.sequence = sequence
        raise
    except BaseException:
        result.close()
        raise
    if tail is None or sequence != (first + 1) & 0xFF:
        tail = frame(eof(status, result.warnings), sequence)
    pending.append(tail)
    reader.sequence = (sequence + 1) & 0xFF
    await client.send(b"".join(pending))
