"""Pure: the messages on an instance's hand-off channel, both ways.

The router passes a client's socket together with who the client is and under which number the
router knows it; when that session has ended the instance says so, and the router drops its copy.
"""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]
from attrs import frozen

from runtime.net import Address


class HandoffError(Exception):
    """Not a message of this channel; the text says why."""


@frozen
class HandedClient:
    """Router to instance, with a descriptor: serve this client."""

    session: int  # the router's number of it
    client: Address
    endpoint: str  # through which endpoint it came: "writer", "reader", ...


@frozen
class SessionClosed:
    """Instance to router: that session is over."""

    session: int


def encode_client(client: HandedClient) -> bytes:
    address = [client.client.host, client.client.port]
    return _pack(["client", client.session, address, client.endpoint])


def encode_closed(closed: SessionClosed) -> bytes:
    return _pack(["closed", closed.session])


def decode(data: bytes) -> HandedClient | SessionClosed:
    """Either message; raises HandoffError on anything else."""
    try:
        message = msgpack.unpackb(data, raw=False)
        match message:
            case ["client", int(session), [str(host), int(port)], str(endpoint)]:
                return HandedClient(session, Address(host, port), endpoint)
            case ["closed", int(session)]:
                return SessionClosed(session)
    except (ValueError, msgpack.UnpackException) as problem:
        raise HandoffError(f"not msgpack: {problem}") from None
    raise HandoffError("neither a client nor a closed session")


def _pack(message: list[Any]) -> bytes:
    packed: bytes = msgpack.packb(message, use_bin_type=True)
    return packed
