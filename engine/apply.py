"""Pure: applying the redo stream on a reader.

Invariants (Verbitski et al. 2017, section 4.2.4)
- A record is applied only at or below the VDL the writer announced, and an MTR only as a whole:
  the VDL is always the end of one.
- Only pages in the buffer pool, or on their way into it, are touched; other records are dropped,
  because the volume has them.
- The read point moves after the records are in place, so no snapshot sees half an MTR.
- There is no hole: a batch must begin where the one before ended. A hole is `RedoGap`, and the
  reader has to bridge it from the volume's log or start with an empty pool.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from engine.bufferpool import BufferPool
from volume.records import CPL, HEADER_SIZE, ScannedRecord, scan, scan_trusted


class RedoGap(Exception):
    """Redo between `have` and `offered` was not seen."""

    def __init__(self, have: int, offered: int) -> None:
        super().__init__(f"redo goes on after {offered}, this instance has it up to {have}")
        self.have = have
        self.offered = offered


class RedoApplier:
    """Feeds one pool; `received` runs ahead of the pool's read point by what is not yet durable."""

    def __init__(self, pool: BufferPool) -> None:
        self._pool = pool
        self._waiting: deque[tuple[bytes, list[ScannedRecord]]] = deque()
        self.received = pool.read_point
        self._base = pool.read_point  # where the stream began
        self.applied_records = 0
        self.dropped_records = 0

    @property
    def waiting(self) -> int:
        """Batches that are not durable yet."""
        return len(self._waiting)

    def restart(self) -> None:
        """Forget what is not applied; the stream will start again at the read point."""
        self._waiting.clear()
        self.received = self._base = self._pool.read_point

    def expect(self, after: int) -> None:
        """The stream begins after `after`; what lies between the read point and it is a hole."""
        assert not self._waiting
        self.received = self._base = after

    def covers(self, lsn: int) -> bool:
        """Whether everything from the read point up to `lsn` was received."""
        return self._base <= self._pool.read_point and self.received >= lsn

    def receive(self, after: int, blob: bytes) -> None:
        """Take whole MTRs that follow `after`; raises RedoGap, or RecordError for damage.

        The frame the bytes came in has a checksum of its own, so the records' are not verified.
        """
        if after != self.received:
            raise RedoGap(self.received, after)
        records = scan_trusted(blob, 0, len(blob))
        if not records:
            return
        last = records[-1]
        if not last[3] & CPL or records[0][0] <= after:
            raise RedoGap(self.received, records[0][0] - 1)
        self._waiting.append((blob, records))
        self.received = last[0]

    def advance(self, vdl: int) -> None:
        """Apply everything up to `vdl` and move the read point there."""
        pool = self._pool
        if vdl <= pool.read_point:
            return
        if not self.covers(vdl):
            raise RedoGap(min(self.received, pool.read_point), vdl)
        waiting = self._waiting
        while waiting:
            blob, records = waiting[0]
            if records[-1][0] > vdl:
                self._apply_part(vdl)
                break
            self._push(blob, records)
            waiting.popleft()
        pool.advance(vdl)

    def _apply_part(self, vdl: int) -> None:
        blob, records = self._waiting[0]
        count = 0
        while count < len(records) and records[count][0] <= vdl:
            count += 1
        self._push(blob, records[:count])
        self._waiting[0] = (blob, records[count:])

    def _push(self, blob: bytes, records: Iterable[ScannedRecord]) -> None:
        pool = self._pool
        slots, fetches, push = pool.slots, pool.fetches, pool.push_change
        dropped = applied = 0
        for lsn, _prev, page_no, flags, start, end in records:
            if page_no in slots or page_no in fetches:
                push(page_no, lsn, flags, blob[start + HEADER_SIZE : end])
                applied += 1
            else:
                dropped += 1
        self.applied_records += applied
        self.dropped_records += dropped

    def bridge(self, blobs: Iterable[bytes], upto: int) -> None:
        """Apply log read from the volume: complete and durable from the read point to `upto`.

        One blob per protection group; LSNs interleave between groups.
        """
        pool = self._pool
        records = [(record, blob) for blob in blobs for record in scan(blob)]
        records.sort(key=lambda pair: pair[0][0])
        for record, blob in records:
            if pool.read_point < record[0] <= upto:
                self._push(blob, (record,))
        pool.advance(upto)
