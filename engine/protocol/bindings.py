"""Pure: readers of bound values, one per parameter type, and one struct for rows of numbers.

Text stays text unless its bytes are none in the client's character set; blobs stay bytes;
decimals, dates and times become their canonical text.
Source: MySQL internals, "Binary Protocol Value".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any, Final, TypeAlias

from attrs import frozen

from engine.protocol.errors import malformed
from engine.protocol.primitives import PayloadReader
from engine.protocol.temporal import decode_datetime, decode_time
from engine.results import (
    TYPE_BIT,
    TYPE_BLOB,
    TYPE_DATE,
    TYPE_DATETIME,
    TYPE_DECIMAL,
    TYPE_DOUBLE,
    TYPE_ENUM,
    TYPE_FLOAT,
    TYPE_GEOMETRY,
    TYPE_INT24,
    TYPE_JSON,
    TYPE_LONG,
    TYPE_LONG_BLOB,
    TYPE_LONGLONG,
    TYPE_MEDIUM_BLOB,
    TYPE_NEWDECIMAL,
    TYPE_NULL,
    TYPE_SET,
    TYPE_SHORT,
    TYPE_STRING,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TINY,
    TYPE_TINY_BLOB,
    TYPE_VAR_STRING,
    TYPE_YEAR,
)

# (packet, position) -> (value, position after it)
ValueReader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]

_UNSIGNED: Final = 0x80
_INTEGERS: Final = {
    TYPE_TINY: "b",
    TYPE_SHORT: "h",
    TYPE_YEAR: "h",
    TYPE_INT24: "i",
    TYPE_LONG: "i",
    TYPE_LONGLONG: "q",
}
_FLOATS: Final = {TYPE_FLOAT: "f", TYPE_DOUBLE: "d"}
_TEXTS: Final = frozenset(
    (
        15,  # VARCHAR
        TYPE_VAR_STRING,
        TYPE_STRING,
        TYPE_DECIMAL,
        TYPE_NEWDECIMAL,
        TYPE_ENUM,
        TYPE_SET,
        TYPE_JSON,
    )
)
_BLOBS: Final = frozenset(
    (TYPE_TINY_BLOB, TYPE_MEDIUM_BLOB, TYPE_LONG_BLOB, TYPE_BLOB, TYPE_BIT, TYPE_GEOMETRY)
)
_DATES: Final = frozenset((TYPE_DATE, TYPE_DATETIME, TYPE_TIMESTAMP))


@frozen
class Binding:
    """How to read one list of parameter types."""

    types: bytes  # as sent: type and flags of each
    readers: tuple[ValueReader, ...]
    numbers: Struct | None  # all of them at once, when all are numbers


@lru_cache(maxsize=1024)
def bind(types: bytes, codec: str) -> Binding:
    """The binding of a type list; types nobody knows are malformed."""
    pairs = list(zip(types[::2], types[1::2], strict=True))
    codes = [_number_format(kind, flags) for kind, flags in pairs]
    readers = tuple(_reader(kind, flags, codec) for kind, flags in pairs)
    return Binding(types, readers, Struct("<" + "".join(codes)) if all(codes) else None)


def as_string(data: bytes, kind: int, codec: str) -> str | bytes:
    """Bytes of a string parameter as the value they stand for."""
    if kind in _BLOBS:
        return data
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return data


def _number_format(kind: int, flags: int) -> str:
    code = _INTEGERS.get(kind)
    if code is not None:
        return code.upper() if flags & _UNSIGNED else code
    return _FLOATS.get(kind, "")


def _reader(kind: int, flags: int, codec: str) -> ValueReader:
    code = _number_format(kind, flags)
    if code:
        return _number_reader(Struct("<" + code))
    if kind in _TEXTS or kind in _BLOBS:
        return _string_reader(kind, codec)
    if kind in _DATES:
        date_only = kind == TYPE_DATE
        return _temporal_reader(lambda data: decode_datetime(data, date_only=date_only))
    if kind == TYPE_TIME:
        return _temporal_reader(decode_time)
    if kind == TYPE_NULL:
        return lambda packet, at: (None, at)
    raise malformed(f"a parameter of unknown type {kind}")


def _number_reader(scheme: Struct) -> ValueReader:
    unpack_from, size = scheme.unpack_from, scheme.size

    def read(packet: bytes, at: int) -> tuple[Any, int]:
        if at + size > len(packet):
            raise malformed("it ends within the parameters")
        return unpack_from(packet, at)[0], at + size

    return read


def _string_reader(kind: int, codec: str) -> ValueReader:
    def read(packet: bytes, at: int) -> tuple[Any, int]:
        if at < len(packet) and packet[at] < 251:
            start = at + 1
            end = start + packet[at]
        else:
            reader = PayloadReader(packet, at)
            end = reader.length() + reader.position
            start = reader.position
        if end > len(packet):
            raise malformed("it ends within the parameters")
        return as_string(packet[start:end], kind, codec), end

    return read


def _temporal_reader(convert: Callable[[bytes], str]) -> ValueReader:
    def read(packet: bytes, at: int) -> tuple[Any, int]:
        reader = PayloadReader(packet, at)
        return convert(reader.fixed(reader.integer(1))), reader.position

    return read
