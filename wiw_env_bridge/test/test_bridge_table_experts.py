"""Experts solve the episodes within the budget of the protocol, whatever happens on the way."""

from __future__ import annotations

import pytest

from wiw_core.arm import ARM, target_of, tool_voxel
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.metrics import spl_actions
from wiw_core.plans import Action, Plan, check_plan
from wiw_env_bridge import experts
from wiw_env_bridge.episodes import load_episodes
from wiw_env_bridge.mujoco.agent import AgentState, plan_motion
from wiw_env_bridge.mujoco.apartment import lay_out
from wiw_env_bridge.mujoco.shortest import shortest_actions, shortest_route
from wiw_env_bridge.tabletop.experts import next_plan
from wiw_env_bridge.tabletop.table import Table
from wiw_env_bridge.tabletop.tasks import TASKS, make_scene


@pytest.fixture(params=TASKS)
def table_world(request):
    environment, expert = experts.make(request.param)
    yield request.param, environment, expert
    environment.close()


class VoxelExpert:
    """The same, in the paper's whole numbers."""

    def __init__(self, expert):
        self.expert = expert
        self.reset = expert.reset

    def plan(self):
        return Plan(tuple(tool_voxel(*target_of(a)) for a in self.expert.plan().actions))


def test_the_expert_of_each_table_task_solves_its_first_episodes(table_world):
    task, environment, expert = table_world
    for episode_id in environment.episode_ids(task, limit=3):
        result = experts.solve(environment, expert, task, episode_id)
        assert result.success, episode_id
        assert result.decisions <= 2
        assert (result.failures, result.collisions) == (0, 0)


def test_tasks_can_be_solved_in_voxels(table_world):
    task, environment, expert = table_world
    for episode_id in environment.episode_ids(task, limit=3):
        assert experts.solve(environment, VoxelExpert(expert), task, episode_id).success


def test_train_episodes_can_be_solved_too(table_world):
    task, environment, expert = table_world
    (episode_id,) = environment.episode_ids(task, "train", limit=1)
    assert experts.solve(environment, expert, task, episode_id).success


@pytest.mark.parametrize("task", TASKS)
def test_every_plan_of_an_expert_fits_a_decision(task):
    table = Table(make_scene(task, 9, 3))
    plans = 0
    while not table.decided():
        plan = next_plan(table.scene, table.model, table.data)
        check_plan(plan, ARM, experts.TASKS[task].limits.execute)
        for action in plan.actions:
            if not table.decided():
                table.move(*target_of(action))
        plans += 1
        assert plans <= 3


@pytest.mark.parametrize("task", ["slide_block_to_color_target", "insert_onto_square_peg"])
def test_an_expert_goes_on_from_where_a_disturbance_left_the_object(task):
    table = Table(make_scene(task, 6, 1))
    name = table.scene.movable[0]
    for action in next_plan(table.scene, table.model, table.data).actions[:1]:
        table.move(*target_of(action))
    table.data.joint(table.model.body(name).jntadr[0]).qpos[:2] += (0.02, -0.03)
    table.refresh()
    for _ in range(2):
        for action in next_plan(table.scene, table.model, table.data).actions:
            if not table.decided():
                table.move(*target_of(action))
    assert table.succeeded()


def test_the_cup_expert_goes_on_with_a_cup_in_its_hand():
    table = Table(make_scene("stack_cups", 2, 5))
    for action in next_plan(table.scene, table.model, table.data).actions[:3]:
        table.move(*target_of(action))
    assert table.held
    for action in next_plan(table.scene, table.model, table.data).actions:
        table.move(*target_of(action))
    assert table.scene.stacked(table.data) == 1


def test_a_scene_without_an_expert_is_refused():
    table = Table(make_scene("push_buttons", 0, 0))

    class Other:
        pass

    with pytest.raises(WiwError) as caught:
        next_plan(Other(), table.model, table.data)
    assert caught.value.code is ErrorCode.UNKNOWN_TASK


def test_the_navigation_expert_has_an_spl_of_one():
    told = []
    (result,) = experts.run("ignav", 1, tell=told.append)
    assert spl_actions(result) == 1.0
    assert told[0].startswith("ignav")
    assert "100.0 [20.7, 100.0]" in told[0]
    assert len(told) == 1


def test_the_table_of_experts_names_what_was_not_solved(monkeypatch):
    class Idle(experts.TableExpert):
        def plan(self):
            pose = self._environment.table.tool_pose()
            values = (*pose.position, *pose.quaternion, 1.0)
            return Plan((Action("tool_pose", tuple(map(float, values))),))

    environment, _ = experts.make("push_buttons")
    monkeypatch.setattr(experts, "make", lambda task: (environment, Idle(environment)))
    told = []
    (result,) = experts.run("push_buttons", 1, tell=told.append)
    assert (result.success, result.decisions) == (False, 3)
    assert told[-1] == "  not solved: push_buttons-val-000"


def test_a_shortest_route_leads_where_it_says():
    record = load_episodes("ignav")[0]
    grid = lay_out(record.scene).grid
    field = grid.distances_to(record.goal.x_m, record.goal.y_m)
    route = shortest_route(grid, field, record.start, 0.5)
    assert route is not None
    assert len(route) == shortest_actions(grid, field, record.start, 0.5)
    assert len(route) == record.shortest_actions
    state = AgentState(record.start)
    for name in route:
        assert field.metres(state.pose.x_m, state.pose.y_m) > 0.5
        state = state.after(plan_motion(grid, state.pose, Action(name)), 1.0)
    assert field.metres(state.pose.x_m, state.pose.y_m) <= 0.5
