"""Pure: row encoders, compiled per tuple of column types and results character set.

SQLite may hand any type of value for any column, so every encoder takes None, int, float, str
and bytes. A value that a column's wire type cannot carry is an error (1815): it is a bug of the
SQL layer, and a wrong number sent silently would be worse.
Source: MySQL internals, "ProtocolText::ResultsetRow", "ProtocolBinary::ResultsetRow".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct, error
from typing import Any, Final, TypeAlias

from engine.errors import SqlError
from engine.protocol import charsets
from engine.protocol.numbers import (
    NOT_FIXED,
    format_double,
    format_float,
    format_scaled,
    whole,
)
from engine.protocol.primitives import NULL_MARK, SHORT_LENGTH, encode_length
from engine.protocol.temporal import encode_datetime, encode_time
from engine.results import (
    FLAG_UNSIGNED,
    FLAG_ZEROFILL,
    TYPE_BIT,
    TYPE_DATE,
    TYPE_DATETIME,
    TYPE_DECIMAL,
    TYPE_DOUBLE,
    TYPE_FLOAT,
    TYPE_INT24,
    TYPE_LONG,
    TYPE_LONGLONG,
    TYPE_NEWDECIMAL,
    TYPE_SHORT,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TINY,
    TYPE_YEAR,
    Column,
)

RowEncoder: TypeAlias = Callable[[Sequence[Any]], bytes]
ValueEncoder: TypeAlias = Callable[[Any], bytes]

_INTEGER_FORMATS: Final = {
    TYPE_TINY: "b",
    TYPE_SHORT: "h",
    TYPE_YEAR: "h",
    TYPE_INT24: "i",
    TYPE_LONG: "i",
    TYPE_LONGLONG: "q",
}
_FLOAT_FORMATS: Final = {TYPE_FLOAT: "f", TYPE_DOUBLE: "d"}


def _cannot_carry(column: Column, value: Any) -> SqlError:
    kind = type(value).__name__
    return SqlError(
        1815, "HY000", f"Internal error: column '{column.name}' cannot carry this {kind} value"
    )


# --- values as text, without their length ------------------------------------------------------


def _text_value(column: Column, codec: str) -> ValueEncoder:
    """How one column's values read in the text protocol; also every string of the binary one."""
    if column.type in (TYPE_DOUBLE, TYPE_FLOAT):
        return _float_text(column, codec)
    if column.type in (TYPE_NEWDECIMAL, TYPE_DECIMAL):
        return _decimal_text(column, codec)
    if column.type == TYPE_BIT:
        return _bit_text((column.length + 7) // 8)
    if column.flags & FLAG_ZEROFILL and column.type in _INTEGER_FORMATS:
        return _zerofilled(column.length)
    return _utf8_text if codec == "utf-8" else _converted_text(codec)


def _utf8_text(value: Any) -> bytes:
    kind = type(value)
    if kind is str:
        try:
            return value.encode()  # type: ignore[no-any-return]
        except UnicodeEncodeError:
            return charsets.encode(value, "utf-8")
    if kind is int:
        return b"%d" % value
    if kind is bytes:
        return value  # type: ignore[no-any-return]
    return format_double(value).encode() if kind is float else str(value).encode()


def _converted_text(codec: str) -> ValueEncoder:
    def convert(value: Any) -> bytes:
        return charsets.encode(value, codec) if type(value) is str else _utf8_text(value)

    return convert


def _float_text(column: Column, codec: str) -> ValueEncoder:
    decimals = column.decimals
    scaled = 0 < decimals < NOT_FIXED
    plain = format_float if column.type == TYPE_FLOAT else format_double

    def convert(value: Any) -> bytes:
        if type(value) is int or type(value) is float:
            text = format_scaled(value, decimals) if scaled else plain(float(value))
            return text.encode()
        return _utf8_text(value)

    return convert


def _decimal_text(column: Column, codec: str) -> ValueEncoder:
    decimals = column.decimals if column.decimals < NOT_FIXED else 0

    def convert(value: Any) -> bytes:
        if type(value) is float:
            return format_scaled(value, decimals).encode()
        if type(value) is int and decimals:
            return b"%d.%s" % (value, b"0" * decimals)
        return _utf8_text(value)

    return convert


def _bit_text(width: int) -> ValueEncoder:
    def convert(value: Any) -> bytes:
        if type(value) is int:
            return (value & ((1 << 8 * width) - 1)).to_bytes(width, "big")
        return _utf8_text(value)

    return convert


def _zerofilled(width: int) -> ValueEncoder:
    def convert(value: Any) -> bytes:
        return _utf8_text(value).rjust(width, b"0")

    return convert


# --- text protocol -----------------------------------------------------------------------------


def text_encoder(columns: Sequence[Column], codec: str) -> RowEncoder:
    """Rows of the text protocol: every value a length-encoded string, 0xfb for NULL."""
    values = [_text_value(column, codec) for column in columns]
    if len(values) == 1:
        return _single_text(values[0])

    def encode(row: Sequence[Any]) -> bytes:
        parts = []
        for value, convert in zip(row, values, strict=True):
            if value is None:
                parts.append(NULL_MARK)
                continue
            data = convert(value)
            length = len(data)
            parts.append(SHORT_LENGTH[length] if length < 251 else encode_length(length))
            parts.append(data)
        return b"".join(parts)

    return encode


def _single_text(convert: ValueEncoder) -> RowEncoder:
    def encode(row: Sequence[Any]) -> bytes:
        value = row[0]
        if value is None:
            return NULL_MARK
        data = convert(value)
        length = len(data)
        return (SHORT_LENGTH[length] if length < 251 else encode_length(length)) + data

    return encode


# --- binary protocol ---------------------------------------------------------------------------


def binary_encoder(columns: Sequence[Column], codec: str) -> RowEncoder:
    """Rows of the binary protocol: 0x00, a NULL bitmap shifted by two bits, the values."""
    general = _general_binary(columns, codec)
    formats = [_fixed_format(column) for column in columns]
    if all(formats):
        return _packed_binary("".join(formats), general)
    if len(columns) == 1:
        return _single_binary(_binary_value(columns[0], codec))
    return general


def _fixed_format(column: Column) -> str:
    code = _INTEGER_FORMATS.get(column.type)
    if code is not None:
        return code.upper() if column.flags & FLAG_UNSIGNED else code
    return _FLOAT_FORMATS.get(column.type, "")


def _packed_binary(formats: str, general: RowEncoder) -> RowEncoder:
    """Numbers only: one struct for the whole row, unless it holds NULLs or strange values."""
    bitmap = bytes((len(formats) + 9) // 8)
    pack = Struct(f"<{1 + len(bitmap)}s{formats}").pack
    head = b"\0" + bitmap

    def encode(row: Sequence[Any]) -> bytes:
        try:
            return pack(head, *row)
        except (error, OverflowError):
            return general(row)

    return encode


def _single_binary(convert: ValueEncoder) -> RowEncoder:
    def encode(row: Sequence[Any]) -> bytes:
        value = row[0]
        return b"\0\x04" if value is None else b"\0\0" + convert(value)

    return encode


def _general_binary(columns: Sequence[Column], codec: str) -> RowEncoder:
    values = [_binary_value(column, codec) for column in columns]
    bits = [(1 << (index + 2), value) for index, value in enumerate(values)]
    bitmap_length = (len(values) + 9) // 8

    def encode(row: Sequence[Any]) -> bytes:
        nulls = 0
        parts = [b""]
        for value, (bit, convert) in zip(row, bits, strict=True):
            if value is None:
                nulls |= bit
            else:
                parts.append(convert(value))
        parts[0] = b"\0" + nulls.to_bytes(bitmap_length, "little")
        return b"".join(parts)

    return encode


def _binary_value(column: Column, codec: str) -> ValueEncoder:
    if column.type in _INTEGER_FORMATS:
        return _binary_integer(column)
    if column.type in _FLOAT_FORMATS:
        return _binary_float(column)
    if column.type in (TYPE_DATE, TYPE_DATETIME, TYPE_TIMESTAMP):
        return _binary_temporal(column, encode_datetime)
    if column.type == TYPE_TIME:
        return _binary_temporal(column, encode_time)
    return _binary_string(_text_value(column, codec))


def _binary_string(convert: ValueEncoder) -> ValueEncoder:
    def encode(value: Any) -> bytes:
        data = (
            value.encode() if convert is _utf8_text and value.__class__ is str else convert(value)
        )
        length = len(data)
        return (SHORT_LENGTH[length] if length < 251 else encode_length(length)) + data

    return encode


def _binary_integer(column: Column) -> ValueEncoder:
    pack = Struct("<" + _fixed_format(column)).pack

    def encode(value: Any) -> bytes:
        try:
            return pack(value if type(value) is int else whole(float(value)))
        except (error, ValueError, OverflowError, TypeError):
            raise _cannot_carry(column, value) from None

    return encode


def _binary_float(column: Column) -> ValueEncoder:
    pack = Struct("<" + _FLOAT_FORMATS[column.type]).pack

    def encode(value: Any) -> bytes:
        try:
            return pack(float(value))
        except (ValueError, OverflowError, TypeError, error):
            raise _cannot_carry(column, value) from None

    return encode


def _binary_temporal(column: Column, convert: Callable[[str], bytes]) -> ValueEncoder:
    def encode(value: Any) -> bytes:
        try:
            return convert(value.decode() if type(value) is bytes else value)
        except (ValueError, TypeError, AttributeError, error):
            raise _cannot_carry(column, value) from None

    return encode
