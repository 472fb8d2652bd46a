"""Calls over connections: the public face of this package. See `wire.client`, `wire.server`."""

from __future__ import annotations

from wire.client import OnNotify, OnReply, RpcClient
from wire.envelope import RpcClosed, RpcError, RpcTimeout, encode_notify
from wire.server import Handler, Peer, RpcServer

__all__ = [
    "Handler",
    "OnNotify",
    "OnReply",
    "Peer",
    "RpcClient",
    "RpcClosed",
    "RpcError",
    "RpcServer",
    "RpcTimeout",
    "encode_notify",
]
