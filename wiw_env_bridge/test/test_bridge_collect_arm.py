"""Attempts at the table: what is collected is what happened, failures included, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from wiw_core.cameras import pinhole
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.tasks.manipulation import HORIZON
from wiw_env_bridge.collect.arm import ArmSampler
from wiw_env_bridge.collect.attempts import attempt, with_named
from wiw_env_bridge.collect.jobs import Job
from wiw_env_bridge.tabletop.table import Table
from wiw_env_bridge.tabletop.tasks import TASKS, make_scene
from wiw_learn.dataset import Trajectory, held_out, pack

FIRST = 21_000
SIZE = 32


@pytest.fixture(scope="module")
def sampler() -> Iterator[ArmSampler]:
    made = ArmSampler(plans=2, size=SIZE, oversample=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def jobs(sampler: ArmSampler) -> list[Job]:
    return sampler.jobs(range(FIRST, FIRST + 40))


@pytest.fixture(scope="module")
def trajectories(sampler: ArmSampler, jobs: list[Job]) -> dict[str, Trajectory]:
    """One of each task."""
    return {task: sampler.collect(next(j for j in jobs if j.task == task)) for task in TASKS}


def test_every_task_has_as_many_scenes_and_some_that_are_held_out(jobs: list[Job]) -> None:
    for task in TASKS:
        mine = [job for job in jobs if job.task == task]
        assert 9 <= len(mine) <= 10  # a scene out of reach is left out
        assert sum(held_out(job.scene) for job in mine) <= 1
    assert sum(held_out(job.scene) for job in jobs) >= 3


def test_the_arrays_are_those_of_an_arm_trajectory(trajectories: dict[str, Trajectory]) -> None:
    for trajectory in trajectories.values():
        count = len(trajectory["code"])
        assert trajectory["front"].shape == (count + 1, SIZE, SIZE, 3)
        assert trajectory["front"].dtype == np.uint8
        assert trajectory["front_depth"].shape == (count + 1, SIZE, SIZE)
        assert trajectory["front_depth"].dtype == np.float16
        assert trajectory["tool_pose"].shape == (count + 1, 7)
        assert trajectory["target_pose"].shape == (count, 7)
        for name in ("target_open", "collided", "plan"):
            assert trajectory[name].shape == (count,)
        for name in ("gripper", "progress"):
            assert trajectory[name].shape == (count + 1,)
            assert ((trajectory[name] >= 0.0) & (trajectory[name] <= 1.0)).all()
        assert trajectory["centroids"].shape[0] == count + 1
        assert set(trajectory["plan"]) == {0, 1}
        assert (np.bincount(trajectory["plan"]) <= HORIZON).all()


def test_a_plan_that_failed_goes_no_further(trajectories: dict[str, Trajectory]) -> None:
    for trajectory in trajectories.values():
        for plan in set(trajectory["plan"]):
            codes = trajectory["code"][trajectory["plan"] == plan]
            assert (codes[:-1] == int(ErrorCode.OK)).all()


def test_an_arm_that_did_not_collide_is_where_it_was_sent(
    trajectories: dict[str, Trajectory],
) -> None:
    gaps = []
    for trajectory in trajectories.values():
        fine = (trajectory["code"] == int(ErrorCode.OK)) & ~trajectory["collided"]
        away = trajectory["tool_pose"][1:, :3] - trajectory["target_pose"][:, :3]
        gaps.extend(np.linalg.norm(away[fine], axis=1))
    assert len(gaps) > 10
    assert np.median(gaps) < 0.005


def test_depth_and_calibration_see_the_table_where_it_is(
    trajectories: dict[str, Trajectory],
) -> None:
    for trajectory in trajectories.values():
        depth = trajectory["front_depth"][0].astype(np.float64)
        pose = trajectory["T_base_camera"]
        local = pinhole.unproject(depth, trajectory["intrinsics"])
        heights = (local @ pose[:3, :3].T + pose[:3, 3])[..., 2]
        # The lower rows of the picture show the table's near part, empty.
        np.testing.assert_allclose(heights[-4:, SIZE // 2], 0.75, atol=0.01)


def test_the_same_job_gives_the_same_bytes(
    sampler: ArmSampler, jobs: list[Job], trajectories: dict[str, Trajectory]
) -> None:
    job = next(j for j in jobs if j.task == "stack_cups")
    assert pack(sampler.collect(job)) == pack(trajectories["stack_cups"])


@pytest.mark.parametrize("task", sorted(TASKS))
def test_attempts_stay_in_the_workspace_and_differ(task: str) -> None:
    table = Table(make_scene(task, FIRST, 0))
    attempts = [attempt(table, np.random.default_rng(seed)) for seed in range(30)]
    assert all(1 <= len(steps) <= HORIZON for steps in attempts)
    ends = {steps[-1][0] for steps in attempts}
    assert len(ends) > 25
    for pose, _ in (step for steps in attempts for step in steps):
        assert isinstance(pose, Pose3)
        assert -0.3 <= pose.x_m <= 0.7 and -0.5 <= pose.y_m <= 0.5 and 0.6 <= pose.z_m <= 1.6


@pytest.mark.parametrize("task", sorted(TASKS))
def test_other_objects_than_the_named_one_are_attempted(task: str) -> None:
    scene = make_scene(task, FIRST, 0)
    named = {with_named(scene, np.random.default_rng(seed)).text for seed in range(20)}
    assert len(named) >= 3 and scene.text in named


def test_a_share_of_attempts_at_a_button_pushes_none_and_a_share_the_wrong_one() -> None:
    scene = make_scene("push_buttons", FIRST, 0)
    ends = []
    for seed in range(12):
        table = Table(scene)
        for target in attempt(table, np.random.default_rng(seed)):
            table.move(*target)
        ends.append((table.succeeded(), table.decided()))
    assert {(True, True), (False, True), (False, False)} <= set(ends)


@pytest.mark.parametrize(
    "options", [{"tasks": ["juggle"]}, {"tasks": []}, {"plans": 0}, {"size": 4}, {"oversample": 99}]
)
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(WiwError) as error:
        ArmSampler(**options)
    assert error.value.code in (ErrorCode.BAD_PARAMETER, ErrorCode.UNKNOWN_TASK)
