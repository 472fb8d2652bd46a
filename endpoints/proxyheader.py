"""Pure: PROXY protocol version 2: telling a relayed instance who the client is.

Purpose: what the relay sends before the client's bytes; engine/protocol/proxyheader.py reads it.
Source: the PROXY protocol specification of HAProxy, section 2.2 (binary header format).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct

from runtime.net import Address

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
VERSION_2_PROXY = 0x21
TCP_OVER_IPV4 = 0x11
TCP_OVER_IPV6 = 0x21
_FIXED = Struct(">12sBBH")
_PORTS = Struct(">HH")


def encode(client: Address, endpoint: Address) -> bytes:
    """The header for a client that connected to an endpoint. Mixed families are written as IPv6."""
    source, destination = ip_address(client.host), ip_address(endpoint.host)
    if source.version == 4 and destination.version == 4:
        family, addresses = TCP_OVER_IPV4, source.packed + destination.packed
    else:
        family, addresses = TCP_OVER_IPV6, _as_v6(source) + _as_v6(destination)
    body = addresses + _PORTS.pack(client.port, endpoint.port)
    return _FIXED.pack(SIGNATURE, VERSION_2_PROXY, family, len(body)) + body


def _as_v6(address: IPv4Address | IPv6Address) -> bytes:
    if isinstance(address, IPv6Address):
        return address.packed
    return b"\x00" * 10 + b"\xff\xff" + address.packed
