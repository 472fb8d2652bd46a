"""A small MySQL client for tests: it can say everything a real one may, and everything none may."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from attrs import define, field, frozen

from engine.auth import native_proof
from engine.limits import SessionLimits
from engine.listener import Doors, Listener
from engine.protocol import constants as c
from engine.protocol.framing import PacketReader, frame, packets_of
from engine.protocol.primitives import PayloadReader, encode_string
from engine.sessions import SessionRegistry
from runtime.net import Address, ByteStream
from runtime.seams import Runtime
from tests.fakes.runtime import fake_runtime
from tests.unit.engine.protocol.fakes import FakeBackend

FLAGS = (
    c.CLIENT_PROTOCOL_41
    | c.CLIENT_SECURE_CONNECTION
    | c.CLIENT_PLUGIN_AUTH
    | c.CLIENT_PLUGIN_AUTH_LENENC
    | c.CLIENT_CONNECT_WITH_DB
    | c.CLIENT_TRANSACTIONS
)


@frozen
class Ok:
    affected_rows: int
    last_insert_id: int
    status: int
    warnings: int
    info: str


@frozen
class Err:
    errno: int
    sqlstate: str
    message: str


@frozen
class Rows:
    columns: list[str]
    rows: list[Any]
    status: int
    warnings: int


class Closed(Exception):
    """The server ended the connection."""


def parse_reply(payload: bytes) -> Ok | Err:
    reader = PayloadReader(payload)
    mark = reader.integer(1)
    if mark == 0xFF:
        errno = reader.integer(2)
        assert reader.fixed(1) == b"#"
        return Err(errno, reader.fixed(5).decode(), reader.rest().decode())
    assert mark == 0, payload
    affected, insert_id = reader.length(), reader.length()
    status, warnings = reader.integer(2), reader.integer(2)
    info = reader.string().decode() if reader.remaining else ""
    return Ok(affected, insert_id, status, warnings, info)


def login_response(
    user: str,
    password: str,
    challenge: bytes,
    *,
    database: str | None = None,
    flags: int = FLAGS,
    plugin: str | None = "mysql_native_password",
    charset: int = 45,
) -> bytes:
    proof = native_proof(password, challenge)
    lenenc = flags & c.CLIENT_PLUGIN_AUTH_LENENC
    parts = [
        struct.pack("<IIB23x", flags, 0, charset),
        user.encode() + b"\0",
        encode_string(proof) if lenenc else bytes((len(proof),)) + proof,
    ]
    if flags & c.CLIENT_CONNECT_WITH_DB:
        parts.append((database or "").encode() + b"\0")
    if flags & c.CLIENT_PLUGIN_AUTH and plugin is not None:
        parts.append(plugin.encode() + b"\0")
    return b"".join(parts)


@define(eq=False)
class WireClient:
    stream: ByteStream
    reader: PacketReader = field(factory=lambda: PacketReader(1 << 30))
    challenge: bytes = b""
    connection_id: int = 0

    async def packet(self) -> bytes:
        payload = self.reader.next()
        while payload is None:
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                data = b""
            if not data:
                raise Closed
            payload = self.reader.next(data)
        return payload

    async def send(self, payload: bytes) -> None:
        await self.stream.send_all(frame(payload, self.reader.sequence))
        self.reader.sequence = (self.reader.sequence + packets_of(len(payload))) & 0xFF

    async def greeting(self) -> None:
        reader = PayloadReader(await self.packet())
        assert reader.integer(1) == 10
        reader.until_nul()
        self.connection_id = reader.integer(4)
        self.challenge = reader.fixed(8)
        reader.fixed(1 + 2 + 1 + 2 + 2 + 1 + 10)
        self.challenge += reader.until_nul()
        assert reader.until_nul() == b"mysql_native_password"

    async def login(self, user: str = "admin", password: str = "secret", **more: Any) -> Ok | Err:
        await self.greeting()
        await self.send(login_response(user, password, self.challenge, **more))
        return parse_reply(await self.packet())

    async def ask(self, payload: bytes) -> Ok | Err:
        await self.command(payload)
        return parse_reply(await self.packet())

    async def command(self, payload: bytes) -> None:
        self.reader.sequence = 0
        await self.send(payload)

    async def query(self, sql: str) -> Any:
        await self.command(b"\x03" + sql.encode())
        return await self.result(text_row)

    async def result(self, decode: Callable[[bytes, int], Any]) -> Ok | Err | Rows:
        first = await self.packet()
        if first[0] in (0x00, 0xFF):
            return parse_reply(first)
        count = PayloadReader(first).length()
        columns = [column_name(await self.packet()) for _ in range(count)]
        assert is_eof(await self.packet())
        rows = []
        while not is_eof(packet := await self.packet()):
            if packet[0] == 0xFF:
                return parse_reply(packet)
            rows.append(decode(packet, count))
        return Rows(
            columns,
            rows,
            int.from_bytes(packet[3:5], "little"),
            int.from_bytes(packet[1:3], "little"),
        )

    async def prepare(self, sql: str) -> tuple[int, int, int] | Err:
        await self.command(b"\x16" + sql.encode())
        first = await self.packet()
        if first[0] == 0xFF:
            answer = parse_reply(first)
            assert isinstance(answer, Err)
            return answer
        _, number, columns, params, _, _ = struct.unpack("<BIHHBH", first)
        for count in (params, columns):
            for _ in range(count):
                column_name(await self.packet())
            if count:
                assert is_eof(await self.packet())
        return number, params, columns

    async def execute(self, number: int, body: bytes = b"") -> Ok | Err | Rows:
        await self.command(execute_packet(number, body))
        return await self.result(lambda packet, count: packet)

    async def ended(self) -> bool:
        """Read until the server closes and has tidied up after the session."""
        try:
            while await self.stream.receive_some():
                pass
        except trio.BrokenResourceError:
            return True
        finally:
            self.stream.close()
            await trio.testing.wait_all_tasks_blocked()
        return True


def execute_packet(number: int, body: bytes = b"") -> bytes:
    return b"\x17" + struct.pack("<IBI", number, 0, 1) + body


def is_eof(packet: bytes) -> bool:
    return packet[0] == 0xFE and len(packet) == 5


def column_name(packet: bytes) -> str:
    reader = PayloadReader(packet)
    assert reader.string() == b"def"
    for _ in range(3):
        reader.string()
    name = reader.string().decode()
    reader.string()
    assert reader.integer(1) == 0x0C
    reader.fixed(12)
    return name


def text_row(packet: bytes, count: int) -> tuple[str | None, ...]:
    reader = PayloadReader(packet)
    values: list[str | None] = []
    for _ in range(count):
        if packet[reader.position] == 0xFB:
            reader.fixed(1)
            values.append(None)
        else:
            values.append(reader.string().decode())
    assert not reader.remaining
    return tuple(values)


@define(eq=False)
class Served:
    """A running listener in a world of its own."""

    runtime: Runtime
    backend: FakeBackend
    registry: SessionRegistry
    listener: Listener
    doors: Doors
    log: list[str]

    async def dial(self) -> WireClient:
        return WireClient(await self.runtime.net.dial(self.doors.mysql, timeout=1))

    async def client(self, **login: Any) -> WireClient:
        client = await self.dial()
        answer = await client.login(**login)
        assert isinstance(answer, Ok), answer
        return client

    async def check_alive(self) -> None:
        """A well-behaved newcomer is served."""
        client = await self.client()
        assert (await client.query("select 1")).rows == [("1",)]
        client.stream.close()


@asynccontextmanager
async def served(limits: SessionLimits | None = None, **doors: Any) -> AsyncIterator[Served]:
    log: list[str] = []
    runtime = fake_runtime(lines=log)
    registry = SessionRegistry(7, runtime.clock.monotonic)
    backend = FakeBackend(registry)
    listener = Listener(runtime, backend, registry, limits or SessionLimits())
    async with trio.open_nursery() as nursery:
        actual = await nursery.start(listener.run, Doors(Address("127.0.0.1", 0), **doors))
        yield Served(runtime, backend, registry, listener, actual, log)
        nursery.cancel_scope.cancel()
