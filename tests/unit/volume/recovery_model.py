"""Six storage nodes in memory, made of the real `Segment`; a small world of writers and openers.

Everything is synchronous and scheduled by the test: requests and replies lie in a list until the
test delivers or loses them. What the world checks at every completed opening is in `World.check`.
"""

from __future__ import annotations

from attrs import define, field

from volume.errors import NeedAttach, StaleEpoch, VolumeError
from volume.messages import LogPart, NodeStatus
from volume.model import Lsn, PgId, annulled
from volume.records import FULL, scan
from volume.recovery import (
    Ask,
    AskAppend,
    AskAttach,
    AskFetch,
    AskRaise,
    AskStatus,
    Opening,
    Phase,
)
from volume.segment import Segment
from volume.writer import LogWriter

PAGES = 10
LAL = 100
FETCH_BYTES = 150


class MemoryNode:
    """A storage node: the real segments, with a byte array for a disk."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.segments: dict[PgId, Segment] = {}
        self.disks: dict[PgId, bytearray] = {}

    def segment(self, pg):
        """As on a real node, a request that may create a segment knows nothing of the others."""
        if pg not in self.segments:
            self.segments[pg] = Segment(pg=pg, first_page=pg * PAGES, pages=PAGES)
            self.disks[pg] = bytearray()
        return self.segments[pg]

    def handle(self, request):
        match request:
            case AskStatus():
                segments = tuple(s.status() for _, s in sorted(self.segments.items()))
                return NodeStatus(f"n{self.index}", "a", 1, "v", "ok", segments, {})
            case AskRaise(pg, epoch, owner):
                segment = self.segment(pg)
                promise = segment.plan_raise(epoch, owner)
                if promise is not None:
                    segment.adopt(promise)
                return segment.raised()
            case AskAttach(pg, epoch, owner, ranges):
                return self.attach(pg, epoch, owner, ranges)
            case AskFetch(pg, after, _):
                return self.fetch(pg, after)
            case AskAppend(pg, epoch, vdl, tail, records):
                return self.append(pg, epoch, vdl, tail, records)

    def attach(self, pg, epoch, owner, ranges):
        segment = self.segment(pg)
        promise = segment.plan_attach(epoch, owner, ranges)
        if promise is not None:
            segment.adopt(promise)
        return Lsn(segment.scl)

    def append(self, pg, epoch, vdl, tail, records):
        segment = self.segments[pg]
        fresh = segment.prepare(epoch, records)
        self.keep(segment, fresh)
        segment.learn(vdl, tail)
        return Lsn(segment.scl)

    def keep(self, segment, fresh):
        disk = self.disks[segment.pg]
        segment.accept(fresh, len(disk))
        disk += fresh.data

    def fetch(self, pg, after):
        segment, disk = self.segments[pg], self.disks[pg]
        segment.check_log(after)
        extents = segment.log.extents_after(after, FETCH_BYTES)
        p = segment.promise
        return LogPart(
            b"".join(bytes(disk[start : start + size]) for start, size in extents),
            segment.scl,
            segment.vdl,
            segment.tail,
            p.epoch,
            p.attached,
            p.attached_owner,
            p.truncations,
        )

    def gossip_from(self, peer):
        """Catch up from another node as far as it goes."""
        for pg, theirs in peer.segments.items():
            if theirs.promise.attached == 0:
                continue
            mine = self.segment(pg)
            part = peer.fetch(pg, mine.scl)
            if part.attached < mine.promise.attached:
                continue
            promise = mine.plan_adopt(part.attached, part.owner, part.truncations)
            if promise is not None:
                mine.adopt(promise)
            self.keep(mine, mine.prepare_gossip(part.records))
            mine.learn(part.vdl, part.tail)


@define(eq=False)
class Mtr:
    """One MTR as its writer knows it."""

    epoch: int
    first: int
    cpl: int
    acked: bool = False
    survived: bool = False
    annulled: bool = False


@define(eq=False)
class Writer:
    """A writer of one epoch: appends go to chosen nodes, acknowledgements come back at once."""

    world: World
    opened: object
    log: LogWriter = field(init=False)
    fenced: bool = False

    def __attrs_post_init__(self):
        self.log = LogWriter(self.opened, PAGES, lal=LAL)

    def write(self, pages, nodes):
        """Log an MTR and send the log so far to these nodes."""
        first = self.log.newest + 1
        cpl = self.log.log([(page, FULL, b"%d" % page) for page in pages])
        mtr = Mtr(self.opened.epoch, first, cpl)
        self.world.mtrs.append(mtr)
        for blob in self.log.ring.since(Lsn(first - 1), cpl) or ():
            for lsn, _prev, page, *_ in scan(blob):
                self.world.group_of[lsn] = PgId(page // PAGES)
        for node in nodes:
            self.send(node)
        return mtr

    def send(self, node):
        """Everything logged in this epoch, as after a reconnect."""
        target, opened = self.world.nodes[node], self.opened
        blobs = self.log.ring.since(opened.vdl, self.log.newest)
        by_group = _split(blobs)
        for pg in self.log.streams:
            try:
                target.attach(pg, opened.epoch, opened.owner, opened.truncations)
                # The shipper's rule: a group counts once group 0 was seen unfenced after it.
                target.append(0, opened.epoch, self.log.vdl, self.log.vdl, b"")
                pgcl = self.log.durability.pgcl(pg)
                scl = target.append(pg, opened.epoch, self.log.vdl, pgcl, by_group.get(pg, b""))
            except (StaleEpoch, NeedAttach):
                self.fenced = True
                return
            if self.log.durability.acknowledged(node, pg, scl):
                self.log.vdl_moved()
        for mtr in self.world.mtrs:
            if mtr.epoch == opened.epoch and mtr.cpl <= self.log.vdl:
                mtr.acked = True


def _split(blobs):
    groups = {}
    for blob in blobs:
        for _lsn, _prev, page, _flags, start, end in scan(blob):
            pg = PgId(page // PAGES)
            groups[pg] = groups.get(pg, b"") + blob[start:end]
    return groups


@define(eq=False)
class Flight:
    """A request on its way, then its answer on its way back."""

    opener: Opening
    ask: Ask
    outcome: object = None
    answered: bool = False


class World:
    """Nodes, what was written, and the openers' messages in flight."""

    def __init__(self):
        self.nodes = [MemoryNode(n) for n in range(6)]
        self.mtrs: list[Mtr] = []
        self.group_of: dict[int, PgId] = {}
        self.flights: list[Flight] = []
        self.opened: list[Opening] = []
        self._owners = 0

    # ------------------------------------------------------------------ openers

    def opener(self, nodes=range(6), *, owner=None, floor=0):
        self._owners += 1
        opening = Opening(owner or f"w{self._owners:03}", epoch_floor=floor, lal=LAL)
        for node in nodes:
            self.launch(opening, opening.node_up(node))
        return opening

    def launch(self, opening, asks):
        self.flights += [Flight(opening, ask) for ask in asks]

    def deliver(self, flight):
        """One hop of one flight: the request arrives, or its answer does."""
        if not flight.answered:
            flight.answered = True
            try:
                flight.outcome = self.nodes[flight.ask.node].handle(flight.ask.request)
            except VolumeError as error:
                flight.outcome = error
            return
        self.flights.remove(flight)
        opening = flight.opener
        if isinstance(flight.outcome, VolumeError):
            self.launch(opening, opening.refused(flight.ask, flight.outcome))
        else:
            self.launch(opening, opening.replied(flight.ask, flight.outcome))

    def kill(self, opening, *, deliver):
        """The opener dies; its requests in flight still arrive, or are lost."""
        mine = [f for f in self.flights if f.opener is opening]
        self.flights = [f for f in self.flights if f.opener is not opening]
        for flight in mine:
            if deliver and not flight.answered:
                try:
                    self.nodes[flight.ask.node].handle(flight.ask.request)
                except VolumeError:
                    continue

    def finish(self, opening, limit=5000, looks=50):
        """Run one opener alone, first in first out; whether it opened."""
        for _ in range(limit):
            mine = [f for f in self.flights if f.opener is opening]
            if not mine:
                if opening.phase in (Phase.OPEN, Phase.LOST):
                    break
                looks -= 1
                asks = opening.hurry() + opening.look_again()
                if not asks or not looks:
                    self.launch(opening, asks)
                    return False
                self.launch(opening, asks)
                continue
            self.deliver(mine[0])
        return self.settle(opening)

    def settle(self, opening):
        """If the opener has opened, check what it opened."""
        if opening.phase is not Phase.OPEN:
            return False
        if opening not in self.opened:
            self.opened.append(opening)
            self.check(opening)
        return True

    def writer(self, opening):
        return Writer(self, opening.opened)

    # ------------------------------------------------------------------- checks

    def check(self, opening):
        opened = opening.opened
        ranges = opened.truncations
        for mtr in self.mtrs:
            lives = {
                lsn <= opened.vdl and not annulled(lsn, ranges)
                for lsn in range(mtr.first, mtr.cpl + 1)
            }
            assert len(lives) == 1, f"half of {mtr} survived {opened}"
            alive = lives.pop()
            assert alive or not mtr.acked, f"{mtr} was acknowledged and is lost in {opened}"
            assert alive or not mtr.survived, f"{mtr} survived once and is lost in {opened}"
            assert not (alive and mtr.annulled), f"{mtr} was annulled and is back in {opened}"
            assert not alive or self.on_write_quorum(mtr, opened), f"{mtr} lacks a write quorum"
            mtr.survived, mtr.annulled = alive, not alive
        assert opened.next_lsn > max((m.cpl for m in self.mtrs), default=0)

    def on_write_quorum(self, mtr, opened):
        """Each record of the MTR is in the complete chain of four segments at this epoch."""
        groups = {self.group_of[lsn] for lsn in range(mtr.first, mtr.cpl + 1)}
        for pg in groups:
            end = max(x for x in range(mtr.first, mtr.cpl + 1) if self.group_of[x] == pg)
            attached = [
                node.segments[pg]
                for node in self.nodes
                if pg in node.segments and node.segments[pg].promise.attached == opened.epoch
            ]
            if sum(opened.ends[pg] >= end and s.scl >= end for s in attached) < 4:
                return False
        return True
