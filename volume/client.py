"""The volume as an instance uses it: open for writing, log, wait, read. The package's public face.

A `Volume` keeps connections to the six storage nodes while `run` runs; with `open_for_writing` it
becomes the writer's, until another opener raises the epoch. All state about who may write lives
on the storage nodes: a Volume that was fenced can only find out, and says so to everyone who
waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from runtime.seams import Runtime
from volume.errors import NotWritable, QuorumLost, StaleEpoch
from volume.links import Links
from volume.model import Epoch, Lsn, PageNo, PgId, VolumeConfig
from volume.opening import VolumeOpener
from volume.quorum import COPIES
from volume.reading import VolumeReader, VolumeState
from volume.shipping import LogShipper, OnDurable, OnFenced
from volume.writer import Change

OPEN_SECONDS: Final = 20.0
DISCOVER_SECONDS: Final = 5.0
# Between an instance's id and what tells its processes apart, in the owner string on the nodes.
OWNER_SEPARATOR: Final = "/"


class Volume:
    """One instance's view of the shared volume."""

    def __init__(self, config: VolumeConfig, runtime: Runtime, *, az: str | None) -> None:
        if len(config.nodes) != COPIES:
            raise ValueError(
                f"a volume has {COPIES} storage nodes, the configuration has {len(config.nodes)}"
            )
        self.config = config
        self.page_size = config.page_size
        self.on_durable: list[OnDurable] = []
        self.on_fenced: list[OnFenced] = []
        self._runtime = runtime
        self._links = Links(config, runtime)
        self._links.listeners.append(self)
        self._reader = VolumeReader(config, runtime, self._links, az)
        self._opener: VolumeOpener | None = None
        self._shipper: LogShipper | None = None
        self._nursery: trio.Nursery | None = None
        self._known = VolumeState(Epoch(0), "", Lsn(0))
        self._epoch_floor = 0
        # Two processes may bear the same instance id for a moment; to the segments they differ.
        made_at = int(runtime.clock.wall() * 1e6)
        self._incarnation = f"{made_at:x}-{runtime.rng.randbytes(4).hex()}"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep in touch with the storage nodes until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._links.run)
                task_status.started()
        finally:
            self._nursery = None
            if self._shipper is not None:
                self._shipper.close()

    # -------------------------------------------------------------------- state

    @property
    def epoch(self) -> Epoch:
        """The epoch this instance writes in, or the newest one it has heard of."""
        return self._shipper.opened.epoch if self._shipper is not None else self._known.epoch

    @property
    def vdl(self) -> Lsn:
        """The volume's durable LSN: exact on the writer, as last discovered elsewhere."""
        return self._shipper.writer.vdl if self._shipper is not None else self._known.vdl

    @property
    def newest_lsn(self) -> Lsn:
        """The last LSN allocated; above VDL while commits are in flight."""
        return self._shipper.writer.newest if self._shipper is not None else self._known.vdl

    @property
    def writable(self) -> bool:
        return self._shipper is not None and not self._shipper.ended

    @property
    def reachable(self) -> int:
        """How many storage nodes answer."""
        return self._links.reachable

    # ------------------------------------------------------------------ writing

    async def open_for_writing(self, owner: str, *, timeout: float = OPEN_SECONDS) -> Lsn:
        """Fence the previous writer, recover, and become the writer; returns VDL.

        Raises StaleEpoch when another opener won, QuorumLost when too few nodes answered in time.
        """
        if self._nursery is None:
            raise NotWritable("the volume's connections are not running")
        if self._opener is not None or self.writable:
            raise NotWritable("this instance is opening or writing the volume already")
        name = f"{owner}{OWNER_SEPARATOR}{self._incarnation}"
        opener = VolumeOpener(
            self.config.volume_id, self._runtime, self._links, name, self._epoch_floor
        )
        self._opener = opener
        try:
            opened = await opener.run(timeout)
        except StaleEpoch as error:
            self._epoch_floor = max(self._epoch_floor, error.current)
            raise StaleEpoch(error.current, _instance_of(error.owner)) from None
        finally:
            self._opener = None
        if self._nursery is None:
            raise NotWritable("the volume's connections were closed during the opening")
        self._known = VolumeState(opened.epoch, owner, opened.vdl)
        self._shipper = LogShipper(
            self.config,
            self._runtime,
            self._links,
            opened,
            on_durable=self.on_durable,
            on_fenced=[self._fenced],
        )
        self._nursery.start_soon(self._shipper.run, name="log shipper")
        return opened.vdl

    def log(self, changes: Sequence[Change]) -> Lsn:
        """Append one MTR (page number, record flags, payload each) and return its CPL.

        Raises Fenced, NotWritable, or LogFull when the caller never waits for room.
        """
        if self._shipper is None:
            raise NotWritable("this instance has not opened the volume for writing")
        return self._shipper.log(changes)

    async def wait_room(self) -> None:
        """Wait while too much log is not durable yet; raises Fenced, NotWritable."""
        if self._shipper is None:
            raise NotWritable("this instance has not opened the volume for writing")
        await self._shipper.wait_room()

    async def wait_durable(self, lsn: Lsn, *, timeout: float) -> None:
        """Wait until VDL >= lsn. Fenced or QuorumTimeout: the outcome is not known."""
        if self._shipper is None:
            raise NotWritable("this instance has not opened the volume for writing")
        await self._shipper.wait_durable(lsn, timeout)

    def set_read_points(self, lowest: Lsn) -> None:
        """PGMRPL: the lowest read point in use on any instance; goes out with every append."""
        if self._shipper is not None:
            self._shipper.read_floor = lowest

    def redo_since(self, after: Lsn, upto: Lsn) -> list[bytes] | None:
        """Whole MTRs with after < CPL <= upto from memory; None when some of them are gone."""
        if self._shipper is None:
            return None
        return self._shipper.writer.ring.since(after, upto)

    def recent_mtrs(self, after: Lsn) -> list[tuple[Lsn, bytes]] | None:
        """Whole MTRs above `after` with their CPLs, durable or not; None when some are gone."""
        if self._shipper is None:
            return None
        return self._shipper.writer.ring.entries_since(after)

    async def close_writer(self) -> None:
        """Demotion: stop shipping; commits still waiting hear NotWritable."""
        shipper, self._shipper = self._shipper, None
        if shipper is not None:
            self._known = VolumeState(
                shipper.opened.epoch, _instance_of(shipper.opened.owner), shipper.writer.vdl
            )
            shipper.close()
        await trio.lowlevel.checkpoint()

    # ------------------------------------------------------------------ reading

    async def read_page(self, page_no: PageNo, at: Lsn) -> tuple[Lsn, bytes | None]:
        """The newest version of a page at or below `at`, and its LSN; None: never written.

        Raises QuorumLost when no segment could serve it in time, TooOld when it was collected.
        """
        incomplete: Sequence[int] = ()
        if self._shipper is not None:
            incomplete = self._shipper.incomplete_at(self.config.pg_of(page_no), at)
        return await self._reader.read_page(page_no, at, incomplete)

    async def fetch_log(self, pg: PgId, after: Lsn, upto: Lsn) -> bytes | None:
        """The protection group's records with after < LSN <= upto; None when collected."""
        return await self._reader.fetch_log(pg, after, upto)

    async def discover(self, *, timeout: float = DISCOVER_SECONDS) -> VolumeState:
        """Newest epoch, the instance that owns it, VDL, from a read quorum; raises QuorumLost."""
        state = await self._reader.discover(timeout)
        found = VolumeState(state.epoch, _instance_of(state.owner), state.vdl)
        if found.epoch >= self._known.epoch:
            self._known = found
        return found

    # ------------------------------------------------------------------- events

    def link_up(self, node: int) -> None:
        if self._opener is not None:
            self._opener.link_up(node)
        if self._shipper is not None and not self._shipper.ended:
            self._shipper.link_up(node)

    def link_down(self, node: int) -> None:
        if self._opener is not None:
            self._opener.link_down(node)
        if self._shipper is not None and not self._shipper.ended:
            self._shipper.link_down(node)

    def _fenced(self, epoch: int, owner: str) -> None:
        self._epoch_floor = max(self._epoch_floor, epoch)
        for callback in list(self.on_fenced):
            callback(epoch, _instance_of(owner))


def _instance_of(owner: str) -> str:
    return owner.partition(OWNER_SEPARATOR)[0]


__all__ = ["QuorumLost", "StaleEpoch", "Volume", "VolumeState"]
