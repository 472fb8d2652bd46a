"""The hot log's format over bytes: file header, entries, and the scan that reads a file back.

    file   = magic 8 bytes | pg u32 | sequence u32 | crc32 u32, then entries
    entry  = crc32 u32 | magic u32 | kind u8 | length u32 | vdl u64 | tail u64 | body

The checksum of an entry is seeded with the file's sequence and the entry's offset, so that bytes
of another place are never taken for an entry.  Two kinds exist: RECORDS carries redo, STATE the
whole of what the segment promised; the last STATE counts.  Every file begins with a STATE, so
older files can go once their records are in pages.

An entry is synced before the next one is written.  So a bad entry with nothing valid after it is
the torn tail of a crash, and may be dropped: nothing was promised on it.  A bad entry with a valid
one behind it is damage to promised data, reported as such.  Pure.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgpack  # type: ignore[import-untyped]
from attrs import frozen

from volume.errors import BadRequest, FormatMismatch
from volume.messages import decode_ranges, encode_ranges, fields, number, text
from volume.model import TruncationRange

RECORDS: Final = 1
STATE: Final = 2

FILE_MAGIC: Final = b"SIXFLOG1"
FILE_HEADER: Final = struct.Struct("<8sIII")
FILE_HEADER_SIZE: Final = FILE_HEADER.size
ENTRY_MAGIC: Final = 0x6C365853
ENTRY: Final = struct.Struct("<IIBIQQ")
ENTRY_SIZE: Final = ENTRY.size
_ENTRY_BODY: Final = struct.Struct("<IBIQQ")
_CRC: Final = struct.Struct("<I")
_MAGIC_BYTES: Final = ENTRY_MAGIC.to_bytes(4, "little")
STATE_VERSION: Final = 1


@frozen
class Promise:
    """What a segment has promised and must find again after a crash.

    ``epoch``/``owner``: promised by raise_epoch; ``attached``/``attached_owner``: the epoch whose
    truncation list this is.  ``base``: the log is kept after this LSN, a member of the PG's chain
    (or 0).  ``page_generation``: which page file is valid.
    """

    epoch: int = 0
    owner: str = ""
    attached: int = 0
    attached_owner: str = ""
    truncations: tuple[TruncationRange, ...] = ()
    base: int = 0
    page_generation: int = 1


class Entry(NamedTuple):
    """One valid entry; ``start`` and ``end`` delimit its body in the file."""

    kind: int
    start: int
    end: int
    vdl: int
    tail: int


@frozen
class FileScan:
    """What a file holds: valid entries, where the valid part ends, damaged stretches inside it."""

    entries: list[Entry]
    end: int
    damage: list[tuple[int, int]]


def _seed(sequence: int, offset: int) -> int:
    return (sequence * 0x9E3779B1 ^ offset) & 0xFFFFFFFF


def encode_file_header(pg: int, sequence: int) -> bytes:
    head = FILE_HEADER.pack(FILE_MAGIC, pg, sequence, 0)[:-4]
    return head + _CRC.pack(crc32(head))


def encode_entry(kind: int, sequence: int, offset: int, vdl: int, tail: int, body: bytes) -> bytes:
    """The bytes of an entry that will start at ``offset`` of file ``sequence``."""
    rest = _ENTRY_BODY.pack(ENTRY_MAGIC, kind, len(body), vdl, tail) + body
    return _CRC.pack(crc32(rest, _seed(sequence, offset))) + rest


def encode_promise(promise: Promise) -> bytes:
    packed: bytes = msgpack.packb(
        [
            STATE_VERSION,
            promise.epoch,
            promise.owner,
            promise.attached,
            promise.attached_owner,
            encode_ranges(promise.truncations),
            promise.base,
            promise.page_generation,
        ]
    )
    return packed


def decode_promise(body: bytes) -> Promise:
    """Raises FormatMismatch: the checksum held, so another version of this program wrote it."""
    try:
        value: Any = msgpack.unpackb(body)
        f = fields(value, 8, "segment state")
        if f[0] != STATE_VERSION:
            raise BadRequest(f"version {f[0]}")
        return Promise(
            number(f[1], "epoch"),
            text(f[2], "owner"),
            number(f[3], "attached epoch"),
            text(f[4], "attached owner"),
            decode_ranges(f[5]),
            number(f[6], "base"),
            number(f[7], "page generation"),
        )
    except (BadRequest, ValueError, msgpack.UnpackException) as error:
        raise FormatMismatch(f"segment state in the hot log is not readable: {error}") from None


def new_file(pg: int, sequence: int, vdl: int, tail: int, promise: Promise) -> bytes:
    """The first bytes of a log file: header and STATE."""
    header = encode_file_header(pg, sequence)
    body = encode_promise(promise)
    return header + encode_entry(STATE, sequence, len(header), vdl, tail, body)


def _entry_at(data: bytes, view: memoryview, sequence: int, offset: int) -> Entry | None:
    """The valid entry at an offset, or None."""
    if offset + ENTRY_SIZE > len(data):
        return None
    crc, magic, kind, length, vdl, tail = ENTRY.unpack_from(data, offset)
    end = offset + ENTRY_SIZE + length
    if magic != ENTRY_MAGIC or end > len(data):
        return None
    if crc32(view[offset + 4 : end], _seed(sequence, offset)) != crc:
        return None
    return Entry(kind, offset + ENTRY_SIZE, end, vdl, tail)


def _resync(data: bytes, view: memoryview, sequence: int, offset: int) -> int | None:
    """The next offset after a bad entry at which a valid one begins."""
    found = data.find(_MAGIC_BYTES, offset + 5)
    while found >= 0:
        if _entry_at(data, view, sequence, found - 4) is not None:
            return found - 4
        found = data.find(_MAGIC_BYTES, found + 1)
    return None


def scan_file(data: bytes, pg: int, sequence: int) -> FileScan:
    """Read a file back; what lies beyond ``end`` is a torn tail."""
    view = memoryview(data)
    scan_entries: list[Entry] = []
    damage: list[tuple[int, int]] = []
    offset = FILE_HEADER_SIZE
    if data[:FILE_HEADER_SIZE] != encode_file_header(pg, sequence):
        damage.append((0, FILE_HEADER_SIZE))
    while offset < len(data):
        entry = _entry_at(data, view, sequence, offset)
        if entry is not None:
            scan_entries.append(entry)
            offset = entry.end
            continue
        following = _resync(data, view, sequence, offset)
        if following is None:
            break
        damage.append((offset, following))
        offset = following
    return FileScan(scan_entries, min(offset, len(data)), damage)
