"""Operating errors of the volume: part of its contract, typed, each with a stable wire code.

A refusal is an answer: it carries what the caller needs to act (the newer epoch, the SCL, the
low-water mark).  ``from_wire`` turns a remote refusal back into the same type.
"""

from __future__ import annotations

from typing import Any, ClassVar

from runtime.errors import OperatingError


class VolumeError(OperatingError):
    """Base of everything the volume refuses on purpose."""

    code: ClassVar[str] = "volume_error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = details


class StaleEpoch(VolumeError):
    """The request's volume epoch is older than (or taken by another owner at) the segment's."""

    code = "stale_epoch"

    def __init__(self, current: int, owner: str) -> None:
        super().__init__(
            f"volume epoch {current} belongs to {owner or 'nobody'}", epoch=current, owner=owner
        )
        self.current = current
        self.owner = owner


class NeedAttach(VolumeError):
    """The segment has not been attached at this epoch: attach, then send again."""

    code = "need_attach"

    def __init__(self, current: int) -> None:
        super().__init__(f"segment is attached at epoch {current}, attach first", epoch=current)
        self.current = current


class NotComplete(VolumeError):
    """The segment cannot prove that it holds every record up to the LSN asked for."""

    code = "not_complete"

    def __init__(self, scl: int) -> None:
        super().__init__(f"segment is complete only up to {scl}", scl=scl)
        self.scl = scl


class TooOld(VolumeError):
    """Versions of the page at that LSN were collected."""

    code = "too_old"

    def __init__(self, low: int) -> None:
        super().__init__(f"versions below {low} were collected", low=low)
        self.low = low


class OutOfLog(VolumeError):
    """The log right after the LSN asked for was collected; hydrate from pages instead."""

    code = "out_of_log"

    def __init__(self, low: int) -> None:
        super().__init__(f"log up to {low} was collected", low=low)
        self.low = low


class PageCorrupt(VolumeError):
    """A page failed its checksum and no peer could replace it; never served wrong."""

    code = "page_corrupt"

    def __init__(self, page_no: int) -> None:
        super().__init__(f"page {page_no} failed its checksum", page_no=page_no)
        self.page_no = page_no


class Annulled(VolumeError):
    """A record offered lies in a truncation range."""

    code = "annulled"

    def __init__(self, lsn: int) -> None:
        super().__init__(f"record {lsn} lies in a truncation range", lsn=lsn)
        self.lsn = lsn


class BrokenPromise(VolumeError):
    """A request contradicts what this segment already made durable; a bug or a wrong volume."""

    code = "broken_promise"


class NoSegment(VolumeError):
    """This node holds no segment of the protection group yet."""

    code = "no_segment"

    def __init__(self, pg: int) -> None:
        super().__init__(f"no segment of protection group {pg} here", pg=pg)
        self.pg = pg


class Conflict(VolumeError):
    """Compare-and-set on the topology document failed."""

    code = "conflict"

    def __init__(self, generation: int) -> None:
        super().__init__(f"document is at generation {generation}", generation=generation)
        self.generation = generation


class WrongVolume(VolumeError):
    """The request, or the data directory, belongs to another volume."""

    code = "wrong_volume"


class BadRequest(VolumeError):
    """A peer sent something that is not a well-formed request or reply."""

    code = "bad_request"


class StorageFull(VolumeError):
    """The storage node's disk is full or failing; nothing of the request was kept."""

    code = "storage_full"


class StorageBroken(VolumeError):
    """A sync failed: what is on the disk is no longer known, the node has to start again."""

    code = "storage_broken"


class FormatMismatch(VolumeError):
    """The data directory was written by another format version, or is not ours."""

    code = "format_mismatch"


class QuorumLost(VolumeError):
    """Fewer storage nodes answered than the operation needs."""

    code = "quorum_lost"


class QuorumTimeout(QuorumLost):
    """Durability was not reached in time; the outcome of the write is not known."""

    code = "quorum_timeout"


class Fenced(VolumeError):
    """A newer volume epoch exists: this instance is no longer the writer."""

    code = "fenced"

    def __init__(self, current: int, owner: str) -> None:
        super().__init__(
            f"fenced by volume epoch {current} of {owner or 'an unknown writer'}",
            epoch=current,
            owner=owner,
        )
        self.current = current
        self.owner = owner


class NotWritable(VolumeError):
    """This instance has not opened the volume for writing."""

    code = "not_writable"


class RecordError(VolumeError):
    """Bytes that should be redo records are not (framing or checksum)."""

    code = "record_error"


def from_wire(code: str, message: str, details: Any) -> VolumeError | None:
    """The typed error behind a remote refusal; None when the code is not one of the volume's."""
    d: dict[str, Any] = details if isinstance(details, dict) else {}

    def number(key: str) -> int:
        value = d.get(key)
        return value if isinstance(value, int) else 0

    def text(key: str) -> str:
        value = d.get(key)
        return value if isinstance(value, str) else ""

    match code:
        case "stale_epoch":
            return StaleEpoch(number("epoch"), text("owner"))
        case "fenced":
            return Fenced(number("epoch"), text("owner"))
        case "need_attach":
            return NeedAttach(number("epoch"))
        case "not_complete":
            return NotComplete(number("scl"))
        case "too_old":
            return TooOld(number("low"))
        case "out_of_log":
            return OutOfLog(number("low"))
        case "page_corrupt":
            return PageCorrupt(number("page_no"))
        case "annulled":
            return Annulled(number("lsn"))
        case "no_segment":
            return NoSegment(number("pg"))
        case "conflict":
            return Conflict(number("generation"))
    plain = _PLAIN.get(code)
    return plain(message) if plain is not None else None


_PLAIN: dict[str, type[VolumeError]] = {
    kind.code: kind
    for kind in (
        BrokenPromise,
        WrongVolume,
        BadRequest,
        StorageFull,
        StorageBroken,
        FormatMismatch,
        QuorumLost,
        QuorumTimeout,
        NotWritable,
        RecordError,
    )
}
