from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runtime.trace import FIELD_LIMIT, LINES_PER_SECOND, Severity, Trace, quote, where
from tests.fakes.clock import ManualClock


def make(least: Severity = Severity.INFO) -> tuple[Trace, list[str], ManualClock]:
    lines: list[str] = []
    clock = ManualClock()
    return Trace(clock, "node-1", sink=lines.append, least=least), lines, clock


def test_an_event_is_one_logfmt_line() -> None:
    trace, lines, _ = make()
    trace.event(Severity.WARN, "disk_slow", path="/a/b", ms=12, why='said "no"', name="x")
    assert lines == [
        "2023-11-14T22:30:00.000Z WARN component=node-1 event=disk_slow path=/a/b ms=12"
        ' why="said \\"no\\"" name=x\n'
    ]


def test_every_event_is_counted_and_quiet_ones_are_not_written() -> None:
    trace, lines, _ = make()
    trace.debug("a")
    trace.child("part").info("a")
    trace.error("b")
    assert trace.counts == {"a": 2, "b": 1}
    assert [line.split()[2] for line in lines] == ["component=node-1/part", "component=node-1"]


def test_a_flood_is_limited_and_its_size_told() -> None:
    trace, lines, clock = make()
    for _ in range(1000):
        trace.warn("garbage")
    trace.warn("other")
    assert trace.counts["garbage"] == 1000
    assert len(lines) == LINES_PER_SECOND + 1
    clock.now += 1.0
    trace.warn("garbage")
    assert lines[-1].endswith(f"left_out={1000 - LINES_PER_SECOND}\n")


@given(st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.floats()))
def test_no_value_breaks_a_line(value: object) -> None:
    text = quote(value)
    assert text
    assert text.isprintable()
    assert " " not in text or (text[0] == text[-1] == '"')


def test_long_values_are_cut() -> None:
    assert len(quote("x" * 100_000)) <= FIELD_LIMIT + 5


def test_where_names_the_innermost_place_first() -> None:
    def inner() -> None:
        raise ValueError("x")

    try:
        inner()
    except ValueError as error:
        first, second = where(error).split(" < ")
    assert first.startswith("test_trace.py:")
    assert first.endswith("(inner)")
    assert "test_where_names" in second
