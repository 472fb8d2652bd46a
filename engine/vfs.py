"""The SQLite VFS: a connection's main file is a snapshot of the volume plus a private write set.

Invariants
- A read returns the page as of the file's snapshot `at`, whatever other sessions commit meanwhile.
- A write stays in the file's own write set until the store logs it as one MTR. SQLite writes pages
  during COMMIT only (`journal_mode=MEMORY`, `cache_spill=OFF`), so it never holds half a
  transaction.
- The file size is what page 0 says (https://www.sqlite.org/fileformat.html, "in-header database
  size"), so it belongs to the snapshot too.
- Nothing here blocks the loop: a page that is not in the buffer pool is awaited through greenback
  and only the session that needs it sleeps. Locks are no-ops: `nolock=1` spares SQLite the calls,
  and the store's write lock does the work.

SQLite notices a moved snapshot by itself: each transaction begins by comparing bytes 24..40 of the
file, which every commit changes, and drops its page cache when they differ.
"""

from __future__ import annotations

from itertools import count
from typing import Any, Final, Protocol

import apsw
import greenback
import trio

from engine.bufferpool import BufferPool
from engine.txn.errors import Interrupted, VolumeUnavailable
from runtime.seams import Runtime
from volume.errors import VolumeError
from volume.model import Lsn, PageNo

UNPINNED: Final = -1
READ_AHEAD: Final = (0, 0, 0, 3, 7, 15, 31)  # pages, by length of the run of misses so far
_CHANGE_COUNTER_AT: Final = 24
_SIZE_AT: Final = 28  # in-header database size, in pages, big-endian
_UNIX_EPOCH_JULIAN_MS: Final = 210_866_760_000_000
_MEMORY_JOURNAL: Final = "a journal or temporary file; the store keeps those in memory"

_names = count(1)


class PageReader(Protocol):
    """What the engine needs from the volume to read."""

    async def read_page(self, page_no: PageNo, at: Lsn) -> tuple[Lsn, bytes | None]: ...


class PageFetcher:
    """Brings missing pages into the pool; one request per page however many sessions wait."""

    def __init__(self, pool: BufferPool, volume: PageReader) -> None:
        self._pool = pool
        self._volume = volume
        self._arrivals: dict[int, trio.Event] = {}
        self.fetched = 0

    async def fetch(self, page_no: int, at: int, *, ahead: int = 0) -> bytes:
        """The page as of `at`; raises VolumeUnavailable when no storage node can serve it.

        With `ahead` the following pages are brought into the pool at the same time.
        """
        if ahead:
            await self._read_ahead(range(page_no, page_no + 1 + ahead))
        try:
            return await self._fetch(page_no, at)
        except VolumeError as error:
            message = f"page {page_no} cannot be read at LSN {at}: {error}"
            raise VolumeUnavailable(message) from error

    async def _fetch(self, page_no: int, at: int) -> bytes:
        pool = self._pool
        while True:
            image = pool.lookup(page_no, at)
            if image is not None:
                return image
            arrival = self._arrivals.get(page_no)
            if page_no in pool.slots:
                return await self._fetch_old(page_no, at)
            if arrival is not None:
                await arrival.wait()
                continue
            found = await self._fetch_newest(page_no, at)
            if found is not None:
                return found

    async def _read_ahead(self, pages: range) -> None:
        pool = self._pool
        async with trio.open_nursery() as nursery:
            for page_no in pages:
                if page_no not in pool.slots:
                    nursery.start_soon(self._fetch_unasked, page_no)

    async def _fetch_unasked(self, page_no: int) -> None:
        if page_no in self._pool.slots or page_no in self._arrivals:
            return
        try:
            await self._fetch_newest(page_no, self._pool.read_point)
        except VolumeError:
            return  # whoever needs the page will ask again, and hear why not

    async def _fetch_old(self, page_no: int, at: int) -> bytes:
        """The page is cached, but not the version this old snapshot needs."""
        self.fetched += 1
        lsn, image = await self._volume.read_page(PageNo(page_no), Lsn(at))
        self._pool.insert_old(page_no, at, lsn, image)
        return self._pool.blank if image is None else image

    async def _fetch_newest(self, page_no: int, at: int) -> bytes | None:
        self.fetched += 1
        pool = self._pool
        fetch = pool.begin_fetch(page_no)
        arrival = self._arrivals[page_no] = trio.Event()
        try:
            lsn, image = await self._volume.read_page(PageNo(page_no), Lsn(fetch.at))
            pool.finish_fetch(fetch, lsn, image)
            if not (fetch.valid and lsn <= at <= fetch.at):
                return None
            return pool.blank if image is None else image
        finally:
            pool.abandon_fetch(fetch)
            if self._arrivals.get(page_no) is arrival:
                del self._arrivals[page_no]
            arrival.set()


class SnapshotFile:
    """One connection's view of the volume; the methods are SQLite's sqlite3_io_methods."""

    __slots__ = (
        "_distrusted",
        "_expected",
        "_fetcher",
        "_mask",
        "_page0",
        "_pool",
        "_run",
        "_shift",
        "_size",
        "_slots",
        "_waiting",
        "at",
        "page_size",
        "writes",
    )

    def __init__(self, pool: BufferPool, fetcher: PageFetcher) -> None:
        self.page_size = pool.page_size
        self.at = UNPINNED
        self.writes: dict[int, bytes] = {}
        self._pool = pool
        self._slots = pool.slots
        self._fetcher = fetcher
        self._shift = pool.page_size.bit_length() - 1
        self._mask = pool.page_size - 1
        self._page0: bytes | None = None
        self._distrusted = False
        self._waiting: trio.CancelScope | None = None
        self._expected = 0  # the page a sequential scan would miss next ...
        self._run = 0  # ... and how often the expected one was missed in a row
        self._size = 0

    def page(self, page_no: int) -> bytes:
        """The page as SQLite must see it now; may suspend the calling task."""
        if self.writes:
            own = self.writes.get(page_no)
            if own is not None:
                return own
        slot = self._slots.get(page_no)
        if slot is not None:
            slot.referenced = True
            version = slot.head
            if version.lsn <= self.at:
                image = version.image
                if image is not None:
                    return image
            image = self._pool.lookup(page_no, self.at)
            if image is not None:
                return image
        if self.at == UNPINNED:
            raise RuntimeError("the session read the volume without pinning a snapshot")
        if self.at == 0:
            return self._pool.blank  # before the first LSN there is nothing to ask for
        return greenback.await_(self._miss(page_no))

    async def _miss(self, page_no: int) -> bytes:
        ahead = self._plan_read_ahead(page_no)
        with trio.CancelScope() as self._waiting:
            return await self._fetcher.fetch(page_no, self.at, ahead=ahead)
        raise Interrupted("Query execution was interrupted")

    def _plan_read_ahead(self, page_no: int) -> int:
        """How many pages to read beyond this one: more with each miss where one was expected."""
        self._run = self._run + 1 if page_no == self._expected else 0
        wish = READ_AHEAD[min(self._run, len(READ_AHEAD) - 1)]
        room = min(self._last_page() - page_no, self._pool.capacity_bytes // (8 * self.page_size))
        ahead = max(0, min(wish, room))
        self._expected = page_no + 1 + ahead
        return ahead

    def _last_page(self) -> int:
        page0 = self._pool.lookup(0, self.at)
        return int.from_bytes(page0[_SIZE_AT : _SIZE_AT + 4], "big") - 1 if page0 else 0

    def interrupt(self) -> None:
        """End a wait for a page; whoever waits gets Interrupted."""
        if self._waiting is not None:
            self._waiting.cancel()

    def distrust_cache(self) -> None:
        """Make SQLite drop its page cache at the next transaction, whatever page 0 says."""
        self._distrusted = True

    def xRead(self, amount: int, offset: int) -> bytes:
        if self._distrusted and offset == _CHANGE_COUNTER_AT:
            self._distrusted = False
            return bytes(byte ^ 0xFF for byte in self.page(0)[offset : offset + amount])
        image = self.page(offset >> self._shift)
        if amount == self.page_size:
            return image
        start = offset & self._mask
        return image[start : start + amount]

    def xWrite(self, data: bytes, offset: int) -> None:
        assert len(data) == self.page_size and not offset & self._mask, (len(data), offset)
        self.writes[offset >> self._shift] = data

    def xFileSize(self) -> int:
        page0 = self.page(0)
        if page0 is not self._page0:
            self._page0 = page0
            self._size = int.from_bytes(page0[_SIZE_AT : _SIZE_AT + 4], "big") << self._shift
        return self._size

    def xTruncate(self, size: int) -> None:
        pages = size >> self._shift
        for page_no in [n for n in self.writes if n >= pages]:
            del self.writes[page_no]

    def xSync(self, flags: int) -> None:
        """Durability is the volume's: the commit waits for it after SQLite is done."""

    def xLock(self, level: int) -> None:
        """See the module docstring; only called by tools that open the file without nolock."""

    def xUnlock(self, level: int) -> None:
        """As xLock."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return self.page_size

    def xDeviceCharacteristics(self) -> int:
        return _CHARACTERISTICS

    def xClose(self) -> None:
        self.writes.clear()


_CHARACTERISTICS: Final[int] = (
    apsw.SQLITE_IOCAP_SAFE_APPEND
    | apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE
    | apsw.SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN
)


class SnapshotVfs(apsw.VFS):
    """One per store: hands each new connection its SnapshotFile and the runtime's time."""

    def __init__(self, runtime: Runtime) -> None:
        self.vfs_name = f"sixfold-{next(_names)}"
        self._clock = runtime.clock
        self._rng = runtime.rng.child("vfs")
        self._opening: SnapshotFile | None = None
        super().__init__(self.vfs_name, base="")

    def connect(self, file: SnapshotFile) -> apsw.Connection:
        self._opening = file
        try:
            return apsw.Connection(
                "file:volume?nolock=1",
                flags=apsw.SQLITE_OPEN_READWRITE
                | apsw.SQLITE_OPEN_CREATE
                | apsw.SQLITE_OPEN_URI
                | apsw.SQLITE_OPEN_NOMUTEX,
                vfs=self.vfs_name,
                statementcachesize=500,
            )
        finally:
            self._opening = None

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        file = self._opening
        if file is None or not flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            raise apsw.CantOpenError(_MEMORY_JOURNAL)
        flags[1] = flags[0]
        return file

    def xAccess(self, pathname: str, flags: int) -> bool:
        return False

    def xFullPathname(self, name: str) -> str:
        return name

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """There are no files to delete."""

    def xRandomness(self, numbytes: int) -> bytes:
        return self._rng.randbytes(numbytes)

    def xCurrentTime(self) -> float:
        return self.xCurrentTimeInt64() / 86_400_000.0

    def xCurrentTimeInt64(self) -> int:
        return _UNIX_EPOCH_JULIAN_MS + int(self._clock.wall() * 1000)

    def xSleep(self, microseconds: int) -> int:
        return 0  # never stop the loop: the busy timeout is zero, waiting is done in trio
