"""The topology document: a small versioned value kept on the storage nodes, changed by
compare-and-set on a write quorum. As durable as the data, readable by any monitor or router.

`write` is linearizable: of writers that expect the same generation exactly one succeeds, and a
reader that begins later sees its value. `read` needs a write quorum to be sure of that; with only a
read quorum it returns the newest value a copy holds, which no acknowledged write is newer than.
Who may write the *volume* is decided by its epoch alone; this document only says who should.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio

from runtime.seams import Runtime
from volume import messages
from volume.docregister import (
    Ballot,
    Copy,
    Value,
    accept,
    decode_copy,
    encode_copy,
    newest,
    next_ballot,
    promise,
    settled,
)
from volume.errors import BadRequest, Conflict, QuorumLost, QuorumTimeout, VolumeError, from_wire
from volume.limits import DOCUMENT_BYTES_MAX
from volume.links import Links
from volume.messages import Document, WriteDocument
from volume.model import VolumeConfig
from volume.quorum import (
    is_read_quorum,
    is_write_quorum,
    mask_of,
    read_shortfall,
    write_shortfall,
)
from wire.rpc import RpcClosed, RpcError, RpcTimeout

READ_SECONDS: Final = 5.0
WRITE_SECONDS: Final = 10.0
CALL_SECONDS: Final = 1.0
# After a write quorum has answered, how long the others are waited for.
GRACE_SECONDS: Final = 0.02
# A reader goes on with only a read quorum after waiting this long for a write quorum.
READ_QUORUM_AFTER_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 0.01
PAUSE_MAX_SECONDS: Final = 0.5

Held = tuple[int, Copy]  # the node's own generation number, and the copy it numbers


class TopologyStore:
    """Read and compare-and-set of the document; give `run` a task of its own."""

    def __init__(self, config: VolumeConfig, runtime: Runtime) -> None:
        self._volume_id = config.volume_id
        self._runtime = runtime
        self._links = Links(config, runtime)
        made_at = int(runtime.clock.wall() * 1e6)
        self._proposer = f"{made_at:x}-{runtime.rng.randbytes(4).hex()}"
        self._writes = 0
        self._round = 0  # never used twice, whatever the copies remember of it

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep in touch with the storage nodes until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._links.run)
            task_status.started()

    async def read(self, *, timeout: float = READ_SECONDS) -> tuple[int, bytes]:
        """Generation and bytes of the document, (0, b"") before the first write.

        Raises QuorumLost when less than a read quorum answered in time.
        """
        deadline = self._now() + timeout
        alone_after = self._now() + min(READ_QUORUM_AFTER_SECONDS, timeout)
        pause = PAUSE_SECONDS
        while True:
            held = await self._each(self._read_copy)
            copies = [(node, copy) for node, (_, copy) in held.items()]
            last = newest(copy for _, copy in copies)
            if settled(copies):
                await self._bring_up(held, last)
                return last.value.generation, last.value.data
            if is_write_quorum(mask_of(held)):
                repaired = await self._attempt(lambda current: current)
                if repaired is not None:
                    return repaired.generation, repaired.data
            elif is_read_quorum(mask_of(held)) and self._now() >= alone_after:
                return last.value.generation, last.value.data
            if self._now() >= deadline:
                raise QuorumLost(f"the topology cannot be read: {read_shortfall(len(held))}")
            pause = await self._back_off(pause)

    async def write(
        self, expected_generation: int, data: bytes, *, timeout: float = WRITE_SECONDS
    ) -> int:
        """Replace the document if it is still at that generation; returns the new one.

        Raises Conflict, or QuorumTimeout when no write quorum answered in time (then the value may
        or may not become the next generation).
        """
        if len(data) > DOCUMENT_BYTES_MAX // 2:
            raise ValueError(f"a topology document of {len(data)} bytes is too large")
        self._writes += 1
        mine = Value(expected_generation + 1, f"{self._proposer}-{self._writes}", data)

        def change(current: Value) -> Value:
            if current.author == mine.author:
                return current  # an earlier attempt of this call got that far
            if current.generation != expected_generation:
                raise Conflict(current.generation)
            return mine

        deadline = self._now() + timeout
        pause = PAUSE_SECONDS
        while True:
            if await self._attempt(change) is not None:
                return mine.generation
            if self._now() >= deadline:
                shortfall = write_shortfall(self._links.reachable)
                raise QuorumTimeout(f"the topology cannot be changed: {shortfall}")
            pause = await self._back_off(pause)

    # ------------------------------------------------------------------ one ballot

    async def _attempt(self, change: Callable[[Value], Value]) -> Value | None:
        """One ballot: promises, then acceptances; None when either fell short."""
        seen = await self._each(self._read_copy)
        if not is_write_quorum(mask_of(seen)):
            return None
        ballot = next_ballot((copy for _, copy in seen.values()), self._proposer, self._round)
        self._round = ballot.round
        promised = await self._each(
            lambda node: self._update(node, seen.get(node), lambda copy: promise(copy, ballot))
        )
        if not is_write_quorum(mask_of(promised)):
            return None
        value = change(newest(copy for _, copy in promised.values()).value)
        accepted = await self._accept(promised, ballot, value)
        return value if is_write_quorum(mask_of(accepted)) else None

    async def _accept(self, held: dict[int, Held], ballot: Ballot, value: Value) -> dict[int, Held]:
        return await self._each(
            lambda node: self._update(
                node, held.get(node), lambda copy: accept(copy, ballot, value)
            )
        )

    async def _bring_up(self, held: dict[int, Held], last: Copy) -> None:
        """Repair copies that missed a durable value."""
        behind = [node for node, (_, copy) in held.items() if copy.accepted < last.accepted]
        if behind:
            await self._each(
                lambda node: self._update(
                    node, held.get(node), lambda copy: accept(copy, last.accepted, last.value)
                ),
                only=behind,
            )

    # -------------------------------------------------------------------- one node

    async def _read_copy(self, node: int) -> Held:
        reply = await self._call(node, messages.DOC_READ, [self._volume_id])
        document = Document.decode(reply)
        return document.generation, decode_copy(document.data)

    async def _update(
        self, node: int, held: Held | None, rule: Callable[[Copy], Copy | None]
    ) -> Held | None:
        """Change one copy by a rule, atomically; None when the rule forbids it."""
        if held is None:
            held = await self._read_copy(node)
        while True:
            generation, copy = held
            changed = rule(copy)
            if changed is None:
                return None
            request = WriteDocument(
                self._volume_id, generation, generation + 1, encode_copy(changed)
            )
            try:
                await self._call(node, messages.DOC_WRITE, request.encode())
            except Conflict:
                held = await self._read_copy(node)
            else:
                return generation + 1, changed

    async def _call(self, node: int, method: str, payload: list[Any]) -> Any:
        client = self._links[node].client
        if client is None:
            raise RpcClosed("not connected")
        try:
            return await client.call(method, payload, timeout=CALL_SECONDS)
        except RpcError as error:
            typed = from_wire(error.code, error.message, error.details)
            raise typed or BadRequest(str(error)) from None

    # ------------------------------------------------------------------- all nodes

    async def _each(
        self,
        ask: Callable[[int], Awaitable[Held | None]],
        *,
        only: list[int] | None = None,
    ) -> dict[int, Held]:
        """Ask all connected nodes at once; the slow ones are left behind by a write quorum."""
        found: dict[int, Held] = {}
        nodes = only if only is not None else self._connected()
        enough = trio.Event()

        async def one(node: int) -> None:
            try:
                held = await ask(node)
            except (VolumeError, RpcClosed, RpcTimeout) as error:
                self._runtime.trace.debug(
                    "topology_refused", node=self._links[node].info.id, reason=str(error)
                )
                return
            if held is not None:
                found[node] = held
                if is_write_quorum(mask_of(found)):
                    enough.set()

        async def all_of_them(done: trio.CancelScope) -> None:
            async with trio.open_nursery() as nursery:
                for node in nodes:
                    nursery.start_soon(one, node)
            done.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(all_of_them, nursery.cancel_scope)
            await enough.wait()
            await self._runtime.clock.sleep(GRACE_SECONDS)
            nursery.cancel_scope.cancel()
        return found

    def _connected(self) -> list[int]:
        return [link.index for link in self._links.all if link.client is not None]

    def _now(self) -> float:
        return self._runtime.clock.monotonic()

    async def _back_off(self, pause: float) -> float:
        """Random, so that two writers who spoil each other's ballots part."""
        await self._runtime.clock.sleep(pause * self._runtime.rng.uniform(0.5, 1.5))
        return min(pause * 2, PAUSE_MAX_SECONDS)
