"""Operators' failover requests, from the call to its answer.

Purpose: pairs each waiting RPC with the decision and the outcome about it. A request is handed to
decide() until it is accepted or refused, and answered exactly once.
"""

from __future__ import annotations

from typing import Any

import trio
from attrs import define, field

from failover.decision import Request
from failover.promotion import Outcome, OutcomeKind
from wire.rpc import RpcError

WAITING_MAX = 16


@define(eq=False)
class _Pending:
    request: Request
    accepted: bool = False
    answered: trio.Event = field(factory=trio.Event)
    reply: dict[str, Any] | None = None
    error: RpcError | None = None


class Requests:
    def __init__(self) -> None:
        self._pending: dict[int, _Pending] = {}
        self._last_id = 0

    def waiting(self) -> tuple[Request, ...]:
        """What decide() still has to answer, oldest first."""
        return tuple(item.request for item in self._pending.values() if not item.accepted)

    def add(self, to: str | None) -> int:
        if len(self._pending) >= WAITING_MAX:
            raise RpcError("busy", f"{WAITING_MAX} failover requests wait already")
        self._last_id += 1
        self._pending[self._last_id] = _Pending(Request(self._last_id, to))
        return self._last_id

    async def answer(self, request_id: int) -> dict[str, Any]:
        """Wait for the end of it; raises RpcError when refused or failed."""
        pending = self._pending[request_id]
        try:
            await pending.answered.wait()
        finally:
            # Also when the caller went away: an action under way goes on without him.
            del self._pending[request_id]
        if pending.error is not None:
            raise pending.error
        assert pending.reply is not None, request_id
        return pending.reply

    def accept(self, request_id: int | None) -> None:
        if (pending := self._find(request_id)) is not None:
            pending.accepted = True

    def refuse(self, request_id: int, reason: str) -> None:
        self._end(request_id, error=RpcError("refused", reason))

    def fail(self, request_id: int | None, reason: str) -> None:
        self._end(request_id, error=RpcError("failed", reason))

    def finish(self, request_id: int | None, outcome: Outcome, seconds: float) -> None:
        match outcome.kind:
            case OutcomeKind.PROMOTED:
                reply = {
                    "writer": outcome.member,
                    "epoch": outcome.epoch,
                    "ms": round(seconds * 1000, 1),
                }
                self._end(request_id, reply=reply)
            case OutcomeKind.ABORTED:
                self.fail(request_id, f"{outcome.member} stays the writer: {outcome.text}")
            case OutcomeKind.REINSTATED:
                self.fail(request_id, f"{outcome.text}; {outcome.member} is the writer again")
            case OutcomeKind.FAILED:
                self.fail(request_id, f"{outcome.member}: {outcome.text}; see `sixfold status`")

    def _find(self, request_id: int | None) -> _Pending | None:
        return None if request_id is None else self._pending.get(request_id)

    def _end(
        self,
        request_id: int | None,
        *,
        reply: dict[str, Any] | None = None,
        error: RpcError | None = None,
    ) -> None:
        pending = self._find(request_id)
        if pending is not None and not pending.answered.is_set():
            pending.accepted = True
            pending.reply = reply
            pending.error = error
            pending.answered.set()
