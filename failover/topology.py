"""Pure: the topology document: members, tiers, who should write, and whether automation is on.

Purpose: the small versioned value kept on the storage nodes and changed by compare-and-set.
Invariants:
- Immutable; every change makes a new value, whose generation the store assigns.
- It says who *should* write. Who does is decided by the volume epoch alone, so a lost or late
  change of this document never makes two writers; `epoch` is only the newest one known to it.
- `acting` is the monitor that changed the document last. It alone promotes at once; the others
  leave it its turn, then announce themselves by a claim. Two that race for a claim do not promote
  against each other, because the second one's compare-and-set fails and it reads what won.
"""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve, field, frozen

from runtime.errors import OperatingError
from runtime.net import Address

FORMAT = 1
TIER_BEST = 0
TIER_LAST = 15


class TopologyUnreadable(OperatingError):
    """The stored document is not one this version understands."""


@frozen
class Member:
    """One instance as configured. `size` orders members of one tier (bytes of buffer pool)."""

    id: str
    az: str
    tier: int
    control: Address
    mysql: Address
    size: int = 0
    excluded: bool = False  # an operator keeps it out of promotions

    def __attrs_post_init__(self) -> None:
        if not TIER_BEST <= self.tier <= TIER_LAST:
            raise ValueError(
                f"tier of {self.id} must be {TIER_BEST} to {TIER_LAST}, is {self.tier}"
            )


@frozen
class Claim:
    """A promotion some monitor is about to order; `token` identifies that run of that monitor."""

    target: str
    token: str
    reason: str


@frozen
class Topology:
    members: tuple[Member, ...] = ()
    writer: str | None = None
    epoch: int = 0
    claim: Claim | None = None
    acting: str | None = None  # token of the run of the monitor that wrote this
    automatic: bool = True  # False: maintenance, the monitor reports but does not act by itself
    last_change: str = "created"

    def member(self, member_id: str) -> Member | None:
        return next((member for member in self.members if member.id == member_id), None)

    def member_ids(self) -> tuple[str, ...]:
        return tuple(member.id for member in self.members)

    def with_members(self, members: tuple[Member, ...]) -> Topology:
        """Members as configured now; what an operator decided about a member is kept."""
        excluded = {member.id for member in self.members if member.excluded}
        kept = tuple(
            evolve(member, excluded=True) if member.id in excluded else member for member in members
        )
        if kept == self.members:
            return self
        return evolve(self, members=kept, last_change="members as configured")

    def claimed(self, claim: Claim, instead_of: Claim | None) -> Topology | None:
        """None when somebody else's claim came in between."""
        current = self.claim
        if current is not None and current != instead_of and current.token != claim.token:
            return None
        return evolve(self, claim=claim, last_change=f"claim for {claim.target}: {claim.reason}")

    def written_by(self, writer: str, epoch: int) -> Topology | None:
        """None when a newer writer is known already."""
        if epoch < self.epoch:
            return None
        return evolve(
            self,
            writer=writer,
            epoch=epoch,
            claim=None,
            last_change=f"{writer} writes at epoch {epoch}",
        )

    def acted_by(self, token: str) -> Topology:
        return self if self.acting == token else evolve(self, acting=token)

    def with_automatic(self, automatic: bool) -> Topology:
        word = "on" if automatic else "off"
        return evolve(self, automatic=automatic, last_change=f"automatic failover {word}")

    def with_exclusion(self, member_id: str, excluded: bool) -> Topology:
        members = tuple(
            evolve(member, excluded=excluded) if member.id == member_id else member
            for member in self.members
        )
        word = "excluded from" if excluded else "admitted to"
        return evolve(self, members=members, last_change=f"{member_id} {word} promotions")


@frozen
class Versioned:
    """A topology together with the generation it was read at: what a compare-and-set needs."""

    generation: int
    topology: Topology = field(factory=Topology)


def encode(topology: Topology) -> bytes:
    """JSON, because people read it when nothing else works any more."""
    return json.dumps(to_plain(topology), separators=(",", ":")).encode()


def to_plain(topology: Topology) -> dict[str, Any]:
    claim = topology.claim
    return {
        "format": FORMAT,
        "members": [member_to_plain(member) for member in topology.members],
        "writer": topology.writer,
        "epoch": topology.epoch,
        "claim": claim and {"target": claim.target, "token": claim.token, "reason": claim.reason},
        "acting": topology.acting,
        "automatic": topology.automatic,
        "last_change": topology.last_change,
    }


def member_to_plain(member: Member) -> dict[str, Any]:
    return {
        "id": member.id,
        "az": member.az,
        "tier": member.tier,
        "control": str(member.control),
        "mysql": str(member.mysql),
        "size": member.size,
        "excluded": member.excluded,
    }


def decode(data: bytes) -> Topology:
    try:
        plain = json.loads(data)
        if plain["format"] != FORMAT:
            raise TopologyUnreadable(
                f"topology document has format {plain['format']}, this version reads {FORMAT}"
            )
        return _from_plain(plain)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TopologyUnreadable(f"topology document is damaged: {error!r}") from error


def _from_plain(plain: dict[str, Any]) -> Topology:
    claim = plain["claim"]
    return Topology(
        members=tuple(_member_from_plain(item) for item in plain["members"]),
        writer=None if plain["writer"] is None else str(plain["writer"]),
        epoch=int(plain["epoch"]),
        claim=claim and Claim(str(claim["target"]), str(claim["token"]), str(claim["reason"])),
        acting=None if plain["acting"] is None else str(plain["acting"]),
        automatic=bool(plain["automatic"]),
        last_change=str(plain["last_change"]),
    )


def _member_from_plain(plain: dict[str, Any]) -> Member:
    return Member(
        id=str(plain["id"]),
        az=str(plain["az"]),
        tier=int(plain["tier"]),
        control=Address.parse(plain["control"]),
        mysql=Address.parse(plain["mysql"]),
        size=int(plain["size"]),
        excluded=bool(plain["excluded"]),
    )
