"""A store on the volume in memory, for the tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import greenback

from engine.store import Store, StoreConnection
from tests.fakes.runtime import fake_runtime
from tests.fakes.volume import FakeStorage, FakeVolume

WAIT = 5.0


class World:
    """One instance's store, opened for writing unless told otherwise."""

    def __init__(self, storage: FakeStorage | None = None, *, pool_bytes: int = 16 << 20) -> None:
        self.storage = storage or FakeStorage()
        self.volume = FakeVolume(self.storage)
        self.store = Store(self.volume, fake_runtime(), pool_bytes=pool_bytes)
        self.volume.on_durable.append(self.store.on_durable)

    @classmethod
    async def writer(
        cls, storage: FakeStorage | None = None, *, pool_bytes: int = 16 << 20
    ) -> World:
        await greenback.ensure_portal()
        world = cls(storage, pool_bytes=pool_bytes)
        vdl = await world.volume.open_for_writing("writer")
        world.store.pool.clear(vdl)
        world.store.allow_writes(vdl)
        return world

    def forget_pages(self) -> None:
        """Cold cache: everything is fetched again."""
        self.store.pool.clear(self.store.pool.read_point)

    async def write(self, *statements: str, conn: StoreConnection | None = None) -> int:
        own = conn or self.store.connect()
        await own.begin_write(lock_wait=WAIT)
        for statement in statements:
            own.db.execute(statement)
        lsn = await own.commit()
        if conn is None:
            own.close()
        return lsn

    def read(self, sql: str, conn: StoreConnection | None = None) -> list[tuple[object, ...]]:
        own = conn or self.store.connect()
        with pinned(own):
            rows = own.db.execute(sql).fetchall()
        if conn is None:
            own.close()
        return rows

    def check(self) -> None:
        assert self.read("PRAGMA integrity_check") == [("ok",)]


@contextmanager
def pinned(conn: StoreConnection) -> Iterator[None]:
    conn.pin()
    try:
        yield
    finally:
        conn.unpin()
