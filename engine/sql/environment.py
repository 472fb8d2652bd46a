"""What statements that describe the server may look at: the session as they see it.

`executor.SqlSession` satisfies `SessionView`; tests provide small stand-ins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import apsw

from engine.info import InstanceInfo
from engine.results import ResultSet
from engine.sql.catalog import Catalog
from engine.sql.variables import SessionVariables


class SessionView(Protocol):
    """One client's session."""

    @property
    def db(self) -> apsw.Connection: ...

    @property
    def info(self) -> InstanceInfo: ...

    @property
    def variables(self) -> SessionVariables: ...

    @property
    def database(self) -> str | None: ...

    @property
    def user(self) -> str: ...

    @property
    def client_host(self) -> str: ...

    @property
    def connection_id(self) -> int: ...

    @property
    def warnings(self) -> Sequence[tuple[str, int, str]]:
        """Level, number and text of each."""
        ...

    def catalog(self) -> Catalog:
        """As the running statement sees it."""
        ...

    async def query(self, sql: str) -> ResultSet:
        """Run a query in MySQL's dialect."""
        ...

    async def write(
        self, change: Callable[[apsw.Connection], Any], *, implicit_commit: bool
    ) -> Any:
        """Run a change inside a write transaction."""
        ...
