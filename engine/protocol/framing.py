"""Pure: packets, each a three-byte length, a sequence id and a payload.

A payload of 16 MiB - 1 bytes says that the next packet continues it. Sequence ids count from 0
in every command and wrap at 256; a wrong one is fatal. A payload over `max_allowed_packet` is
refused by its headers alone, before its bytes are kept, so memory is bounded by that limit.
Source: MySQL internals, "MySQL Packets".
"""

from __future__ import annotations

from engine.protocol.constants import MAX_PAYLOAD
from engine.protocol.errors import ProtocolError, out_of_order, too_large


class PacketReader:
    """Bytes in, whole payloads out; three outcomes: a payload, None (more needed), an error."""

    __slots__ = ("_buffer", "_joined", "limit", "sequence")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.sequence = 0  # expected of the next packet, and first of the reply to the last one
        self._buffer = bytearray()
        self._joined: list[bytes] = []

    @property
    def buffered(self) -> bool:
        """Some bytes of a next packet are here already."""
        return bool(self._buffer)

    def hold(self, data: bytes) -> None:
        """Bytes that arrived before anybody asked for a packet."""
        self._buffer += data

    def next_command(self, data: bytes = b"") -> bytes | None:
        """The payload of a packet that starts a new exchange (sequence ids from 0)."""
        if not self._joined:
            self.sequence = 0
        return self.next(data)

    def next(self, data: bytes = b"") -> bytes | None:
        if not self._buffer and not self._joined and len(data) > 4:
            # The common case, one whole packet in one segment, is taken without being buffered.
            length = data[0] | data[1] << 8 | data[2] << 16
            if length == len(data) - 4 and length <= self.limit and length < MAX_PAYLOAD:
                if data[3] != self.sequence:
                    raise self._out_of_order(data[3])
                self.sequence = (data[3] + 1) & 0xFF
                return data[4:]
        if data:
            self._buffer += data
        while len(self._buffer) >= 4:
            payload = self._take()
            if payload is None:
                return None
            self._joined.append(payload)
            if len(payload) < MAX_PAYLOAD:
                whole = payload if len(self._joined) == 1 else b"".join(self._joined)
                self._joined.clear()
                return whole
        return None

    def _take(self) -> bytes | None:
        buffer = self._buffer
        length = buffer[0] | buffer[1] << 8 | buffer[2] << 16
        # Judged by the header alone: what is wrong must not wait for its payload.
        if buffer[3] != self.sequence:
            raise self._out_of_order(buffer[3])
        if length + sum(map(len, self._joined)) > self.limit:
            self.sequence = (buffer[3] + 1) & 0xFF
            raise too_large()
        if len(buffer) < length + 4:
            return None
        self.sequence = (buffer[3] + 1) & 0xFF
        payload = bytes(memoryview(buffer)[4 : 4 + length])
        del buffer[: 4 + length]
        return payload

    def _out_of_order(self, sequence: int) -> ProtocolError:
        """The refusal, numbered as the answer to the packet it refuses."""
        self.sequence = (sequence + 1) & 0xFF
        return out_of_order()


def frame(payload: bytes, sequence: int) -> bytes:
    """One payload as packets, the first with that sequence id."""
    length = len(payload)
    if length < MAX_PAYLOAD:
        return (length | sequence << 24).to_bytes(4, "little") + payload
    return b"".join(_split(payload, sequence))


def _split(payload: bytes, sequence: int) -> list[bytes]:
    parts = []
    view = memoryview(payload)
    # A payload that ends exactly on the limit is closed by an empty packet.
    for start in range(0, len(payload) + 1, MAX_PAYLOAD):
        piece = view[start : start + MAX_PAYLOAD]
        parts.append((len(piece) | sequence << 24).to_bytes(4, "little") + piece)
        sequence = (sequence + 1) & 0xFF
    return parts


def packets_of(length: int) -> int:
    """How many packets (and sequence ids) a payload of that length takes."""
    return length // MAX_PAYLOAD + 1


def frame_all(payloads: list[bytes], sequence: int) -> tuple[bytes, int]:
    """Payloads one after another, and the sequence id that follows them."""
    out = []
    for payload in payloads:
        out.append(frame(payload, sequence))
        sequence = (sequence + packets_of(len(payload))) & 0xFF
    return b"".join(out), sequence
