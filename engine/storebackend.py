"""The protocol's backend on the real store: accounts from mysql.user, sessions of `engine.sql`."""

from __future__ import annotations

from typing import Final

import trio
from attrs import define

from engine.backend import Account, Identity
from engine.errors import storage_unavailable
from engine.info import InstanceInfo
from engine.sql import users
from engine.sql.executor import SqlSession
from engine.sql.variables import SERVER_VERSION
from engine.store import Store, StoreConnection
from engine.txn.errors import StoreError

# Less than a client's patience at login; a promotion or a first start takes well under this.
AVAILABLE_SECONDS: Final = 8.0


@define(eq=False)
class StoreBackend:
    """What a listener serves its clients from."""

    store: Store
    info: InstanceInfo

    @property
    def server_version(self) -> str:
        return SERVER_VERSION

    async def connect(self) -> StoreBackendConnection:
        with trio.move_on_after(AVAILABLE_SECONDS) as patience:
            await self.store.wait_available()
        if patience.cancelled_caught:
            raise storage_unavailable("the volume has no content yet: no writer has opened it")
        try:
            return StoreBackendConnection(self.store.connect(), self.info)
        except StoreError as problem:
            raise storage_unavailable(problem.message) from problem

    def statistics(self) -> str:
        uptime = max(self.info.uptime(), 1.0)
        sessions = self.info.sessions
        return (
            f"Uptime: {int(uptime)}  Threads: {len(sessions)}  "
            f"Questions: {sessions.questions}  Slow queries: 0  Opens: 0  Flush tables: 0  "
            f"Open tables: 0  Queries per second avg: {sessions.questions / uptime:.3f}"
        )


@define(eq=False)
class StoreBackendConnection:
    """One client's connection to the store."""

    connection: StoreConnection
    info: InstanceInfo

    async def find_account(self, user: str, host: str) -> Account | None:
        self.connection.pin()
        try:
            found = users.find(self.connection, user, host)
        except StoreError as problem:
            raise storage_unavailable(problem.message) from problem
        finally:
            self.connection.unpin()
        if found is None:
            return None
        return Account(found.user, found.host, found.plugin, found.auth_string)

    def start(self, identity: Identity) -> SqlSession:
        return SqlSession(
            self.connection,
            self.info,
            identity.user,
            identity.client_host,
            identity.connection_id,
            identity.charset_id,
            identity.client_flags,
            None,
            identity.account,
        )

    def interrupt(self) -> None:
        self.connection.interrupt()

    def close(self) -> None:
        self.connection.close()
