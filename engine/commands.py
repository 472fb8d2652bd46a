"""The commands of a logged-in client, one method each, named in `protocol.states.COMMANDS`.

A method reads its packet, asks the SQL session, and writes the answer. A `SqlError` it raises is
answered by the session loop; a `ProtocolError` ends the connection.
"""

from __future__ import annotations

import re
from typing import Final

from engine.backend import Backend, SqlSession, Statement
from engine.clientstream import ClientStream
from engine.errors import SqlError, empty_query, error, unknown_command, unknown_statement_handler
from engine.limits import SessionLimits
from engine.protocol import charsets
from engine.protocol.columns import field_list_definition, parameter_definitions
from engine.protocol.constants import (
    CLIENT_MULTI_STATEMENTS,
    OPTION_MULTI_STATEMENTS_OFF,
    OPTION_MULTI_STATEMENTS_ON,
)
from engine.protocol.framing import frame_all
from engine.protocol.parameters import Parameters
from engine.protocol.primitives import PayloadReader
from engine.protocol.replies import eof, ok, prepare_ok
from engine.resultformat import FormatCache, ResultFormat
from engine.results import STATUS_MORE_RESULTS_EXISTS, Ok
from engine.resultwriter import write_ok, write_rows
from engine.sessions import SessionRegistry


class PreparedStatement:
    """A statement the client knows by number."""

    __slots__ = ("format", "parameters", "plan", "sql")

    def __init__(self, sql: str, plan: Statement, codec: str) -> None:
        self.sql = sql
        self.plan = plan
        self.parameters = Parameters(plan.param_count, codec)
        self.format: ResultFormat | None = None


class Commands:
    """What a client may ask once it is logged in."""

    def __init__(
        self,
        client: ClientStream,
        sql: SqlSession,
        backend: Backend,
        registry: SessionRegistry,
        formats: FormatCache,
        limits: SessionLimits,
        flags: int,
    ) -> None:
        self.info: str | None = None  # the statement that runs, for the process list
        self._client = client
        self._sql = sql
        self._backend = backend
        self._registry = registry
        self._formats = formats
        self._limits = limits
        self._multi = bool(flags & CLIENT_MULTI_STATEMENTS)
        self._statements: dict[int, PreparedStatement] = {}
        self._last_statement = 0

    # --- statements as text --------------------------------------------------------------------

    async def query(self, packet: bytes) -> None:
        statements = self._split(packet[1:], self._multi)
        for text in statements[:-1]:
            await self._run_text(text, STATUS_MORE_RESULTS_EXISTS)
        await self._run_text(statements[-1], 0)

    def _split(self, text: bytes, multi: bool) -> list[str]:
        """Nearly every text is one statement without a semicolon in it."""
        if b";" not in text:
            try:
                return [text.decode(charsets.by_id(self._sql.client_charset).codec)]
            except UnicodeDecodeError:
                # Binary literals: the SQL layer knows what to do with bytes.
                return self._sql.split(text, multi) or [""]
        statements = self._sql.split(text, multi)
        if not statements:
            raise empty_query()
        return statements

    async def _run_text(self, text: str, more: int) -> None:
        sql = self._sql
        self.info = text
        statement = await sql.prepare(text)
        result = await sql.run(statement, ())
        if isinstance(result, Ok):
            await write_ok(self._client, result, sql.status_flags | more)
            return
        form = self._formats.get(result.columns, sql.results_charset)
        await write_rows(self._client, result, form.metadata, form.text, sql.status_flags | more)

    # --- prepared statements -------------------------------------------------------------------

    async def stmt_execute(self, packet: bytes) -> None:
        # Cursor flags are a wish: without CURSOR_EXISTS in the answer the rows follow at once.
        prepared = self._statement(packet, "mysqld_stmt_execute")
        sql = self._sql
        self.info = prepared.sql
        result = await sql.run(prepared.plan, prepared.parameters.decode(packet))
        if isinstance(result, Ok):
            await write_ok(self._client, result, sql.status_flags)
            return
        form = prepared.format
        if (
            form is None
            or form.columns is not result.columns
            or form.charset != sql.results_charset
        ):
            form = prepared.format = self._formats.get(result.columns, sql.results_charset)
        await write_rows(self._client, result, form.metadata, form.binary, sql.status_flags)

    def _statement(self, packet: bytes, command: str) -> PreparedStatement:
        number = int.from_bytes(packet[1:5], "little")
        found = self._statements.get(number)
        if found is None:
            raise unknown_statement_handler(number, command)
        return found

    async def stmt_prepare(self, packet: bytes) -> None:
        if self._registry.prepared >= self._limits.max_prepared_stmt_count:
            raise error(1461, self._limits.max_prepared_stmt_count)
        text = self._split(packet[1:], multi=False)[0]
        self.info = text
        plan = await self._sql.prepare(text)
        codec = charsets.by_id(self._sql.client_charset).codec
        prepared = PreparedStatement(text, plan, codec)
        number = self._new_number()
        self._statements[number] = prepared
        self._registry.prepared += 1
        await self._describe(number, prepared)

    async def _describe(self, number: int, prepared: PreparedStatement) -> None:
        """What a client is told of a statement before it executes it."""
        count, columns = prepared.parameters.count, prepared.plan.columns
        status = self._sql.status_flags
        payloads = [prepare_ok(number, len(columns), count)]
        if count:
            payloads += [*parameter_definitions(count), eof(status)]
        if columns:
            prepared.format = self._formats.get(columns, self._sql.results_charset)
            payloads += [*prepared.format.metadata.definitions, eof(status)]
        await self._send_all(payloads)

    def _new_number(self) -> int:
        while True:
            self._last_statement = self._last_statement % 0x7FFFFFFF + 1
            if self._last_statement not in self._statements:
                return self._last_statement

    async def stmt_send_long_data(self, packet: bytes) -> None:
        prepared = self._statements.get(int.from_bytes(packet[1:5], "little"))
        if prepared is not None:
            index = int.from_bytes(packet[5:7], "little")
            prepared.parameters.add_long_data(index, packet[7:], self._limits.max_allowed_packet)

    async def stmt_close(self, packet: bytes) -> None:
        if self._statements.pop(int.from_bytes(packet[1:5], "little"), None) is not None:
            self._registry.prepared -= 1

    async def stmt_reset(self, packet: bytes) -> None:
        self._statement(packet, "mysqld_stmt_reset").parameters.reset()
        await self._ok()

    async def stmt_fetch(self, packet: bytes) -> None:
        self._statement(packet, "mysqld_stmt_fetch")
        number = int.from_bytes(packet[1:5], "little")
        raise SqlError(1421, "HY000", f"The statement ({number}) has no open cursor.")

    # --- the session ---------------------------------------------------------------------------

    async def init_db(self, packet: bytes) -> None:
        await self._sql.use(self._name(packet[1:]))
        await self._ok()

    async def field_list(self, packet: bytes) -> None:
        reader = PayloadReader(packet, 1)
        table = self._name(reader.until_nul_or_end())
        columns = await self._sql.field_list(table)
        wanted = _like(self._name(reader.rest().rstrip(b"\0")))
        payloads = [field_list_definition(each) for each in columns if wanted.fullmatch(each.name)]
        await self._send_all([*payloads, eof(self._sql.status_flags)])

    async def process_kill(self, packet: bytes) -> None:
        # One rule for who may kill whom: the statement's.
        await self._run_text(f"KILL {int.from_bytes(packet[1:5], 'little')}", 0)

    async def set_option(self, packet: bytes) -> None:
        option = int.from_bytes(packet[1:3], "little")
        if option not in (OPTION_MULTI_STATEMENTS_ON, OPTION_MULTI_STATEMENTS_OFF):
            raise unknown_command()
        self._multi = option == OPTION_MULTI_STATEMENTS_ON
        await self._client.reply(eof(self._sql.status_flags))

    async def reset_connection(self, packet: bytes) -> None:
        self.forget_statements()
        await self._sql.reset()
        await self._ok()

    async def ping(self, packet: bytes) -> None:
        await self._ok()

    async def statistics(self, packet: bytes) -> None:
        await self._client.reply(self._backend.statistics().encode())

    # --- helpers -------------------------------------------------------------------------------

    def forget_statements(self) -> None:
        """At a reset, and when the session ends."""
        self._registry.prepared -= len(self._statements)
        self._statements.clear()

    def _name(self, data: bytes) -> str:
        return charsets.decode(data, charsets.by_id(self._sql.client_charset).codec)

    async def _ok(self) -> None:
        await self._client.reply(ok(self._sql.status_flags))

    async def _send_all(self, payloads: list[bytes]) -> None:
        reader = self._client.reader
        data, reader.sequence = frame_all(payloads, reader.sequence)
        await self._client.send(data)


_EVERYTHING: Final = re.compile(".*", re.DOTALL)


def _like(pattern: str) -> re.Pattern[str]:
    """A LIKE pattern of COM_FIELD_LIST; none means all."""
    if not pattern:
        return _EVERYTHING
    parts = ({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in pattern)
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
