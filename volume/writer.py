"""The writer's log: LSN allocation, backlinks, MTR encoding, back-pressure. Pure.

Invariants:
- LSNs are contiguous from `next_lsn` on; each record's backlink is the previous LSN of its
  protection group; exactly the last record of an MTR is a CPL.
- Within an MTR records are grouped by protection group (stable otherwise), so that what a group is
  sent is a run of the MTR's bytes, and the MTR is encoded once for all segments and readers.
- No LSN is allocated above max(VDL, end of the last truncation range) + LAL: this is the bound the
  next recovery relies on when it annuls everything this writer may still have in flight.
(SIGMOD 2017, sections 3.2 and 4.2.1; SIGMOD 2018, sections 2.2 and 2.3.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from volume import limits
from volume.durability import Durability
from volume.errors import VolumeError
from volume.model import Epoch, Lsn, PgId, TruncationRange
from volume.mtrring import MtrRing
from volume.pgstream import PgStream
from volume.records import CPL, encode_record

Change = tuple[int, int, bytes]  # page number, record flags, payload

RING_BYTES: Final = 32 * 1024**2
# Back-pressure starts here: at half of LAL, or with this much log that is not durable yet.
UNDURABLE_BYTES_MAX: Final = 64 * 1024**2
# A larger MTR is handed to its stream in parts of about this size, cut between records.
PART_BYTES: Final = limits.APPEND_BYTES_MAX // 4


class LogFull(VolumeError):
    """The MTR would pass LAL; the caller did not wait for room, or the MTR is enormous."""

    code = "log_full"

    def __init__(self, cpl: int, vdl: int) -> None:
        super().__init__(f"no room for LSN {cpl} in the log: only {vdl} is durable yet")


@frozen
class OpenedVolume:
    """What a recovery hands to the writer it opened the volume for."""

    epoch: Epoch
    owner: str
    vdl: Lsn
    next_lsn: Lsn
    ends: Mapping[PgId, Lsn]  # last LSN of each protection group, at or below vdl
    truncations: tuple[TruncationRange, ...]


class LogWriter:
    """All log bookkeeping of the single writer; `volume.shipping` moves the bytes."""

    __slots__ = (
        "_lal",
        "_lal_floor",
        "_pages_per_segment",
        "_sizes",
        "durability",
        "new_groups",
        "newest",
        "ring",
        "streams",
        "touched",
        "undurable_bytes",
    )

    def __init__(
        self,
        opened: OpenedVolume,
        pages_per_segment: int,
        *,
        lal: int = limits.LAL,
        ring_bytes: int = RING_BYTES,
    ) -> None:
        self.newest = Lsn(opened.next_lsn - 1)
        self.durability = Durability(opened.vdl, opened.ends)
        self.ring = MtrRing(opened.vdl, ring_bytes)
        self.streams = {pg: PgStream(end) for pg, end in opened.ends.items()}
        self.new_groups: list[PgId] = []  # first written to since the shell last looked
        self.touched: set[PgId] = set()  # have records since the shell last looked
        self.undurable_bytes = 0
        self._sizes: deque[tuple[Lsn, int]] = deque()  # CPL and bytes of the MTRs above VDL
        self._pages_per_segment = pages_per_segment
        self._lal = lal
        self._lal_floor = self.newest

    @property
    def vdl(self) -> Lsn:
        return self.durability.vdl

    def has_room(self) -> bool:
        """Whether another MTR may start; half of LAL is kept for those already admitted."""
        return (
            self.undurable_bytes < UNDURABLE_BYTES_MAX
            and self.newest - max(self.durability.vdl, self._lal_floor) < self._lal // 2
        )

    def log(self, changes: Sequence[Change]) -> Lsn:
        """Append one MTR and return its CPL. All or nothing; raises LogFull."""
        first = self.newest + 1
        cpl = Lsn(self.newest + len(changes))
        if cpl > max(self.durability.vdl, self._lal_floor) + self._lal:
            raise LogFull(cpl, self.durability.vdl)
        pages_per_segment = self._pages_per_segment
        pg = changes[0][0] // pages_per_segment
        for change in changes:
            if change[0] // pages_per_segment != pg:
                blob, ends = self._log_spread(first, changes)
                break
        else:
            blob = self._log_run(PgId(pg), first, changes, CPL)
            ends = ((PgId(pg), cpl),)
        self.newest = cpl
        self.durability.logged(Lsn(first), cpl, ends)
        self.ring.append(cpl, blob)
        size = len(blob)
        self.undurable_bytes += size
        self._sizes.append((cpl, size))
        return cpl

    def _log_spread(
        self, first: int, changes: Sequence[Change]
    ) -> tuple[bytes, tuple[tuple[PgId, Lsn], ...]]:
        pages_per_segment = self._pages_per_segment
        runs: dict[PgId, list[Change]] = {}
        for change in changes:
            runs.setdefault(PgId(change[0] // pages_per_segment), []).append(change)
        blobs, ends = [], []
        lsn, left = first, len(changes)
        for pg, run in runs.items():
            left -= len(run)
            blobs.append(self._log_run(pg, lsn, run, 0 if left else CPL))
            lsn += len(run)
            ends.append((pg, Lsn(lsn - 1)))
        return b"".join(blobs), tuple(ends)

    def _log_run(self, pg: PgId, first: int, run: Sequence[Change], last_flag: int) -> bytes:
        stream = self.streams.get(pg)
        if stream is None:
            stream = self._add_group(pg)
        self.touched.add(pg)
        encoded = []
        prev, lsn, last = stream.end, first, first + len(run) - 1
        for page_no, flags, payload in run:
            if lsn == last:
                flags |= last_flag
            encoded.append(encode_record(lsn, prev, page_no, flags, payload))
            prev = Lsn(lsn)
            lsn += 1
        blob = encoded[0] if len(encoded) == 1 else b"".join(encoded)
        if len(blob) <= PART_BYTES:
            stream.push(Lsn(last), blob)
        else:
            _push_in_parts(stream, first, encoded)
        return blob

    def _add_group(self, pg: PgId) -> PgStream:
        stream = self.streams[pg] = PgStream(Lsn(0))
        self.durability.add_group(pg)
        self.new_groups.append(pg)
        return stream

    def vdl_moved(self) -> None:
        """Account for a new VDL: fewer undurable bytes, and the ring may let go of old MTRs."""
        vdl, sizes = self.durability.vdl, self._sizes
        while sizes and sizes[0][0] <= vdl:
            self.undurable_bytes -= sizes.popleft()[1]
        ring = self.ring
        if ring.bytes > ring.limit and ring.trim(vdl):
            for stream in self.streams.values():
                stream.trim(ring.floor)


def _push_in_parts(stream: PgStream, first: int, encoded: list[bytes]) -> None:
    part: list[bytes] = []
    size = 0
    lsn = first - 1
    for record in encoded:
        if part and size + len(record) > PART_BYTES:
            stream.push(Lsn(lsn), b"".join(part))
            part, size = [], 0
        part.append(record)
        size += len(record)
        lsn += 1
    stream.push(Lsn(lsn), b"".join(part))
