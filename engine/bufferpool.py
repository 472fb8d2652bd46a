"""Pure: the buffer pool: page -> chain of versions, newest first, bounded in bytes.

Every SQLite connection of the instance reads through this pool at a snapshot LSN of its own, so
the pool is also what makes the instance multi-version: a writer adds versions on top, open
snapshots keep what they need below.

Invariants
- The head of a chain is the page's newest version as far as this instance can know: whatever is
  logged (writer) or applied (reader) later is pushed on top. A page whose history is not known
  without a gap is not in the pool.
- A version is valid for the snapshots `lsn <= at <= upto`. Versions nobody needs may be missing
  from the middle of a chain; `upto` shows the gap, and a snapshot falling into it is a miss, to be
  served by the volume, never a wrong page.
- A page leaves the pool only when its newest version is at or below the read point (the durable
  LSN): the volume can then give it back. (Verbitski et al. 2017, section 4.2.3; the printed rule
  has the comparison the wrong way round.)
- A page being fetched collects what is pushed meanwhile; the fetched image goes below it.

Readers push deltas and apply them only when somebody reads the page or the chain grows long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from volume.delta import CHUNK, ZERO_CHUNK, chunking
from volume.records import FULL, decode_payload

FOREVER: Final = 1 << 63
"""`upto` of a head: valid for every later snapshot until something is pushed above it."""

_VERSION_OVERHEAD: Final = 160  # bytes of Python objects per version, slot included
_IMAGE_DEPTH: Final = 4  # versions in a chain before it is pruned ...
_DELTA_DEPTH: Final = 32  # ... later for deltas: small, and folding them in bulk is cheaper
_SWEEP_STEPS: Final = 256  # bound on the work one eviction call may do


class Version:
    """One version of a page; `image` is None while the version is an unapplied delta."""

    __slots__ = ("flags", "image", "lsn", "older", "payload", "upto")

    def __init__(self, lsn: int, image: bytes | None, flags: int = 0, payload: bytes = b"") -> None:
        self.lsn = lsn
        self.upto = FOREVER
        self.image = image
        self.flags = flags
        self.payload = payload
        self.older: Version | None = None


class Slot:
    """A cached page."""

    __slots__ = ("depth", "head", "page_no", "prune_at", "referenced", "size")

    def __init__(self, page_no: int, head: Version, size: int) -> None:
        self.page_no = page_no
        self.head = head
        self.size = size
        self.depth = 1
        self.prune_at = 1
        self.referenced = True


class Fetch:
    """A page on its way from the volume, asked for at LSN `at`."""

    __slots__ = ("at", "changes", "page_no", "valid")

    def __init__(self, page_no: int, at: int) -> None:
        self.page_no = page_no
        self.at = at
        self.changes: list[tuple[int, int, bytes]] = []
        self.valid = True


def fold(base: bytes, changes: Iterable[Version], page_size: int) -> bytes:
    """The page after a run of deltas.

    XOR masks combine, and most of each is zero: only the chunks a mask touches are worked on.
    """
    unpack = chunking(page_size).unpack
    chunks = list(unpack(base))
    masks: dict[int, int] = {}
    for change in changes:
        data = decode_payload(change.flags, change.payload, page_size)
        if change.flags & FULL:
            chunks = list(unpack(data))
            masks.clear()
            continue
        for index, chunk in enumerate(unpack(data)):
            if chunk != ZERO_CHUNK:
                masks[index] = masks.get(index, 0) ^ int.from_bytes(chunk, "little")
    for index, mask in masks.items():
        mixed = int.from_bytes(chunks[index], "little") ^ mask
        chunks[index] = mixed.to_bytes(CHUNK, "little")
    return b"".join(chunks)


class BufferPool:
    """See the module docstring. Synchronous and free of I/O; fetching is the VFS's business."""

    def __init__(self, capacity_bytes: int, page_size: int, read_point: int = 0) -> None:
        self.capacity_bytes = capacity_bytes
        self.page_size = page_size
        self.read_point = read_point
        self.slots: dict[int, Slot] = {}
        self.bytes = 0
        self.evicted = 0
        # What a page that was never written reads as. Recognised by identity: it is not a base
        # that a delta may be taken against, because the volume has no such version.
        self.blank = bytes(page_size)
        self._sweep_above = capacity_bytes
        self._ring: deque[int] = deque()  # clock hand order; every slot is in it once
        self.fetches: dict[int, Fetch] = {}
        self._pins: dict[int, int] = {}  # snapshot LSN -> open snapshots

    # -- snapshots -------------------------------------------------------------------------

    def pin(self, at: int) -> None:
        pins = self._pins
        pins[at] = pins.get(at, 0) + 1

    def unpin(self, at: int) -> None:
        pins = self._pins
        left = pins[at] - 1
        if left:
            pins[at] = left
        else:
            del pins[at]

    def oldest_snapshot(self) -> int:
        """The lowest LSN any reader of this instance may still ask for."""
        return min(min(self._pins), self.read_point) if self._pins else self.read_point

    def advance(self, read_point: int) -> None:
        """Everything up to `read_point` is durable and was pushed before this call."""
        assert read_point >= self.read_point, (read_point, self.read_point)
        self.read_point = read_point

    # -- reading ---------------------------------------------------------------------------

    def lookup(self, page_no: int, at: int) -> bytes | None:
        """The page as of `at`, or None when the volume has to be asked."""
        slot = self.slots.get(page_no)
        if slot is None:
            return None
        slot.referenced = True
        version: Version | None = slot.head
        while version is not None and version.lsn > at:
            version = version.older
        if version is None or version.upto < at:
            return None
        image = version.image
        return image if image is not None else self._materialise(slot, version)

    def newest(self, page_no: int) -> bytes | None:
        """The page's newest version if it is cached and can serve as base of a delta."""
        slot = self.slots.get(page_no)
        if slot is None:
            return None
        image = slot.head.image
        if image is None:
            image = self._materialise(slot, slot.head)
        return None if image is self.blank else image

    # -- changes ---------------------------------------------------------------------------

    def push_image(self, page_no: int, lsn: int, image: bytes) -> None:
        """A version this instance logged itself; cached whether or not the page was."""
        slot = self.slots.get(page_no)
        if slot is None:
            self._insert(page_no, Version(lsn, image))
        else:
            self._push(slot, Version(lsn, image), self.page_size, _IMAGE_DEPTH)

    def push_change(self, page_no: int, lsn: int, flags: int, payload: bytes) -> None:
        """A record from the redo stream: kept if the page is cached, or about to be."""
        slot = self.slots.get(page_no)
        if slot is not None:
            self._push(slot, Version(lsn, None, flags, payload), len(payload), _DELTA_DEPTH)
            return
        fetch = self.fetches.get(page_no)
        if fetch is not None:
            fetch.changes.append((lsn, flags, payload))

    def _push(self, slot: Slot, version: Version, size: int, depth_max: int) -> None:
        head = slot.head
        assert version.lsn > head.lsn, (slot.page_no, version.lsn, head.lsn)
        head.upto = version.lsn - 1
        version.older = head
        slot.head = version
        size += _VERSION_OVERHEAD
        slot.size += size
        self.bytes += size
        depth = slot.depth = slot.depth + 1
        if depth > depth_max and depth > slot.prune_at:
            self._prune(slot)
        if self.bytes > self._sweep_above:
            self.evict()

    # -- fetching --------------------------------------------------------------------------

    def fetch_in_progress(self, page_no: int) -> bool:
        return page_no in self.fetches

    def begin_fetch(self, page_no: int) -> Fetch:
        """Announce a fetch at the read point; changes pushed from now on are collected."""
        assert page_no not in self.fetches, page_no
        fetch = Fetch(page_no, self.read_point)
        self.fetches[page_no] = fetch
        return fetch

    def abandon_fetch(self, fetch: Fetch) -> None:
        if self.fetches.get(fetch.page_no) is fetch:
            del self.fetches[fetch.page_no]

    def finish_fetch(self, fetch: Fetch, lsn: int, image: bytes | None) -> None:
        """Cache what the volume returned, below anything pushed while it was on its way."""
        if not fetch.valid:  # the pool was cleared or cut meanwhile: the reader asks again
            return
        del self.fetches[fetch.page_no]
        base = Version(lsn, self.blank if image is None else image)
        slot = self.slots.get(fetch.page_no)
        if slot is not None:  # pushed as a whole image meanwhile
            self._insert_below(slot, base, fetch.at)
            return
        slot = self._insert(fetch.page_no, base)
        for change_lsn, flags, payload in fetch.changes:
            if change_lsn > lsn:
                version = Version(change_lsn, None, flags, payload)
                self._push(slot, version, len(payload), _DELTA_DEPTH)

    def insert_old(self, page_no: int, at: int, lsn: int, image: bytes | None) -> None:
        """Cache a version fetched for an old snapshot, valid for `lsn <= snapshot <= at`."""
        slot = self.slots.get(page_no)
        if slot is not None:  # without a head the version cannot be kept: see the invariants
            self._insert_below(slot, Version(lsn, self.blank if image is None else image), at)

    def _insert_below(self, slot: Slot, version: Version, at: int) -> None:
        newer = slot.head
        if newer.lsn <= at:  # the head itself answers for `at`
            return
        while newer.older is not None and newer.older.lsn > at:
            newer = newer.older
        older = newer.older
        if older is not None and older.lsn >= version.lsn:
            older.upto = max(older.upto, at)  # known already, with a narrower range
            return
        if newer.image is None:  # a delta applies to its direct predecessor only
            self._materialise(slot, newer)
        version.upto = at
        version.older = older
        newer.older = version
        slot.depth += 1
        slot.size += self.page_size + _VERSION_OVERHEAD
        self.bytes += self.page_size + _VERSION_OVERHEAD

    def _insert(self, page_no: int, head: Version) -> Slot:
        slot = Slot(page_no, head, self.page_size + _VERSION_OVERHEAD)
        self.slots[page_no] = slot
        self._ring.append(page_no)
        self.bytes += slot.size
        if self.bytes > self._sweep_above:
            self.evict()
        return slot

    # -- keeping it small ------------------------------------------------------------------

    def _materialise(self, slot: Slot, version: Version) -> bytes:
        pending = [version]
        base = version.older
        while base is not None and base.image is None:
            pending.append(base)
            base = base.older
        assert base is not None and base.image is not None, (slot.page_no, version.lsn)
        image = fold(base.image, reversed(pending), self.page_size)
        grown = self.page_size - len(version.payload)
        version.image = image
        version.payload = b""
        slot.size += grown
        self.bytes += grown
        return image

    def _prune(self, slot: Slot) -> None:
        """Drop the versions that neither the read point nor an open snapshot can see."""
        version = slot.head
        kept = 1
        while version.lsn > self.read_point and version.older is not None:
            version = version.older
            kept += 1
        older = version.older
        if older is not None and self._pins:
            for at in sorted(self._pins, reverse=True):
                if at >= version.lsn:
                    continue
                while older is not None and older.lsn > at:
                    older = older.older
                if older is None:
                    break
                self._link(slot, version, older)
                version = older
                older = version.older
                kept += 1
        self._link(slot, version, None)
        slot.depth = kept
        slot.prune_at = 2 * kept  # what is needed now is likely to be needed next time
        self._resize(slot)

    def _link(self, slot: Slot, version: Version, older: Version | None) -> None:
        """Make `older` the next one below, forgetting whatever lay between."""
        if version.older is older:
            return
        if version.image is None:
            self._materialise(slot, version)
        version.older = older

    def _resize(self, slot: Slot) -> None:
        size = 0
        version: Version | None = slot.head
        while version is not None:
            size += _VERSION_OVERHEAD
            size += len(version.payload) if version.image is None else self.page_size
            version = version.older
        self.bytes += size - slot.size
        slot.size = size

    def evict(self) -> None:
        """Clock sweep: old versions first, then pages not used since the hand last passed.

        Page 0 stays: every transaction begins with it. When most pages are in use or not durable
        yet, one call may not get below the capacity; the next sweep then waits for more growth.
        """
        ring, capacity = self._ring, self.capacity_bytes
        for _ in range(min(_SWEEP_STEPS, 2 * len(ring))):
            if self.bytes <= capacity:
                break
            page_no = ring.popleft()
            slot = self.slots[page_no]
            if slot.depth > 1:
                self._prune(slot)
            keep = slot.referenced or page_no == 0 or slot.head.lsn > self.read_point
            slot.referenced = False
            if keep or page_no in self.fetches:
                ring.append(page_no)
                continue
            del self.slots[page_no]
            self.bytes -= slot.size
            self.evicted += 1
        self._sweep_above = capacity
        if self.bytes > capacity:
            self._sweep_above = self.bytes + _SWEEP_STEPS * self.page_size // 8

    def cut_above(self, lsn: int) -> None:
        """Forget everything above `lsn`: it was never durable and the volume annulled it."""
        self._invalidate_fetches()
        for page_no in [n for n, slot in self.slots.items() if slot.head.lsn > lsn]:
            slot = self.slots[page_no]
            version: Version | None = slot.head
            while version is not None and version.lsn > lsn:
                version = version.older
            # A version with a gap above it is not known to be the newest at `lsn`.
            if version is None or version.upto < lsn:
                self._forget(slot)
                continue
            version.upto = FOREVER
            slot.head = version
            slot.depth = self._depth(version)
            self._resize(slot)
        self.read_point = min(self.read_point, lsn)

    def clear(self, read_point: int) -> None:
        """Start over: the redo between the old read point and this one was not seen."""
        self._invalidate_fetches()
        self.slots.clear()
        self._ring.clear()
        self.bytes = 0
        self.read_point = read_point

    def _forget(self, slot: Slot) -> None:
        del self.slots[slot.page_no]
        self._ring.remove(slot.page_no)
        self.bytes -= slot.size

    def _invalidate_fetches(self) -> None:
        for fetch in self.fetches.values():
            fetch.valid = False
        self.fetches.clear()

    @staticmethod
    def _depth(version: Version | None) -> int:
        depth = 0
        while version is not None:
            depth += 1
            version = version.older
        return depth
