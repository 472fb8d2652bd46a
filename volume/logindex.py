"""Where every redo record of one segment is: the complete chain in LSN order, and per page.

Invariants: the chain begins after ``base`` and has no hole: each record's backlink is the record
before it (P18 section 2.3), so ``scl`` is the chain's last LSN.  A page's list holds exactly its
chain records that are newer than its base image.  Records beyond a hole wait in ``pending`` under
their backlink.  A chain record has an ordinal that never changes; arrays keep the cost at some
35 bytes per record.  Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from volume.model import TruncationRange, annulled
from volume.records import CPL, FULL, ScannedRecord

FILE_SHIFT = 32  # a position is (file sequence << 32) | offset
PENDING_MAX = 200_000


class Located(NamedTuple):
    """One record and where its bytes are."""

    lsn: int
    prev: int
    page_no: int
    flags: int
    position: int
    length: int


class PageChanges(NamedTuple):
    """Records of one page, oldest first: the LSN of the newest, whether the oldest is a full
    image, and where they are (position, length)."""

    lsn: int
    full: bool
    extents: list[tuple[int, int]]


NO_CHANGES = PageChanges(0, False, [])


class LogIndex:
    """See the module's text."""

    __slots__ = (
        "_first",
        "_flags",
        "_folded",
        "_lengths",
        "_lsns",
        "_pages",
        "_positions",
        "base",
        "by_page",
        "high_lsn",
        "pending",
        "pending_refused",
        "scl",
    )

    def __init__(self, base: int) -> None:
        self.base = base
        self.scl = base
        self.high_lsn = base
        self._folded = base
        self.by_page: dict[int, array[int]] = {}
        self.pending: dict[int, Located] = {}
        self.pending_refused = 0
        self._first = 0
        self._lsns: array[int] = array("Q")
        self._positions: array[int] = array("Q")
        self._lengths: array[int] = array("I")
        self._pages: array[int] = array("I")
        self._flags: array[int] = array("B")

    def __len__(self) -> int:
        return len(self._lsns)

    # -- growing -------------------------------------------------------------------------------

    def add(self, scanned: Sequence[ScannedRecord], position: int) -> None:
        """Index records whose bytes start at ``position`` + their start; duplicates are ignored."""
        scl = self.scl
        by_page = self.by_page
        ordinal = self._first + len(self._lsns)
        add_lsn, add_position = self._lsns.append, self._positions.append
        add_length, add_page, add_flags = (
            self._lengths.append,
            self._pages.append,
            self._flags.append,
        )
        for lsn, prev, page_no, flags, start, end in scanned:
            if prev != scl or lsn <= scl:
                self.scl = scl
                self._hold(Located(lsn, prev, page_no, flags, position + start, end - start))
                continue
            add_lsn(lsn)
            add_position(position + start)
            add_length(end - start)
            add_page(page_no)
            add_flags(flags)
            chain = by_page.get(page_no)
            if chain is None:
                by_page[page_no] = array("Q", (ordinal,))
            else:
                chain.append(ordinal)
            ordinal += 1
            scl = lsn
        self.scl = scl
        if scl > self.high_lsn:
            self.high_lsn = scl
        if self.pending:
            self._link_pending()

    def _hold(self, record: Located) -> None:
        """Keep a record that does not continue the chain until what is missing arrives."""
        if record.lsn <= self.scl:
            return
        if record.lsn > self.high_lsn:
            self.high_lsn = record.lsn
        known = self.pending.get(record.prev)
        # Two records with one backlink: the lower LSN lies on a branch some recovery annulled.
        if known is None and len(self.pending) >= PENDING_MAX:
            self.pending_refused += 1
        elif known is None or known.lsn < record.lsn:
            self.pending[record.prev] = record

    def _link_pending(self) -> None:
        """Continue the chain with what waited for it; then forget what it has overtaken."""
        pending = self.pending
        linked = False
        while (record := pending.pop(self.scl, None)) is not None:
            self._push(record)
            linked = True
        if linked and pending:
            self.pending = {p: x for p, x in pending.items() if x.lsn > self.scl}

    def _push(self, record: Located) -> None:
        ordinal = self._first + len(self._lsns)
        self._lsns.append(record.lsn)
        self._positions.append(record.position)
        self._lengths.append(record.length)
        self._pages.append(record.page_no)
        self._flags.append(record.flags)
        chain = self.by_page.get(record.page_no)
        if chain is None:
            self.by_page[record.page_no] = array("Q", (ordinal,))
        else:
            chain.append(ordinal)
        self.scl = record.lsn
        if record.lsn > self.high_lsn:
            self.high_lsn = record.lsn

    def holds(self, lsn: int, prev: int) -> bool:
        """Whether this record is here already (in the chain, below it, or waiting)."""
        if lsn <= self.scl:
            return True
        waiting = self.pending.get(prev)
        return waiting is not None and waiting.lsn >= lsn

    # -- shrinking -----------------------------------------------------------------------------

    def truncate(self, ranges: Iterable[TruncationRange]) -> None:
        """Drop every annulled record, and what was chained behind one."""
        ranges = tuple(ranges)
        keep = len(self._lsns)
        for r in ranges:
            at = bisect_right(self._lsns, r.above)
            if at < len(self._lsns) and self._lsns[at] <= r.upto:
                keep = min(keep, at)
        self._cut(keep)
        self.pending = {p: x for p, x in self.pending.items() if not annulled(x.lsn, ranges)}
        self._link_pending()
        self.high_lsn = max([self.scl, *(record.lsn for record in self.pending.values())])

    def _cut(self, keep: int) -> None:
        """Keep the first ``keep`` records of the chain."""
        if keep == len(self._lsns):
            return
        limit = self._first + keep
        for page_no in set(self._pages[keep:]):
            chain = self.by_page.get(page_no)
            if chain is None:
                continue
            del chain[bisect_left(chain, limit) :]
            if not chain:
                del self.by_page[page_no]
        self._delete(keep, len(self._lsns))
        self.scl = self._lsns[-1] if self._lsns else self.base

    def _delete(self, start: int, stop: int) -> None:
        for column in (self._lsns, self._positions, self._lengths, self._pages, self._flags):
            del column[start:stop]

    def fold(self, page_no: int, upto: int) -> None:
        """The page's base image now includes its records <= ``upto``."""
        chain = self.by_page.get(page_no)
        if chain is None:
            return
        del chain[: self._count_upto(chain, upto)]
        if not chain:
            del self.by_page[page_no]

    def trim(self, base: int) -> None:
        """Forget the chain up to ``base``, a member of it; those records must be folded."""
        count = bisect_right(self._lsns, base)
        assert count and self._lsns[count - 1] == base, f"{base} is not in the chain"
        self._delete(0, count)
        self._first += count
        self.base = base

    def rebase(self, base: int, page_lsn: Callable[[int], int]) -> None:
        """Start again from pages complete up to ``base``, whose images have ``page_lsn``."""
        member = base == self.base or self.last_at(base) == base
        if not member:
            self._start_over(base)
            self._link_pending()
        for page_no in list(self.by_page):
            self.fold(page_no, page_lsn(page_no))
        if base != self.base:
            self.trim(base)

    def _start_over(self, base: int) -> None:
        """Empty the chain; its records beyond ``base`` wait for the part that is missing."""
        if base < self.base:
            previous = self.base
            for at in range(len(self._lsns)):
                record = self._located(at, previous)
                self.pending.setdefault(previous, record)
                previous = record.lsn
        self._first += len(self._lsns)
        self._delete(0, len(self._lsns))
        self.by_page.clear()
        self.base = self.scl = self._folded = base
        self.pending = {p: x for p, x in self.pending.items() if x.lsn > base}

    # -- asking --------------------------------------------------------------------------------

    def _located(self, at: int, prev: int) -> Located:
        return Located(
            self._lsns[at],
            prev,
            self._pages[at],
            self._flags[at],
            self._positions[at],
            self._lengths[at],
        )

    def _count_upto(self, chain: array[int], lsn: int) -> int:
        """How many of a page's records have an LSN <= ``lsn``."""
        lsns, first = self._lsns, self._first
        count = len(chain)
        if count and lsns[chain[-1] - first] <= lsn:
            return count
        return bisect_right(chain, lsn, key=lambda ordinal: lsns[ordinal - first])

    def page_changes(self, page_no: int, after: int, upto: int) -> PageChanges:
        """A page's unfolded records with after < lsn <= upto.

        From the newest full image among them on: it makes what came before it irrelevant.
        """
        chain = self.by_page.get(page_no)
        if chain is None:
            return NO_CHANGES
        lsns, flags, first = self._lsns, self._flags, self._first
        count = self._count_upto(chain, upto)
        if not count or lsns[chain[count - 1] - first] <= after:
            return NO_CHANGES
        start, full = count, False
        while start and not full:
            at = chain[start - 1] - first
            if lsns[at] <= after:
                break
            full = bool(flags[at] & FULL)
            start -= 1
        positions, lengths = self._positions, self._lengths
        extents = [(positions[o - first], lengths[o - first]) for o in chain[start:count]]
        return PageChanges(lsns[chain[count - 1] - first], full, extents)

    def chain_length(self, page_no: int) -> int:
        """How many unfolded records a page has."""
        return len(self.by_page.get(page_no, ()))

    def count_foldable(self, page_no: int, upto: int) -> int:
        """How many of them have an LSN <= ``upto``."""
        chain = self.by_page.get(page_no)
        return self._count_upto(chain, upto) if chain is not None else 0

    def recent_pages(self, count: int) -> set[int]:
        """The pages of the newest ``count`` records."""
        return set(self._pages[-count:])

    def oldest_of(self, page_no: int) -> int:
        """The LSN of a page's oldest unfolded record, 0 if there is none."""
        chain = self.by_page.get(page_no)
        return self._lsns[chain[0] - self._first] if chain else 0

    def last_at(self, lsn: int) -> int:
        """The chain's highest LSN <= ``lsn`` (``base`` when all are higher)."""
        at = bisect_right(self._lsns, lsn)
        return self._lsns[at - 1] if at else self.base

    def has_within(self, above: int, upto: int) -> bool:
        """Whether the chain has a record with above < lsn <= upto."""
        at = bisect_right(self._lsns, above)
        return at < len(self._lsns) and self._lsns[at] <= upto

    def tail_after(self, lsn: int) -> list[tuple[int, bool]]:
        """(lsn, is_cpl) of the chain above ``lsn``."""
        at = bisect_right(self._lsns, lsn)
        flags = self._flags[at:]
        return [(x, bool(f & CPL)) for x, f in zip(self._lsns[at:], flags, strict=True)]

    def extents_after(self, lsn: int, limit_bytes: int) -> list[tuple[int, int]]:
        """(position, length) runs of the chain above ``lsn``, adjacent records merged."""
        at = bisect_right(self._lsns, lsn)
        runs: list[tuple[int, int]] = []
        run_start = run_end = -1
        taken = 0
        while at < len(self._lsns) and (taken < limit_bytes or not taken):
            position, length = self._positions[at], self._lengths[at]
            if position == run_end:
                run_end += length
            else:
                if run_start >= 0:
                    runs.append((run_start, run_end - run_start))
                run_start, run_end = position, position + length
            taken += length
            at += 1
        if run_start >= 0:
            runs.append((run_start, run_end - run_start))
        return runs

    def folded(self) -> int:
        """The highest chain LSN such that every record <= it is in a base image.

        It only grows, so the walk goes on where the last one ended.
        """
        lsns, first = self._lsns, self._first
        at = bisect_right(lsns, self._folded)
        while at < len(lsns):
            chain = self.by_page.get(self._pages[at])
            if chain is not None and chain[0] <= at + first:
                break
            at += 1
        self._folded = lsns[at - 1] if at else self.base
        return self._folded

    def unfolded_pages(self, count: int) -> list[int]:
        """Pages of the oldest unfolded records, ``count`` at most."""
        lsns, first, pages = self._lsns, self._first, self._pages
        found: dict[int, None] = {}
        for at in range(bisect_right(lsns, self.folded()), len(lsns)):
            chain = self.by_page.get(pages[at])
            if chain is not None and chain[0] <= at + first:
                found[pages[at]] = None
                if len(found) >= count:
                    break
        return list(found)
