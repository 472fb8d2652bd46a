"""The writer's durability points: SCL -> PGCL -> VCL -> VDL. Pure.

The storage nodes get no vote (SIGMOD 2018, section 2.3): they report their SCL with every
acknowledgement, and this object alone decides what is durable.

Invariants: no point ever moves back; VDL <= VCL; VDL is a CPL; PGCL of every protection group
that an MTR touched covers the MTR before VDL does. MTRs are registered in LSN order, and the
records of one MTR are grouped by protection group, so an MTR is a list of (protection group, last
LSN) in LSN order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from volume.model import Lsn, PgId
from volume.quorum import COPIES, pg_complete

Ends = Sequence[tuple[PgId, Lsn]]


class _Group:
    """One protection group: the SCL of each of its segments and the highest quorum point so far."""

    __slots__ = ("pgcl", "scls")

    def __init__(self, complete: Lsn) -> None:
        self.scls: list[int] = [0] * COPIES
        self.pgcl: int = complete


class Durability:
    """What of the log is durable, from the acknowledgements seen so far."""

    __slots__ = ("_groups", "_open", "vdl")

    def __init__(self, vdl: Lsn, groups: Mapping[PgId, Lsn]) -> None:
        """`groups` holds the last LSN of each protection group; all of it is durable."""
        self.vdl = vdl
        self._groups = {pg: _Group(end) for pg, end in groups.items()}
        # MTRs above VDL in LSN order: (first LSN, CPL, ends)
        self._open: deque[tuple[Lsn, Lsn, Ends]] = deque()

    def add_group(self, pg: PgId) -> None:
        """A protection group nothing was ever written to."""
        self._groups.setdefault(pg, _Group(Lsn(0)))

    def logged(self, first: Lsn, cpl: Lsn, ends: Ends) -> None:
        """An MTR of the records first..cpl exists; `ends` as in the module's text."""
        self._open.append((first, cpl, ends))

    def acknowledged(self, node: int, pg: PgId, scl: int) -> bool:
        """A segment reported its SCL; whether VDL moved."""
        group = self._groups[pg]
        scls = group.scls
        if scl <= scls[node]:
            # A segment that lost its disk reports less than before: what it once had no longer
            # counts for new records, but a point that was passed stays passed.
            scls[node] = scl
            return False
        scls[node] = scl
        if scl <= group.pgcl:
            return False
        pgcl = pg_complete(scls)
        if pgcl <= group.pgcl:
            return False
        group.pgcl = pgcl
        return self._advance()

    def _advance(self) -> bool:
        moved = False
        groups = self._groups
        pending = self._open
        while pending:
            _first, cpl, ends = pending[0]
            for pg, end in ends:
                if groups[pg].pgcl < end:
                    return moved
            self.vdl = cpl
            moved = True
            pending.popleft()
        return moved

    def pgcl(self, pg: PgId) -> Lsn:
        return Lsn(self._groups[pg].pgcl)

    def scl(self, node: int, pg: PgId) -> Lsn:
        return Lsn(self._groups[pg].scls[node])

    @property
    def vcl(self) -> Lsn:
        """Highest LSN with everything below it durable; at most one unfinished MTR above VDL."""
        vcl = self.vdl
        if not self._open:
            return vcl
        first, _cpl, ends = self._open[0]
        for pg, end in ends:
            reached = min(self._groups[pg].pgcl, end)
            if reached < first:
                break
            vcl = Lsn(reached)
            if reached < end:
                break
            first = Lsn(end + 1)
        return vcl

    @property
    def undurable_mtrs(self) -> int:
        return len(self._open)
