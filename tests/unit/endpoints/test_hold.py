"""The waiting room, against a model of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from endpoints.hold import Left, WaitingRoom

STEPS = st.lists(
    st.tuples(st.floats(0, 20), st.booleans(), st.sampled_from([Left.SERVED, Left.GONE])),
    max_size=60,
)


def test_bounded_in_number():
    room = WaitingRoom(limit=2, window=30)
    assert room.enter(1, 0)
    assert room.enter(2, 0)
    assert not room.enter(3, 0)
    room.leave(1, Left.SERVED)
    assert room.enter(4, 0)
    assert room.left == {Left.TURNED_AWAY: 1, Left.SERVED: 1}


def test_bounded_in_time():
    room = WaitingRoom(limit=2, window=30)
    room.enter(1, 100)
    assert room.seconds_left(1, 100) == 30
    assert room.seconds_left(1, 129) == 1
    assert room.seconds_left(1, 131) == 0
    assert room.longest_wait(112) == 12
    room.leave(1, Left.GAVE_UP)
    assert room.longest_wait(112) == 0


@given(STEPS)
def test_against_a_model(steps):
    room = WaitingRoom(limit=5, window=10)
    model: dict[int, float] = {}
    now = 0.0
    offered = 0
    for pause, enters, how in steps:
        now += pause
        if enters or not model:
            offered += 1
            assert room.enter(offered, now) == (len(model) < 5)
            if len(model) < 5:
                model[offered] = now + 10
        else:
            first = next(iter(model))
            late = model.pop(first) <= now
            assert (room.seconds_left(first, now) == 0) == late
            room.leave(first, Left.GAVE_UP if late else how)
        assert len(room) == len(model)
        assert (
            abs(room.longest_wait(now) - max([now - t + 10 for t in model.values()], default=0))
            < 1e-6
        )
    assert sum(room.left.values()) + len(room) == offered
