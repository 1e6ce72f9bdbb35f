"""The RLBench adapter on faithful fakes of both flavours, whose table really is moved.

The last test is against RLBench itself: ``WIW_RLBENCH_PYTHON`` and ``COPPELIASIM_ROOT`` say where.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wiw_core.arm import target_of, tool_pose
from wiw_core.cameras import pinhole
from wiw_core.conformance import check_environment
from wiw_core.conformance.examples import legal_action
from wiw_core.conformance.promise import check_observation, same_view
from wiw_core.contracts import Cloneable
from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.plans import Plan
from wiw_env_bridge.rlbench import flavours
from wiw_env_bridge.rlbench.plugin import PYTHON_VARIABLE, ROOT_VARIABLE, RlbenchEnvironment
from wiw_env_bridge.rlbench.world import RlbenchWorld
from wiw_env_bridge.tabletop.environment import TabletopEnvironment
from wiw_env_bridge.tabletop.experts import next_plan

FAKES = Path(__file__).parent / "fakes"
OURS = ("rlbench", "pyrep", "amsolver", "vlm", "coppelia_fake")
FLAVOURS = ("rlbench", "amsolver")
DOWN = (1.0, 0.0, 0.0, 0.0)
"""The tool looks straight down."""


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make the fakes importable here; returns the module that both share."""

    def forget() -> None:
        for name in [n for n in sys.modules if n.split(".")[0] in OURS]:
            del sys.modules[name]

    forget()
    monkeypatch.syspath_prepend(str(FAKES))
    monkeypatch.chdir(Path.cwd())  # launching changes it
    yield importlib.import_module("coppelia_fake")
    forget()


def demos(folder: Path) -> str:
    """Write stored episodes as RLBench lays them out; return their folder."""
    for task in ("push_buttons", "stack_cups"):
        for variation, episode in ((0, 0), (0, 1), (2, 0)):
            there = folder / task / f"variation{variation}" / "episodes" / f"episode{episode}"
            there.mkdir(parents=True)
            (there / "seed").write_text(str(10 * variation + episode))
    (folder / "push_buttons" / "variation0" / "episodes" / "notes").mkdir()
    return str(folder)


def small(flavour: str, folder: Path, **more: Any) -> dict[str, Any]:
    """Return parameters of a quick environment."""
    stored = {"demos": demos(folder / "demos")} if flavour == "amsolver" else {"episodes": 2}
    return {"flavour": flavour, "image_size": 48, **stored, **more}


@pytest.fixture(params=FLAVOURS)
def world(request: pytest.FixtureRequest, fakes: Any, tmp_path: Path) -> Iterator[RlbenchWorld]:
    made = RlbenchWorld(**small(request.param, tmp_path))
    yield made
    made.close()
    assert fakes.LAUNCHED == [], "CoppeliaSim is shut down on exit"


def begin(world: Any, task: str = "push_buttons") -> Any:
    return world.reset(task, world.episode_ids(task)[0])


def pose(x: float, y: float, z: float) -> Any:
    return tool_pose(Pose3(x, y, z, *DOWN), True)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_rlbench_in_a_worker_keeps_the_contract(flavour: str, tmp_path: Path) -> None:
    environment = RlbenchEnvironment(path=(str(FAKES),), **small(flavour, tmp_path))
    assert not isinstance(environment, Cloneable), "CoppeliaSim's state cannot be saved bit by bit"
    check_environment(environment)


def test_the_tasks_are_those_that_the_flavour_has(world: RlbenchWorld) -> None:
    upstream = ("push_buttons", "insert_onto_square_peg", "stack_cups")
    stored = ("push_buttons", "stack_cups")  # the others have no episodes here
    drawn = "val_0000" in world.episode_ids("push_buttons")
    assert tuple(world.tasks()) == (upstream if drawn else stored)
    with pytest.raises(WiwError) as caught:
        world.episode_ids("slide_block_to_color_target")
    assert caught.value.code is ErrorCode.UNKNOWN_TASK
    if not drawn:
        assert world.episode_ids("push_buttons") == ("v000_e000", "v000_e001", "v002_e000")
        assert world.episode_ids("push_buttons", "train") == ()
    else:
        both = [world.episode_ids("push_buttons", split) for split in ("val", "train")]
        assert [len(ids) for ids in both] == [2, 2] and both[0] != both[1]


@pytest.mark.parametrize("task", ["push_buttons", "stack_cups"])
def test_the_expert_solves_the_task_by_the_flavours_own_condition(
    world: RlbenchWorld, task: str
) -> None:
    episode, seen, done = begin(world, task)
    assert episode.goal_text and not episode.goal_text.startswith("please")
    assert episode.privileges == ("object_centroids", "oracle_stop")
    while not done and seen.step < 15:
        table = world._scene.table
        for step in world.act(next_plan(table.scene, table.model, table.data)):
            done, seen = step.done, step.observation
            assert step.code is ErrorCode.OK
    result = world.finish(1)
    assert (result.success, result.status) == (True, EpisodeStatus.SUCCESS)
    assert result.path_m > 0.1


def test_the_tool_goes_where_it_is_sent(world: RlbenchWorld) -> None:
    begin(world)
    (step,) = world.act(Plan((pose(0.2, 0.1, 1.0),)))
    tool = step.observation.tool_pose
    assert tool.position == pytest.approx([0.2, 0.1, 1.0], abs=0.01)
    assert abs(float(np.dot(tool.quaternion, DOWN))) == pytest.approx(1.0, abs=1e-3)
    assert step.path_m > 0.05
    assert step.observation.gripper == 1.0
    names = [name for name, _ in step.observation.joints]
    table = TabletopEnvironment(image_size=32)
    try:
        _, ours, _ = table.reset("push_buttons", table.episode_ids("push_buttons")[0])
        assert names == [name for name, _ in ours.joints][:7], "the same joints everywhere"
    finally:
        table.close()


def test_the_action_is_position_then_xyzw_of_unit_length_then_the_gripper(
    world: RlbenchWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(world)
    sent: list[Any] = []
    real = world._task.step
    monkeypatch.setattr(world._task, "step", lambda a: (sent.append(a), real(a))[1])
    half = math.sqrt(0.5)
    turned = tool_pose(Pose3(0.2, 0.0, 1.0, half * 1.0004, half * 1.0004, 0.0, 0.0), False)
    list(world.act(Plan((turned,))))
    assert sent[0].shape == (8,)
    assert sent[0][:3] == pytest.approx([0.2, 0.0, 1.0])
    assert sent[0][3:7] == pytest.approx([half, half, 0.0, 0.0])
    assert np.linalg.norm(sent[0][3:7]) == pytest.approx(1.0, abs=1e-12)
    assert sent[0][7] == 0.0


@pytest.mark.parametrize("place", [(0.69, 0.49, 1.59), (0.69, -0.49, 0.62)])
def test_an_action_without_a_way_moves_nothing_and_ends_the_plan(
    world: RlbenchWorld, place: tuple[float, float, float]
) -> None:
    _, before, _ = begin(world)
    steps = list(world.act(Plan((pose(*place), pose(0.2, 0.0, 1.0)))))
    assert len(steps) == 1
    assert steps[0].code in (ErrorCode.NO_PATH, ErrorCode.IK_FAILED)
    assert steps[0].path_m == 0.0
    after = steps[0].observation
    assert after.tool_pose == before.tool_pose
    assert after.joints == before.joints
    result = world.finish(1)
    assert (result.failures, result.actions, result.success) == (1, 1, False)


def test_inverse_kinematics_is_told_apart_from_a_path(fakes: Any) -> None:
    from pyrep.errors import ConfigurationPathError, IKError
    from rlbench.backend.exceptions import InvalidActionError

    from wiw_env_bridge.rlbench.world import _code_of

    def raised(cause: Exception | None) -> Exception:
        try:
            raise InvalidActionError("no") from cause
        except InvalidActionError as error:
            return error

    assert _code_of(raised(IKError())) is ErrorCode.IK_FAILED
    assert _code_of(raised(ConfigurationPathError())) is ErrorCode.NO_PATH
    assert _code_of(raised(None)) is ErrorCode.NO_PATH


def test_hold_stops_the_arm_between_two_steps_of_the_simulation(world: RlbenchWorld) -> None:
    begin(world)
    scene = world._scene
    began, first = threading.Event(), scene.step
    go_on = threading.Event()

    def slowly() -> None:
        first()
        if scene.steps > 5:
            began.set()
            assert go_on.wait(10.0)

    scene.step = slowly
    steps: list[Any] = []
    plan = Plan((pose(0.3, 0.3, 0.9), pose(0.2, 0.0, 1.0)))
    thread = threading.Thread(target=lambda: steps.extend(world.act(plan)))
    thread.start()
    assert began.wait(30.0)
    world.hold()
    go_on.set()
    thread.join(30.0)
    assert len(steps) == 1
    assert 0.0 <= steps[0].path_m < 0.2
    assert scene.robot.arm.targets == scene.robot.arm.get_joint_positions(), "it wants to stay"
    scene.step = first
    assert len(list(world.act(Plan((pose(0.2, 0.0, 1.0),))))) == 1, "and can be moved again"


def test_views_are_in_our_frames(fakes: Any, tmp_path: Path) -> None:
    names = flavours.CAMERAS
    world = RlbenchWorld(**small("rlbench", tmp_path, views=names, image_size=96))
    try:
        _, seen, _ = begin(world)
        assert tuple(view.name for view in seen.views) == names
        check_observation(seen)
        centroids = np.array([(o.x_m, o.y_m, o.z_m) for o in seen.objects])
        truth = np.array(sorted(world._scene.table.centroids(), key=lambda c: (c[1], c[0])))
        assert np.allclose(centroids, truth, atol=0.02)
        assert [o.name for o in seen.objects] == [f"object {k}" for k in (1, 2, 3)]
        front = seen.view("front")
        for place in truth:  # each is drawn where our geometry says
            optical = np.linalg.inv(front.T_base_camera) @ [*place, 1.0]
            (u, v), depth = pinhole.project(optical[:3], front.intrinsics)
            assert front.depth[round(float(v)), round(float(u))] == pytest.approx(depth, abs=0.04)
        assert front.intrinsics[0, 0] > 0 and np.linalg.det(front.T_base_camera) == pytest.approx(1)
    finally:
        world.close()


def test_without_centroids_nothing_is_told_of_objects(fakes: Any, tmp_path: Path) -> None:
    world = RlbenchWorld(**small("rlbench", tmp_path, centroids=False))
    try:
        episode, seen, _ = begin(world)
        assert seen.objects == ()
        assert episode.privileges == ("oracle_stop",)
        assert world._scene.observation().front_mask is None, "nor are masks drawn"
    finally:
        world.close()


def test_an_episode_is_the_same_each_time_and_another_one_differs(world: RlbenchWorld) -> None:
    ids = world.episode_ids("push_buttons")
    first = world.reset("push_buttons", ids[0])[1]
    list(world.act(Plan((pose(0.2, 0.1, 1.0),))))
    assert same_view(first, world.reset("push_buttons", ids[0])[1])
    assert not same_view(first, world.reset("push_buttons", ids[1])[1])
    begin(world, "stack_cups")
    assert same_view(first, world.reset("push_buttons", ids[0])[1]), "also after another task"


def test_paths_hold_after_the_simulator_has_changed_the_folder(
    fakes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demos(tmp_path / "demos")
    monkeypatch.chdir(tmp_path)
    world = RlbenchWorld(flavour="amsolver", demos="demos", image_size=48)
    try:
        assert Path.cwd() != tmp_path
        begin(world)
    finally:
        world.close()


def test_the_other_pyrep_is_recognised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pyrep.py").write_text("'''A package of the same name.'''")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [n for n in sys.modules if n.split(".")[0] == "pyrep"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(WiwError, match="not the one of CoppeliaSim") as caught:
        flavours.check_pyrep()
    assert caught.value.code is ErrorCode.INTERFACE_MISSING
    sys.modules.pop("pyrep", None)


@pytest.mark.parametrize(
    ("parameters", "code", "words"),
    [
        ({"flavour": "rlbensh"}, ErrorCode.BAD_PARAMETER, "rlbench"),
        ({"views": ("rear",)}, ErrorCode.BAD_PARAMETER, "rear"),
        ({"image_size": 4}, ErrorCode.BAD_PARAMETER, "4 pixels"),
        ({"episodes": 0}, ErrorCode.BAD_PARAMETER, "0 episodes"),
        ({"flavour": "amsolver", "demos": "/no/such/folder"}, ErrorCode.BAD_PARAMETER, "demos="),
    ],
)
def test_a_wrong_parameter_is_refused_in_words(
    fakes: Any, parameters: dict[str, Any], code: ErrorCode, words: str
) -> None:
    with pytest.raises(WiwError, match=words) as caught:
        RlbenchWorld(**parameters)
    assert caught.value.code is code


def test_without_rlbench_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    assert "docs/rlbench.md" in RlbenchEnvironment.sheet.missing()
    with pytest.raises(WiwError, match="pyrep") as caught:
        RlbenchEnvironment()
    assert caught.value.code is ErrorCode.INTERFACE_MISSING
    with pytest.raises(WiwError, match="no folder"):
        RlbenchEnvironment(coppelia="/no/such/folder")


def test_coppeliasim_is_found_by_its_worker_alone(tmp_path: Path) -> None:
    from wiw_env_bridge.rlbench.plugin import _variables

    variables = _variables(str(tmp_path), ":99")
    assert variables["LD_LIBRARY_PATH"] == variables[ROOT_VARIABLE] == str(tmp_path)
    assert variables["QT_QPA_PLATFORM_PLUGIN_PATH"] == str(tmp_path)
    assert variables["DISPLAY"] == ":99"
    assert str(tmp_path) not in os.environ.get("LD_LIBRARY_PATH", "")


def test_rlbench_itself_takes_a_pose_and_gives_pictures() -> None:
    if not (os.environ.get(PYTHON_VARIABLE) and os.environ.get(ROOT_VARIABLE)):
        pytest.skip(f"{PYTHON_VARIABLE} and {ROOT_VARIABLE} name no real RLBench")
    environment = RlbenchEnvironment(episodes=1, image_size=128)
    try:
        _, seen, _ = begin(environment)
        check_observation(seen)
        action = legal_action(environment.actions["tool_pose"])
        (step,) = environment.act(Plan((action,)))
        assert step.observation.tool_pose.position == pytest.approx(
            target_of(action)[0].position, abs=0.02
        )
    finally:
        environment.close()
