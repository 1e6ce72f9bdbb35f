"""Made-up studies for the report's tests: records written as a run writes them, without a run."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np

from wiw.study import Settings, Study
from wiw_core.arm import tool_pose
from wiw_core.decisions import Candidate, Decision, DecisionKind, EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_core.geometry import Pose2, Pose3
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Plan, camera_path, navigation_plan
from wiw_core.records import JsonlRecorder

LEVELS = ("easy", "medium", "hard")
CHANCE = {"none": 0.1, "copy": 0.1, "rotate": 0.15, "warp": 0.5, "oracle": 0.8}


def made_up_study(folder, tasks, arms, episodes, seed=0, faults=0.05, levels=LEVELS):
    """Return a study whose records are made up: a seeded chance per arm decides each episode."""
    settings = Settings(tuple(tasks), tuple(arms), episodes, seed, in_process=True, film=0)
    study = Study(folder, settings)
    for task in tasks:
        ids = [f"{task}-val-{k:03d}" for k in range(episodes)]
        study.set_grid(task, ids, dict.fromkeys(arms, ""))
    rng = np.random.default_rng(seed)
    for task in tasks:
        for arm in arms:
            recorder = JsonlRecorder(folder / task / arm, config=asdict(settings))
            for k, episode_id in enumerate(study.episodes[task]):
                level = levels[k % len(levels)] if levels else ""
                made_up_episode(recorder, task, episode_id, arm, rng, faults, level)
    return study


def made_up_episode(recorder, task, episode_id, arm, rng, faults=0.0, level=""):
    """Write the record of one episode."""
    works = _arm_task(task)
    episode = Episode(
        *(task, episode_id, int(rng.integers(1 << 30)), "scene", "val", 20),
        goal_text="push the maroon button" if works else "",
        privileges=("oracle_stop",),
        difficulty=level,
    )
    score = 25.0 * int(rng.integers(5)) if task == "aeqa" else math.nan
    won = score == 100.0 if task == "aeqa" else bool(rng.random() < CHANCE.get(arm, 0.3))
    broken = bool(rng.random() < faults)
    recorder.begin(episode, Observation(episode_id, 0, ()))
    pose, step, count = Pose2(), 0, 3 if works else int(rng.integers(1, 21))
    tool = None
    for index in range(count):
        plans = [_tool_plan(rng) if works else _drive_plan(rng) for _ in range(3)]
        scores = [math.nan if arm == "none" else float(rng.normal()) for _ in plans]
        best = 0 if arm == "none" else int(np.argmax(scores))
        executed = plans[best] if works else plans[best].prefix(3)
        if works:
            tool = Pose3(*executed.actions[-1].values[:7])
        else:
            pose = pose * camera_path(executed)[-1]
        step += len(executed)
        decision = Decision(
            DecisionKind.ACT,
            plans[best],
            len(executed),
            best,
            candidates=tuple(Candidate(p, score=s) for p, s in zip(plans, scores)),
            index=index,
            seconds={"propose": 0.01, "imagine": 0.1 * float(rng.random()), "revise": 0.02},
            frames_imagined=0 if arm == "none" else 3,
        )
        recorder.decision(
            decision, executed, Observation(episode_id, step, (), pose, tool_pose=tool)
        )
    recorder.end(
        EpisodeResult(
            *(task, episode_id, episode.seed, _status(won, broken), won and not broken),
            code=ErrorCode.WM_DIED if broken else ErrorCode.OK,
            message="The world model died: exit code -9." if broken else "",
            decisions=count,
            actions=step,
            path_m=math.nan if works else 0.2 * step,
            shortest_m=math.nan if works else 2.0,
            shortest_actions=0 if works else 12,
            answer="the red vase" if task == "aeqa" else "",
            score=0.0 if broken and task == "aeqa" else score,
            final_distance_m=math.nan if works else 0.3 if won else 2.2,
        )
    )


def _arm_task(task):
    return task in ("push_buttons", "stack_cups")


def _status(won, broken):
    if broken:
        return EpisodeStatus.ABORTED_FAULT
    return EpisodeStatus.SUCCESS if won else EpisodeStatus.TRUNCATED


def _drive_plan(rng):
    names = ("forward", "turn_left", "turn_right")
    return navigation_plan([names[int(rng.integers(3))] for _ in range(5)])


def _tool_plan(rng):
    poses = [
        Pose3(*rng.uniform((0.0, -0.3, 0.8), (0.5, 0.3, 1.2)), 1.0, 0.0, 0.0, 0.0) for _ in range(4)
    ]
    return Plan(tuple(tool_pose(p, bool(rng.random() < 0.5)) for p in poses), "push it")
