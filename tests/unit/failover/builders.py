"""Short ways to say "three members, the writer is hung" in the tests of this package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve

from failover.decision import View
from failover.observe import Health, Observation, Report, Role
from failover.timeouts import Timeouts
from failover.topology import Member, Topology
from runtime.net import Address

T = Timeouts()
NOW = 1000.0


def member(number: int, tier: int = 1, size: int = 0, excluded: bool = False) -> Member:
    return Member(
        id=f"instance-{number}",
        az="abc"[(number - 1) % 3],
        tier=tier,
        control=Address("127.0.0.1", 7000 + number),
        mysql=Address(f"127.0.0.{10 + number}", 3306),
        size=size,
        excluded=excluded,
    )


def members(*tiers: int) -> tuple[Member, ...]:
    return tuple(member(number, tier) for number, tier in enumerate(tiers, start=1))


def report(number: int, role: Role = Role.READER, epoch: int = 0, **more) -> Report:
    return Report(id=f"instance-{number}", role=role, epoch=epoch, pid=100 + number, **more)


def seen(
    number: int,
    health: Health = Health.HEALTHY,
    role: Role | None = Role.READER,
    epoch: int = 0,
    since: float = NOW - 10,
    role_since: float = NOW - 10,
) -> Observation:
    return Observation(
        id=f"instance-{number}",
        health=health,
        health_since=since,
        report=None if role is None else report(number, role, epoch),
        role_since=role_since,
        heard_at=None if role is None else NOW - 0.05,
    )


def by_id(observations: Iterable[Observation]) -> Mapping[str, Observation]:
    return {item.id: item for item in observations}


def view(*tiers: int, **changes) -> View:
    """The acting monitor of a settled cluster in which instance-1 writes at epoch 5."""
    staff = members(*(tiers or (0, 1, 1)))
    topology = Topology(members=staff, writer="instance-1", epoch=5, acting="me")
    settled = View(
        timeouts=T,
        seed=7,
        started_at=NOW - 100,
        token="me",
        first_heard_at=NOW - 99,
        document_seen_at=NOW - 0.5,
        topology=topology,
        settled=True,
        highest_epoch=5,
        last_writer="instance-1",
    )
    return evolve(settled, **changes)
