"""Pure: the envelope around every message: msgpack [kind, id, method, payload].

    request  [0, id, method, payload]     expects a reply or an error with the same id
    reply    [1, id, nil, payload]
    error    [2, id, code, [message, details]]
    notify   [3, 0, method, payload]      expects nothing

Payloads are nil, booleans, integers, floats, text, bytes, lists and maps.
"""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]

from runtime.errors import OperatingError
from wire.frame import encode_frame

REQUEST = 0
REPLY = 1
ERROR = 2
NOTIFY = 3


class EnvelopeError(OperatingError):
    """The peer's frame does not hold a message."""


class RpcError(OperatingError):
    """The remote side refused, and says why by `code`, e.g. "stale_epoch"."""

    def __init__(self, code: str, message: str = "", details: Any = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.details = details


class RpcClosed(OperatingError):
    """The connection is gone; the call may or may not have run."""


class RpcTimeout(OperatingError):
    """No reply in time; the call may or may not have run."""


# A Packer keeps its buffer between messages; msgpack.packb would make a new one each time.
_pack = msgpack.Packer(use_bin_type=True).pack
_unpack = msgpack.unpackb


def encode_request(call_id: int, method: str, payload: Any) -> bytes:
    return encode_frame(_pack((REQUEST, call_id, method, payload)))


def encode_reply(call_id: int, payload: Any) -> bytes:
    return encode_frame(_pack((REPLY, call_id, None, payload)))


def encode_error(call_id: int, error: RpcError) -> bytes:
    return encode_frame(_pack((ERROR, call_id, error.code, (error.message, error.details))))


def encode_notify(method: str, payload: Any) -> bytes:
    return encode_frame(_pack((NOTIFY, 0, method, payload)))


def decode(body: bytes) -> tuple[int, int, Any, Any]:
    """(kind, id, method or code, payload); raises EnvelopeError for anything else."""
    try:
        kind, call_id, method, payload = _unpack(body, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise EnvelopeError(f"not a message: {type(error).__name__}: {error}") from None
    if type(kind) is not int or type(call_id) is not int:
        raise EnvelopeError("not a message: kind and id must be integers")
    if method is not None and type(method) is not str:
        raise EnvelopeError("not a message: method must be text")
    if method is None and kind in (REQUEST, NOTIFY):
        raise EnvelopeError("not a message: method is missing")
    return kind, call_id, method, payload


def error_from(code: Any, payload: Any) -> RpcError:
    """The RpcError a peer sent, whatever shape it came in."""
    if isinstance(payload, list) and len(payload) == 2:
        return RpcError(str(code), str(payload[0]), payload[1])
    return RpcError(str(code), "", payload)
