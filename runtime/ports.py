"""Whether an address could be listened on, asked before a component is started with it.

An answer is about this moment only: whoever needs the port still has to expect `AddressInUse`.
"""

from __future__ import annotations

import socket

from runtime.net import Address


def why_not_free(address: Address) -> OSError | None:
    """What binding the address fails with; None when it is free."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address.host, address.port))
            sock.listen(1)
        except OSError as error:
            return error
    return None
