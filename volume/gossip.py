"""What to ask which peer, so that a segment's holes get filled (P17 section 3.3, steps 3 and 4).

A segment asks a peer that was attached at a newer epoch (to learn its truncation list), or whose
complete chain reaches further.  If the peer no longer has the log in between, or this segment's
pages are damaged, it asks for pages first.  Peers of the own AZ come first.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import frozen

from volume.messages import SegmentStatus


class Want(Enum):
    """The kind of question."""

    LOG = "log"
    PAGES = "pages"


@frozen
class PeerSegment:
    """A peer's segment of the same PG, as last heard."""

    node_id: str
    same_az: bool
    status: SegmentStatus


@frozen
class Ask:
    """One question to one peer; ``after`` is where the log should go on."""

    node_id: str
    want: Want
    after: int


def choose(
    own: SegmentStatus,
    peers: Iterable[PeerSegment],
    *,
    damaged_pages: bool = False,
    avoid: frozenset[str] = frozenset(),
) -> Ask | None:
    """The next question, None when no peer can help.  ``avoid``: peers that just could not."""
    useful = [p for p in peers if p.node_id not in avoid and _can_help(own, p.status)]
    if damaged_pages:
        useful = [p for p in peers if p.node_id not in avoid and p.status.attached]
    if not useful:
        return None
    best = max(useful, key=_rank)
    behind = best.status.low > own.scl
    want = Want.PAGES if damaged_pages or behind else Want.LOG
    return Ask(best.node_id, want, own.scl)


def _can_help(own: SegmentStatus, peer: SegmentStatus) -> bool:
    """A newer truncation list, or more of the chain.

    A peer of an older epoch may be further only on a branch that was annulled; what it sends is
    filtered, and asked for again only once it says something new.
    """
    if peer.attached != own.attached:
        return peer.attached > own.attached or peer.scl > own.scl
    return peer.scl > own.scl or (peer.vdl > own.vdl and peer.scl == own.scl)


def _rank(peer: PeerSegment) -> tuple[int, int, bool, str]:
    return peer.status.attached, peer.status.scl, peer.same_az, peer.node_id
