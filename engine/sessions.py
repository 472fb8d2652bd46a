"""Pure: the sessions of one instance: who is connected, doing what, and how to end them.

Connection ids are unique over the cluster, because a client learns its id through one endpoint
and sends KILL through another: the instance's index in the high byte, a counter below it. The
registry is what SHOW PROCESSLIST, KILL and a demotion work on; it does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from attrs import define, field, frozen

INDEX_SHIFT: Final = 24
MOST_INSTANCES: Final = 255


@frozen
class Process:
    """A row of SHOW PROCESSLIST."""

    id: int
    user: str
    host: str
    database: str | None
    command: str
    seconds: int
    state: str
    info: str | None


class Session(Protocol):
    """What the registry asks of a session."""

    @property
    def connection_id(self) -> int: ...

    @property
    def user(self) -> str: ...

    @property
    def questions(self) -> int:
        """Commands it has sent so far."""
        ...

    def process(self, now: float) -> Process: ...

    def interrupt(self) -> None:
        """End the running statement only (KILL QUERY)."""
        ...

    def cut(self) -> None:
        """End the session; its transaction is rolled back."""
        ...

    def look(self, now: float) -> bool:
        """Called now and then; True asks for `watch` to be started."""
        ...

    async def watch(self) -> None:
        """Notice that the client goes away while its statement runs."""
        ...


@define(eq=False)
class SessionRegistry:
    """All sessions of this instance."""

    instance_index: int
    monotonic: Callable[[], float]
    total: int = 0  # ever connected
    prepared: int = 0  # prepared statements of all sessions
    _past_questions: int = 0  # of sessions that have ended; the living count their own
    _counter: int = 0
    _sessions: dict[int, Session] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        assert 0 < self.instance_index <= MOST_INSTANCES, f"index {self.instance_index}"

    def new_id(self) -> int:
        """A connection id nobody in the cluster has now."""
        while True:
            self._counter = self._counter % ((1 << INDEX_SHIFT) - 1) + 1
            found = self.instance_index << INDEX_SHIFT | self._counter
            if found not in self._sessions:
                return found

    def add(self, session: Session) -> None:
        self.total += 1
        self._sessions[session.connection_id] = session

    def remove(self, session: Session) -> None:
        if self._sessions.pop(session.connection_id, None) is not None:
            self._past_questions += session.questions

    @property
    def questions(self) -> int:
        """Commands of all sessions, past ones included."""
        return self._past_questions + sum(each.questions for each in self._sessions.values())

    def find(self, connection_id: int) -> Session | None:
        return self._sessions.get(connection_id)

    def kill(self, connection_id: int, *, query_only: bool = False) -> bool:
        """KILL [QUERY]; False when there is no such session here (1094)."""
        session = self._sessions.get(connection_id)
        if session is None:
            return False
        if query_only:
            session.interrupt()
        else:
            session.cut()
        return True

    def cut_all(self) -> int:
        """End every session, as a demotion does; says how many there were."""
        sessions = list(self._sessions.values())
        for session in sessions:
            session.cut()
        return len(sessions)

    def processes(self) -> list[Process]:
        now = self.monotonic()
        return [session.process(now) for session in self]

    def __iter__(self) -> Iterator[Session]:
        return iter([self._sessions[key] for key in sorted(self._sessions)])

    def __len__(self) -> int:
        return len(self._sessions)
