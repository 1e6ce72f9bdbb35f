"""The fakes keep every contract, and a broken fake is caught for each promise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from wiw_core.conformance import (
    check_environment,
    check_proposer,
    check_reviser,
    check_task,
    check_world_model,
    example_context,
    example_request,
)
from wiw_core.contracts import PlanLimits
from wiw_core.decisions import Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.policy import PROPOSER_FAULTS, FakeProposer, FakeReviser
from wiw_core.fakes.world_model import FAULTS, FakeWorldModel
from wiw_core.geometry import Pose2
from wiw_core.plans import Plan
from wiw_core.tasks.ar import ActiveRecognition
from wiw_core.tasks.ignav import ImageGoalNavigation

TASKS = (ImageGoalNavigation(), ActiveRecognition())


def context(task=TASKS[0]):
    return example_context(FakeEnvironment(), task)


def request():
    return example_request(context())


def test_fake_environment_keeps_the_contract():
    check_environment(FakeEnvironment())


@pytest.mark.parametrize("task", TASKS)
def test_fake_policies_keep_the_contract(task):
    check_proposer(FakeProposer(), lambda: context(task))
    for frames in ("none", "last", "all"):
        reviser = FakeReviser(frames=frames)
        check_reviser(reviser, lambda: context(task), FakeWorldModel())


@pytest.mark.parametrize("parameters", [{}, {"no_op": True}, {"value": False}])
def test_fake_world_model_keeps_the_contract(parameters):
    check_world_model(FakeWorldModel(**parameters), request)


@pytest.mark.parametrize("task", TASKS)
def test_tasks_keep_the_contract(task):
    check_task(task)


# Environments ---------------------------------------------------------------------------------


class Drifting(FakeEnvironment):
    """Odometry in map coordinates."""

    def reset(self, task, episode_id):
        episode, seen, done = super().reset(task, episode_id)
        return episode, replace(seen, base_pose=Pose2(1.0, 2.0, 0.5)), done


class Restless(FakeEnvironment):
    """Moves before it refuses."""

    def act(self, plan, *, observe=True):
        list(super().act(plan.prefix(1))) if plan.actions else None
        return super().act(plan, observe=observe)


class Hasty(FakeEnvironment):
    """Executes the whole plan before it says anything."""

    def act(self, plan, *, observe=True):
        return (t for t in list(super().act(plan, observe=observe)))


class Overtired(FakeEnvironment):
    """Skips the last action."""

    def act(self, plan, *, observe=True):
        super().act(plan)
        return super().act(plan.prefix(max(1, len(plan) - 1)), observe=observe)


class Backwards(FakeEnvironment):
    """Travels negative metres."""

    def _move(self, scenario, delta):
        path_m, collided = super()._move(scenario, delta)
        return path_m - 0.5, collided


class Forgetful(FakeEnvironment):
    """Restores only half of its state."""

    def restore(self, state):
        scenario, inner = state
        super().restore((scenario, replace(inner, pose=inner.pose * Pose2(0.01, 0.0, 0.0))))


class Chancy(FakeEnvironment):
    """Begins somewhere else each time."""

    count = 0

    def reset(self, task, episode_id):
        Chancy.count += 1
        episode, seen, done = super().reset(task, episode_id)
        views = tuple(replace(v, rgb=v.rgb ^ np.uint8(Chancy.count % 2)) for v in seen.views)
        return episode, replace(seen, views=views), done


class Immortal(FakeEnvironment):
    """Finishes an episode as often as asked."""

    def finish(self, *args, **kwargs):
        scenario = self._scenario
        result = super().finish(*args, **kwargs)
        self._scenario = scenario
        return result


class Optimist(FakeEnvironment):
    """Hides faults."""

    def finish(self, decisions, answer="", confidence=math.nan, fault=ErrorCode.OK, message=""):
        return super().finish(decisions, answer, confidence)


class Leaky(FakeEnvironment):
    """Has the same episodes in both splits."""

    def episode_ids(self, task, split="val", limit=0):
        return super().episode_ids(task, "val", limit)


class Boundless(FakeEnvironment):
    """Does not know what a limit is."""

    def episode_ids(self, task, split="val", limit=0):
        return super().episode_ids(task, split)


class Lenient(FakeEnvironment):
    """Takes any episode for the first one."""

    def reset(self, task, episode_id):
        known = self.episode_ids(task)
        return super().reset(task, episode_id if episode_id in known else known[0])


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (Drifting(), "Odometry must start"),
        (Restless(), "must not move|must raise"),
        (Hasty(), "Closing the iterator must stop"),
        (Overtired(), "transitions for"),
        (Backwards(), "path_m must be finite and not negative"),
        (Forgetful(), "restore"),
        (Chancy(), "repeat bit-exactly"),
        (Immortal(), "a second time"),
        (Optimist(), "the result must be ABORTED_FAULT"),
        (Leaky(), "both splits"),
        (Boundless(), "limit"),
        (Lenient(), "An unknown episode must raise"),
        (FakeEnvironment(fault="nan_depth"), "finite depth"),
        (FakeEnvironment(fault="wrong_shape"), "uint8 pixels"),
        (FakeEnvironment(fault="silent"), "must carry an observation|must not move"),
        (object(), "lacks a method"),
    ],
)
def test_a_broken_environment_is_caught(broken, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_environment(broken)


# World models ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [f for f in FAULTS if f not in ("none", "slow", "hang", "late", "exit", "crash")],
)
def test_a_broken_world_model_is_caught(fault):
    with pytest.raises(AssertionError, match="failed"):
        check_world_model(FakeWorldModel(fault), request)


class Changing(FakeWorldModel):
    """Each rollout differs from the one before."""

    count = 0

    def rollout(self, request):
        for rollout in super().rollout(request):
            self.count += 1
            yield replace(rollout, frames=np.full_like(rollout.frames, self.count))


class Mixing(FakeWorldModel):
    """A rollout depends on how many plans there are."""

    def rollout(self, request):
        for rollout in super().rollout(request):
            yield replace(rollout, frames=np.full_like(rollout.frames, len(request.plans)))


class Deaf(FakeWorldModel):
    """Goes on when cancelled."""

    def rollout(self, request):
        return super().rollout(replace(request, cancelled=lambda: False))


class Patient(FakeWorldModel):
    """Knows no deadline."""

    def rollout(self, request):
        return super().rollout(replace(request, deadline_s=math.inf))


class Guessing(FakeWorldModel):
    """Does without the panorama that it says it needs."""

    def _frame(self, request):
        return np.zeros((32, 64, 3), np.uint8)


class Sampling(FakeWorldModel):
    """Makes another last frame when it is asked for that alone."""

    def rollout(self, request):
        for rollout in super().rollout(request):
            yield replace(rollout, frames=np.full_like(rollout.frames, request.last_frame_only))


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (Changing(), "the same request twice"),
        (Mixing(), "alone and among others"),
        (Deaf(), "A cancelled request must raise"),
        (Patient(), "A deadline in the past must raise"),
        (Guessing(), "without a panorama must raise"),
        (Sampling(), "last_frame_only"),
    ],
)
def test_a_world_model_that_breaks_its_word_is_caught(broken, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_world_model(broken, request)


def test_plans_computed_together_may_differ_by_the_levels_allowed_and_no_more():
    check_world_model(Mixing(), request, levels=len(request().plans) - 1)
    with pytest.raises(AssertionError, match="within 1 levels"):
        check_world_model(Mixing(), request, levels=1)


def test_levels_excuse_nothing_but_company():
    for broken, sentence in ((Changing(), "same request twice"), (Sampling(), "last_frame_only")):
        with pytest.raises(AssertionError, match=sentence):
            check_world_model(broken, request, levels=255)


# Policies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [f for f in PROPOSER_FAULTS if f not in ("none", "crash", "duplicate")]
)
def test_a_broken_proposer_is_caught(fault):
    with pytest.raises(AssertionError):
        check_proposer(FakeProposer(fault), context)


def test_a_proposer_with_chance_of_its_own_is_caught():
    class Moody(FakeProposer):
        count = 0

        def propose(self, context, count):
            self.count += 1
            plans = super().propose(context, 4 + self.count)
            return [plans[0], *plans[-count + 1 :]][:count]

    with pytest.raises(AssertionError, match="same plans"):
        check_proposer(Moody(), context)


class Swapping(FakeReviser):
    """Takes the last plan even without rollouts."""

    def revise(self, context, candidates):
        last = candidates[-1].plan
        return Decision(DecisionKind.ACT, last, 1, chosen=len(candidates) - 1)


class Lying(FakeReviser):
    """Says it chose one plan and gives another."""

    def revise(self, context, candidates):
        return replace(super().revise(context, candidates), chosen=1)


class Greedy(FakeReviser):
    """Executes more than there is."""

    def revise(self, context, candidates):
        return replace(super().revise(context, candidates), prefix_length=99)


class Sure(FakeReviser):
    """Is more than certain."""

    def revise(self, context, candidates):
        return replace(super().revise(context, candidates), confidence=1.5)


class Mute(FakeReviser):
    """Answers without a word."""

    def glance(self, context):
        return Decision(DecisionKind.ANSWER)


class Wavering(FakeReviser):
    """Stops every other time."""

    count = 0

    def revise(self, context, candidates):
        self.count += 1
        kind = DecisionKind.STOP if self.count % 2 else DecisionKind.ACT
        return replace(super().revise(context, candidates), kind=kind)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (FakeReviser("nan_score"), "not finite"),
        (FakeReviser("no_plan"), "actions of the plan must be executed"),
        (FakeReviser("no_score"), "NO_VALID_SCORE"),
        (FakeReviser(frames="some"), "frames is"),
        (Swapping(), "first plan must be taken"),
        (Lying(), "chosen candidate"),
        (Greedy(), "must be executed"),
        (Sure(), "confidence"),
        (Mute(), "answer must not be empty"),
        (Wavering(), "same decision"),
    ],
)
def test_a_broken_reviser_is_caught(broken, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_reviser(broken, context, FakeWorldModel())


@pytest.mark.parametrize(
    "change",
    [
        {"limits": PlanLimits(0, 5, 3)},
        {"limits": PlanLimits(3, 5, 6)},
        {"budget": 0},
        {"views": ()},
        {"proposer": ""},
    ],
)
def test_a_broken_task_is_caught(change):
    with pytest.raises(AssertionError):
        check_task(replace(ImageGoalNavigation(), **change))


def test_a_crash_is_not_mistaken_for_a_refusal():
    class Crashing(FakeEnvironment):
        def episode_ids(self, task, split="val", limit=0):
            raise KeyError(task)

    with pytest.raises(AssertionError, match="not KeyError"):
        check_environment(Crashing())
    with pytest.raises(WiwError):
        FakeEnvironment().act(Plan(()))
