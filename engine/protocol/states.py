"""Pure: the states of one client's connection, as a table. All of that state lives in this file.

A connection starts GREETED: the greeting is out and a handshake response is due. Only READY
takes commands, and READY is reached through ACCEPT alone, so nothing a refused client sends is
ever executed: after a refusal the state is CLOSED and every further input is an error.

    GREETED --LOGIN--> CHECKING --ACCEPT--> READY --COMMAND--> RUNNING --DONE--> READY
                        |  ^                  ^                  |
                  SWITCH|  |SWITCH_REPLY      |                  |CHANGE_USER
                        v  |                  +---- ACCEPT ---- CHECKING
                       SWITCHING
    any state --REFUSE or QUIT or FAULT--> CLOSED

The second table says of every command what it may look like. A command that is not in it is
unknown: 1047, and the connection goes on.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

from attrs import frozen

from engine.protocol.constants import Command
from engine.protocol.errors import not_now


class State(IntEnum):
    GREETED = auto()  # waiting for the handshake response
    CHECKING = auto()  # the server looks at a proof of identity
    SWITCHING = auto()  # waiting for an answer to an authentication switch
    READY = auto()  # waiting for a command
    RUNNING = auto()  # a command is being answered
    CLOSED = auto()


class Input(IntEnum):
    LOGIN = auto()  # a handshake response arrived
    SWITCH = auto()  # the server asked for another proof
    SWITCH_REPLY = auto()
    ACCEPT = auto()  # the server is convinced
    REFUSE = auto()
    COMMAND = auto()
    CHANGE_USER = auto()  # the command that starts another login
    DONE = auto()  # the command's answer is complete
    QUIT = auto()
    FAULT = auto()  # broken protocol, broken connection, killed, timed out


TRANSITIONS: Final[dict[State, dict[Input, State]]] = {
    State.GREETED: {
        Input.LOGIN: State.CHECKING,
        Input.REFUSE: State.CLOSED,
        Input.FAULT: State.CLOSED,
    },
    State.CHECKING: {
        Input.SWITCH: State.SWITCHING,
        Input.ACCEPT: State.READY,
        Input.REFUSE: State.CLOSED,
        Input.FAULT: State.CLOSED,
    },
    State.SWITCHING: {
        Input.SWITCH_REPLY: State.CHECKING,
        Input.REFUSE: State.CLOSED,
        Input.FAULT: State.CLOSED,
    },
    State.READY: {
        Input.COMMAND: State.RUNNING,
        Input.QUIT: State.CLOSED,
        Input.FAULT: State.CLOSED,
    },
    State.RUNNING: {
        Input.DONE: State.READY,
        Input.CHANGE_USER: State.CHECKING,
        Input.QUIT: State.CLOSED,
        Input.FAULT: State.CLOSED,
    },
    State.CLOSED: {Input.QUIT: State.CLOSED, Input.FAULT: State.CLOSED},
}


class Machine:
    """Where one connection stands."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = State.GREETED

    def on(self, event: Input) -> State:
        """Take the transition; an input that has no place in this state is the peer's fault."""
        following = TRANSITIONS[self.state].get(event)
        if following is None:
            self.state = State.CLOSED
            raise not_now()
        self.state = following
        return following

    @property
    def closed(self) -> bool:
        return self.state is State.CLOSED


@frozen
class CommandRule:
    """What a command packet must look like, its first byte included, and what answers it."""

    handler: str  # the method of the session that answers it
    least: int  # bytes
    replies: bool = True


COMMANDS: Final[dict[int, CommandRule]] = {
    Command.QUIT: CommandRule("quit", 1, replies=False),
    Command.INIT_DB: CommandRule("init_db", 1),
    Command.QUERY: CommandRule("query", 1),
    Command.FIELD_LIST: CommandRule("field_list", 2),
    Command.STATISTICS: CommandRule("statistics", 1),
    Command.PROCESS_KILL: CommandRule("process_kill", 5),
    Command.PING: CommandRule("ping", 1),
    Command.CHANGE_USER: CommandRule("change_user", 3),
    Command.STMT_PREPARE: CommandRule("stmt_prepare", 1),
    Command.STMT_EXECUTE: CommandRule("stmt_execute", 10),
    Command.STMT_SEND_LONG_DATA: CommandRule("stmt_send_long_data", 7, replies=False),
    Command.STMT_CLOSE: CommandRule("stmt_close", 5, replies=False),
    Command.STMT_RESET: CommandRule("stmt_reset", 5),
    Command.STMT_FETCH: CommandRule("stmt_fetch", 9),
    Command.SET_OPTION: CommandRule("set_option", 3),
    Command.RESET_CONNECTION: CommandRule("reset_connection", 1),
}
