from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.frame import HEADER, HEADER_SIZE, MAGIC, MAX_FRAME, VERSION, FrameError, FrameReader
from wire.frame import encode_frame as encode

bodies = st.lists(st.binary(max_size=300), max_size=8)


def header(
    body: bytes, *, magic: int = MAGIC, version: int = VERSION, flags: int = 0, crc: int = 0
) -> bytes:
    return HEADER.pack(magic, version, flags, len(body), zlib.crc32(body) ^ crc) + body


def test_the_format_is_as_documented() -> None:
    assert encode(b"hello") == bytes.fromhex("6f5f 01 00 00000005 3610a686") + b"hello"
    assert encode(b"hello") == header(b"hello")
    assert HEADER_SIZE == 12


@given(bodies)
def test_whole_streams(sent: list[bytes]) -> None:
    assert FrameReader().feed(b"".join(map(encode, sent))) == sent


@given(bodies)
def test_byte_by_byte(sent: list[bytes]) -> None:
    reader = FrameReader()
    received = []
    for byte in b"".join(map(encode, sent)):
        received += reader.feed(bytes([byte]))
    assert received == sent
    assert reader.pending == 0


@given(bodies, st.data())
def test_any_split(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(encode, sent))
    reader = FrameReader()
    received = []
    while stream:
        count = data.draw(st.integers(1, len(stream)))
        received += reader.feed(stream[:count])
        stream = stream[count:]
    assert received == sent


@given(bodies, st.binary(min_size=1, max_size=100), st.data())
def test_garbage_after_frames_never_becomes_a_frame(
    sent: list[bytes], garbage: bytes, data: st.DataObject
) -> None:
    stream = b"".join(map(encode, sent)) + garbage
    split = data.draw(st.integers(0, len(stream)))
    reader = FrameReader()
    received: list[bytes] = []
    for part in (stream[:split], stream[split:]):
        if reader.failure is None:
            try:
                received += reader.feed(part)
            except FrameError:
                break
    assert received[: len(sent)] == sent
    assert received[len(sent) :] == []  # no draw of this size forges a checksum


@given(st.binary(max_size=200), st.data())
def test_a_flipped_bit_is_noticed(body: bytes, data: st.DataObject) -> None:
    frame = bytearray(encode(body))
    bit = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[bit // 8] ^= 1 << bit % 8
    reader = FrameReader(max_frame=4096)
    try:
        assert reader.feed(bytes(frame)) == []
    except FrameError:
        return
    assert 32 <= bit < 64, "only a longer length can leave the reader waiting"
    with pytest.raises(FrameError):
        while True:  # what comes next fails its checksum, or the length is too large
            reader.feed(bytes(1000))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"GET / HTTP/1.1\r\n", "not this protocol"),
        (b"G", "not this protocol"),
        (b"\x6f\x60", "not this protocol"),
        (header(b"x", version=9), "protocol version 9, this side speaks 1"),
        (header(b"x", version=9)[:3], "protocol version 9"),
        (header(b"x", flags=4), "unknown flags 0x4"),
        (header(b"x", crc=1), "checksum mismatch"),
        (HEADER.pack(MAGIC, VERSION, 0, MAX_FRAME + 1, 0), "at most 67108864 are allowed"),
    ],
)
def test_broken_frames_are_named(data: bytes, complaint: str) -> None:
    reader = FrameReader()
    with pytest.raises(FrameError, match=complaint):
        reader.feed(data)
    assert reader.pending == 0
    with pytest.raises(FrameError, match=complaint):
        reader.feed(encode(b"fine"))


def test_frames_before_a_broken_one_are_delivered() -> None:
    reader = FrameReader()
    assert reader.feed(encode(b"a") + encode(b"b") + header(b"c", crc=1)) == [b"a", b"b"]
    assert reader.failure is not None
    with pytest.raises(FrameError, match="checksum"):
        reader.feed(b"")


def test_the_largest_frame_passes() -> None:
    reader = FrameReader(max_frame=1000)
    assert reader.feed(encode(bytes(1000))) == [bytes(1000)]
    with pytest.raises(FrameError):
        reader.feed(encode(bytes(1001))[:HEADER_SIZE])


def test_an_oversized_body_is_the_callers_mistake() -> None:
    with pytest.raises(AssertionError, match="frame body of"):
        encode(bytes(MAX_FRAME + 1))
