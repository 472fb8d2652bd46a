"""Rows of both protocols, read back by a decoder of their own."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.protocol.columns import Metadata, definition, field_list_definition
from engine.protocol.framing import frame_all
from engine.protocol.primitives import PayloadReader
from engine.protocol.replies import eof
from engine.protocol.rows import binary_encoder, text_encoder
from engine.results import (
    CHARSET_BINARY,
    FLAG_UNSIGNED,
    FLAG_ZEROFILL,
    TYPE_BIT,
    TYPE_BLOB,
    TYPE_DATETIME,
    TYPE_DOUBLE,
    TYPE_FLOAT,
    TYPE_LONG,
    TYPE_LONGLONG,
    TYPE_NEWDECIMAL,
    TYPE_SHORT,
    TYPE_TIME,
    TYPE_TINY,
    TYPE_VAR_STRING,
    TYPE_YEAR,
    Column,
)
from tests.unit.engine.protocol.wireclient import text_row


def column(kind: int, *, flags: int = 0, length: int = 20, decimals: int = 0) -> Column:
    return Column("c", "c", "t", "t", "test", kind, CHARSET_BINARY, length, flags, decimals)


def text(value: Any, col: Column, codec: str = "utf-8") -> bytes | None:
    reader = PayloadReader(text_encoder((col,), codec)((value,)))
    return reader.string()


@pytest.mark.parametrize(
    ("col", "value", "expected"),
    [
        (column(TYPE_LONG), 42, b"42"),
        (column(TYPE_LONG, flags=FLAG_ZEROFILL, length=5), 42, b"00042"),
        (column(TYPE_DOUBLE, decimals=31), 1.0, b"1"),
        (column(TYPE_DOUBLE, decimals=31), 3, b"3"),
        (column(TYPE_DOUBLE, decimals=2), 1.0, b"1.00"),
        (column(TYPE_FLOAT, decimals=31), 3.1415927410125732, b"3.14159"),
        (column(TYPE_NEWDECIMAL, decimals=4), 2.5, b"2.5000"),
        (column(TYPE_NEWDECIMAL, decimals=2), 7, b"7.00"),
        (column(TYPE_NEWDECIMAL), 7, b"7"),
        (column(TYPE_NEWDECIMAL, decimals=2), "1.10", b"1.10"),
        (column(TYPE_VAR_STRING), "grüß", "grüß".encode()),
        (column(TYPE_VAR_STRING), 5, b"5"),
        (column(TYPE_VAR_STRING), 0.5, b"0.5"),
        (column(TYPE_VAR_STRING), b"\xff\0", b"\xff\0"),
        (column(TYPE_BLOB), "x" * 300, b"x" * 300),
        (column(TYPE_BIT, length=10), 513, b"\x02\x01"),
        (column(TYPE_DATETIME), "2026-08-05 10:00:00", b"2026-08-05 10:00:00"),
    ],
)
def test_text_values(col: Column, value: Any, expected: bytes) -> None:
    assert text(value, col) == expected


def test_text_in_another_character_set() -> None:
    col = column(TYPE_VAR_STRING)
    assert text("grüß", col, "cp1252") == "grüß".encode("cp1252")
    assert text("日本", col, "cp1252") == b"??"


NUMBERS = [column(TYPE_LONG), column(TYPE_VAR_STRING), column(TYPE_DOUBLE, decimals=31)]


def test_text_row_with_nulls() -> None:
    encode = text_encoder(NUMBERS, "utf-8")
    assert text_row(encode((1, None, 2.5)), 3) == ("1", None, "2.5")
    assert text_row(encode((None, "", None)), 3) == (None, "", None)


FORMATS = {
    TYPE_TINY: "b",
    TYPE_SHORT: "h",
    TYPE_YEAR: "h",
    TYPE_LONG: "i",
    TYPE_LONGLONG: "q",
    TYPE_DOUBLE: "d",
}


def read_binary(packet: bytes, columns: list[Column]) -> tuple[Any, ...]:
    """A client's reading of a binary row."""
    bitmap = (len(columns) + 9) // 8
    assert packet[0] == 0
    nulls = int.from_bytes(packet[1 : 1 + bitmap], "little") >> 2
    reader = PayloadReader(packet, 1 + bitmap)
    values: list[Any] = []
    for index, col in enumerate(columns):
        if nulls >> index & 1:
            values.append(None)
        elif col.type in FORMATS:
            code = FORMATS[col.type]
            code = code.upper() if col.flags & FLAG_UNSIGNED else code
            values.append(struct.unpack("<" + code, reader.fixed(struct.calcsize(code)))[0])
        else:
            values.append(reader.string())
    assert not reader.remaining
    return tuple(values)


CELL = st.one_of(
    st.tuples(st.just(column(TYPE_TINY)), st.integers(-128, 127)),
    st.tuples(st.just(column(TYPE_SHORT, flags=FLAG_UNSIGNED)), st.integers(0, 65535)),
    st.tuples(st.just(column(TYPE_LONG)), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just(column(TYPE_LONGLONG)), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(column(TYPE_LONGLONG, flags=FLAG_UNSIGNED)), st.integers(0, 2**64 - 1)),
    st.tuples(st.just(column(TYPE_DOUBLE)), st.floats(allow_nan=False)),
    st.tuples(st.just(column(TYPE_BLOB)), st.binary(max_size=300)),
)


@given(st.lists(CELL, min_size=1, max_size=20), st.sets(st.integers(0, 19)))
def test_binary_rows_come_back(cells: list[tuple[Column, Any]], nulls: set[int]) -> None:
    columns = [col for col, _ in cells]
    row = tuple(None if i in nulls else value for i, (_, value) in enumerate(cells))
    assert read_binary(binary_encoder(columns, "utf-8")(row), columns) == row


@pytest.mark.parametrize(
    ("col", "value", "data"),
    [
        (column(TYPE_LONG), "7", b"\7\0\0\0"),
        (column(TYPE_LONG), 6.5, b"\7\0\0\0"),
        (column(TYPE_DOUBLE), 3, struct.pack("<d", 3.0)),
        (column(TYPE_DOUBLE), "0.5", struct.pack("<d", 0.5)),
        (column(TYPE_VAR_STRING), 12, b"\x0212"),
        (column(TYPE_NEWDECIMAL, decimals=2), 1.5, b"\x041.50"),
        (column(TYPE_DATETIME), "2026-08-05", bytes.fromhex("04ea070805")),
        (column(TYPE_TIME), "10:20:30", bytes.fromhex("0800000000000a141e")),
        (column(TYPE_YEAR), 2026, b"\xea\x07"),
        (column(TYPE_BIT, length=1), 1, b"\x01\x01"),
    ],
)
def test_binary_values_of_odd_types(col: Column, value: Any, data: bytes) -> None:
    assert binary_encoder((col,), "utf-8")((value,)) == b"\0\0" + data
    both = binary_encoder((col, column(TYPE_BLOB)), "utf-8")((value, None))
    assert both == b"\0\x08" + data


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TYPE_TINY, 128),
        (TYPE_LONG, 2**31),
        (TYPE_LONG, "word"),
        (TYPE_DOUBLE, "word"),
        (TYPE_DATETIME, "soon"),
        (TYPE_DATETIME, 5),
        (TYPE_TIME, "a:b:c"),
    ],
)
def test_what_a_type_cannot_carry_is_an_error(kind: int, value: Any) -> None:
    for columns in ((column(kind),), (column(kind), column(TYPE_LONGLONG))):
        with pytest.raises(SqlError) as raised:
            binary_encoder(columns, "utf-8")((value, 1)[: len(columns)])
        assert raised.value.errno == 1815


def test_definition_bytes() -> None:
    col = Column("alias", "c", "a", "t", "db", TYPE_VAR_STRING, 45, 480, 1, 0)
    assert definition(col, 255) == (
        b"\x03def\x02db\x01a\x01t\x05alias\x01c" + b"\x0c\xff\0\xe0\x01\0\0\xfd\x01\0\0\0\0"
    )
    assert field_list_definition(col).endswith(b"\xfb")


def test_binary_columns_keep_their_charset() -> None:
    assert definition(column(TYPE_BLOB), 255) == definition(column(TYPE_BLOB))
    assert definition(column(TYPE_LONG), 255) == definition(column(TYPE_LONG))


@pytest.mark.parametrize("count", [1, 2, 300])
def test_brackets_are_what_would_be_sent(count: int) -> None:
    """The cached packets around one row equal the ones built in order, ids wrapped."""
    columns = tuple(column(TYPE_LONG) for _ in range(count))
    metadata = Metadata(columns, 255)
    head, sequence, tail = metadata.brackets(2)
    plain, after = metadata.head(2, 1)
    row, following = frame_all([b"row"], after)
    assert (head, sequence) == (plain, after)
    assert tail == frame_all([eof(2)], following)[0]
    assert row[3] == (count + 3) & 0xFF
    assert metadata.brackets(2)[0] is head
    assert metadata.brackets(3)[0] != head
