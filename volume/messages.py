"""The storage nodes' methods: names, and payloads as attrs values with their plain-list form.

Every request is a list that starts with the volume id; every reply is a list.  Decoding checks
shape and types and raises BadRequest, so that a peer's bytes never surface as a traceback.

The rules a caller has to keep:

* ``raise_epoch`` promises: afterwards nothing older is accepted.  Equal epoch and equal owner is
  idempotent; any other epoch <= the promised one is ``stale_epoch``.
* ``attach`` goes before ``append`` on every connection.  Its truncation list is the whole list as
  the owner of the epoch knows it, and replaces what the segment holds: a range written by a
  recovery that never completed is forgotten, the records it dropped come back by gossip.
* ``append`` needs the attached epoch: ``stale_epoch`` if the segment promised a newer one,
  ``need_attach`` if it has not seen this one.  Re-replication during recovery is an append too,
  so it comes after an attach with the ranges collected by ``raise_epoch``.
* ``tail`` in an append is the PG's highest LSN <= vdl (a higher LSN of the PG is sound as well):
  a segment whose SCL reaches it is complete at ``vdl`` although the PG has no record there.
* A new range must reach above everything an older writer may have allocated:
  ``upto >= max(vdl, upto of every known range) + LAL``.
"""

from __future__ import annotations

from typing import Any, Final, Self

from attrs import frozen

from volume.errors import BadRequest
from volume.model import Epoch, Lsn, TruncationRange

STATUS: Final = "status"
RAISE_EPOCH: Final = "raise_epoch"
TRUNCATE: Final = "truncate"
ATTACH: Final = "attach"
APPEND: Final = "append"
READ_PAGE: Final = "read_page"
# As read_page, between storage nodes: what is damaged here is refused, not repaired first.
READ_COPY: Final = "read_copy"
FETCH_LOG: Final = "fetch_log"
FETCH_PAGES: Final = "fetch_pages"
DOC_READ: Final = "doc_read"
DOC_WRITE: Final = "doc_write"


def fields(payload: Any, count: int, what: str) -> list[Any]:
    """The payload as a list of ``count`` items."""
    if not isinstance(payload, list | tuple) or len(payload) != count:
        raise BadRequest(f"{what}: expected a list of {count} items")
    return list(payload)


def number(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value < 2**64:
        raise BadRequest(f"{what} must be an unsigned integer")
    return value


def text(value: Any, what: str) -> str:
    if type(value) is not str or len(value) > 255:
        raise BadRequest(f"{what} must be a string of at most 255 characters")
    return value


def blob(value: Any, what: str) -> bytes:
    if type(value) is not bytes:
        raise BadRequest(f"{what} must be bytes")
    return value


def items(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise BadRequest(f"{what} must be a list")
    return list(value)


def encode_ranges(ranges: tuple[TruncationRange, ...]) -> list[list[int]]:
    return [[r.epoch, r.above, r.upto] for r in ranges]


def decode_ranges(value: Any) -> tuple[TruncationRange, ...]:
    return tuple(decode_range(entry) for entry in items(value, "truncations"))


def decode_range(value: Any) -> TruncationRange:
    epoch, above, upto = (number(x, "range") for x in fields(value, 3, "range"))
    if above > upto:
        raise BadRequest(f"truncation range ({above}, {upto}] is upside down")
    return TruncationRange(Epoch(epoch), Lsn(above), Lsn(upto))


@frozen
class SegmentStatus:
    """Where one segment stands.  ``epoch`` is promised; ``attached`` is the last one attached."""

    pg: int
    epoch: int
    attached: int
    owner: str
    scl: int
    vdl: int
    tail: int
    low: int
    high_lsn: int
    truncations: tuple[TruncationRange, ...]

    def encode(self) -> list[Any]:
        return [
            self.pg,
            self.epoch,
            self.attached,
            self.owner,
            self.scl,
            self.vdl,
            self.tail,
            self.low,
            self.high_lsn,
            encode_ranges(self.truncations),
        ]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 10, "segment status")
        pg, epoch, attached = (number(x, "segment status") for x in f[:3])
        scl, vdl, tail, low, high = (number(x, "segment status") for x in f[4:9])
        owner = text(f[3], "owner")
        return cls(pg, epoch, attached, owner, scl, vdl, tail, low, high, decode_ranges(f[9]))


@frozen
class NodeStatus:
    """Reply to ``status``."""

    node_id: str
    az: str
    pid: int
    volume_id: str
    state: str
    segments: tuple[SegmentStatus, ...]
    counters: dict[str, int]

    def encode(self) -> list[Any]:
        segments = [segment.encode() for segment in self.segments]
        return [
            self.node_id,
            self.az,
            self.pid,
            self.volume_id,
            self.state,
            segments,
            dict(self.counters),
        ]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 7, "status")
        if not isinstance(f[6], dict):
            raise BadRequest("counters must be a map")
        return cls(
            text(f[0], "node id"),
            text(f[1], "az"),
            number(f[2], "pid"),
            text(f[3], "volume id"),
            text(f[4], "state"),
            tuple(SegmentStatus.decode(entry) for entry in items(f[5], "segments")),
            {text(k, "counter"): number(v, "counter") for k, v in f[6].items()},
        )


@frozen
class RaiseEpoch:
    """``raise_epoch``: promise to refuse everything older than ``epoch``."""

    volume_id: str
    pg: int
    epoch: int
    owner: str

    def encode(self) -> list[Any]:
        return [self.volume_id, self.pg, self.epoch, self.owner]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 4, RAISE_EPOCH)
        return cls(
            text(f[0], "volume id"),
            number(f[1], "pg"),
            number(f[2], "epoch"),
            text(f[3], "owner"),
        )


@frozen
class EpochRaised:
    """Reply: what recovery needs from this segment.

    ``tail`` is the complete chain above vdl, (lsn, is_cpl) each; ``last`` is the chain's highest
    LSN <= vdl, the backlink of the next record of this PG when nothing of the tail survives.
    """

    scl: int
    vdl: int
    last: int
    truncations: tuple[TruncationRange, ...]
    tail: tuple[tuple[int, bool], ...]

    def encode(self) -> list[Any]:
        tail = [[lsn, is_cpl] for lsn, is_cpl in self.tail]
        return [self.scl, self.vdl, self.last, encode_ranges(self.truncations), tail]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 5, "raise_epoch reply")
        tail = []
        for entry in items(f[4], "tail"):
            lsn, is_cpl = fields(entry, 2, "tail entry")
            tail.append((number(lsn, "lsn"), bool(is_cpl)))
        scl, vdl, last = (number(x, "raise_epoch reply") for x in f[:3])
        return cls(scl, vdl, last, decode_ranges(f[3]), tuple(tail))


@frozen
class Truncate:
    """``truncate``: make a truncation range durable; the reply is ``[scl]``."""

    volume_id: str
    pg: int
    epoch: int
    range: TruncationRange

    def encode(self) -> list[Any]:
        r = self.range
        return [self.volume_id, self.pg, self.epoch, [r.epoch, r.above, r.upto]]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 4, TRUNCATE)
        return cls(
            text(f[0], "volume id"), number(f[1], "pg"), number(f[2], "epoch"), decode_range(f[3])
        )


@frozen
class Attach:
    """``attach``: the owner of an epoch introduces itself; the reply is ``[scl]``."""

    volume_id: str
    pg: int
    epoch: int
    owner: str
    truncations: tuple[TruncationRange, ...]

    def encode(self) -> list[Any]:
        return [self.volume_id, self.pg, self.epoch, self.owner, encode_ranges(self.truncations)]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 5, ATTACH)
        return cls(
            text(f[0], "volume id"),
            number(f[1], "pg"),
            number(f[2], "epoch"),
            text(f[3], "owner"),
            decode_ranges(f[4]),
        )


def encode_append(
    volume_id: str, pg: int, epoch: int, vdl: int, pgmrpl: int, tail: int, records: bytes
) -> list[Any]:
    """``append``: plain lists, it is the hot path; the reply is ``[scl]``.  Empty: heartbeat."""
    return [volume_id, pg, epoch, vdl, pgmrpl, tail, records]


def decode_append(payload: Any) -> tuple[str, int, int, int, int, int, bytes]:
    """(volume_id, pg, epoch, vdl, pgmrpl, tail, records)."""
    try:
        volume_id, pg, epoch, vdl, pgmrpl, tail, records = payload
    except (TypeError, ValueError):
        raise BadRequest("append: expected a list of 7 items") from None
    if (
        type(pg) is type(epoch) is type(vdl) is type(pgmrpl) is type(tail) is int
        and type(records) is bytes
        and pg >= 0
        and epoch >= 0
        and vdl >= 0
        and pgmrpl >= 0
        and tail >= 0
    ):
        return volume_id, pg, epoch, vdl, pgmrpl, tail, records
    raise BadRequest("append: a field has the wrong type")


@frozen
class ReadPage:
    """``read_page``: the newest version with LSN <= ``lsn``."""

    volume_id: str
    pg: int
    page_no: int
    lsn: int

    def encode(self) -> list[Any]:
        return [self.volume_id, self.pg, self.page_no, self.lsn]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 4, READ_PAGE)
        return cls(
            text(f[0], "volume id"),
            number(f[1], "pg"),
            number(f[2], "page number"),
            number(f[3], "lsn"),
        )


@frozen
class PageVersion:
    """Reply to ``read_page``; ``image`` None (with lsn 0): never written at that point."""

    lsn: int
    image: bytes | None

    def encode(self) -> list[Any]:
        return [self.lsn, self.image]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 2, "page version")
        return cls(number(f[0], "lsn"), None if f[1] is None else blob(f[1], "page image"))


@frozen
class FetchLog:
    """``fetch_log``: complete-chain records with LSN > ``after``, about ``limit_bytes`` of them."""

    volume_id: str
    pg: int
    after: int
    limit_bytes: int

    def encode(self) -> list[Any]:
        return [self.volume_id, self.pg, self.after, self.limit_bytes]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 4, FETCH_LOG)
        return cls(
            text(f[0], "volume id"),
            number(f[1], "pg"),
            number(f[2], "lsn"),
            number(f[3], "byte limit"),
        )


@frozen
class LogPart:
    """Reply to ``fetch_log``; apply ``truncations`` of ``attached`` before the records."""

    records: bytes
    scl: int
    vdl: int
    tail: int
    epoch: int
    attached: int
    owner: str
    truncations: tuple[TruncationRange, ...]

    def encode(self) -> list[Any]:
        return [
            self.records,
            self.scl,
            self.vdl,
            self.tail,
            self.epoch,
            self.attached,
            self.owner,
            encode_ranges(self.truncations),
        ]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 8, "log part")
        scl, vdl, tail, epoch, attached = (number(x, "log part") for x in f[1:6])
        owner = text(f[6], "owner")
        records = blob(f[0], "records")
        return cls(records, scl, vdl, tail, epoch, attached, owner, decode_ranges(f[7]))


@frozen
class FetchPages:
    """``fetch_pages``: base images from page number ``start`` on."""

    volume_id: str
    pg: int
    start: int
    limit_bytes: int

    def encode(self) -> list[Any]:
        return [self.volume_id, self.pg, self.start, self.limit_bytes]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 4, FETCH_PAGES)
        return cls(
            text(f[0], "volume id"),
            number(f[1], "pg"),
            number(f[2], "page number"),
            number(f[3], "byte limit"),
        )


@frozen
class PagesPart:
    """Reply to ``fetch_pages``.

    Every record <= ``base_lsn`` is folded into the images; an image may be newer (its own lsn
    says).  ``next`` is where to go on, None at the end.  The log goes on after the *first* part's
    base_lsn.
    """

    pages: tuple[tuple[int, int, bytes], ...]
    next: int | None
    base_lsn: int

    def encode(self) -> list[Any]:
        return [[list(page) for page in self.pages], self.next, self.base_lsn]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 3, "pages part")
        pages = []
        for entry in items(f[0], "pages"):
            page_no, lsn, image = fields(entry, 3, "page")
            pages.append((number(page_no, "page"), number(lsn, "lsn"), blob(image, "image")))
        following = None if f[1] is None else number(f[1], "next page")
        return cls(tuple(pages), following, number(f[2], "base lsn"))


@frozen
class Document:
    """Reply to ``doc_read``; generation 0 with empty bytes: never written."""

    generation: int
    data: bytes

    def encode(self) -> list[Any]:
        return [self.generation, self.data]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 2, "document")
        return cls(number(f[0], "generation"), blob(f[1], "document"))


@frozen
class WriteDocument:
    """``doc_write``: compare-and-set; the reply is ``[generation]``, the refusal ``conflict``."""

    volume_id: str
    expected_generation: int
    generation: int
    data: bytes

    def encode(self) -> list[Any]:
        return [self.volume_id, self.expected_generation, self.generation, self.data]

    @classmethod
    def decode(cls, payload: Any) -> Self:
        f = fields(payload, 4, DOC_WRITE)
        return cls(
            text(f[0], "volume id"),
            number(f[1], "generation"),
            number(f[2], "generation"),
            blob(f[3], "document"),
        )


def decode_volume(payload: Any, what: str) -> str:
    """The payload of ``status`` and ``doc_read``: just ``[volume_id]``."""
    return text(fields(payload, 1, what)[0], "volume id")


def decode_scl(payload: Any) -> int:
    """The reply to ``append``, ``attach`` and ``truncate``."""
    return number(fields(payload, 1, "scl reply")[0], "scl")
