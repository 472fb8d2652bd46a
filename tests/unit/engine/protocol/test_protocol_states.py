"""The state table, enumerated."""

from __future__ import annotations

import pytest

from engine.commands import Commands
from engine.protocol.constants import Command
from engine.protocol.errors import ProtocolError
from engine.protocol.states import COMMANDS, TRANSITIONS, Input, Machine, State
from engine.session import ClientSession


def paths(length: int) -> list[tuple[Input, ...]]:
    found: list[tuple[Input, ...]] = [()]
    for _ in range(length):
        found = [(*path, event) for path in found for event in Input]
    return found


def walk(path: tuple[Input, ...]) -> State | None:
    machine = Machine()
    for event in path:
        try:
            machine.on(event)
        except ProtocolError:
            assert machine.closed
            return None
    return machine.state


def test_every_state_has_a_row_and_can_fail() -> None:
    assert set(TRANSITIONS) == set(State)
    for row in TRANSITIONS.values():
        assert row[Input.FAULT] is State.CLOSED


def test_nothing_leads_out_of_closed() -> None:
    assert set(TRANSITIONS[State.CLOSED].values()) == {State.CLOSED}


def test_only_acceptance_leads_to_commands() -> None:
    """All paths of up to five inputs: READY and RUNNING always lie behind an ACCEPT, and an
    ACCEPT behind a LOGIN."""
    reached = 0
    for length in range(6):
        for path in paths(length):
            if walk(path) in (State.READY, State.RUNNING):
                reached += 1
                assert Input.ACCEPT in path
                assert path.index(Input.LOGIN) < path.index(Input.ACCEPT)
    assert reached > 0


def test_a_refusal_closes() -> None:
    for state, row in TRANSITIONS.items():
        if Input.REFUSE in row:
            assert row[Input.REFUSE] is State.CLOSED, state


def test_a_command_needs_a_ready_connection() -> None:
    for state, row in TRANSITIONS.items():
        assert (Input.COMMAND in row) == (state is State.READY)


def test_an_illegal_input_is_1047_and_closes() -> None:
    machine = Machine()
    with pytest.raises(ProtocolError) as raised:
        machine.on(Input.COMMAND)
    assert raised.value.answer.errno == 1047
    assert raised.value.answer.sqlstate == "08S01"
    assert machine.closed


@pytest.mark.parametrize("code", sorted(COMMANDS))
def test_every_command_has_a_method(code: int) -> None:
    rule = COMMANDS[code]
    assert rule.handler == Command(code).name.lower()
    assert hasattr(Commands, rule.handler) or hasattr(ClientSession, f"_{rule.handler}")
    assert rule.least >= 1
