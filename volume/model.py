"""Identifiers and value types of the volume, under the names the Aurora papers give them.

LSNs are contiguous integers from 1, one per redo record, allocated by the single writer; after a
recovery they go on above the truncation range.  A volume page number is the SQLite page number
minus one; page ``n`` lives in protection group ``n // pages_per_segment``.
(P17 sections 3 and 4; P18 section 2.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NewType

from attrs import field, frozen

from runtime.net import Address
from volume import limits

Lsn = NewType("Lsn", int)
Epoch = NewType("Epoch", int)
PgId = NewType("PgId", int)
PageNo = NewType("PageNo", int)
NodeId = NewType("NodeId", str)
InstanceId = NewType("InstanceId", str)

ZERO_LSN = Lsn(0)
ZERO_EPOCH = Epoch(0)


@frozen(order=True)
class TruncationRange:
    """Annuls every record with ``above < lsn <= upto``; written by the recovery of ``epoch``."""

    epoch: Epoch
    above: Lsn
    upto: Lsn

    def __contains__(self, lsn: int) -> bool:
        return self.above < lsn <= self.upto


def annulled(lsn: int, ranges: Iterable[TruncationRange]) -> bool:
    """Whether some truncation range voids the record with this LSN."""
    return any(r.above < lsn <= r.upto for r in ranges)


@frozen
class StorageNodeInfo:
    """One storage node as every other component knows it."""

    id: str
    az: str
    address: Address


@frozen
class VolumeConfig:
    """What is fixed when a volume is created, and where its storage nodes are."""

    volume_id: str
    page_size: int = field(default=limits.PAGE_SIZE_DEFAULT)
    segment_size: int = field(default=limits.SEGMENT_SIZE_DEFAULT)
    nodes: tuple[StorageNodeInfo, ...] = field(default=())

    @page_size.validator
    def _check_page_size(self, _attribute: object, value: int) -> None:
        if value not in limits.PAGE_SIZES:
            sizes = ", ".join(str(size) for size in limits.PAGE_SIZES)
            raise ValueError(f"page size {value} is not supported: use one of {sizes}")

    @segment_size.validator
    def _check_segment_size(self, _attribute: object, value: int) -> None:
        if value < self.page_size or value % self.page_size:
            raise ValueError(
                f"segment size {value} is not a positive multiple of page size {self.page_size}"
            )

    @nodes.validator
    def _check_nodes(self, _attribute: object, value: tuple[StorageNodeInfo, ...]) -> None:
        ids = [node.id for node in value]
        if len(set(ids)) != len(ids):
            raise ValueError(f"storage node ids must be distinct, got {', '.join(ids)}")

    @property
    def pages_per_segment(self) -> int:
        return self.segment_size // self.page_size

    def pg_of(self, page_no: int) -> PgId:
        """The protection group that holds a page."""
        return PgId(page_no // self.pages_per_segment)
