"""What proposers and revisers leave for the record reaches it; they may ask who still waits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wiw_core.conformance import example_context
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate, Decision, Exchange
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.policy import FakeProposer, FakeReviser
from wiw_core.loop import decide, run_episode
from wiw_core.plans import Plan
from wiw_core.policy import Policy
from wiw_core.records import JsonlRecorder, read_episode, record_path
from wiw_core.tasks.ignav import ImageGoalNavigation

ASKED = Exchange("propose", "an oracle at Delphi", reply="know thyself")
ASKED_AGAIN = Exchange("revise", "an oracle at Delphi", reply="nothing in excess")


class AskingProposer(FakeProposer):
    def propose(self, context: DecisionContext, count: int) -> list[Plan]:
        context.notes.transcript.append(ASKED)
        self.cancelled = context.cancelled()
        return super().propose(context, count)


class AskingReviser(FakeReviser):
    def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
        context.notes.transcript.append(ASKED_AGAIN)
        context.notes.degraded = context.index == 1
        return super().revise(context, candidates)


def test_notes_of_one_decision_are_in_it_in_their_order_and_in_no_other() -> None:
    task = ImageGoalNavigation()
    context = example_context(FakeEnvironment(), task)
    policy = Policy(AskingProposer(), AskingReviser(), task.limits)
    for _ in range(2):
        decision = decide(policy, context)
        assert decision.transcript == (ASKED, ASKED_AGAIN) and not decision.degraded
    assert context.notes.transcript == []


def test_what_was_asked_for_a_decision_that_failed_is_in_the_record(tmp_path: Path) -> None:
    class Speechless(AskingReviser):
        def revise(self, context: DecisionContext, candidates: Sequence[Candidate]) -> Decision:
            super().revise(context, candidates)
            raise WiwError(ErrorCode.UNPARSABLE, "It said nothing that could be used.")

    task, env = ImageGoalNavigation(), FakeEnvironment()
    policy = Policy(AskingProposer(), Speechless(), task.limits)
    episode = env.episode_ids("ignav")[0]
    run_episode(env, "ignav", episode, policy, recorder=JsonlRecorder(tmp_path))
    record = read_episode(record_path(tmp_path, episode))
    assert record.result is not None and record.result.code is ErrorCode.UNPARSABLE
    assert not record.decisions and record.undecided == (ASKED, ASKED_AGAIN)


def test_a_noted_degradation_marks_the_decision() -> None:
    task = ImageGoalNavigation()
    context = example_context(FakeEnvironment(), task)
    policy = Policy(AskingProposer(), AskingReviser(), task.limits)
    degraded = DecisionContext(**{**vars(context), "index": 1})
    assert decide(policy, degraded).degraded


def test_who_takes_long_can_ask_whether_anybody_still_waits() -> None:
    task = ImageGoalNavigation()
    context = example_context(FakeEnvironment(), task)
    proposer = AskingProposer()
    policy = Policy(proposer, AskingReviser(), task.limits)
    for cancelled in (True, False):
        decide(policy, context, cancelled=lambda cancelled=cancelled: cancelled)
        assert proposer.cancelled is cancelled
