"""The connection phase's packets, as real clients build them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol import constants as c
from engine.protocol.errors import ProtocolError
from engine.protocol.handshake import (
    auth_switch,
    greeting,
    parse_change_user,
    parse_login,
)
from engine.protocol.primitives import encode_string
from tests.unit.engine.protocol.wireclient import FLAGS, login_response

CHALLENGE = bytes(range(40, 60))
PROOF = bytes(range(100, 120))


def head(flags: int, charset: int = 45) -> bytes:
    return struct.pack("<IIB23x", flags, 1 << 24, charset)


def test_greeting_bytes() -> None:
    packet = greeting(
        version="8.0.36", connection_id=0x01020304, challenge=CHALLENGE, charset_id=255, status=2
    )
    flags = c.SERVER_CAPABILITIES
    assert packet == (
        b"\x0a8.0.36\0\x04\x03\x02\x01"
        + CHALLENGE[:8]
        + b"\0"
        + (flags & 0xFFFF).to_bytes(2, "little")
        + b"\xff\x02\0"
        + (flags >> 16).to_bytes(2, "little")
        + b"\x15"
        + bytes(10)
        + CHALLENGE[8:]
        + b"\0mysql_native_password\0"
    )


@pytest.mark.parametrize("name", ["SSL", "COMPRESS", "LOCAL_FILES"])
def test_not_offered(name: str) -> None:
    assert not c.SERVER_CAPABILITIES & getattr(c, f"CLIENT_{name}")


@pytest.mark.parametrize("bit", [23, 24, 25, 27], ids=["track", "deprecate_eof", "meta", "attrs"])
def test_not_offered_by_bit(bit: int) -> None:
    assert not c.SERVER_CAPABILITIES >> bit & 1


def test_pymysql_style() -> None:
    flags = FLAGS | c.CLIENT_CONNECT_ATTRS
    attributes = encode_string(b"_pid") + encode_string(b"77") + encode_string(b"x" * 300) * 2
    packet = (
        head(flags)
        + b"admin\0"
        + encode_string(PROOF)
        + b"test\0mysql_native_password\0"
        + encode_string(attributes)
    )
    login = parse_login(packet)
    assert (login.user, login.proof, login.database) == ("admin", PROOF, "test")
    assert login.plugin == "mysql_native_password"
    assert login.attributes == {"_pid": "77", "x" * 300: "x" * 300}
    assert login.charset_id == 45


def test_go_style_has_a_one_byte_length() -> None:
    flags = FLAGS & ~c.CLIENT_PLUGIN_AUTH_LENENC
    packet = head(flags) + b"u\0\x14" + PROOF + b"test\0mysql_native_password\0"
    login = parse_login(packet)
    assert (login.proof, login.database) == (PROOF, "test")


def test_haproxy_style_names_no_plugin() -> None:
    flags = c.CLIENT_PROTOCOL_41 | c.CLIENT_SECURE_CONNECTION | c.CLIENT_LONG_PASSWORD
    login = parse_login(head(flags, 33) + b"haproxy\0\0")
    assert (login.user, login.proof, login.database, login.plugin) == ("haproxy", b"", None, None)


def test_mysqljs_style_names_no_plugin_but_a_database() -> None:
    flags = (
        c.CLIENT_PROTOCOL_41
        | c.CLIENT_SECURE_CONNECTION
        | c.CLIENT_CONNECT_WITH_DB
        | c.CLIENT_ODBC
        | c.CLIENT_RESERVED
    )
    login = parse_login(head(flags, 33) + b"u\0\x14" + PROOF + b"test\0")
    assert (login.proof, login.database, login.plugin) == (PROOF, "test", None)


def test_an_unterminated_last_string_is_whole() -> None:
    packet = head(FLAGS) + b"u\0" + encode_string(PROOF) + b"test\0mysql_native_password"
    assert parse_login(packet).plugin == "mysql_native_password"


def test_flags_nobody_offered_change_nothing() -> None:
    """mysql2 sets QUERY_ATTRIBUTES whatever the server says."""
    flags = FLAGS | 1 << 27 | 1 << 24 | 1 << 28
    login = parse_login(head(flags) + b"u\0" + encode_string(PROOF) + b"test\0plugin\0")
    assert login.flags == FLAGS
    assert login.plugin == "plugin"


def test_an_empty_database_is_none() -> None:
    assert parse_login(login_response("u", "p", CHALLENGE, database="")).database is None


def test_an_unoffered_ssl_request_is_a_bad_handshake() -> None:
    with pytest.raises(ProtocolError) as raised:
        parse_login(head(FLAGS | c.CLIENT_SSL))
    assert raised.value.answer.errno == 1043


@pytest.mark.parametrize("missing", [c.CLIENT_PROTOCOL_41, c.CLIENT_SECURE_CONNECTION])
def test_ancient_clients_are_refused(missing: int) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse_login(head(FLAGS & ~missing) + b"u\0\0")
    assert raised.value.answer.errno == 1043


@given(st.integers(0, 200), st.binary(max_size=60))
def test_truncated_and_garbled_responses(cut: int, tail: bytes) -> None:
    """A response cut anywhere is parsed as far as it is whole, or refused; never anything else."""
    whole = login_response("admin", "secret", CHALLENGE, flags=FLAGS | c.CLIENT_CONNECT_ATTRS)
    try:
        parse_login(whole[:cut] + tail)
    except ProtocolError as problem:
        assert problem.answer.errno == 1043


@given(st.binary(max_size=120))
def test_garbage_to_change_user(data: bytes) -> None:
    try:
        parse_change_user(b"\x11" + data, c.SERVER_CAPABILITIES, 45)
    except ProtocolError as problem:
        assert problem.answer.errno == 1835


def test_change_user() -> None:
    packet = b"\x11bob\0\x14" + PROOF + b"other\0\x2d\0mysql_native_password\0"
    login = parse_change_user(packet, FLAGS, 8)
    assert (login.user, login.proof, login.database) == ("bob", PROOF, "other")
    assert (login.charset_id, login.plugin) == (45, "mysql_native_password")
    short = parse_change_user(b"\x11bob\0\0\0", FLAGS, 8)
    assert (short.database, short.charset_id, short.plugin) == (None, 8, None)


def test_auth_switch_bytes() -> None:
    assert auth_switch("p", CHALLENGE) == b"\xfep\0" + CHALLENGE + b"\0"
