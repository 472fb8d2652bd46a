"""Pure: who may be promoted, in which order, and why everyone else may not.

Purpose: Aurora's order (aurora-facts 2.2): tier 0 first, in one tier the largest, of equal ones an
arbitrary pick. Arbitrary is a hash of the seed and the epoch: it spreads over the members, and a
run repeated with the same seed picks the same one.

All members share the volume, so nobody is behind in durability; replica lag only says how warm a
cache is, and does not enter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from attrs import frozen

from failover.observe import Health, Observation, Role
from failover.topology import Member


@frozen
class Verdict:
    """Why one member was chosen, or was not. Every decision carries one per member."""

    member: str
    chosen: bool
    reason: str


@frozen
class Ranking:
    order: tuple[Member, ...]
    rejected: tuple[Verdict, ...]

    @property
    def best(self) -> Member | None:
        return self.order[0] if self.order else None

    def verdicts(self, chosen: str | None) -> tuple[Verdict, ...]:
        """One per member: the chosen one, those behind it, those that were not eligible."""
        ranked = tuple(
            Verdict(member.id, member.id == chosen, self._place(position, member, chosen))
            for position, member in enumerate(self.order)
        )
        return ranked + self.rejected

    def _place(self, position: int, member: Member, chosen: str | None) -> str:
        if member.id == chosen:
            return f"chosen: number {position + 1} of {len(self.order)}, tier {member.tier}"
        if chosen is None:
            return f"eligible: number {position + 1}, tier {member.tier}"
        head = self.order[0]
        if member.tier != head.tier:
            return f"behind {head.id}: tier {member.tier} after {head.tier}"
        if member.size != head.size:
            return f"behind {head.id}: smaller ({member.size} after {head.size})"
        return f"behind {head.id}: equal tier and size, not picked or failed before"


def rank(
    members: Sequence[Member],
    observations: Mapping[str, Observation],
    *,
    seed: int,
    epoch: int,
    failures: Mapping[str, int],
    now: float,
) -> Ranking:
    """Those who failed least in this outage first, so that each is tried once before any twice."""
    rejected = []
    eligible = []
    for member in members:
        reason = why_not(member, observations.get(member.id), now)
        if reason is None:
            eligible.append(member)
        else:
            rejected.append(Verdict(member.id, False, reason))

    def key(member: Member) -> tuple[int, int, int, bytes]:
        return failures.get(member.id, 0), member.tier, -member.size, pick(seed, epoch, member.id)

    return Ranking(tuple(sorted(eligible, key=key)), tuple(rejected))


def why_not(member: Member, observation: Observation | None, now: float) -> str | None:
    """None when the member could be promoted now, otherwise the reason in words."""
    if member.excluded:
        return "excluded from promotions by the operator"
    if observation is None or observation.health is Health.UNKNOWN:
        return "not heard of yet"
    if not observation.healthy:
        return f"not healthy: {observation.describe(now)}"
    return _ROLE_OBSTACLE.get(observation.role)


_ROLE_OBSTACLE: dict[Role | None, str] = {
    Role.WRITER: "says that it is the writer",
    Role.DEMOTING: "still demoting",
    Role.OPENING: "opening the volume already",
}


def pick(seed: int, epoch: int, member_id: str) -> bytes:
    return blake2b(f"{seed}/{epoch}/{member_id}".encode(), digest_size=8).digest()
