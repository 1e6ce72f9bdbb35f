"""The promises of an environment."""

from __future__ import annotations

import math

from wiw_core.conformance.examples import legal_action
from wiw_core.conformance.promise import (
    check_observation,
    promise,
    refuses,
    same_view,
    succeeds,
)
from wiw_core.contracts import Cloneable, Environment
from wiw_core.decisions import EpisodeStatus, Transition
from wiw_core.errors import ErrorCode
from wiw_core.observation import Observation
from wiw_core.plans import Action, Plan

NOT_BEGUN = (ErrorCode.NO_PATH, ErrorCode.IK_FAILED)
"""What a transition may say of an action that could not be begun: nothing has moved."""
FAILURES = (*NOT_BEGUN, ErrorCode.ACTION_FAILED)
"""The same, and that its controller gave up on the way."""


def check_environment(env: Environment) -> None:
    """Check every promise of :class:`wiw_core.contracts.Environment`; of ``Cloneable`` too, if so.

    The environment is closed at the end. A robot would move a few actions.
    """
    promise(isinstance(env, Environment), f"{type(env).__name__} lacks a method of Environment.")
    promise(env.actions, "An environment must accept at least one action.")
    for name, spec in env.actions.items():
        promise(name == spec.name, f"Action '{spec.name}' is listed under '{name}'.")
    plan = _plan(env, 2)
    refuses(ErrorCode.NO_EPISODE, "act() without an episode", lambda: list(env.act(plan)))
    refuses(ErrorCode.NO_EPISODE, "finish() without an episode", lambda: env.finish(0))
    refuses(ErrorCode.UNKNOWN_TASK, "An unknown task", lambda: env.episode_ids("no such task"))
    promise(env.tasks(), "An environment must have at least one task.")
    for task in env.tasks():
        _check_episodes(env, task)
        _check_reset(env, task)
        _check_refusals(env, task)
        _check_motion(env, task)
        if isinstance(env, Cloneable):
            _check_clone(env, task)
        _check_finish(env, task)
    env.close()
    succeeds("A second close()", env.close)
    succeeds("hold() after close()", env.hold)


def _plan(env: Environment, length: int) -> Plan:
    specs = list(env.actions.values())
    return Plan(tuple(legal_action(specs[i % len(specs)]) for i in range(length)))


def _check_episodes(env: Environment, task: str) -> None:
    ids = list(env.episode_ids(task))
    promise(ids, f"Task '{task}' must have episodes.")
    promise(len(set(ids)) == len(ids), f"Episode ids of '{task}' must differ.")
    promise(ids == list(env.episode_ids(task)), f"Episode ids of '{task}' must not change.")
    promise(list(env.episode_ids(task, limit=1)) == ids[:1], "A limit must keep the first ids.")
    train = set(env.episode_ids(task, "train"))
    promise(not train & set(ids), f"Task '{task}' has episodes in both splits.")


def _reset(env: Environment, task: str) -> Observation:
    return env.reset(task, env.episode_ids(task)[0])[1]


def _check_reset(env: Environment, task: str) -> None:
    name = env.episode_ids(task)[0]
    refuses(ErrorCode.UNKNOWN_TASK, "An unknown task", lambda: env.reset("no such task", name))
    refuses(ErrorCode.UNKNOWN_EPISODE, "An unknown episode", lambda: env.reset(task, "no such"))
    episode, first, done = env.reset(task, name)
    promise((episode.task, episode.id) == (task, name), "reset() must begin the episode asked for.")
    promise(episode.budget > 0, "An episode must have a budget.")
    promise(isinstance(done, bool), "reset() must say whether the episode is decided.")
    promise(first.step == 0, f"An episode begins at step 0, not {first.step}.")
    promise(
        first.base_pose.distance_m(type(first.base_pose)()) < 1e-9 and first.base_pose.yaw_rad == 0,
        "Odometry must start at the episode's first pose: it must not tell the map.",
    )
    check_observation(first)
    promise(same_view(first, _reset(env, task)), "reset() must repeat bit-exactly.")


def _check_refusals(env: Environment, task: str) -> None:
    first = _reset(env, task)
    name, spec = next(iter(env.actions.items()))
    lame = Action(name, (math.nan,) * max(1, len(spec.fields)))
    sound = legal_action(spec)
    for code, what, actions in (
        (ErrorCode.EMPTY_PLAN, "An empty plan", ()),
        (ErrorCode.UNKNOWN_ACTION, "An unknown action", (sound, Action("no such action"))),
        (ErrorCode.ACTION_OUT_OF_LIMITS, "A NaN in an action", (sound, lame)),
    ):
        refuses(code, what, lambda actions=actions: list(env.act(Plan(actions))))  # type: ignore[misc]
    after = list(env.act(Plan((sound,))))[-1].observation
    promise(after is not None and after.step == first.step + 1, "A refused plan must not move.")


def _check_motion(env: Environment, task: str) -> None:
    for observe in (True, False):
        _reset(env, task)
        plan = _plan(env, 3)
        transitions: list[Transition] = list(env.act(plan, observe=observe))
        promise(transitions, "act() must yield a transition for each action.")
        last = transitions[-1]
        promise(
            len(transitions) == len(plan) or last.done or last.code is not ErrorCode.OK,
            f"act() yielded {len(transitions)} transitions for {len(plan)} actions.",
        )
        promise(last.observation is not None, "The last transition must carry an observation.")
        promise(
            not observe or all(t.observation is not None for t in transitions),
            "With observe=True each transition must carry an observation.",
        )
        for index, transition in enumerate(transitions, start=1):
            promise(
                transition.code is ErrorCode.OK
                or (transition is last and transition.code in FAILURES),
                "An action that failed must end the plan,"
                f" with a code of {[code.name for code in FAILURES]}.",
            )
            promise(
                transition.code not in NOT_BEGUN or transition.path_m == 0,
                f"An action that was not begun, {transition.code.name}, must move nothing.",
            )
            promise(
                math.isfinite(transition.path_m) and transition.path_m >= 0,
                f"path_m must be finite and not negative, not {transition.path_m}.",
            )
            if transition.observation is not None:
                check_observation(transition.observation)
                promise(
                    transition.observation.step == index,
                    f"After {index} actions the step is {transition.observation.step}.",
                )
    _reset(env, task)
    motion = env.act(_plan(env, 3))
    done = next(motion).done
    motion.close()  # type: ignore[attr-defined]
    succeeds("hold()", env.hold)
    succeeds("A second hold()", env.hold)
    if not done:
        after = list(env.act(_plan(env, 1)))[-1].observation
        promise(
            after is not None and after.step == 2,
            "Closing the iterator must stop the motion there.",
        )


def _check_clone(env: Environment, task: str) -> None:
    assert isinstance(env, Cloneable)
    _reset(env, task)
    plan = _plan(env, 3)
    state = env.snapshot()
    ends = []
    for _ in range(2):
        ends.append(list(env.act(plan))[-1].observation)
        env.restore(state)
    promise(
        ends[0] is not None and ends[1] is not None and same_view(ends[0], ends[1]),
        "restore() must bring back the state bit-exactly.",
    )


def _check_finish(env: Environment, task: str) -> None:
    name = env.episode_ids(task)[0]
    _reset(env, task)
    taken = len(list(env.act(_plan(env, 2))))
    result = env.finish(1)
    promise((result.task, result.episode_id) == (task, name), "finish() must name its episode.")
    promise(result.actions == taken, f"{taken} actions were executed, not {result.actions}.")
    promise(result.decisions == 1, "finish() must keep the number of decisions.")
    promise(
        result.success == (result.status is EpisodeStatus.SUCCESS),
        f"success is {result.success} but the status is {result.status.name}.",
    )
    refuses(ErrorCode.NO_EPISODE, "finish() a second time", lambda: env.finish(1))
    for fault, status in (
        (ErrorCode.WM_DIED, EpisodeStatus.ABORTED_FAULT),
        (ErrorCode.ABORTED_BY_USER, EpisodeStatus.ABORTED_USER),
    ):
        _reset(env, task)
        result = env.finish(0, fault=fault, message="a fault")
        promise(
            (result.status, result.code, result.success) == (status, fault, False),
            f"After {fault.name} the result must be {status.name}, not {result.status.name}.",
        )
