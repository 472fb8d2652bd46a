"""One client of the instance, from its greeting to its end.

One task serves a session. Nothing is executed before the state machine says READY. A statement's
error is answered and the session goes on; a protocol error is answered and ends it. However it
ends, its SQL session is closed, which rolls back and releases its locks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import greenback
import trio
from attrs import frozen

from engine.backend import Account, Backend, BackendConnection, Identity, SqlSession
from engine.clientstream import ClientGone, ClientStream
from engine.commands import Commands
from engine.errors import SqlError, error, unknown_command
from engine.limits import SessionLimits
from engine.login import LoginDialogue, LoginRefused
from engine.protocol.constants import Command
from engine.protocol.errors import ProtocolError, malformed
from engine.protocol.handshake import Login, parse_change_user
from engine.protocol.replies import err, ok
from engine.protocol.states import COMMANDS, Input, Machine, State
from engine.resultformat import FormatCache
from engine.sessions import Process, SessionRegistry
from runtime.net import Address, ByteStream
from runtime.seams import Runtime
from runtime.trace import where

CLOSE_SECONDS: Final = 10.0
_INTERNAL: Final = SqlError(1815, "HY000", "Internal error: the instance's log says more")
_SHOWN_AS: Final[dict[int, str]] = {
    Command.SLEEP: "Sleep",
    Command.CONNECT: "Connect",
    Command.QUERY: "Query",
    Command.INIT_DB: "Init DB",
    Command.FIELD_LIST: "Field List",
    Command.STMT_PREPARE: "Prepare",
    Command.STMT_EXECUTE: "Execute",
    Command.CHANGE_USER: "Change user",
    Command.RESET_CONNECTION: "Reset Connection",
}

Handler = Callable[[bytes], Awaitable[None]]


@frozen
class Host:
    """What all sessions of an instance share."""

    runtime: Runtime
    backend: Backend
    registry: SessionRegistry
    formats: FormatCache
    limits: SessionLimits


class ClientSession:
    """A client and everything that is its own."""

    def __init__(
        self, host: Host, stream: ByteStream, address: Address, early: bytes = b""
    ) -> None:
        self.connection_id = host.registry.new_id()
        self.user = "unauthenticated user"
        self.address = address
        self._host = host
        self._client = ClientStream(stream, early)
        self._machine = Machine()
        self._scope = trio.CancelScope()
        self._killed = False
        self._farewell: SqlError | None = None
        self._lingers = False
        self._connection: BackendConnection | None = None
        self._sql: SqlSession | None = None
        self._dialogue: LoginDialogue | None = None
        self._login: Login | None = None
        self._commands: Commands | None = None
        self._handlers: dict[int, tuple[Handler, int]] = {}
        self._command: int = Command.CONNECT
        self._since = host.runtime.clock.monotonic()
        self.questions = 0
        self._seen = -1

    # --- life ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the client until it goes, fails, or is cut."""
        self._host.registry.add(self)
        try:
            with self._scope:
                await greenback.ensure_portal()
                await self._serve()
            if self._farewell is not None:
                self._client.reader.sequence = 0
                await self._say(self._farewell)
        finally:
            self._machine.on(Input.FAULT)
            with trio.CancelScope(shield=True):
                await self._close_sql()
            # Only now: whoever waits for sessions to be gone waits for their transactions.
            self._host.registry.remove(self)
            try:
                if self._lingers:
                    await self._client.linger()
            finally:
                self._client.close()

    async def _serve(self) -> None:
        trace = self._host.runtime.trace
        try:
            await self._log_in()
            await self._serve_commands()
        except ClientGone:
            return
        except ProtocolError as problem:
            trace.debug("client_broke_protocol", client=str(self.address), reason=str(problem))
            await self._say(problem.answer)
        except LoginRefused as refusal:
            trace.debug("login_refused", client=str(self.address), reason=str(refusal))
            await self._say(refusal.error)
        except SqlError as problem:
            # Not of a command: an unknown default database, a volume that cannot be read.
            await self._say(problem)
        except Exception as problem:  # noqa: BLE001 - the top of a session: the others live on
            trace.error("session_failed", error=problem, at=where(problem))
            await self._say(_INTERNAL)

    async def _say(self, problem: SqlError) -> None:
        """The session's last packet. Its locks are released before anybody waits for the client
        to have read it."""
        try:
            await self._client.reply(err(problem))
        except ClientGone:
            return
        self._lingers = True

    async def _close_sql(self) -> None:
        if self._commands is not None:
            self._commands.forget_statements()
        sql, self._sql = self._sql, None
        connection, self._connection = self._connection, None
        with trio.move_on_after(CLOSE_SECONDS):
            try:
                if sql is not None:
                    await sql.close()
            except Exception as problem:  # noqa: BLE001 - nobody is left to hear of it
                trace = self._host.runtime.trace
                trace.error("session_close_failed", error=problem, at=where(problem))
        if connection is not None:
            connection.close()

    # --- login ---------------------------------------------------------------------------------

    async def _log_in(self) -> None:
        host = self._host
        with trio.move_on_after(host.limits.login_seconds) as patience:
            dialogue = self._dialogue = LoginDialogue(
                self._client, self._machine, self.address.host, host.runtime.rng
            )
            await dialogue.greet(host.backend.server_version, self.connection_id)
            login = await dialogue.hear()
            # Only now: who sends garbage or nothing costs no connection to the store.
            connection = self._connection = await host.backend.connect()
            await self._admit(login, await dialogue.check(login, connection))
        if patience.cancelled_caught:
            host.runtime.trace.debug("login_timeout", client=str(self.address))
            raise ClientGone

    async def _admit(self, login: Login, account: Account) -> None:
        """Give a proven client its SQL session, and only then let it command."""
        host = self._host
        assert self._connection is not None
        sql = self._sql = self._connection.start(
            Identity(
                user=login.user,
                account=f"{account.user}@{account.host}",
                client_host=self.address.host,
                connection_id=self.connection_id,
                charset_id=login.charset_id,
                client_flags=login.flags,
            )
        )
        self.user = login.user
        if login.database is not None:
            await sql.use(login.database)
        self._login = login
        self._machine.on(Input.ACCEPT)
        self._client.reader.limit = host.limits.max_allowed_packet
        self._commands = Commands(
            self._client, sql, host.backend, host.registry, host.formats, host.limits, login.flags
        )
        self._handlers = self._bind_handlers(self._commands)
        await self._client.reply(ok(sql.status_flags))

    def _bind_handlers(self, commands: Commands) -> dict[int, tuple[Handler, int]]:
        """The table of commands with each one's method: the session's own or its commands'."""
        return {
            code: (
                getattr(self, f"_{rule.handler}", None) or getattr(commands, rule.handler),
                rule.least,
            )
            for code, rule in COMMANDS.items()
        }

    # --- commands ------------------------------------------------------------------------------

    async def _serve_commands(self) -> None:
        client, machine = self._client, self._machine
        monotonic = self._host.runtime.clock.monotonic
        while True:
            self._command = Command.SLEEP
            self._since = monotonic()
            packet = await client.command()
            machine.on(Input.COMMAND)
            if not packet:
                raise malformed("it is empty")
            self.questions += 1
            self._since = monotonic()
            self._command = packet[0]
            handler, least = self._handlers.get(packet[0], _NO_HANDLER)
            if len(packet) < least:
                raise malformed("it ends too early")
            try:
                if handler is None:
                    raise unknown_command()
                await handler(packet)
            except SqlError as problem:
                await client.reply(err(problem))
            if self._killed or machine.state is State.CLOSED:
                return  # this command was answered; there will be no other
            if machine.state is State.RUNNING:
                machine.on(Input.DONE)

    async def _quit(self, packet: bytes) -> None:
        self._machine.on(Input.QUIT)

    async def _change_user(self, packet: bytes) -> None:
        """Another login on the same connection; a refusal ends it."""
        assert self._login is not None and self._dialogue is not None
        login = parse_change_user(packet, self._login.flags, self._login.charset_id)
        self._machine.on(Input.CHANGE_USER)
        await self._close_sql()
        self.user = "unauthenticated user"
        try:
            connection = self._connection = await self._host.backend.connect()
            account = await self._dialogue.check(login, connection)
            await self._admit(login, account)
        except SqlError as problem:
            raise LoginRefused(problem) from None

    # --- what the registry asks ----------------------------------------------------------------

    def process(self, now: float) -> Process:
        commands, running = self._commands, self._command != Command.SLEEP
        return Process(
            id=self.connection_id,
            user=self.user,
            host=str(self.address),
            database=self._sql.database if self._sql is not None else None,
            command=_SHOWN_AS.get(self._command, "Query"),
            seconds=int(now - self._since),
            state="executing" if running and commands is not None else "",
            info=commands.info if running and commands is not None else None,
        )

    def interrupt(self) -> None:
        if self._machine.state is State.RUNNING and self._connection is not None:
            self._connection.interrupt()

    def cut(self, farewell: SqlError | None = None) -> None:
        """End the session now. `farewell` is its last packet; without one it sees a broken
        connection, which is what drivers take for a failover."""
        self._killed = True
        self._farewell = farewell
        self._scope.cancel()
        if self._connection is not None:
            self._connection.interrupt()

    # --- what the listener does now and then ---------------------------------------------------

    def look(self, now: float) -> bool:
        """Cut a client silent for too long; have one watched whose statement takes its time."""
        state = self._machine.state
        if state is State.READY and now - self._since > self._host.limits.idle_seconds:
            self.cut(error(4031))
        seen_before = self.questions == self._seen
        self._seen = self.questions
        return state is State.RUNNING and seen_before and not self._client.watched

    async def watch(self) -> None:
        if self._machine.state is State.RUNNING and await self._client.watch():
            self._host.runtime.trace.debug("client_left_statement", client=str(self.address))
            self.cut()


_NO_HANDLER: Final[tuple[None, int]] = (None, 0)
