"""Values bound to prepared statements."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.protocol.errors import ProtocolError
from engine.protocol.parameters import Parameters
from engine.protocol.primitives import encode_string
from engine.results import (
    TYPE_BLOB,
    TYPE_DATE,
    TYPE_DATETIME,
    TYPE_DOUBLE,
    TYPE_FLOAT,
    TYPE_LONG,
    TYPE_LONGLONG,
    TYPE_NEWDECIMAL,
    TYPE_NULL,
    TYPE_SHORT,
    TYPE_STRING,
    TYPE_TIME,
    TYPE_TINY,
    TYPE_VAR_STRING,
)
from tests.unit.engine.protocol.wireclient import execute_packet

UNSIGNED = 0x80
HEAD = execute_packet(1)


def packet(bound: list[tuple[int, int, bytes | None]], *, types: bool = True) -> bytes:
    """(type, flags, encoded value or None for NULL) of each parameter."""
    nulls = sum(1 << i for i, (_, _, data) in enumerate(bound) if data is None)
    bitmap = nulls.to_bytes((len(bound) + 7) // 8, "little")
    kinds = b"".join(bytes((kind, flags)) for kind, flags, _ in bound) if types else b""
    values = b"".join(data for _, _, data in bound if data is not None)
    return HEAD + bitmap + bytes((types,)) + kinds + values


def decode(bound: list[tuple[int, int, bytes | None]]) -> tuple[Any, ...]:
    return Parameters(len(bound), "utf-8").decode(packet(bound))


@pytest.mark.parametrize(
    ("kind", "flags", "data", "value"),
    [
        (TYPE_TINY, 0, b"\xff", -1),
        (TYPE_TINY, UNSIGNED, b"\xff", 255),
        (TYPE_SHORT, 0, b"\xfe\xff", -2),
        (TYPE_SHORT, UNSIGNED, b"\xfe\xff", 65534),
        (TYPE_LONG, 0, b"\xff\xff\xff\xff", -1),
        (TYPE_LONG, UNSIGNED, b"\xff\xff\xff\xff", 2**32 - 1),
        (TYPE_LONGLONG, 0, b"\xff" * 8, -1),
        (TYPE_LONGLONG, UNSIGNED, b"\xff" * 8, 2**64 - 1),
        (TYPE_FLOAT, UNSIGNED, struct.pack("<f", 1.5), 1.5),
        (TYPE_DOUBLE, 0, struct.pack("<d", -0.1), -0.1),
        (TYPE_VAR_STRING, 0, encode_string("grüß".encode()), "grüß"),
        (TYPE_STRING, 0, encode_string(b"x" * 300), "x" * 300),
        (TYPE_STRING, 0, encode_string(b"x" * 70000), "x" * 70000),
        (TYPE_STRING, 0, encode_string(b"\xff\xfe"), b"\xff\xfe"),
        (TYPE_BLOB, 0, encode_string(b"abc"), b"abc"),
        (TYPE_NEWDECIMAL, 0, encode_string(b"12.50"), "12.50"),
        (TYPE_DATE, 0, bytes.fromhex("04ea070805"), "2026-08-05"),
        (TYPE_DATETIME, 0, bytes.fromhex("04ea070805"), "2026-08-05 00:00:00"),
        (TYPE_DATETIME, 0, b"\0", "0000-00-00 00:00:00"),
        (TYPE_TIME, 0, bytes.fromhex("0801010000000a141e"), "-34:20:30"),
        (TYPE_NULL, 0, b"", None),
        (TYPE_LONG, 0, None, None),
    ],
)
def test_one_value(kind: int, flags: int, data: bytes | None, value: Any) -> None:
    assert decode([(kind, flags, data)]) == (value,)
    # And between others, where one struct cannot do it.
    around = (TYPE_STRING, 0, encode_string(b"a"))
    assert decode([around, (kind, flags, data), around]) == ("a", value, "a")


VALUE = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda n: (TYPE_LONGLONG, 0, struct.pack("<q", n), n)),
    st.integers(0, 2**64 - 1).map(lambda n: (TYPE_LONGLONG, UNSIGNED, struct.pack("<Q", n), n)),
    st.floats(allow_nan=False).map(lambda x: (TYPE_DOUBLE, 0, struct.pack("<d", x), x)),
    st.text().map(lambda s: (TYPE_VAR_STRING, 0, encode_string(s.encode()), s)),
    st.binary().map(lambda b: (TYPE_BLOB, 0, encode_string(b), b)),
    st.just((TYPE_STRING, 0, None, None)),
)


@given(st.lists(VALUE, max_size=20))
def test_any_values(values: list[tuple[int, int, bytes | None, Any]]) -> None:
    parameters = Parameters(len(values), "utf-8")
    bound = [value[:3] for value in values]
    expected = tuple(value[3] for value in values)
    assert parameters.decode(packet(bound)) == expected
    # A second execution need not repeat the types.
    assert parameters.decode(packet(bound, types=False)) == expected


def test_types_may_change_between_executions() -> None:
    parameters = Parameters(1, "utf-8")
    assert parameters.decode(packet([(TYPE_TINY, 0, b"\7")])) == (7,)
    assert parameters.decode(packet([(TYPE_STRING, 0, b"\1x")])) == ("x",)
    assert parameters.decode(packet([(TYPE_STRING, 0, b"\1y")], types=False)) == ("y",)
    assert parameters.decode(packet([(TYPE_TINY, 0, None)])) == (None,)


def test_long_data_is_joined_and_used_up() -> None:
    parameters = Parameters(3, "utf-8")
    parameters.add_long_data(1, b"ab", 100)
    parameters.add_long_data(1, b"cd", 100)
    parameters.add_long_data(2, b"xyz", 100)
    bound: list[tuple[int, int, bytes | None]] = [
        (TYPE_LONG, 0, struct.pack("<i", 5)),
        (TYPE_BLOB, 0, b""),
        (TYPE_STRING, 0, b""),
    ]
    assert parameters.decode(packet(bound)) == (5, b"abcd", "xyz")
    again = [bound[0], (TYPE_BLOB, 0, b"\1q"), (TYPE_STRING, 0, b"\0")]
    assert parameters.decode(packet(again)) == (5, b"q", "")


def test_empty_long_data_is_a_value() -> None:
    parameters = Parameters(1, "utf-8")
    parameters.add_long_data(0, b"", 100)
    assert parameters.decode(packet([(TYPE_BLOB, 0, b"")])) == (b"",)


@pytest.mark.parametrize(("index", "size", "errno"), [(0, 101, 1153), (9, 1, 1210)])
def test_bad_long_data_is_said_once_by_the_execution(index: int, size: int, errno: int) -> None:
    parameters = Parameters(1, "utf-8")
    parameters.add_long_data(index, b"x" * size, 100)
    parameters.add_long_data(0, b"more", 100)
    with pytest.raises(SqlError) as raised:
        parameters.decode(packet([(TYPE_TINY, 0, b"\1")]))
    assert raised.value.errno == errno
    assert parameters.decode(packet([(TYPE_TINY, 0, b"\1")])) == (1,)


def test_reset_forgets_long_data() -> None:
    parameters = Parameters(1, "utf-8")
    parameters.add_long_data(0, b"old", 100)
    parameters.reset()
    assert parameters.decode(packet([(TYPE_STRING, 0, b"\3new")])) == ("new",)


def test_an_execution_without_types_needs_earlier_ones() -> None:
    with pytest.raises(ProtocolError):
        Parameters(1, "utf-8").decode(packet([(TYPE_TINY, 0, b"\1")], types=False))


def test_unknown_types_are_malformed() -> None:
    with pytest.raises(ProtocolError):
        decode([(0x70, 0, b"\1")])


MIXED: list[tuple[int, int, bytes | None]] = [
    (TYPE_LONG, 0, struct.pack("<i", 5)),
    (TYPE_STRING, 0, encode_string(b"x" * 260)),
    (TYPE_DATETIME, 0, bytes.fromhex("0bea0708050a141e01000000")),
    (TYPE_DOUBLE, 0, struct.pack("<d", 1.0)),
]


def test_every_truncation_is_malformed() -> None:
    for bound in (MIXED, [MIXED[0], MIXED[3]]):
        whole = packet(bound)
        for cut in range(len(HEAD), len(whole)):
            with pytest.raises(ProtocolError):
                Parameters(len(bound), "utf-8").decode(whole[:cut])


@given(st.integers(0, 12), st.binary(max_size=80))
def test_garbage_is_malformed_or_values(count: int, tail: bytes) -> None:
    try:
        assert len(Parameters(count, "utf-8").decode(HEAD + tail)) == count
    except ProtocolError as problem:
        assert problem.answer.errno == 1835
