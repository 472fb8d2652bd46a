"""What the router itself puts on the wire: ERR packets and PROXY headers."""

from __future__ import annotations

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoints.proxyheader import encode
from endpoints.refusal import err_packet, room_full, waited_in_vain
from engine.protocol import proxyheader
from runtime.net import Address

v4 = st.ip_addresses(v=4).map(str)
v6 = st.ip_addresses(v=6).map(str)
ports = st.integers(0, 65535)


def test_an_err_packet_byte_by_byte():
    assert err_packet(1040, "no") == b"\x05\x00\x00\x00\xff\x10\x04no"


@pytest.mark.parametrize(
    ("packet", "number", "text"),
    [
        (room_full("writer", 1000, "instance-2 is being promoted"), 1040, "1000 are waiting"),
        (waited_in_vain("writer", 30, "instance-1, the writer, is down"), 2003, "waited 30 s"),
    ],
)
def test_a_driver_reads_it(packet, number, text):
    with pytest.raises(pymysql.err.OperationalError) as caught:
        pymysql.err.raise_mysql_exception(packet[4:])
    assert caught.value.args[0] == number
    assert text in caught.value.args[1]
    assert len(packet) == 4 + int.from_bytes(packet[:3], "little")


def test_a_long_reason_is_cut():
    assert len(err_packet(1040, "x" * 5000)) < 600


def test_a_proxy_header_byte_by_byte():
    assert encode(Address("10.0.0.7", 4711), Address("127.0.0.1", 3306)) == (
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"
        + bytes([10, 0, 0, 7, 127, 0, 0, 1])
        + (4711).to_bytes(2, "big")
        + (3306).to_bytes(2, "big")
    )


@given(st.one_of(v4, v6), ports, st.one_of(v4, v6), ports, st.binary(max_size=10))
def test_the_instance_reads_what_the_router_writes(host, port, endpoint, endpoint_port, rest):
    header = encode(Address(host, port), Address(endpoint, endpoint_port))
    for length in range(len(header)):
        assert proxyheader.parse(header[:length]) is None
    client = proxyheader.parse(header + rest)
    assert client is not None
    assert client.length == len(header)
    assert client.port == port
    assert client.host in (host, f"::ffff:{host}", *mapped(host))


def mapped(host):
    """An IPv4 client of an IPv6 endpoint, in the spelling of the ipaddress module."""
    from ipaddress import IPv6Address, ip_address

    address = ip_address(host)
    if address.version == 6:
        return ()
    return (str(IPv6Address(b"\x00" * 10 + b"\xff\xff" + address.packed)),)
