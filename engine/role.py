"""Pure: the roles of an instance and how one leads to another, as a table.

All transitions are in this file; nothing else decides which role follows. Only the volume epoch
makes a writer: this table says what the instance does about it, and what it refuses meanwhile.

    reader --promote--> opening --opened--> writer --demote--> demoting --drained--> reader
                           |                  |                   |  '-undrained-> writer
                           '--failed--> reader '------fenced-------'--------> reader
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import define


class Role(Enum):
    READER = "reader"
    OPENING = "opening"
    WRITER = "writer"
    DEMOTING = "demoting"


class Event(Enum):
    PROMOTE = "promote"
    OPENED = "opened"
    FAILED = "failed"  # opening the volume did not succeed
    DEMOTE = "demote"
    UNDRAINED = "undrained"  # transactions did not end in time: the writer stays
    DRAINED = "drained"
    FENCED = "fenced"  # a newer volume epoch was seen


TRANSITIONS: Final[dict[Role, dict[Event, Role]]] = {
    Role.READER: {
        Event.PROMOTE: Role.OPENING,
    },
    Role.OPENING: {
        Event.OPENED: Role.WRITER,
        Event.FAILED: Role.READER,
        Event.FENCED: Role.READER,
    },
    Role.WRITER: {
        Event.DEMOTE: Role.DEMOTING,
        Event.FENCED: Role.READER,
    },
    Role.DEMOTING: {
        Event.DRAINED: Role.READER,
        Event.UNDRAINED: Role.WRITER,
        Event.FENCED: Role.READER,
    },
}

REFUSES_WRITES: Final[dict[Role, str]] = {
    Role.READER: "this instance is a reader: it refuses writes",
    Role.OPENING: "this instance is being promoted: it does not take writes yet",
    Role.DEMOTING: "this instance is handing over to another writer: it takes no more writes",
}


class IllegalTransition(Exception):
    """An event that cannot happen in this role; a bug of the caller."""


@define
class RoleState:
    """The current role, and the epoch it was taken in."""

    role: Role = Role.READER
    epoch: int = 0

    def playing(self, role: Role) -> bool:
        return self.role is role

    def accepts(self, event: Event) -> bool:
        return event in TRANSITIONS[self.role]

    def on(self, event: Event) -> Role:
        following = TRANSITIONS[self.role].get(event)
        if following is None:
            raise IllegalTransition(f"{event.value} while {self.role.value}")
        self.role = following
        return following

    @property
    def refusal(self) -> str | None:
        """Why writes are refused in this role; None for the writer."""
        return REFUSES_WRITES.get(self.role)
