"""From what the segments still have to the points a volume opens at. Pure arithmetic of recovery.

What one segment reports is its complete chain, so within a protection group the longest chain of a
read quorum holds every durable record. The volume is complete up to the first LSN nobody has
(VCL), and the last CPL at or below it is what survives (VDL): an MTR survives whole or not at
all. (SIGMOD 2017, section 4.3; SIGMOD 2018, section 2.4.)

Truncation ranges left by a recovery that never finished may contradict a later one. A later
recovery knows better: its VDL bounds what an earlier range may still annul, see `resolve_ranges`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from volume import limits
from volume.messages import EpochRaised
from volume.model import Epoch, Lsn, PgId, TruncationRange, annulled

FIRST_EPOCH: Final = Epoch(1)


@frozen
class RecoveryPoint:
    """Where the volume opens: everything a new writer needs besides its quorum."""

    durable: Lsn  # VDL some segment had already heard of: on a write quorum for certain
    vcl: Lsn
    vdl: Lsn
    ends: Mapping[PgId, Lsn]  # last surviving LSN of each protection group
    truncations: tuple[TruncationRange, ...]  # the whole lineage, the new range last if any

    @property
    def next_lsn(self) -> Lsn:
        return Lsn((self.truncations[-1].upto if self.truncations else self.vdl) + 1)


def resolve_ranges(ranges: Iterable[TruncationRange]) -> tuple[TruncationRange, ...]:
    """The ranges that still stand, oldest first, disjoint.

    A recovery's VDL (`above`) is a record it kept, and what follows its range is newer than any
    older range. So an older range stands only where it ends before every later VDL. If it reaches
    further it is either contained in the later one or was never seen by it, that is, never on a
    write quorum.
    """
    standing: list[TruncationRange] = []
    for candidate in sorted(set(ranges), reverse=True):
        if not standing or candidate.upto < standing[-1].above:
            standing.append(candidate)
    return tuple(reversed(standing))


def recovery_point(
    replies: Mapping[PgId, Sequence[EpochRaised]],
    epoch: Epoch,
    *,
    lal: int = limits.LAL,
) -> RecoveryPoint:
    """What opens from the replies of a read quorum or more of every protection group."""
    every = [reply for group in replies.values() for reply in group]
    reported = [r for reply in every for r in reply.truncations]
    standing = resolve_ranges(reported)
    durable = Lsn(max(reply.vdl for reply in every))
    known: dict[int, bool] = {}
    for reply in every:
        known.update((lsn, cpl) for lsn, cpl in reply.tail if lsn > durable)
    vcl, vdl = volume_points(durable, known, standing)
    if epoch == FIRST_EPOCH:
        # Nobody has ever opened this volume, so nothing can be in flight: LSNs begin at 1.
        return RecoveryPoint(durable, vcl, vdl, dict.fromkeys(replies, Lsn(0)), ())
    upto = Lsn(max([vdl, *(r.upto for r in reported)]) + lal)
    ends = {pg: _chain_end(group, vdl, standing) for pg, group in replies.items()}
    truncations = resolve_ranges([*standing, TruncationRange(epoch, vdl, upto)])
    return RecoveryPoint(durable, vcl, vdl, ends, truncations)


def volume_points(
    durable: Lsn, known: Mapping[int, bool], ranges: Sequence[TruncationRange]
) -> tuple[Lsn, Lsn]:
    """VCL and VDL: walk the LSNs from a durable one through `known` (LSN -> is it a CPL)."""
    vcl = vdl = durable
    while True:
        lsn = _skip_annulled(vcl + 1, ranges)
        cpl = known.get(lsn)
        if cpl is None:
            return vcl, vdl
        vcl = Lsn(lsn)
        if cpl:
            vdl = vcl


def _skip_annulled(lsn: int, ranges: Sequence[TruncationRange]) -> int:
    for r in ranges:  # oldest first, so ascending
        if r.above < lsn <= r.upto:
            lsn = r.upto + 1
    return lsn


def _chain_end(group: Sequence[EpochRaised], vdl: Lsn, ranges: Sequence[TruncationRange]) -> Lsn:
    end = 0
    for reply in group:
        end = max(end, reply.last)
        for lsn, _cpl in reply.tail:
            if end < lsn <= vdl and not annulled(lsn, ranges):
                end = lsn
    return Lsn(end)
