"""One segment's state machine: what it has promised, what it holds, what it may answer.

Invariants:

* a request with an epoch older than the promised one changes nothing (P18 section 4.1: the epoch
  on every request, older ones rejected);
* records enter only at the attached epoch, after its truncation list, so an annulled record and
  its successor of a newer epoch never share the chain;
* nothing takes effect before it is durable: every ``plan_*`` and ``prepare`` only checks and says
  what to write; ``adopt`` and ``accept`` follow once that is synced;
* VDL only grows, whoever reports it: what is durable stays durable.

The owner serialises plan, write and effect.  Pure: no I/O, no clock.
"""

from __future__ import annotations

from attrs import define, evolve, field, frozen

from volume import messages
from volume.errors import (
    Annulled,
    BadRequest,
    BrokenPromise,
    NeedAttach,
    NotComplete,
    OutOfLog,
    StaleEpoch,
)
from volume.hotlog import Promise
from volume.logindex import LogIndex
from volume.model import TruncationRange, annulled
from volume.records import KNOWN_FLAGS, ScannedRecord, scan


@frozen(slots=True)
class Fresh:
    """What of an append is new: the bytes to write, and the records with offsets in them."""

    data: bytes
    records: list[ScannedRecord]


_NOTHING = Fresh(b"", [])


@define
class Segment:
    """See the module's text."""

    pg: int
    first_page: int
    pages: int
    promise: Promise = field(factory=Promise)
    log: LogIndex = field(factory=lambda: LogIndex(0))
    vdl: int = 0
    tail: int = 0
    pgmrpl: int = 0
    # Pages are being fetched anew from a peer: what is here must not be served.
    hydrating: bool = False
    _annulled_upto: int = 0

    def __attrs_post_init__(self) -> None:
        self._annulled_upto = max((r.upto for r in self.promise.truncations), default=0)

    # -- what it can prove ---------------------------------------------------------------------

    @property
    def scl(self) -> int:
        return self.log.scl

    @property
    def complete_upto(self) -> int:
        """Every record of this PG up to here is in the chain.

        The SCL proves itself; the writer's word that the PG's last record <= vdl is ``tail``
        proves the rest when the chain reaches it.
        """
        scl = self.log.scl
        return self.vdl if scl >= self.tail and self.vdl > scl else scl

    @property
    def coalesce_point(self) -> int:
        """Base images may not go above this: read points, durability and completeness."""
        return min(self.pgmrpl, self.vdl, self.log.scl)

    def status(self) -> messages.SegmentStatus:
        p = self.promise
        return messages.SegmentStatus(
            pg=self.pg,
            epoch=p.epoch,
            attached=p.attached,
            owner=p.owner,
            scl=self.log.scl,
            vdl=self.vdl,
            tail=self.tail,
            low=self.log.base,
            high_lsn=self.log.high_lsn,
            truncations=p.truncations,
        )

    def check_readable(self, page_no: int, lsn: int) -> None:
        """Whether the page's version at ``lsn`` can be told at all."""
        self.check_page(page_no)
        if self.hydrating:
            raise NotComplete(0)
        if lsn > self.complete_upto:
            raise NotComplete(self.log.scl)

    def check_page(self, page_no: int) -> None:
        if not self.first_page <= page_no < self.first_page + self.pages:
            raise BadRequest(f"page {page_no} is not in protection group {self.pg}")

    def check_log(self, after: int) -> None:
        """Whether the chain right after an LSN is still here."""
        if after < self.log.base:
            raise OutOfLog(self.log.base)

    # -- promises ------------------------------------------------------------------------------

    def plan_raise(self, epoch: int, owner: str) -> Promise | None:
        """The promise to make durable; None when it was made before."""
        p = self.promise
        if epoch < p.epoch or (epoch == p.epoch and owner != p.owner):
            raise StaleEpoch(p.epoch, p.owner)
        if epoch == p.epoch:
            return None
        return evolve(p, epoch=epoch, owner=owner)

    def raised(self) -> messages.EpochRaised:
        """The answer to a promise that is durable."""
        log = self.log
        return messages.EpochRaised(
            scl=log.scl,
            vdl=self.vdl,
            last=log.last_at(self.vdl),
            truncations=self.promise.truncations,
            tail=tuple(log.tail_after(self.vdl)),
        )

    def plan_truncate(self, epoch: int, new: TruncationRange) -> Promise | None:
        p = self.promise
        if epoch < p.epoch:
            raise StaleEpoch(p.epoch, p.owner)
        if epoch > p.epoch:
            raise NeedAttach(p.attached)
        if new in p.truncations:
            return None
        return self._with_ranges(p, (*p.truncations, new))

    def plan_attach(
        self, epoch: int, owner: str, ranges: tuple[TruncationRange, ...]
    ) -> Promise | None:
        """The owner of an epoch has completed recovery and says what it annulled.

        Another owner may hold the same epoch's promise here without a quorum: whoever attaches
        has one, so the other can never attach.
        """
        p = self.promise
        if epoch < p.epoch or (epoch == p.attached and owner != p.attached_owner):
            raise StaleEpoch(p.epoch, p.owner)
        made = evolve(p, epoch=epoch, owner=owner, attached=epoch, attached_owner=owner)
        made = self._with_ranges(made, ranges)
        return None if made == p else made

    def plan_adopt(
        self, attached: int, owner: str, ranges: tuple[TruncationRange, ...]
    ) -> Promise | None:
        """A peer was attached at a newer epoch: learn it, without giving up a newer promise."""
        p = self.promise
        if attached <= p.attached:
            return None
        made = evolve(p, attached=attached, attached_owner=owner)
        if attached >= p.epoch:
            made = evolve(made, epoch=attached, owner=owner)
        return self._with_ranges(made, ranges)

    def plan_base(self, base: int, page_generation: int) -> Promise:
        """The log begins after ``base`` now, over this page generation."""
        ranges = tuple(r for r in self.promise.truncations if r.upto > base)
        return evolve(self.promise, base=base, page_generation=page_generation, truncations=ranges)

    def _with_ranges(self, promise: Promise, ranges: tuple[TruncationRange, ...]) -> Promise:
        """The promise with its truncation list replaced.

        Records at or below VDL are durable, and may be in base images: a range that would annul
        one contradicts what this segment was told before.  Ranges below the log's base have done
        their work and are left out.
        """
        base = self.log.base
        for r in ranges:
            durable = self.log.has_within(r.above, min(r.upto, self.vdl))
            if durable or r.above < base <= r.upto:
                raise BrokenPromise(
                    f"range ({r.above}, {r.upto}] of epoch {r.epoch} would annul durable records:"
                    f" VDL is {self.vdl}, the log begins at {base}"
                )
        kept = sorted({r for r in ranges if r.upto > base}, key=lambda r: (r.epoch, r.above))
        return evolve(promise, truncations=tuple(kept))

    def adopt(self, promise: Promise) -> None:
        """The promise is durable: it takes effect."""
        before = self.promise
        assert promise.epoch >= before.epoch, f"epoch {before.epoch} -> {promise.epoch}"
        assert promise.attached >= before.attached, f"{before.attached} -> {promise.attached}"
        self.promise = promise
        if promise.truncations != before.truncations:
            self._annulled_upto = max((r.upto for r in promise.truncations), default=0)
            self.log.truncate(promise.truncations)

    # -- records -------------------------------------------------------------------------------

    def check_epoch(self, epoch: int) -> None:
        """Whether the writer of this epoch may append."""
        p = self.promise
        if epoch != p.epoch or epoch != p.attached:
            if epoch < p.epoch:
                raise StaleEpoch(p.epoch, p.owner)
            raise NeedAttach(p.attached)

    def prepare(self, epoch: int, blob: bytes) -> Fresh:
        """Check an append by the writer of ``epoch``; what is new of it has to be made durable."""
        self.check_epoch(epoch)
        if not blob:
            return _NOTHING
        return self._fresh(blob, refuse_annulled=True)

    def prepare_gossip(self, blob: bytes) -> Fresh:
        """As ``prepare`` for records from a peer, whose truncation list was adopted before."""
        return self._fresh(blob, refuse_annulled=False)

    def _fresh(self, blob: bytes, *, refuse_annulled: bool) -> Fresh:
        records = scan(blob)
        low, high = self.first_page, self.first_page + self.pages
        newest = max(self.log.high_lsn, self._annulled_upto)
        all_new = True
        for lsn, prev, page_no, flags, _start, _end in records:
            if lsn <= newest or prev >= lsn:
                all_new = False
                if prev >= lsn:
                    raise BadRequest(f"record {lsn} links back to {prev}")
            newest = lsn
            if not low <= page_no < high:
                raise BadRequest(f"page {page_no} is not in protection group {self.pg}")
            if flags & ~KNOWN_FLAGS:
                raise BadRequest(f"record {lsn} has unknown flags {flags:#x}")
        if all_new:
            return Fresh(blob, records)
        return self._without_known(blob, records, refuse_annulled)

    def _without_known(
        self, blob: bytes, records: list[ScannedRecord], refuse_annulled: bool
    ) -> Fresh:
        """Leave out duplicates; annulled records are the writer's mistake, or a peer's delay."""
        ranges, log = self.promise.truncations, self.log
        parts: list[bytes] = []
        kept: list[ScannedRecord] = []
        size = 0
        for lsn, prev, page_no, flags, start, end in records:
            if annulled(lsn, ranges):
                if refuse_annulled:
                    raise Annulled(lsn)
                continue
            if log.holds(lsn, prev):
                continue
            parts.append(blob[start:end])
            kept.append((lsn, prev, page_no, flags, size, size + end - start))
            size += end - start
        return Fresh(b"".join(parts), kept)

    def accept(self, fresh: Fresh, position: int) -> None:
        """The records are durable at ``position``: they take effect."""
        self.log.add(fresh.records, position)

    def learn(self, vdl: int, tail: int) -> None:
        """Somebody of the attached epoch (or newer) knows this much to be durable."""
        if vdl > self.vdl:
            self.vdl, self.tail = vdl, tail
        elif vdl == self.vdl and tail < self.tail:
            self.tail = tail
