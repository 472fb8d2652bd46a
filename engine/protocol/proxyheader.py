"""Pure: the PROXY protocol, version 2, as the relay port reads it: who the router's client is.

A relay port takes nothing else: without the header a session would be attributed to the router,
so anything that does not begin with it is refused. Three outcomes: a client, None (more bytes
needed), an error.
Source: HAProxy, "The PROXY protocol", section 2.2.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from attrs import frozen

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD: Final = len(SIGNATURE) + 4
_VERSION_2_LOCAL: Final = 0x20
_VERSION_2_PROXY: Final = 0x21
_TCP_OVER: Final = {0x11: 4, 0x21: 16}  # family and transport -> bytes of one address
MAX_BODY: Final = 1024  # addresses and a few extensions; a header asking for more is garbage


class ProxyHeaderError(Exception):
    """Not a PROXY v2 header; the message says why."""


@frozen
class ProxiedClient:
    """The address a header carries, and how many bytes it took. LOCAL headers carry none."""

    host: str | None
    port: int
    length: int


def parse(data: bytes) -> ProxiedClient | None:
    """The header at the start of `data`, or None while it is not complete."""
    if not SIGNATURE.startswith(data[: len(SIGNATURE)]):
        raise ProxyHeaderError("no PROXY v2 signature")
    if len(data) < _HEAD:
        return None
    command, family = data[12], data[13]
    body = int.from_bytes(data[14:16], "big")
    if command not in (_VERSION_2_LOCAL, _VERSION_2_PROXY):
        raise ProxyHeaderError(f"version and command {command:#04x}")
    if body > MAX_BODY:
        raise ProxyHeaderError(f"a body of {body} bytes")
    if len(data) < _HEAD + body:
        return None
    if command == _VERSION_2_LOCAL:
        return ProxiedClient(None, 0, _HEAD + body)
    width = _TCP_OVER.get(family)
    if width is None or body < 2 * width + 4:
        raise ProxyHeaderError(f"family {family:#04x} with {body} bytes")
    source = ip_address(data[_HEAD : _HEAD + width])
    at = _HEAD + 2 * width
    return ProxiedClient(str(source), int.from_bytes(data[at : at + 2], "big"), _HEAD + body)
