"""Redo records: the only thing the writer ships to the volume.

A record changes one page: a full image, or the XOR of the old and the new page, either of them
LZ4-compressed when that is smaller.  ``prev`` is the backlink to the previous record of the same
protection group (P18 section 2.3); the last record of an MTR carries the CPL flag.  The checksum
covers the rest of the header and the payload.  Pure: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final
from zlib import crc32

import lz4.block
from attrs import frozen

from volume.delta import mix, xor
from volume.errors import RecordError

# crc32, lsn, prev, page_no, flags, payload length.  The checksum leads so that what it covers is
# one contiguous run of bytes.
HEADER: Final = struct.Struct("<IQQIBI")
HEADER_SIZE: Final = HEADER.size
_BODY: Final = struct.Struct("<QQIBI")
_CRC: Final = struct.Struct("<I")
_unpack_from = HEADER.unpack_from

CPL: Final = 1
FULL: Final = 2
LZ4: Final = 4
KNOWN_FLAGS: Final = CPL | FULL | LZ4

# What ``scan`` yields for each record: lsn, prev, page_no, flags, start, end (offsets in the blob).
ScannedRecord = tuple[int, int, int, int, int, int]

_compress = lz4.block.compress
_decompress = lz4.block.decompress


@frozen(slots=True)
class Record:
    """One decoded redo record."""

    lsn: int
    prev: int
    page_no: int
    flags: int
    payload: bytes

    @property
    def is_cpl(self) -> bool:
        return bool(self.flags & CPL)


def encode_record(lsn: int, prev: int, page_no: int, flags: int, payload: bytes) -> bytes:
    """The bytes of one record; concatenate them to get the blob of an append."""
    body = _BODY.pack(lsn, prev, page_no, flags, len(payload)) + payload
    return _CRC.pack(crc32(body)) + body


def scan(blob: bytes) -> list[ScannedRecord]:
    """Headers and extents of all records in a blob, checksums verified; no payload is copied."""
    found: list[ScannedRecord] = []
    view = memoryview(blob)
    start, size = 0, len(blob)
    try:
        while start < size:
            crc, lsn, prev, page_no, flags, length = _unpack_from(blob, start)
            end = start + 29 + length
            if end > size or crc32(view[start + 4 : end]) != crc:
                raise RecordError(f"record at byte {start} is damaged")
            found.append((lsn, prev, page_no, flags, start, end))
            start = end
    except struct.error:
        raise RecordError(f"record at byte {start} is cut short") from None
    return found


def scan_trusted(blob: bytes, start: int, end: int) -> list[ScannedRecord]:
    """As ``scan`` over part of a buffer whose checksum was already verified as a whole."""
    found: list[ScannedRecord] = []
    try:
        while start < end:
            _crc, lsn, prev, page_no, flags, length = _unpack_from(blob, start)
            stop = start + 29 + length
            if stop > end:
                raise RecordError(f"record at byte {start} is cut short")
            found.append((lsn, prev, page_no, flags, start, stop))
            start = stop
    except struct.error:
        raise RecordError(f"record at byte {start} is cut short") from None
    return found


def iter_records(blob: bytes) -> Iterator[Record]:
    """The records of a blob in order; raises RecordError on damage before yielding anything."""
    for lsn, prev, page_no, flags, start, end in scan(blob):
        yield Record(lsn, prev, page_no, flags, blob[start + HEADER_SIZE : end])


def make_change(old: bytes | None, new: bytes) -> tuple[int, bytes]:
    """Flags and payload that turn ``old`` (None: no such page yet) into ``new``."""
    size = len(new)
    if old is not None and len(old) == size:
        packed = _compress(xor(old, new), store_size=False)
        if len(packed) < size // 2:
            return LZ4, packed
    packed_image = _compress(new, store_size=False)
    if old is not None and len(old) == size and len(packed) <= min(len(packed_image), size - 1):
        return LZ4, packed
    if len(packed_image) < size:
        return FULL | LZ4, packed_image
    return FULL, new


def decode_payload(flags: int, payload: bytes, page_size: int) -> bytes:
    """The page-sized bytes a payload stands for: an image, or an XOR mask."""
    if not flags & LZ4:
        data = payload
    else:
        try:
            data = _decompress(payload, uncompressed_size=page_size)
        except lz4.block.LZ4BlockError as error:
            raise RecordError(f"payload does not decompress: {error}") from None
    if len(data) != page_size:
        raise RecordError(f"payload holds {len(data)} bytes, a page has {page_size}")
    return data


def apply_change(base: bytes | None, flags: int, payload: bytes, page_size: int) -> bytes:
    """The page after a change; a delta on a page that never existed applies to zeroes."""
    data = decode_payload(flags, payload, page_size)
    if flags & FULL or base is None:
        return data
    return mix(base, data)
