"""The topology document on this node: a generation and opaque bytes, changed by compare-and-set.

Who owns what inside is not this package's business; a quorum of nodes is the client's.  A file
that fails its checksum is as if this node had never voted: it is reported, and the next write
replaces it, which a quorum of 4 of 6 tolerates of one node.
"""

from __future__ import annotations

import struct
from zlib import crc32

from runtime.seams import Runtime
from volume import limits
from volume.errors import BadRequest, Conflict
from volume.turnstile import Turnstile

_HEADER = struct.Struct("<8sIQ")
_MAGIC = b"SIXFDOC1"
_PATH = "document"


class DocumentStore:
    """One node's copy."""

    def __init__(self, runtime: Runtime) -> None:
        self.generation = 0
        self.data = b""
        self._runtime = runtime
        self._gate = Turnstile()

    async def open(self) -> None:
        disk = self._runtime.disk
        if not await disk.exists(_PATH):
            return
        content = await disk.read_file(_PATH)
        decoded = _decode(content)
        if decoded is None:
            self._runtime.trace.error("document_damaged", bytes=len(content))
            return
        self.generation, self.data = decoded

    async def write(self, expected: int, generation: int, data: bytes) -> int:
        """Replace the document if it is at ``expected``; repeating a write is fine."""
        if generation <= expected or len(data) > limits.DOCUMENT_BYTES_MAX:
            raise BadRequest(f"document generation {generation} over {expected}, {len(data)} bytes")
        async with self._gate:
            if self.generation == generation and self.data == data:
                return generation
            if self.generation != expected:
                raise Conflict(self.generation)
            await self._runtime.disk.write_file_atomic(_PATH, _encode(generation, data))
            self.generation, self.data = generation, data
            return generation


def _encode(generation: int, data: bytes) -> bytes:
    body = generation.to_bytes(8, "little") + data
    return _HEADER.pack(_MAGIC, crc32(body), generation) + data


def _decode(content: bytes) -> tuple[int, bytes] | None:
    if len(content) < _HEADER.size:
        return None
    magic, crc, generation = _HEADER.unpack_from(content)
    data = content[_HEADER.size :]
    if magic != _MAGIC or crc32(generation.to_bytes(8, "little") + data) != crc:
        return None
    return generation, data
