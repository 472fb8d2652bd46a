"""Pure: integers and strings of the protocol: fixed, length-encoded, NUL-terminated.

`PayloadReader` is the one way to take a packet apart outside the hot path. It never reads past
the end: whatever is missing is a `ProtocolError`, so a truncated packet cannot hang or crash.
Source: MySQL internals, "Protocol::LengthEncodedInteger", "Protocol::LengthEncodedString".
"""

from __future__ import annotations

from typing import Final

from engine.protocol.errors import malformed

# Length prefixes of short strings, the common case by far.
SHORT_LENGTH: Final = tuple(bytes((n,)) for n in range(251))
NULL_MARK: Final = b"\xfb"


def encode_length(value: int) -> bytes:
    """A length-encoded integer."""
    if value < 251:
        return SHORT_LENGTH[value]
    if value < 1 << 16:
        return b"\xfc" + value.to_bytes(2, "little")
    if value < 1 << 24:
        return b"\xfd" + value.to_bytes(3, "little")
    return b"\xfe" + value.to_bytes(8, "little")


def encode_string(value: bytes) -> bytes:
    """A length-encoded string."""
    return encode_length(len(value)) + value


class PayloadReader:
    """A cursor over one packet's payload."""

    __slots__ = ("_data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self.position = position

    @property
    def remaining(self) -> int:
        return len(self._data) - self.position

    def fixed(self, length: int) -> bytes:
        start, end = self.position, self.position + length
        if end > len(self._data):
            raise malformed("it ends too early")
        self.position = end
        return self._data[start:end]

    def integer(self, width: int) -> int:
        return int.from_bytes(self.fixed(width), "little")

    def length(self) -> int:
        """A length-encoded integer; NULL (0xfb) and the error mark (0xff) are no lengths."""
        first = self.integer(1)
        if first < 251:
            return first
        if first == 0xFC:
            return self.integer(2)
        if first == 0xFD:
            return self.integer(3)
        if first == 0xFE:
            return self.integer(8)
        raise malformed("not a length")

    def string(self) -> bytes:
        """A length-encoded string."""
        return self.fixed(self.length())

    def until_nul(self) -> bytes:
        end = self._data.find(b"\0", self.position)
        if end < 0:
            raise malformed("an unterminated string")
        start, self.position = self.position, end + 1
        return self._data[start:end]

    def until_nul_or_end(self) -> bytes:
        """For the last strings of a packet, which some clients leave unterminated."""
        if b"\0" in self._data[self.position :]:
            return self.until_nul()
        return self.rest()

    def rest(self) -> bytes:
        start, self.position = self.position, len(self._data)
        return self._data[start:]
