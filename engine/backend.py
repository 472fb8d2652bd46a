"""Pure: what the protocol side of an instance needs of its SQL side.

`engine.storebackend` provides it over the store and `engine.sql`; tests provide small fakes. A
connection exists before its client is known, because the accounts are tables like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from attrs import frozen

from engine.results import Column, Result


@frozen
class Account:
    """A row of mysql.user as far as logging in goes."""

    user: str
    host: str
    plugin: str
    auth_string: str


@frozen
class Identity:
    """An authenticated client and how it asked to be served."""

    user: str
    account: str  # `user@host` of the account it was let in by, which its privileges hang on
    client_host: str
    connection_id: int
    charset_id: int
    client_flags: int


class Statement(Protocol):
    """A prepared statement."""

    @property
    def param_count(self) -> int: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...


class SqlSession(Protocol):
    """One client's SQL state. Rows are consumed or closed before the next statement runs."""

    @property
    def database(self) -> str | None: ...

    @property
    def status_flags(self) -> int: ...

    @property
    def client_charset(self) -> int:
        """Collation id of character_set_client: what statements and parameters are in."""
        ...

    @property
    def results_charset(self) -> int | None:
        """Collation id of character_set_results; None when it is NULL (send as stored)."""
        ...

    def split(self, sql: bytes, multi: bool) -> list[str]: ...

    async def prepare(self, sql: str) -> Statement: ...

    async def run(self, statement: Any, params: Sequence[Any]) -> Result: ...

    async def use(self, database: str) -> None: ...

    async def field_list(self, table: str) -> tuple[Column, ...]: ...

    async def reset(self) -> None: ...

    async def close(self) -> None: ...


class BackendConnection(Protocol):
    """One client's connection to the store."""

    async def find_account(self, user: str, host: str) -> Account | None: ...

    def start(self, identity: Identity) -> SqlSession: ...

    def interrupt(self) -> None:
        """Make the running statement end with 1317, wherever it waits."""
        ...

    def close(self) -> None: ...


class Backend(Protocol):
    """The instance as a listener sees it."""

    @property
    def server_version(self) -> str: ...

    async def connect(self) -> BackendConnection:
        """Raises SqlError when there is nothing to read yet."""
        ...

    def statistics(self) -> str:
        """The text that answers COM_STATISTICS."""
        ...
