"""Bringing a client to the instance chosen for it: the interface, and who implements it.

Purpose: one seam between choosing an instance and moving a session there, because there are two
ways with different costs (docs/decisions/0002):
- HandOff (endpoints/handoff.py) passes the accepted socket to the instance; the router is out of
  the way afterwards. One machine only.
- Relay (endpoints/relay.py) copies bytes between client and instance. Works across machines.

Contract: `open` either raises ForwardFailed with the client's connection untouched, so that another
instance may be tried, or returns a Link that is over exactly once.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from runtime.errors import OperatingError
from runtime.net import Address, ByteStream


class ForwardFailed(OperatingError):
    """The instance could not be given the client; the client does not know of the attempt."""


@frozen
class Session:
    """One client on its way to, or at, one instance."""

    id: int
    endpoint: str
    client: Address
    endpoint_address: Address
    instance: str


class Link(Protocol):
    """A session that was brought to its instance."""

    async def wait(self) -> None:
        """Until the session is over, on whichever side."""
        ...

    def cut(self) -> None:
        """End it at once: the client sees its connection end. Harmless when over."""
        ...


class Forwarder(Protocol):
    """A way to one instance."""

    async def open(self, session: Session, client: ByteStream) -> Link: ...
