"""Which segment to read a page from. Pure: latencies and refusals in, an order of nodes out.

The nearest AZ first as long as it is not much slower than the others; a segment known to lack
records the read needs comes last; now and then another one goes first, so that what is believed
about the slow ones stays true. (SIGMOD 2018, section 3.1: track latency, prefer the fastest,
probe, hedge.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# What another AZ's answer must be faster by before it is preferred over the own AZ's.
OTHER_AZ_SECONDS: Final = 0.0005
LATENCY_FIRST_SECONDS: Final = 0.0005
LATENCY_WEIGHT: Final = 0.1
HEDGE_MIN_SECONDS: Final = 0.005
HEDGE_MAX_SECONDS: Final = 0.1
HEDGE_FACTOR: Final = 4.0
# A segment that was behind is tried last for this long; gossip and appends are faster than that.
BEHIND_SECONDS: Final = 0.01
PROBE_EVERY: Final = 128


class PageRouting:
    """What is known about the six segments as sources of pages."""

    __slots__ = ("_behind_until", "_distance", "_latency", "_reads")

    def __init__(self, azs: Sequence[str], own_az: str | None) -> None:
        self._distance = [0.0 if own_az is None or az == own_az else OTHER_AZ_SECONDS for az in azs]
        self._latency = [LATENCY_FIRST_SECONDS] * len(azs)
        self._behind_until = [0.0] * len(azs)
        self._reads = 0

    def order(self, reachable: Sequence[int], incomplete: Sequence[int], now: float) -> list[int]:
        """The reachable nodes, best first; those in `incomplete` cannot serve this read yet."""
        latency, distance, behind = self._latency, self._distance, self._behind_until
        ranked = sorted(
            (node in incomplete or behind[node] > now, latency[node] + distance[node], node)
            for node in reachable
        )
        nodes = [node for _, _, node in ranked]
        self._reads += 1
        if self._reads % PROBE_EVERY == 0:
            fit = sum(not unfit for unfit, _, _ in ranked)
            if fit > 1:
                nodes.insert(0, nodes.pop(1 + self._reads // PROBE_EVERY % (fit - 1)))
        return nodes

    def answered(self, node: int, seconds: float) -> None:
        """A read was answered after so long."""
        self._latency[node] += LATENCY_WEIGHT * (seconds - self._latency[node])

    def slow(self, node: int, seconds: float) -> None:
        """No answer for so long: at least as slow as that."""
        self._latency[node] = max(self._latency[node], seconds)

    def behind(self, node: int, now: float) -> None:
        """The segment lacks records it should have by now."""
        self._behind_until[node] = now + BEHIND_SECONDS

    def hedge_after(self, node: int) -> float:
        """When to ask a second segment as well."""
        patience = HEDGE_FACTOR * (self._latency[node] + self._distance[node])
        return min(max(patience, HEDGE_MIN_SECONDS), HEDGE_MAX_SECONDS)
