"""The table of roles: every role against every event."""

from __future__ import annotations

import pytest

from engine.role import TRANSITIONS, Event, IllegalTransition, Role, RoleState

EXPECTED = {
    (Role.READER, Event.PROMOTE): Role.OPENING,
    (Role.OPENING, Event.OPENED): Role.WRITER,
    (Role.OPENING, Event.FAILED): Role.READER,
    (Role.OPENING, Event.FENCED): Role.READER,
    (Role.WRITER, Event.DEMOTE): Role.DEMOTING,
    (Role.WRITER, Event.FENCED): Role.READER,
    (Role.DEMOTING, Event.DRAINED): Role.READER,
    (Role.DEMOTING, Event.UNDRAINED): Role.WRITER,
    (Role.DEMOTING, Event.FENCED): Role.READER,
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("event", Event)
def test_every_pair(role: Role, event: Event) -> None:
    state = RoleState(role)
    following = EXPECTED.get((role, event))
    assert state.accepts(event) == (following is not None)
    if following is None:
        with pytest.raises(IllegalTransition):
            state.on(event)
        assert state.playing(role)
    else:
        assert state.on(event) is following


def test_only_the_writer_takes_writes() -> None:
    assert [role for role in Role if RoleState(role).refusal is None] == [Role.WRITER]


def test_a_lost_epoch_ends_in_reader_from_every_role_that_could_write() -> None:
    for role in (Role.OPENING, Role.WRITER, Role.DEMOTING):
        assert TRANSITIONS[role][Event.FENCED] is Role.READER


def test_every_role_leads_back_to_reader() -> None:
    for role in Role:
        seen, todo = set(), [role]
        while todo:
            at = todo.pop()
            seen.add(at)
            todo += [to for to in TRANSITIONS[at].values() if to not in seen]
        assert Role.READER in seen
