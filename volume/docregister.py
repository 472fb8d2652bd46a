"""The topology document as a register kept by six acceptors. Pure.

A storage node offers only compare-and-set on its own copy, so the rules of an acceptor live here:
what a copy promises and accepts is part of its bytes, and a writer changes a copy only by these
rules (the compare-and-set makes each change atomic). Any two write quorums share a copy, so of
two concurrent writers at most one succeeds per generation, and a value that a write quorum
accepted is never lost: the next writer finds it and builds on it. (The single-register form of
Paxos, with no leader; see CASPaxos, Rystsov 2018, section 2.2.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgpack  # type: ignore[import-untyped]
from attrs import evolve, field, frozen

from volume.errors import BadRequest
from volume.messages import blob, fields, items, number, text
from volume.quorum import is_write_quorum, mask_of

FORMAT: Final = 1


@frozen(order=True)
class Ballot:
    """Orders the attempts of all writers; no two attempts share one."""

    round: int = 0
    proposer: str = ""


@frozen
class Value:
    """One version of the document."""

    generation: int = 0
    author: str = ""  # tells a writer its own earlier attempt from somebody else's success
    data: bytes = b""


@frozen
class Copy:
    """What one storage node holds."""

    promised: Ballot = field(factory=Ballot)
    accepted: Ballot = field(factory=Ballot)
    value: Value = field(factory=Value)


def encode_copy(copy: Copy) -> bytes:
    value = copy.value
    packed: bytes = msgpack.packb(
        [
            FORMAT,
            [copy.promised.round, copy.promised.proposer],
            [copy.accepted.round, copy.accepted.proposer],
            [value.generation, value.author, value.data],
        ]
    )
    return packed


def decode_copy(data: bytes) -> Copy:
    """Empty bytes: a copy nobody wrote yet. Raises BadRequest."""
    if not data:
        return Copy()
    try:
        decoded = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise BadRequest(f"the topology document is damaged: {error}") from None
    f = fields(decoded, 4, "topology document")
    if number(f[0], "format") != FORMAT:
        raise BadRequest(f"topology document of format {f[0]}, this program knows {FORMAT}")
    generation, author, body = fields(f[3], 3, "document value")
    value = Value(number(generation, "generation"), text(author, "author"), blob(body, "document"))
    return Copy(_ballot(f[1]), _ballot(f[2]), value)


def _ballot(entry: object) -> Ballot:
    round_, proposer = items(entry, "ballot")
    return Ballot(number(round_, "ballot"), text(proposer, "proposer"))


def promise(copy: Copy, ballot: Ballot) -> Copy | None:
    """The copy after promising to accept nothing older; None when it promised more already."""
    return evolve(copy, promised=ballot) if copy.promised < ballot else None


def accept(copy: Copy, ballot: Ballot, value: Value) -> Copy | None:
    """The copy after accepting a value; None when it promised not to."""
    return Copy(ballot, ballot, value) if copy.promised <= ballot else None


def newest(copies: Iterable[Copy]) -> Copy:
    """The copy with the last accepted value: of a read quorum, no durable value is newer."""
    return max(copies, key=lambda copy: copy.accepted, default=Copy())


def next_ballot(copies: Iterable[Copy], proposer: str, used: int) -> Ballot:
    """A ballot above everything seen, and above the last round this proposer used."""
    return Ballot(max([used, *(copy.promised.round for copy in copies)]) + 1, proposer)


def settled(copies: Sequence[tuple[int, Copy]]) -> bool:
    """Whether the newest value seen is durable: a write quorum has accepted it."""
    last = newest(copy for _, copy in copies).accepted
    return is_write_quorum(mask_of(node for node, copy in copies if copy.accepted == last))
