"""Which sets of segments make a write or a read, six copies over three AZs.

Rules (SIGMOD 2017, section 2.1): V=6, Vw=4, Vr=3; any read meets any write, any two writes meet.
Losing an AZ leaves a write quorum; losing an AZ and one more copy leaves a read quorum.

A subset of a protection group's six segments is a bit mask 0..63, bit i = the segment of the i-th
storage node of the configuration. Both rules are tables over all 64 masks, and what they promise is
checked when the module is imported: a wrong constant stops the program instead of losing data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from volume.limits import V, Vr, Vw

COPIES: Final = V
WRITE_QUORUM: Final = Vw
READ_QUORUM: Final = Vr
EVERY_SUBSET: Final = range(1 << COPIES)

_WRITES: Final = tuple(mask.bit_count() >= WRITE_QUORUM for mask in EVERY_SUBSET)
_READS: Final = tuple(mask.bit_count() >= READ_QUORUM for mask in EVERY_SUBSET)


def mask_of(indexes: Iterable[int]) -> int:
    """The bit mask of a set of segment positions."""
    mask = 0
    for index in indexes:
        mask |= 1 << index
    return mask


def is_write_quorum(mask: int) -> bool:
    """Whether records acknowledged by exactly these segments are durable."""
    return _WRITES[mask]


def is_read_quorum(mask: int) -> bool:
    """Whether these segments together have seen every durable record."""
    return _READS[mask]


def may_be_write_quorum(seen: int, silent: int) -> bool:
    """Whether `seen` could be part of a write quorum once the `silent` segments are counted in."""
    return _WRITES[seen | silent]


def pg_complete(scls: Sequence[int]) -> int:
    """PGCL: the highest LSN reached by the SCL of a write quorum of the six segments."""
    return sorted(scls)[COPIES - WRITE_QUORUM]


def write_shortfall(reachable: int) -> str:
    """One operator's line: how many copies answer and how many a write needs."""
    return f"{reachable} of {COPIES} storage nodes reachable, a write needs {WRITE_QUORUM}"


def read_shortfall(reachable: int) -> str:
    """One operator's line: how many copies answer and how many a quorum read needs."""
    return f"{reachable} of {COPIES} storage nodes reachable, a quorum read needs {READ_QUORUM}"


def _meet(left: tuple[bool, ...], right: tuple[bool, ...]) -> bool:
    return all(a & b for a in EVERY_SUBSET if left[a] for b in EVERY_SUBSET if right[b])


if not (_meet(_WRITES, _READS) and _meet(_WRITES, _WRITES)):
    raise AssertionError(f"quorums that can miss each other: {WRITE_QUORUM}, {READ_QUORUM}")
