"""Restart delays: quick first, growing, bounded, quick again after a healthy time."""

from __future__ import annotations

from cluster.backoff import FIRST_DELAY, HEALTHY_AFTER, MAX_DELAY, Backoff


def test_the_first_restart_is_quick_and_later_ones_are_not():
    backoff = Backoff()
    delays = []
    for now in range(10):
        backoff.started(float(now))
        delays.append(backoff.died(now + 0.5))
    assert delays[0] == FIRST_DELAY
    assert delays == sorted(delays)
    assert delays[-1] == MAX_DELAY


def test_a_healthy_time_starts_over():
    backoff = Backoff()
    for now in range(5):
        backoff.started(float(now))
        backoff.died(now + 0.5)
    backoff.started(100.0)
    assert backoff.died(100.0 + HEALTHY_AFTER) == FIRST_DELAY
