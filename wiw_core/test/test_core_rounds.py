"""The rounds of one decision: what the loop promises a proposer that refines."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from wiw_core import Policy, decide
from wiw_core.conformance import check_proposer, example_context
from wiw_core.contracts import PlanLimits, Refiner
from wiw_core.decisions import Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.policy import FakeProposer, FakeReviser
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.plans import navigation_plan
from wiw_core.record_format import decision_line, parse_decision
from wiw_core.tasks.ignav import ImageGoalNavigation

LIMITS = PlanLimits(candidates=2, horizon=3, execute=1)
ROUNDS = (
    ("forward", "turn_left"),
    ("turn_right", "forward forward"),
    ("turn_left turn_left", "turn_right turn_right"),
)
SCORES = {"forward": 1.0, "turn_left": 0.0, "turn_right": 0.5, "forward forward": 3.0}


def plans_of(number):
    return [navigation_plan(words.split()) for words in ROUNDS[number]]


class InRounds(FakeProposer):
    """Proposes the plans of ROUNDS, and remembers what it was shown."""

    def __init__(self, rounds=3):
        super().__init__()
        self.rounds, self.shown = rounds, []

    def propose(self, context, count):
        return plans_of(0)[:count]

    def refine(self, context, candidates, count):
        self.shown.append([(c.plan.names, c.score) for c in candidates])
        done = len(self.shown)
        return plans_of(done) if done < self.rounds else []


class ByTable(FakeReviser):
    """Scores a plan by SCORES, or not at all, and takes the best; remembers its groups."""

    def __init__(self, kinds=()):
        super().__init__()
        self.groups, self.kinds = [], list(kinds)

    def revise(self, context, candidates):
        self.groups.append([" ".join(c.plan.names) for c in candidates])
        scored = [
            replace(c, score=SCORES.get(" ".join(c.plan.names), math.nan)) for c in candidates
        ]
        best = int(np.nanargmax([c.score for c in scored]))
        kind = self.kinds.pop(0) if self.kinds else DecisionKind.ACT
        if kind is DecisionKind.ANSWER:
            return Decision(kind, answer="red", confidence=0.9)
        return Decision(kind, scored[best].plan, 1, best, candidates=tuple(scored))


def weighed(proposer=None, reviser=None, model=None, **changes):
    policy = Policy(
        proposer or InRounds(), reviser or ByTable(), LIMITS, model or FakeWorldModel(), 5.0
    )
    context = replace(example_context(FakeEnvironment(), ImageGoalNavigation()), limits=LIMITS)
    return decide(replace(policy, **changes), context)


def test_every_candidate_of_every_round_is_kept_with_its_round():
    decision = weighed()
    assert [" ".join(c.plan.names) for c in decision.candidates] == [w for r in ROUNDS for w in r]
    assert [c.round for c in decision.candidates] == [0, 0, 1, 1, 2, 2]
    assert [c.rollout.plan_index for c in decision.candidates] == list(range(6))
    assert decision.frames_imagined == 6  # the fake reviser looks at the last frame of each


def test_the_best_of_all_rounds_is_taken_though_a_later_round_is_worse():
    decision = weighed()
    assert decision.plan.names == ("forward", "forward")
    assert decision.chosen == 3 and decision.candidates[3].score == 3.0


def test_the_reviser_weighs_new_plans_beside_the_best_so_far_which_comes_first():
    reviser = ByTable()
    weighed(reviser=reviser)
    assert reviser.groups == [
        ["forward", "turn_left"],
        ["forward", "turn_right", "forward forward"],
        ["forward forward", "turn_left turn_left", "turn_right turn_right"],
    ]


def test_the_proposer_is_shown_every_score_of_the_rounds_before():
    proposer = InRounds()
    weighed(proposer)
    assert isinstance(proposer, Refiner) and not isinstance(FakeProposer(), Refiner)
    assert proposer.shown[0] == [(("forward",), 1.0), (("turn_left",), 0.0)]
    assert [score for _, score in proposer.shown[1]] == [1.0, 0.0, 0.5, 3.0]


@pytest.mark.parametrize("changes", [{"imagine": None}, {"consult_share": 0.0}])
def test_without_imagination_there_is_one_round_of_one_plan(changes):
    proposer = InRounds()
    decision = weighed(proposer, **changes)
    assert proposer.shown == [] and len(decision.candidates) == 1
    assert decision.plan.names == ("forward",)


def test_an_answer_ends_the_rounds():
    proposer = InRounds()
    decision = weighed(proposer, ByTable([DecisionKind.ACT, DecisionKind.ANSWER]))
    assert decision.kind is DecisionKind.ANSWER and len(proposer.shown) == 1
    assert len(decision.candidates) == 4, "what was weighed before the answer is kept"


def test_all_rounds_share_one_deadline():
    with pytest.raises(WiwError) as caught:
        weighed(model=FakeWorldModel(seconds=0.05), deadline_s=0.25)
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("bad", ["again", "too_many", "unknown", "too_long"])
def test_a_bad_second_round_is_refused(bad):
    class Bad(InRounds):
        def refine(self, context, candidates, count):
            if bad == "again":
                return [candidates[0].plan]
            if bad == "too_many":
                return [*plans_of(1), *plans_of(2)]
            if bad == "too_long":
                return [navigation_plan(["forward"] * 4)]
            plan = plans_of(1)[0]
            return [replace(plan, actions=(replace(plan.actions[0], name="fly"),))]

    with pytest.raises(WiwError) as caught:
        weighed(Bad())
    unknown = bad == "unknown"
    assert caught.value.code is (
        ErrorCode.UNKNOWN_ACTION if unknown else ErrorCode.PROPOSAL_INVALID
    )


def test_a_reviser_that_loses_candidates_is_refused():
    class Losing(ByTable):
        def revise(self, context, candidates):
            decision = super().revise(context, candidates)
            return replace(decision, candidates=decision.candidates[:1], chosen=0)

    with pytest.raises(WiwError) as caught:
        weighed(reviser=Losing())
    assert caught.value.code is ErrorCode.CONTRACT_VIOLATION


def test_a_record_keeps_the_rounds():
    decision = weighed()
    seen = example_context(FakeEnvironment(), ImageGoalNavigation()).now
    kept = parse_decision(decision_line(decision, decision.plan, seen)).decision
    assert [c.round for c in kept.candidates] == [0, 0, 1, 1, 2, 2]


class Refined(InRounds):
    """Proposes the plans of ROUNDS, or as many of them as are asked for, for conformance."""

    def __init__(self, fault="none"):
        super().__init__()
        self.fault = fault

    def propose(self, context, count):
        self.shown = []
        return plans_of(0)[:count]

    def refine(self, context, candidates, count):
        if self.fault == "again":
            return [candidates[0].plan]
        if self.fault == "endless":
            words = ["forward"] * 5
            number = len(self.shown) + 10
            self.shown.append(number)
            for k in range(5):
                words[k] = ("forward", "turn_left", "turn_right")[number // 3**k % 3]
            return [navigation_plan(words)]
        if self.fault == "moody":
            if len(candidates) > 2:
                return []
            self.rounds += 1
            return plans_of(1)[self.rounds % 2 :][:1]
        return super().refine(context, candidates, count)


def room():
    return example_context(FakeEnvironment(), ImageGoalNavigation())


def test_a_refiner_that_keeps_its_promises_passes_conformance():
    check_proposer(Refined(), room)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [("again", "new plans"), ("endless", "must end"), ("moody", "same plans in every round")],
)
def test_conformance_tells_what_a_refiner_breaks(fault, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_proposer(Refined(fault), room)
