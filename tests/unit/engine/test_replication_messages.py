"""The replication messages: there and back, and nothing else gets in."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.info import ReplicaStatus
from engine.replication.messages import (
    BadMessage,
    Redo,
    Replicas,
    Report,
    Subscribe,
    Subscribed,
)

STATUS = ReplicaStatus("i-1", "session", 1.5, 2.5, 3.5)
MESSAGES = [
    Subscribe("i-1", 10, 5),
    Subscribed(3, 10),
    Redo(3, 10, 12, 1.5, b"blob"),
    Replicas(3, 1.5, (STATUS,)),
    Report(5, STATUS),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_there_and_back(message: Any) -> None:
    carried = msgpack.unpackb(msgpack.packb(message.encode(), use_bin_type=True), raw=False)
    assert type(message).decode(carried) == message


@pytest.mark.parametrize("kind", [Subscribe, Subscribed, Redo, Replicas, Report])
@given(payload=anything)
def test_garbage_is_a_bad_message(kind: Any, payload: Any) -> None:
    try:
        assert kind.decode(payload).encode() is not None
    except BadMessage as error:
        assert len(str(error)) < 400
