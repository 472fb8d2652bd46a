from __future__ import annotations

from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from runtime.errors import OperatingError
from runtime.supervise import keep_running
from tests.fakes import fake_runtime


async def test_an_activity_is_restarted_until_it_returns(autojump_clock: MockClock) -> None:
    runtime = fake_runtime()
    attempts: list[float] = []

    async def activity() -> None:
        attempts.append(runtime.clock.monotonic())
        if len(attempts) < 10:
            raise OperatingError("no storage node answers")

    await keep_running(runtime, "ship", activity, backoff_first=1.0, backoff_max=8.0)
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    expected = [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0]
    assert all(full / 2 <= pause <= full for pause, full in zip(pauses, expected, strict=True))
    assert runtime.trace.counts["activity_failed"] == 9


async def test_back_off_starts_afresh_after_a_good_run(autojump_clock: MockClock) -> None:
    runtime = fake_runtime()
    ends: list[float] = []
    starts: list[float] = []

    async def activity() -> None:
        starts.append(runtime.clock.monotonic())
        if len(starts) == 8:
            return
        if len(starts) == 7:
            await runtime.clock.sleep(3600)
        ends.append(runtime.clock.monotonic())
        raise OSError("reset")

    await keep_running(runtime, "x", activity, backoff_first=0.1, backoff_max=5.0)
    assert starts[6] - ends[5] > 1.0
    assert starts[7] - ends[6] <= 0.1


async def test_the_log_tells_operating_errors_from_mistakes(autojump_clock: MockClock) -> None:
    lines: list[str] = []
    runtime = fake_runtime(lines=lines)
    errors = [
        OperatingError("peer gone"),
        KeyError("a bug"),
        ExceptionGroup("two", [OSError("one"), ExceptionGroup("inner", [ValueError("other")])]),
    ]

    async def activity() -> None:
        if errors:
            raise errors.pop(0)

    await keep_running(runtime, "x", activity)
    found = [(line.split()[1], line.split("event=")[1].strip()) for line in lines]
    assert found[0] == ("WARN", 'activity_failed activity=x reason="peer gone"')
    assert found[1][0] == "ERROR"
    assert "a bug" in found[1][1]
    assert "test_supervise.py" in found[1][1]
    assert [severity for severity, _ in found[2:]] == ["WARN", "ERROR"]


async def test_a_broken_assertion_is_passed_on(autojump_clock: MockClock) -> None:
    runtime = fake_runtime()

    async def activity() -> None:
        raise ExceptionGroup("nursery", [OSError("x"), AssertionError("SCL went back: 5 -> 4")])

    with pytest.raises(ExceptionGroup):
        await keep_running(runtime, "x", activity)
    assert runtime.trace.counts["activity_broken"] == 1


async def test_cancelling_stops_it(autojump_clock: MockClock) -> None:
    runtime = fake_runtime()

    async def activity() -> None:
        raise OSError("always")

    with trio.move_on_after(60) as scope:
        await keep_running(runtime, "x", activity)
    assert scope.cancelled_caught
