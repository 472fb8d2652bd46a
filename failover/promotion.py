"""Pure: the steps of one promotion or switchover, as a table; events in, the next effect out.

Purpose: what is done after what, and what each failure leads to. Each step may be the last thing
this monitor ever does: whoever comes next finds either a working writer, or a claim that runs out.

  promote      [claim ->] promote -> done      (the acting monitor need not announce itself)
  switchover   claim -> demote -> promote -> done
                          |           +-- failed -> reinstate -> taken back
                          +-- refused -> aborted, the old writer serves on

The point of no return is the promote call: from there the candidate may raise the epoch at any
time, whether or not an answer comes back. Before it, giving up costs nothing. A promotion that
ran out of its time is not undone: the next candidate's epoch is higher, which settles it.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field, frozen

from failover.decision import FailureKind, Promote, Switchover
from failover.timeouts import Timeouts
from failover.topology import Claim


class Step(Enum):
    CLAIM = "claim"
    DEMOTE = "demote"
    PROMOTE = "promote"
    REINSTATE = "reinstate"


class OutcomeKind(Enum):
    PROMOTED = "promoted"
    ABORTED = "aborted"  # nothing was changed
    REINSTATED = "reinstated"  # the old writer writes again, at a newer epoch
    FAILED = "failed"  # no writer came of it, or nobody knows


@frozen
class WriteClaim:
    """Compare-and-set the document to carry this claim. It loses to any claim but the one known
    when the decision was made."""

    claim: Claim
    instead_of: Claim | None


@frozen
class CallDemote:
    member: str
    timeout: float


@frozen
class CallPromote:
    member: str
    reason: str
    timeout: float


@frozen
class Outcome:
    kind: OutcomeKind
    member: str  # whom the outcome is about: the new writer, or the one that failed
    epoch: int = 0
    failure: FailureKind | None = None
    text: str = ""


Effect = WriteClaim | CallDemote | CallPromote | Outcome


@frozen
class Succeeded:
    epoch: int = 0


@frozen
class Failed:
    kind: FailureKind
    text: str


StepResult = Succeeded | Failed


@frozen
class StepRecord:
    """For the history: what a step came to, and how long it took."""

    step: Step
    member: str
    result: str
    seconds: float


@define
class Promotion:
    """One run. The shell performs the effect of `begin`, feeds its result to `on_result`, and so
    on until an Outcome comes out."""

    plan: Promote | Switchover
    known_claim: Claim | None
    token: str
    timeouts: Timeouts
    step: Step = Step.CLAIM
    records: list[StepRecord] = field(factory=list)
    _began: float = 0.0
    _why_not: Failed | None = None

    def begin(self, now: float) -> Effect:
        self._began = now
        if isinstance(self.plan, Promote) and not self.plan.announce:
            return self._enter(Step.PROMOTE)
        claim = Claim(self.plan.target, self.token, self.plan.reason)
        return WriteClaim(claim, self.known_claim)

    def on_result(self, result: StepResult, now: float) -> Effect:
        self._record(result, now)
        match self.step, result:
            case Step.CLAIM, Succeeded():
                return self._enter(
                    Step.DEMOTE if isinstance(self.plan, Switchover) else Step.PROMOTE
                )
            case Step.CLAIM, Failed() as failed:
                return self._claim_failed(failed)
            case Step.DEMOTE, Succeeded():
                return self._enter(Step.PROMOTE)
            case Step.DEMOTE, Failed() as failed:
                return self._demote_failed(failed)
            case Step.PROMOTE, Succeeded(epoch):
                return Outcome(OutcomeKind.PROMOTED, self.plan.target, epoch)
            case Step.PROMOTE, Failed() as failed:
                return self._promote_failed(failed)
            case Step.REINSTATE, Succeeded(epoch):
                return self._taken_back(epoch)
            case Step.REINSTATE, Failed() as failed:
                return self._failed(self._member(), failed)
        raise AssertionError(f"no transition for {self.step} and {result}")

    def _enter(self, step: Step) -> Effect:
        self.step = step
        match step:
            case Step.DEMOTE:
                return CallDemote(self._member(), self.timeouts.demotion)
            case _:
                return CallPromote(self._member(), self.plan.reason, self.timeouts.promotion)

    def _claim_failed(self, failed: Failed) -> Effect:
        if isinstance(self.plan, Switchover):
            return Outcome(
                OutcomeKind.ABORTED, self.plan.writer, failure=failed.kind, text=failed.text
            )
        return self._failed(self.plan.target, failed)

    def _demote_failed(self, failed: Failed) -> Effect:
        assert isinstance(self.plan, Switchover)
        match failed.kind:
            case FailureKind.CLOSED:
                # It died while giving up its office. The office is free, the target was wished for.
                return self._enter(Step.PROMOTE)
            case FailureKind.TIMEOUT:
                # Neither yes nor no: what it does next is seen in its reports, not guessed here.
                return self._failed(self.plan.writer, failed)
            case _:
                return Outcome(
                    OutcomeKind.ABORTED, self.plan.writer, failure=failed.kind, text=failed.text
                )

    def _promote_failed(self, failed: Failed) -> Effect:
        if isinstance(self.plan, Switchover) and failed.kind is not FailureKind.OVERTAKEN:
            self._why_not = failed
            return self._enter(Step.REINSTATE)
        return self._failed(self.plan.target, failed)

    def _taken_back(self, epoch: int) -> Outcome:
        assert isinstance(self.plan, Switchover)
        assert self._why_not is not None
        return Outcome(
            OutcomeKind.REINSTATED,
            self.plan.writer,
            epoch,
            self._why_not.kind,
            f"{self.plan.target} could not be promoted: {self._why_not.text}",
        )

    def _failed(self, member: str, failed: Failed) -> Outcome:
        return Outcome(OutcomeKind.FAILED, member, 0, failed.kind, failed.text)

    def _member(self) -> str:
        if self.step in (Step.DEMOTE, Step.REINSTATE):
            assert isinstance(self.plan, Switchover)
            return self.plan.writer
        return self.plan.target

    def _record(self, result: StepResult, now: float) -> None:
        words = "ok" if isinstance(result, Succeeded) else f"{result.kind.value}: {result.text}"
        self.records.append(StepRecord(self.step, self._member(), words, now - self._began))
        self._began = now
