"""Which pages to coalesce next: the records a page has gathered become its new base image.

Never above the coalesce point min(PGMRPL, VDL, SCL), which the caller passes: nothing that a read
point may still want, that may yet be annulled, or that may have a hole below it.  In idle moments
and when the log is long the pages of the oldest records come first, because they let log files go.
A page with a very long chain comes first at any time, for it is what makes a read slow (P17
section 3.2: materialisation is driven by a page's chain).  Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from volume import limits
from volume.logindex import LogIndex

# Hot pages are among the pages of the newest records.
_RECENT = 256


@frozen
class Situation:
    """What the choice depends on besides the segment: the node's state.

    ``log_bytes`` is the hot log of all its segments, ``retain_bytes`` what each may keep for
    peers that lag.
    """

    idle: bool
    log_bytes: int
    retain_bytes: int


def situation(log_sizes: Sequence[int], *, idle: bool) -> Situation:
    """The segments of a node share what it keeps (each keeps its newest file in any case)."""
    share = limits.LOG_RETAIN_BYTES // max(len(log_sizes), 1)
    return Situation(idle, sum(log_sizes), share)


@frozen
class Choice:
    """Pages to coalesce; ``urgent``: do not stop for the foreground."""

    pages: list[int]
    urgent: bool


NOTHING = Choice([], False)


def choose(log: LogIndex, point: int, situation: Situation) -> Choice:
    """The pages of the next round, oldest need first; ``point`` is the segment's coalesce point."""
    recent = sorted(log.recent_pages(_RECENT))
    long = [p for p in recent if log.chain_length(p) >= limits.PAGE_CHAIN_MAX]
    long = [p for p in long if log.count_foldable(p, point) >= limits.PAGE_CHAIN_MAX // 2]
    if long:
        return Choice(long[: limits.COALESCE_PAGES], True)
    pressed = situation.log_bytes > limits.LOG_PRESSURE_BYTES
    if not (situation.idle or pressed):
        return NOTHING
    pages = log.unfolded_pages(limits.COALESCE_PAGES)
    pages = [p for p in pages if log.oldest_of(p) <= point]
    return Choice(pages, pressed) if pages else NOTHING
