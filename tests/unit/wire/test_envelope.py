from __future__ import annotations

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import envelope
from wire.envelope import ERROR, NOTIFY, REPLY, REQUEST, EnvelopeError, RpcError, decode, error_from
from wire.frame import HEADER_SIZE

payloads = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers(0, 99), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(payloads)
def test_messages_survive(payload: object) -> None:
    def through(frame: bytes) -> tuple[int, int, object, object]:
        return decode(frame[HEADER_SIZE:])

    assert through(envelope.encode_request(5, "m", payload)) == (REQUEST, 5, "m", payload)
    assert through(envelope.encode_reply(2**40, payload)) == (REPLY, 2**40, None, payload)
    assert through(envelope.encode_notify("m", payload)) == (NOTIFY, 0, "m", payload)
    error = RpcError("stale_epoch", "epoch 3 is over", payload)
    kind, call_id, code, details = through(envelope.encode_error(7, error))
    assert (kind, call_id) == (ERROR, 7)
    received = error_from(code, details)
    assert (received.code, received.message) == ("stale_epoch", "epoch 3 is over")
    assert received.details == payload


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_envelope_error(body: bytes) -> None:
    try:
        kind, call_id, method, _ = decode(body)
    except EnvelopeError as error:
        assert "\n" not in str(error)
    else:
        assert type(kind) is int
        assert type(call_id) is int
        assert method is None or type(method) is str


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        [0, 1, "m"],
        [0, 1, "m", None, None],
        ["0", 1, "m", None],
        [0, None, "m", None],
        [True, 1, "m", None],
        [0, 1, None, None],
        [3, 0, None, None],
        [0, 1, ["m"], None],
        {0: 1, 1: 2, 2: 3, 3: 4},
        "abcd",
    ],
)
def test_other_shapes_are_refused(message: object) -> None:
    with pytest.raises(EnvelopeError, match="not a message"):
        decode(msgpack.packb(message))


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"\x94\x00", b"\x91" * 2000, b"\x94\x00\x01\xa1\xff"]
)
def test_broken_msgpack_is_refused(body: bytes) -> None:
    with pytest.raises(EnvelopeError):
        decode(body)


def test_a_maps_key_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(EnvelopeError):
        decode(b"\x94\x00\x01\xa1m\x81\x90\x00")  # a map whose key is a list


def test_packing_goes_on_after_a_payload_that_cannot_be_packed() -> None:
    with pytest.raises(TypeError):
        envelope.encode_request(1, "m", ["x" * 1000, object()])
    frame = envelope.encode_request(2, "m", 3)
    assert decode(frame[HEADER_SIZE:]) == (REQUEST, 2, "m", 3)


@pytest.mark.parametrize("payload", [None, "text", [], ["only one"], [1, 2, 3]])
def test_an_error_of_any_shape_is_an_error(payload: object) -> None:
    assert error_from("code", payload).code == "code"
