from __future__ import annotations

import pytest

from runtime.net import Address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:3306", "127.0.0.1", 3306),
        ("node-1.local:0", "node-1.local", 0),
        ("[::1]:65535", "::1", 65535),
    ],
)
def test_addresses_parse_and_print(text: str, host: str, port: int) -> None:
    address = Address.parse(text)
    assert (address.host, address.port) == (host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "write host:port"),
        ("localhost", "write host:port"),
        (":3306", "write host:port"),
        ("::1:3306", "brackets"),
        ("h:", "port must be"),
        ("h:65536", "port must be"),
        ("h:-1", "port must be"),
        ("h:१", "port must be"),
    ],
)
def test_what_is_no_address_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Address.parse(text)
