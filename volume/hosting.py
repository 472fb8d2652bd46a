"""The segments this node hosts, one per protection group, opened at start or made on demand."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define

from runtime.seams import Runtime
from volume import limits
from volume.coalescer import Coalescer
from volume.errors import BadRequest, NoSegment
from volume.model import VolumeConfig
from volume.pageread import PageReader, PeerRead
from volume.replica import NodeResources, Replica, directory_of
from volume.turnstile import Turnstile


@define(eq=False)
class Hosted:
    """One segment with what works on it."""

    replica: Replica
    reader: PageReader
    coalescer: Coalescer


def _pg_of(name: str) -> int | None:
    digits = name.removeprefix("pg-")
    if not digits.isdigit() or directory_of(int(digits)) != name:
        return None
    return int(digits)


class Hosting:
    """All segments of the node."""

    def __init__(self, runtime: Runtime, volume: VolumeConfig, peer_read: PeerRead) -> None:
        self.segments: dict[int, Hosted] = {}
        self._runtime = runtime
        self._volume = volume
        self._peer_read = peer_read
        self._shared = NodeResources()
        self._gate = Turnstile()

    def __iter__(self) -> Iterator[Hosted]:
        return iter(list(self.segments.values()))

    async def open(self) -> None:
        """Open what the data directory holds."""
        for name in await self._runtime.disk.listdir(""):
            pg = _pg_of(name)
            if pg is not None:
                await self._open(pg)

    def get(self, pg: int) -> Hosted:
        hosted = self.segments.get(pg)
        if hosted is None:
            raise NoSegment(pg)
        return hosted

    async def get_or_create(self, pg: int) -> Hosted:
        """For the requests that bring a segment into being."""
        if pg * self._volume.pages_per_segment > limits.PAGE_NO_MAX:
            raise BadRequest(f"protection group {pg} is beyond the last page")
        async with self._gate:
            hosted = self.segments.get(pg)
            return hosted if hosted is not None else await self._open(pg)

    async def _open(self, pg: int) -> Hosted:
        replica = Replica(self._runtime, self._volume, pg, self._shared)
        await replica.open()
        reader = PageReader(replica, self._peer_read, self._runtime.trace)
        coalescer = Coalescer(replica, reader, self._runtime.trace)
        hosted = self.segments[pg] = Hosted(replica, reader, coalescer)
        return hosted

    async def close(self) -> None:
        for hosted in self:
            await hosted.replica.close()
