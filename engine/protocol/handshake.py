"""Pure: the connection phase's packets: greeting, handshake response, authentication switch,
and COM_CHANGE_USER, which repeats most of it.

A response is read by `client flags & server flags` only: mysql2 sets bits it was not offered,
and reading by its flags alone would misread every packet. What older or smaller clients leave
out (HAProxy and mysqljs send no plugin name, go no length-encoded proof) has a defined meaning.
Source: MySQL 8.0 source documentation, "Connection Phase".
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from engine.protocol.constants import (
    CLIENT_CONNECT_ATTRS,
    CLIENT_CONNECT_WITH_DB,
    CLIENT_PLUGIN_AUTH,
    CLIENT_PLUGIN_AUTH_LENENC,
    CLIENT_PROTOCOL_41,
    CLIENT_SECURE_CONNECTION,
    CLIENT_SSL,
    PROTOCOL_VERSION,
    SERVER_CAPABILITIES,
)
from engine.protocol.errors import ProtocolError, malformed_handshake
from engine.protocol.primitives import PayloadReader

NATIVE_PASSWORD: Final = "mysql_native_password"
CACHING_SHA2: Final = "caching_sha2_password"
CHALLENGE_BYTES: Final = 20
_SSL_REQUEST_BYTES: Final = 32


@frozen
class Login:
    """A client's claim: who it is, with what proof, and how it wants to be served."""

    user: str
    proof: bytes
    database: str | None
    plugin: str | None
    charset_id: int
    flags: int  # what both sides can do
    attributes: dict[str, str] = field(factory=dict)


def greeting(
    *, version: str, connection_id: int, challenge: bytes, charset_id: int, status: int
) -> bytes:
    """HandshakeV10, with the challenge of the default plugin in two parts."""
    assert len(challenge) == CHALLENGE_BYTES and b"\0" not in challenge
    return b"".join(
        (
            bytes((PROTOCOL_VERSION,)),
            version.encode() + b"\0",
            connection_id.to_bytes(4, "little"),
            challenge[:8] + b"\0",
            (SERVER_CAPABILITIES & 0xFFFF).to_bytes(2, "little"),
            bytes((charset_id & 0xFF,)),
            status.to_bytes(2, "little"),
            (SERVER_CAPABILITIES >> 16).to_bytes(2, "little"),
            bytes((CHALLENGE_BYTES + 1,)),
            bytes(10),
            challenge[8:] + b"\0",
            NATIVE_PASSWORD.encode() + b"\0",
        )
    )


def parse_login(payload: bytes) -> Login:
    """HandshakeResponse41. Anything else, an unoffered SSLRequest among it, is a bad handshake."""
    try:
        return _parse_login(PayloadReader(payload))
    except ProtocolError:
        raise malformed_handshake() from None


def _parse_login(reader: PayloadReader) -> Login:
    wanted = reader.integer(4)
    flags = wanted & SERVER_CAPABILITIES
    if not flags & CLIENT_PROTOCOL_41 or not flags & CLIENT_SECURE_CONNECTION:
        raise malformed_handshake()
    reader.fixed(4)  # its largest packet: often zero or absurd, so nobody's limit
    charset_id = reader.integer(1)
    reader.fixed(23)
    if not reader.remaining and wanted & CLIENT_SSL:
        raise malformed_handshake()
    user = _text(reader.until_nul())
    if flags & CLIENT_PLUGIN_AUTH_LENENC:
        proof = reader.string()
    else:
        proof = reader.fixed(reader.integer(1))
    database = None
    if flags & CLIENT_CONNECT_WITH_DB and reader.remaining:
        # mysql-connector-python sets the flag with an empty name when it wants none.
        database = _text(reader.until_nul_or_end()) or None
    plugin = None
    if flags & CLIENT_PLUGIN_AUTH and reader.remaining:
        plugin = _text(reader.until_nul_or_end())
    attributes = {}
    if flags & CLIENT_CONNECT_ATTRS and reader.remaining:
        attributes = _attributes(reader)
    return Login(user, proof, database, plugin, charset_id, flags, attributes)


def parse_change_user(payload: bytes, flags: int, charset_id: int) -> Login:
    """COM_CHANGE_USER, under the flags of the login before it."""
    reader = PayloadReader(payload, 1)
    user = _text(reader.until_nul())
    proof = reader.fixed(reader.integer(1))
    database = _text(reader.until_nul_or_end()) or None
    plugin = None
    attributes = {}
    if reader.remaining >= 2:
        charset_id = reader.integer(2)
        if flags & CLIENT_PLUGIN_AUTH and reader.remaining:
            plugin = _text(reader.until_nul_or_end())
        if flags & CLIENT_CONNECT_ATTRS and reader.remaining:
            attributes = _attributes(reader)
    return Login(user, proof, database, plugin, charset_id, flags, attributes)


def auth_switch(plugin: str, challenge: bytes) -> bytes:
    """AuthSwitchRequest: prove it again, this way."""
    return b"\xfe" + plugin.encode() + b"\0" + challenge + b"\0"


def _attributes(reader: PayloadReader) -> dict[str, str]:
    inner = PayloadReader(reader.string())
    found: dict[str, str] = {}
    while inner.remaining:
        key = _text(inner.string())
        found[key] = _text(inner.string())
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
