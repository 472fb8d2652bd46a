"""The monitor's loop: watch, decide, act, record.

Purpose: a thin shell. What is wrong is said by observe.py, what to do about it by decide.py, in
which steps by promotion.py; this file only connects them to sockets, clocks and disks.
Invariants:
- One action at a time. The loop waits for events, never for a poll: from a refused redial to the
  acting monitor's promote call nothing waits.
- Any number of monitors may run: the document says which of them acts, its generation which of two
  claims counts, and the volume epoch makes one writer whatever they do.
"""

from __future__ import annotations

from collections.abc import Mapping

import trio

from failover import history
from failover.decide import decide
from failover.decision import Adopt, Analysis, Decision, FailureKind, Promote, Switchover, View
from failover.document import Change, DocumentKeeper, DocumentStore
from failover.historylog import HistoryLog
from failover.instanceclient import demote, promote
from failover.memory import Memory
from failover.observe import Observation, Role
from failover.promotion import (
    CallDemote,
    CallPromote,
    Effect,
    Failed,
    Outcome,
    OutcomeKind,
    Promotion,
    StepResult,
    Succeeded,
    WriteClaim,
)
from failover.requests import Requests
from failover.timeouts import Timeouts
from failover.topology import Member, Topology
from failover.watcher import Watch
from runtime.seams import Runtime

CHANGE_ATTEMPTS = 8


class Monitor:
    def __init__(
        self,
        runtime: Runtime,
        members: tuple[Member, ...],
        store: DocumentStore,
        *,
        seed: int,
        timeouts: Timeouts,
    ) -> None:
        self.members = members
        self.timeouts = timeouts
        self.token = runtime.rng.child("token").uuid()
        now = runtime.clock.monotonic()
        self.memory = Memory(View(timeouts, seed, now, self.token))
        self.history = HistoryLog(runtime)
        self.requests = Requests()
        self.watch = Watch(runtime.child("watch"), ((m.id, m.control) for m in members), timeouts)
        self.keeper = DocumentKeeper(
            runtime,
            store,
            token=self.token,
            timeout=timeouts.document,
            on_read=self._on_document,
            on_error=self._on_document_error,
        )
        self.decision: Decision | None = None
        self._runtime = runtime
        self._recorded: dict[str, tuple[str, str]] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; started once the history is read."""
        await self.history.load()
        self.history.add("started", token=self.token, members=[m.id for m in self.members])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.history.run)
            nursery.start_soon(self.watch.run)
            nursery.start_soon(self._open_document)
            task_status.started()
            await self._decide_for_ever(nursery)

    # -- deciding -----------------------------------------------------------------------------

    async def _decide_for_ever(self, nursery: trio.Nursery) -> None:
        while True:
            now = self._runtime.clock.monotonic()
            self.watch.look(now)
            observations = self.watch.observations()
            self._record_members(observations)
            self.memory.on_observations(observations, now)
            decision = decide(self.memory.view, observations, self.requests.waiting(), now)
            self._record_decision(decision)
            self.decision = decision
            for answer in decision.refused:
                self.requests.refuse(answer.request, answer.reason)
            self._start(decision, nursery)
            await self.watch.wait(decision.wake_at)

    def _start(self, decision: Decision, nursery: trio.Nursery) -> None:
        match decision.action:
            case Adopt() as adopt:
                self.memory.on_adopting(True)
                nursery.start_soon(self._adopt, adopt)
            case Promote() | Switchover() as plan:
                self.memory.on_started(f"promoting {plan.target}: {plan.reason}")
                self.requests.accept(plan.request)
                nursery.start_soon(self._act, plan)

    # -- acting -------------------------------------------------------------------------------

    async def _act(self, plan: Promote | Switchover) -> None:
        began = self._runtime.clock.monotonic()
        automatic = isinstance(plan, Promote) and plan.automatic
        topology = self.memory.view.topology
        assert topology is not None
        run = Promotion(plan, topology.claim, self.token, self.timeouts)
        outcome = await self._perform(run, run.begin(began))
        now = self._runtime.clock.monotonic()
        self.memory.on_outcome(outcome, automatic=automatic, now=now)
        if outcome.kind in (OutcomeKind.PROMOTED, OutcomeKind.REINSTATED):
            self.watch.watchers[outcome.member].assume(Role.WRITER, outcome.epoch)
        self.requests.finish(plan.request, outcome, now - began)
        self._record_outcome(outcome, run, now - began)
        self.watch.wake()

    async def _perform(self, run: Promotion, effect: Effect) -> Outcome:
        while not isinstance(effect, Outcome):
            result = await self._step(effect)
            effect = run.on_result(result, self._runtime.clock.monotonic())
        return effect

    async def _step(self, effect: WriteClaim | CallDemote | CallPromote) -> StepResult:
        match effect:
            case WriteClaim(claim, instead_of):
                return await self.keeper.change(
                    lambda topology: topology.claimed(claim, instead_of)
                )
            case CallDemote(member, timeout):
                return await demote(self.watch.client(member), timeout=timeout)
            case CallPromote(member, reason, timeout):
                return await promote(self.watch.client(member), reason, timeout=timeout)

    async def _adopt(self, adopt: Adopt) -> None:
        """Write down who writes. Whatever comes of it, the next decision sees the document."""
        result = await self.keeper.change(lambda t: t.written_by(adopt.writer, adopt.epoch))
        if isinstance(result, Succeeded):
            self.history.add("adopted", writer=adopt.writer, epoch=adopt.epoch)
        else:
            await self._runtime.clock.sleep(self.timeouts.retry_first)
        self.memory.on_adopting(False)
        self.watch.wake()

    # -- the document -------------------------------------------------------------------------

    async def _open_document(self) -> None:
        await self.keeper.open(
            self.members,
            pause_first=self.timeouts.redial_backoff_first,
            pause_max=self.timeouts.redial_backoff_max,
        )
        assert self.keeper.current is not None
        self.history.add("document", generation=self.keeper.current.generation)
        await self.keeper.keep_fresh(self.timeouts.refresh)

    async def change_topology(self, change: Change) -> StepResult:
        """An operator's change, repeated when another monitor changed the document first."""
        for _ in range(CHANGE_ATTEMPTS):
            result = await self.keeper.change(change)
            if not isinstance(result, Failed) or result.kind is not FailureKind.CLAIM_LOST:
                break
        if isinstance(result, Succeeded):
            assert self.keeper.current is not None
            self.history.add("topology", change=self.keeper.current.topology.last_change)
        return result

    def _on_document(self, topology: Topology, asked_at: float) -> None:
        news = topology != self.memory.view.topology
        self.memory.on_document(topology, asked_at, self._runtime.clock.monotonic())
        if news:
            self.watch.wake()

    def _on_document_error(self, text: str) -> None:
        if text == self.memory.view.document_error:
            return
        self.memory.on_document_error(text)
        self._runtime.trace.warn("topology_unavailable", reason=text)

    # -- recording ----------------------------------------------------------------------------

    def _record_members(self, observations: Mapping[str, Observation]) -> None:
        """Detection is recorded apart from action."""
        for seen in observations.values():
            now = (seen.health.value, seen.role.value if seen.role else "")
            if self._recorded.get(seen.id) != now:
                self._recorded[seen.id] = now
                self.history.add("member", id=seen.id, health=now[0], role=now[1], epoch=seen.epoch)

    def _record_decision(self, decision: Decision) -> None:
        last = self.decision
        acts = isinstance(decision.action, Promote | Switchover)
        if acts or last is None or decision.analysis is not last.analysis:
            if decision.analysis is not Analysis.PROMOTION_RUNNING:
                self.history.add("decision", **history.decision_fields(decision))
            self._runtime.trace.info(
                "decision",
                analysis=decision.analysis.value,
                why=decision.why,
                action=type(decision.action).__name__,
                target=getattr(decision.action, "target", ""),
            )

    def _record_outcome(self, outcome: Outcome, run: Promotion, seconds: float) -> None:
        self.history.add("outcome", **history.outcome_fields(outcome, run.records))
        self._runtime.trace.info(
            "promotion",
            outcome=outcome.kind.value,
            member=outcome.member,
            epoch=outcome.epoch,
            reason=outcome.text,
            ms=f"{seconds * 1000:.1f}",
        )
