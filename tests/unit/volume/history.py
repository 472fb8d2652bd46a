"""A writer's history of one protection group, to feed segments with and to check them against."""

from __future__ import annotations

from attrs import define, field

from runtime.rng import Rng
from volume.records import CPL, FULL, encode_record, make_change

PAGE_SIZE = 512


@define
class History:
    """Every record ever made, and each page's true content after it."""

    rng: Rng = field(factory=lambda: Rng(1))
    first_page: int = 0
    page_count: int = 8
    next_lsn: int = 1
    prev: int = 0
    records: dict[int, bytes] = field(factory=dict)
    backlinks: dict[int, int] = field(factory=dict)
    pages: dict[int, list[tuple[int, bytes]]] = field(factory=dict)

    def write(self, count: int = 1, *, page_no: int | None = None) -> list[int]:
        """Make records, each a random change of a random page; returns their LSNs."""
        made = []
        for _ in range(count):
            target = self.first_page + self.rng.randrange(self.page_count)
            made.append(self._write_one(target if page_no is None else page_no))
        return made

    def _write_one(self, page_no: int) -> int:
        lsn, self.next_lsn = self.next_lsn, self.next_lsn + 1
        versions = self.pages.setdefault(page_no, [])
        old = versions[-1][1] if versions else None
        new = bytearray(old if old is not None else bytes(PAGE_SIZE))
        at = self.rng.randrange(PAGE_SIZE - 8)
        new[at : at + 8] = lsn.to_bytes(8, "big")
        if self.rng.randrange(20) == 0:
            flags, payload = FULL, bytes(new)
        else:
            flags, payload = make_change(old, bytes(new))
        versions.append((lsn, bytes(new)))
        self.records[lsn] = encode_record(lsn, self.prev, page_no, flags | CPL, payload)
        self.backlinks[lsn] = self.prev
        self.prev = lsn
        return lsn

    def blob(self, lsns: list[int]) -> bytes:
        return b"".join(self.records[lsn] for lsn in lsns)

    def page_at(self, page_no: int, lsn: int) -> tuple[int, bytes | None]:
        """The true version at an LSN."""
        found: tuple[int, bytes | None] = (0, None)
        for version, image in self.pages.get(page_no, []):
            if version <= lsn:
                found = (version, image)
        return found

    def recover(self, above: int, upto: int) -> list[int]:
        """A recovery annuls (above, upto]; returns the LSNs that are void."""
        gone = [lsn for lsn in self.records if above < lsn <= upto]
        for lsn in gone:
            del self.records[lsn]
        for versions in self.pages.values():
            versions[:] = [v for v in versions if not above < v[0] <= upto]
        self.prev = max((lsn for lsn in self.records if lsn <= above), default=0)
        self.next_lsn = upto + 1
        return gone
