"""The loop, with fakes on every side."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import pytest

from wiw_core import Policy, decide, decision_context, run_episode
from wiw_core.contracts import PlanLimits
from wiw_core.decisions import Decision, DecisionKind, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.policy import FakeProposer, FakeReviser
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.tasks.ar import ActiveRecognition
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_core.wrappers import Validated

LIMITS = ImageGoalNavigation().limits
AHEAD, ASIDE = "val_000", "val_001"  # the goal lies straight ahead, or somewhere else


class Watched(FakeEnvironment):
    """The fake environment, counting what is called."""

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self.finished, self.holds_before_finish = 0, 0
        self._holds = 0

    def hold(self):
        self._holds += 1
        super().hold()

    def finish(self, *args, **kwargs):
        self.finished += 1
        self.holds_before_finish = self._holds
        return super().finish(*args, **kwargs)

    def reset(self, task, episode_id):
        found = super().reset(task, episode_id)
        self._holds = 0
        return found


class Memory:
    """A recorder that keeps everything in lists."""

    def __init__(self, fail: str = ""):
        self.begun, self.decisions, self.results, self._fail = [], [], [], fail

    def begin(self, episode, observation):
        self._maybe_fail("begin")
        self.begun.append(episode.id)

    def decision(self, decision, executed, observation):
        self._maybe_fail("decision")
        self.decisions.append((decision, executed, observation))

    def undecided(self, transcript):
        self.undecided_transcript = tuple(transcript)

    def end(self, result):
        self.results.append(result)

    def _maybe_fail(self, where):
        if self._fail == where:
            raise WiwError(ErrorCode.RECORDING_FAILED, "The disk is full.")


def policy(model=None, proposer=None, reviser=None, deadline_s=5.0):
    return Policy(proposer or FakeProposer(), reviser or FakeReviser(), LIMITS, model, deadline_s)


def test_an_episode_ends_in_success_when_the_environment_says_done():
    memory = Memory()
    result = run_episode(FakeEnvironment(), "ignav", AHEAD, policy(), recorder=memory)
    assert result.status is EpisodeStatus.SUCCESS and result.success
    assert (result.decisions, result.actions) == (1, 2)
    decision, executed, observation = memory.decisions[0]
    assert decision.prefix_length == 3 and len(executed) == 2  # stopped early: done
    assert observation.step == 2
    assert memory.begun == [AHEAD] and memory.results == [result]


def test_an_episode_without_success_ends_with_its_budget():
    result = run_episode(FakeEnvironment(), "ignav", ASIDE, policy(FakeWorldModel()))
    assert result.status is EpisodeStatus.TRUNCATED
    assert result.decisions == ImageGoalNavigation().budget
    assert result.actions == 60


def test_an_answer_ends_the_episode_and_is_judged():
    task = ActiveRecognition()
    env = FakeEnvironment()
    answers = {i: run_episode(env, "ar", i, policy()) for i in env.episode_ids("ar")}
    assert all(r.answer == "red" and r.decisions == task.budget for r in answers.values())
    assert {r.status for r in answers.values()} == {EpisodeStatus.SUCCESS, EpisodeStatus.FAILURE}
    assert all(r.actions == task.budget - 1 or r.collisions for r in answers.values())


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        (ErrorCode.INTERNAL, {"model": FakeWorldModel("crash")}),
        (ErrorCode.OUT_OF_MEMORY, {"model": FakeWorldModel("out_of_memory")}),
        (ErrorCode.DEADLINE_EXCEEDED, {"model": FakeWorldModel("hang"), "deadline_s": 0.05}),
        (ErrorCode.INVALID_FRAMES, {"model": Validated(FakeWorldModel("wrong_shape"))}),
        (ErrorCode.CONTRACT_VIOLATION, {"model": Validated(FakeWorldModel("missing"))}),
        (ErrorCode.INTERNAL, {"proposer": FakeProposer("crash")}),
        (ErrorCode.UNPARSABLE, {"proposer": FakeProposer("unparsable")}),
        (ErrorCode.PROPOSAL_INVALID, {"proposer": FakeProposer("empty")}),
        (ErrorCode.PROPOSAL_INVALID, {"proposer": FakeProposer("too_long")}),
        (ErrorCode.PROPOSAL_INVALID, {"proposer": FakeProposer("too_many")}),
        (ErrorCode.PROPOSAL_INVALID, {"proposer": FakeProposer("duplicate")}),
        (ErrorCode.EMPTY_PLAN, {"proposer": FakeProposer("empty_plan")}),
        (ErrorCode.UNKNOWN_ACTION, {"proposer": FakeProposer("unknown_action")}),
        (ErrorCode.INTERNAL, {"reviser": FakeReviser("crash")}),
        (ErrorCode.NO_VALID_SCORE, {"reviser": FakeReviser("no_score")}),
        (ErrorCode.EMPTY_PLAN, {"reviser": FakeReviser("no_plan")}),
        (ErrorCode.INTERNAL, {"env": Watched(fault="crash", fault_step=1)}),
        (ErrorCode.STALE_OBSERVATION, {"env": Watched(fault="silent")}),
        (ErrorCode.RECORDING_FAILED, {"recorder": Memory("begin")}),
        (ErrorCode.RECORDING_FAILED, {"recorder": Memory("decision")}),
    ],
)
def test_a_fault_of_any_part_closes_the_episode_once_with_its_code(code, parts):
    env = parts.pop("env", None) or Watched()
    recorder = parts.pop("recorder", None) or Memory()
    result = run_episode(env, "ignav", ASIDE, policy(**parts), recorder=recorder)
    assert (result.status, result.code) == (EpisodeStatus.ABORTED_FAULT, code)
    assert result.message and not result.success
    assert env.finished == 1 and env.holds_before_finish >= 1
    assert recorder.results == [result]
    env_again = Watched()
    assert run_episode(env_again, "ignav", AHEAD, policy()).success  # the next episode runs


@pytest.mark.parametrize("episode", [AHEAD, ASIDE])
def test_robot_holds_before_the_episode_is_judged(episode):
    env = Watched()
    run_episode(env, "ignav", episode, policy())
    assert env.finished == 1 and env.holds_before_finish >= 1


def test_an_episode_that_cannot_begin_raises_and_holds():
    env = Watched(fault="reset_crash")
    with pytest.raises(WiwError) as caught:
        run_episode(env, "ignav", AHEAD, policy())
    assert caught.value.code is ErrorCode.ENVIRONMENT_FAILED
    assert env._holds >= 1 and env.finished == 0
    for task, episode, code in (
        ("ignaw", AHEAD, ErrorCode.UNKNOWN_TASK),
        ("ignav", "val_00", ErrorCode.UNKNOWN_EPISODE),
    ):
        with pytest.raises(WiwError, match="Did you mean") as caught:
            run_episode(FakeEnvironment(), task, episode, policy())
        assert caught.value.code is code


def test_robot_holds_when_the_program_is_interrupted():
    class Interrupting(FakeReviser):
        def revise(self, context, candidates):
            raise KeyboardInterrupt

    env = Watched()
    with pytest.raises(KeyboardInterrupt):
        run_episode(env, "ignav", ASIDE, policy(reviser=Interrupting()))
    assert env._holds >= 1


def test_cancelling_before_in_thought_and_in_motion_is_the_users_abort():
    def after(calls):
        left = iter(range(calls))
        return lambda: next(left, None) is None

    for calls in range(6):
        env = Watched()
        result = run_episode(env, "ignav", ASIDE, policy(FakeWorldModel()), cancelled=after(calls))
        assert (result.status, result.code) == (
            EpisodeStatus.ABORTED_USER,
            ErrorCode.ABORTED_BY_USER,
        )
        assert env.finished == 1 and env.holds_before_finish >= 1


def test_cancelling_frees_a_hanging_model():
    stop = threading.Event()

    class Telling(FakeWorldModel):
        def rollout(self, request):
            stop.set()
            return super().rollout(request)

    result = run_episode(
        FakeEnvironment(), "ignav", ASIDE, policy(Telling("hang")), cancelled=stop.is_set
    )
    assert result.code is ErrorCode.ABORTED_BY_USER


class RandomProposer:
    """Plans drawn from the context's generator."""

    def propose(self, context, count):
        names = list(context.actions)
        plans = FakeProposer().propose(context, 200)
        chosen = context.rng.choice(len(plans), size=4, replace=False)[:count]
        assert names
        return [plans[i] for i in chosen]


def decisions_of(seed, model=None):
    memory = Memory()
    proposing = policy(model, proposer=RandomProposer())
    run_episode(FakeEnvironment(), "ignav", ASIDE, proposing, seed=seed, recorder=memory)
    return [
        (d.plan.names, [c.plan.names for c in d.candidates], o.base_pose)
        for d, _, o in memory.decisions
    ]


def test_same_seed_gives_the_same_decisions_and_another_seed_gives_others():
    assert decisions_of(1) == decisions_of(1)
    assert decisions_of(1) != decisions_of(2)


def test_chance_differs_from_decision_to_decision_and_repeats_at_the_same_one():
    env = FakeEnvironment()
    draws = [context_of(env, index).rng.random() for index in (0, 1, 2, 0)]
    assert len(set(draws)) == 3 and draws[0] == draws[3]


def test_first_plan_is_the_same_with_and_without_a_world_model():
    bare, imagining = decisions_of(3), decisions_of(3, FakeWorldModel())
    assert [d[0] for d in bare] == [d[0] for d in imagining]
    assert {len(d[1]) for d in bare} == {1} and {len(d[1]) for d in imagining} == {3}


def context_of(env, index=0, using=None):
    episode, observation, _ = env.reset("ignav", ASIDE)
    return decision_context(using or policy(), episode, (observation,), env.actions, index, 0, None)


def test_a_decision_counts_its_frames_and_times_its_stages():
    env = FakeEnvironment()
    for frames, count in (("all", 15), ("last", 3), ("none", 0)):
        chosen = policy(FakeWorldModel(), reviser=FakeReviser(frames=frames))
        decision = decide(chosen, context_of(env))
        assert decision.frames_imagined == count
        stages = {"glance", "propose", "revise"} | ({"imagine"} if count else set())
        assert set(decision.seconds) == stages
        assert all(s >= 0 and math.isfinite(s) for s in decision.seconds.values())


def test_a_glance_that_decides_costs_no_imagination():
    class Sure(FakeReviser):
        def glance(self, context):
            return Decision(DecisionKind.STOP)

    decision = decide(
        policy(FakeWorldModel("crash"), reviser=Sure()), context_of(FakeEnvironment())
    )
    assert decision.kind is DecisionKind.STOP and decision.frames_imagined == 0
    assert set(decision.seconds) == {"glance"}


def test_a_model_sees_as_much_history_as_its_context_and_no_more():
    seen = []

    class Remembering(FakeWorldModel):
        info = replace(FakeWorldModel().info, context=3)

        def rollout(self, request):
            seen.append([o.step for o in request.observations])
            return super().rollout(request)

    run_episode(FakeEnvironment(), "ignav", ASIDE, policy(Remembering()))
    assert seen[:4] == [[0], [0, 3], [0, 3, 6], [3, 6, 9]]


def test_plans_go_on_with_forward_in_imagination_only():
    asked = []

    class Asked(FakeWorldModel):
        def rollout(self, request):
            asked.append(([len(plan) for plan in request.plans], request.frames))
            assert all(plan.names[2:] == ("forward",) * 5 for plan in request.plans)
            return super().rollout(request)

    far = Policy(FakeProposer(), FakeReviser(), PlanLimits(2, 2, 2, imagined=7), Asked())
    memory = Memory()
    run_episode(FakeEnvironment(), "ignav", ASIDE, far, recorder=memory)
    assert asked[0] == ([7, 7], (7, 7))
    decision, executed, _ = memory.decisions[0]
    assert {len(c.plan) for c in decision.candidates} == {2}
    assert len(executed) <= 2


def test_limits_of_the_policy_rule_the_plans():
    narrow = Policy(FakeProposer(), FakeReviser(), PlanLimits(2, 4, 1), FakeWorldModel())
    memory = Memory()
    run_episode(FakeEnvironment(), "ignav", ASIDE, narrow, recorder=memory)
    assert {len(d.candidates) for d, _, _ in memory.decisions} == {2}
    assert {len(e) for _, e, _ in memory.decisions} == {1}
