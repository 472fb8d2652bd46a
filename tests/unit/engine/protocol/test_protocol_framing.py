"""Packets whole, in pieces, joined, split, too large and out of order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.constants import MAX_PAYLOAD
from engine.protocol.errors import ProtocolError
from engine.protocol.framing import PacketReader, frame, frame_all, packets_of

PAYLOADS = st.lists(st.binary(max_size=300), min_size=1, max_size=6)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(PAYLOADS, st.lists(st.integers(0, 5000), max_size=12))
def test_an_exchange_survives_any_segmentation(payloads: list[bytes], cuts: list[int]) -> None:
    data, following = frame_all(payloads, 0)
    reader = PacketReader(1000)
    found = []
    for piece in pieces(data, cuts):
        packet = reader.next(piece)
        while packet is not None:
            found.append(packet)
            packet = reader.next()
    assert found == payloads
    assert reader.sequence == following
    assert not reader.buffered


@given(PAYLOADS)
def test_commands_byte_by_byte(payloads: list[bytes]) -> None:
    reader = PacketReader(1000)
    found = []
    for byte in b"".join(frame(payload, 0) for payload in payloads):
        packet = reader.next_command(bytes((byte,)))
        if packet is not None:
            found.append(packet)
            assert reader.sequence == 1
    assert found == payloads


@pytest.mark.parametrize("length", [MAX_PAYLOAD - 1, MAX_PAYLOAD, MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD])
def test_large_payloads_are_split_and_joined(length: int) -> None:
    payload = b"x" * length
    data = frame(payload, 255)
    assert data.count(b"\xff\xff\xff\xff") == (1 if length >= MAX_PAYLOAD else 0)
    reader = PacketReader(2 * MAX_PAYLOAD)
    reader.sequence = 255
    step = 1 << 22
    found = None
    for at in range(0, len(data), step):
        assert found is None
        found = reader.next(data[at : at + step])
    assert found == payload
    assert reader.sequence == (255 + packets_of(length)) & 0xFF


def errno_of(raised: pytest.ExceptionInfo[ProtocolError]) -> int:
    return raised.value.answer.errno


def test_a_payload_over_the_limit_is_refused_by_its_header() -> None:
    assert PacketReader(10).next(frame(b"x" * 10, 0)) == b"x" * 10
    with pytest.raises(ProtocolError) as raised:
        PacketReader(10).next(b"\x0b\0\0\0")
    assert errno_of(raised) == 1153


def test_joined_payloads_count_together() -> None:
    reader = PacketReader(MAX_PAYLOAD + 4)
    assert reader.next(b"\xff\xff\xff\0" + b"x" * MAX_PAYLOAD) is None
    with pytest.raises(ProtocolError) as raised:
        reader.next(b"\x05\0\0\1")
    assert errno_of(raised) == 1153


@pytest.mark.parametrize("data", [b"\1\0\0\1", b"\1\0\0\1x", b"\1\0\0\xffx"])
def test_a_wrong_sequence_id_is_refused_by_its_header(data: bytes) -> None:
    with pytest.raises(ProtocolError) as raised:
        PacketReader(10).next_command(data)
    assert errno_of(raised) == 1156


def test_continuations_must_count_on() -> None:
    reader = PacketReader(1 << 30)
    reader.next(b"\xff\xff\xff\0" + b"x" * MAX_PAYLOAD)
    with pytest.raises(ProtocolError) as raised:
        reader.next_command(b"\1\0\0\0y")
    assert errno_of(raised) == 1156
