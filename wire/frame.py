"""Pure: frames on a byte stream.

    magic u16 | version u8 | flags u8 | length u32 | crc32 u32 | body        (big-endian)

The checksum covers the body; magic, version, flags (zero for now) and length are checked by value.
A `FrameReader` has three outcomes: frames, nothing yet, or `FrameError`, after which it stays
failed: there is no way to find the next frame in a stream that cannot be trusted. Memory is bounded
by `MAX_FRAME`, and a length is believed only as its bytes arrive.
"""

from __future__ import annotations

import struct
import zlib

from runtime.errors import OperatingError

MAGIC = 0x6F5F
VERSION = 1
MAX_FRAME = 64 << 20
HEADER = struct.Struct(">HBBII")
HEADER_SIZE = HEADER.size
_START = (MAGIC << 16) | (VERSION << 8)  # magic, version and zero flags, read as one number
_HEADER_FAST = struct.Struct(">III")

_pack = _HEADER_FAST.pack
_unpack_from = _HEADER_FAST.unpack_from
_crc32 = zlib.crc32


class FrameError(OperatingError):
    """The peer's bytes are not a frame."""


def encode_frame(body: bytes) -> bytes:
    assert len(body) <= MAX_FRAME, f"frame body of {len(body)} bytes"
    return _pack(_START, len(body), _crc32(body)) + body


class FrameReader:
    """Bytes in, whole frame bodies out."""

    __slots__ = ("_buffer", "_needed", "failure", "max_frame")

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self.max_frame = max_frame
        self.failure: FrameError | None = None
        self._buffer = bytearray()
        self._needed = HEADER_SIZE  # no use in parsing before so many bytes are here

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies completed by `data`.

        Frames before a broken one are returned; then `failure` is set and the next call raises it.
        A call that has nothing else to return raises at once.
        """
        if self.failure is not None:
            raise self.failure
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        return self._parse(data)

    def _parse(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= HEADER_SIZE:
            start, length, crc = _unpack_from(data, at)
            if start != _START or length > self.max_frame:
                return self._fail(frames, _blame(data, at, self.max_frame))
            stop = at + HEADER_SIZE + length
            if stop > end:
                self._needed = stop - at
                self._buffer += data[at:]
                return frames
            body = data[at + HEADER_SIZE : stop]
            if _crc32(body) != crc:
                return self._fail(frames, "checksum mismatch")
            frames.append(body)
            at = stop
        if at < end:
            self._buffer += data[at:]
            self._needed = HEADER_SIZE
            if not _plausible(self._buffer):
                return self._fail(frames, _blame(bytes(self._buffer), 0, self.max_frame))
        return frames

    def _fail(self, frames: list[bytes], reason: str) -> list[bytes]:
        self.failure = FrameError(reason)
        self._buffer.clear()
        if frames:
            return frames
        raise self.failure


def _plausible(partial: bytearray) -> bool:
    """Whether an incomplete header can still become one: garbage is found at its first byte."""
    expected = _START.to_bytes(4, "big")[: len(partial)]
    return partial[: len(expected)] == expected


def _blame(data: bytes, at: int, max_frame: int) -> str:
    head = data[at : at + HEADER_SIZE]
    if head[:2] != MAGIC.to_bytes(2, "big")[: len(head[:2])]:
        return f"not this protocol: {head!r}"
    if len(head) > 2 and head[2] != VERSION:
        return f"protocol version {head[2]}, this side speaks {VERSION}"
    if len(head) > 3 and head[3] != 0:
        return f"unknown flags {head[3]:#x}"
    return f"frame of {int.from_bytes(head[4:8], 'big')} bytes, at most {max_frame} are allowed"
