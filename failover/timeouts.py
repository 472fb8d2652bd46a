"""Pure: every timeout of detection, promotion and holding in one table, with how they relate.

Purpose: a reader of this file can derive how long each kind of outage lasts. A set of values that
breaks a relation is refused at start with the relation's text; nothing is adjusted quietly.

How they add up, with the defaults:
  crash of the writer   broken connection + refused redial  ~0      -> promotion at once
  hung writer           hung_after                          3 s     -> promotion
  candidate does not answer                 promotion       2 s     -> next candidate
  a held client waits at most               hold            30 s    -> ERR packet
All are durations on the observer's own monotonic clock. None of them is needed for safety: two
writers are excluded by the volume epoch (aurora-facts 1.7), whatever the clocks do.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import fields, frozen

from runtime.errors import OperatingError


class TimeoutsRefused(OperatingError):
    """The configured timeouts contradict each other; the text names every broken relation."""


@frozen
class Timeouts:
    """Seconds, except where the name says otherwise."""

    # Detection.
    heartbeat_interval: float = 0.1  # how often an instance pushes its status
    silent_after: float = 1.0  # no longer a candidate, not yet dead
    hung_after: float = 3.0  # silence that counts as death
    confirm: float = 0.2  # a second look before silence counts: the observer may have slept itself
    redial: float = 0.25  # the one redial after a broken connection
    redial_backoff_first: float = 0.05  # further redials of a dead member
    redial_backoff_max: float = 0.25
    # Promotion.
    document: float = 1.0  # one read or compare-and-set of the topology document
    refresh: float = 1.0  # between reads of the document while nothing happens
    acting_for: float = 3.0  # how long a read entitles the acting monitor to act unannounced
    promotion: float = 2.0  # one candidate
    demotion: float = 2.0  # the old writer draining its commits in a switchover
    cold_start: float = 2.0  # waiting for absent members once the first one was heard
    # Restraint.
    retry_first: float = 0.25  # back-off when every candidate failed, or the quorum is gone
    retry_max: float = 5.0
    short_reign: float = 0.5  # a promoted writer lost sooner than this did not really work
    short_reigns_free: int = 5  # so many in a row are followed by immediate promotion
    pause_first: float = 0.5  # then automatic promotions keep this interval, doubling
    pause_max: float = 5.0
    # Router.
    hold: float = 30.0  # a new connection waiting for a writer
    hold_count: int = 1000  # connections waiting at the same time, per endpoint
    drain: float = 30.0  # sessions of a draining instance before they are cut

    def __attrs_post_init__(self) -> None:
        broken = violations(self)
        if broken:
            raise TimeoutsRefused("timeouts refused: " + "; ".join(broken))

    @property
    def turn(self) -> float:
        """How long the other monitors leave an outage to the acting one."""
        return self.promotion + self.document

    @property
    def longest_failover(self) -> float:
        """Detection of a hung writer, one failing candidate, one that works, and the documents."""
        return self.hung_after + 2 * (self.promotion + self.document)


@frozen
class Relation:
    text: str
    why: str
    holds: Callable[[Timeouts], bool]


RELATIONS: tuple[Relation, ...] = (
    Relation(
        "silent_after >= 5 * heartbeat_interval",
        "a few late heartbeats must not disqualify a candidate",
        lambda t: t.silent_after >= 5 * t.heartbeat_interval,
    ),
    Relation(
        "hung_after >= silent_after + 2 * confirm",
        "silence is looked at twice before it counts as death",
        lambda t: t.hung_after >= t.silent_after + 2 * t.confirm,
    ),
    Relation(
        "confirm >= heartbeat_interval",
        "a live member must have had the chance to be heard between the two looks",
        lambda t: t.confirm >= t.heartbeat_interval,
    ),
    Relation(
        "redial < hung_after",
        "a broken connection must be detected sooner than a silent one",
        lambda t: t.redial < t.hung_after,
    ),
    Relation(
        "redial < promotion",
        "a candidate that dies while promoting must be seen within its own time",
        lambda t: t.redial < t.promotion,
    ),
    Relation(
        "document < promotion",
        "a slow topology document must not cost more than a candidate",
        lambda t: t.document < t.promotion,
    ),
    Relation(
        "acting_for >= 2 * refresh + document",
        "one failed read must not cost the acting monitor its speed",
        lambda t: t.acting_for >= 2 * t.refresh + t.document,
    ),
    Relation(
        "acting_for <= promotion + document",
        "a monitor cut off from the document must announce again before another one takes over",
        lambda t: t.acting_for <= t.promotion + t.document,
    ),
    Relation(
        "cold_start <= hung_after",
        "an absent member is given up no later than a silent one",
        lambda t: t.cold_start <= t.hung_after,
    ),
    Relation(
        "hold > hung_after + 2 * (promotion + document)",
        "a held client must outlive detection and one failed candidate",
        lambda t: t.hold > t.longest_failover,
    ),
    Relation(
        "hold > demotion + 2 * promotion",
        "a held client must outlive a switchover that has to be taken back",
        lambda t: t.hold > t.demotion + 2 * t.promotion,
    ),
    Relation(
        "redial_backoff_first <= redial_backoff_max",
        "a back-off grows",
        lambda t: t.redial_backoff_first <= t.redial_backoff_max,
    ),
    Relation(
        "retry_first <= retry_max", "a back-off grows", lambda t: t.retry_first <= t.retry_max
    ),
    Relation(
        "pause_first <= pause_max < hold",
        "a client that waits must see the promotion that ends the pause",
        lambda t: t.pause_first <= t.pause_max < t.hold,
    ),
    Relation(
        "redial_backoff_max < hung_after",
        "a member that returns must be heard before anyone would call it hung",
        lambda t: t.redial_backoff_max < t.hung_after,
    ),
)


def violations(timeouts: Timeouts) -> list[str]:
    """Every broken relation as one readable clause; empty when the table is sound."""
    broken = [
        f"{item.name} must be positive, is {getattr(timeouts, item.name)}"
        for item in fields(Timeouts)
        if not getattr(timeouts, item.name) > 0
    ]
    broken += [
        f"{relation.text} does not hold ({relation.why})"
        for relation in RELATIONS
        if not relation.holds(timeouts)
    ]
    return broken
