"""The four table tasks: seeded layouts that a picture can tell apart, judged by what really is."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from wiw_core.arm import target_of
from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.tabletop.colours import COLOURS, HUE_GAP_DEG, company, hue_gap_deg
from wiw_env_bridge.tabletop.experts import next_plan
from wiw_env_bridge.tabletop.layout import WHITE, scatter
from wiw_env_bridge.tabletop.table import Table
from wiw_env_bridge.tabletop.tasks import TASKS, make_scene
from wiw_env_bridge.tabletop.tasks.push_buttons import PUSHED_M
from wiw_env_bridge.tabletop.tasks.slide_block import REACHED_M
from wiw_env_bridge.tabletop.tasks.square_peg import HOLE_HALF_M, SPOKE_HALF_M, SPOKE_TOP_M
from wiw_env_bridge.tabletop.tasks.stack_cups import CUP_HALF_M

PUSH, SLIDE, PEG, CUPS = TASKS
COLOURED = (PUSH, PEG, CUPS)
TOP_M = 0.75
GOALS = {
    PUSH: "push the {} button",
    SLIDE: "slide the block to the {} target",
    PEG: "put the ring on the {} spoke",
    CUPS: "stack the other cups on top of the {} cup",
}


def put(table, name, place):
    """Set a free body down at rest, upright, and let physics know."""
    joint = table.data.joint(table.model.body(name).jntadr[0])
    joint.qpos[:] = (*place, 1.0, 0.0, 0.0, 0.0)
    joint.qvel[:] = 0.0
    table.refresh()


def settle(table, steps=250):
    import mujoco

    for _ in range(steps):
        mujoco.mj_step(table.model, table.data)
    table.refresh()


def follow(table, scene):
    """Execute the plan that the expert of ``scene``, which may want something else, gives."""
    for action in next_plan(scene, table.model, table.data).actions:
        table.move(*target_of(action))


def stacked_on(table, base, others, step=0.03):
    x, y, _ = table.data.body(base).xpos
    for height, name in enumerate(others, start=1):
        put(table, name, (x, y, TOP_M + CUP_HALF_M + height * step))
    settle(table)


@pytest.mark.parametrize("task", TASKS)
def test_a_seed_always_gives_the_same_layout_and_another_seed_another(task):
    assert make_scene(task, 5, 1) == make_scene(task, 5, 1)
    assert make_scene(task, 5, 1).mjcf() == make_scene(task, 5, 1).mjcf()
    assert make_scene(task, 6, 1).mjcf() != make_scene(task, 5, 1).mjcf()


def test_there_are_as_many_variations_as_in_rlbench():
    assert [TASKS[t].variations for t in (PUSH, SLIDE, PEG, CUPS)] == [50, 4, 20, 20]
    scenes = [make_scene(PUSH, 0, variation) for variation in range(50)]
    assert len({(s.colours[s.named], frozenset(s.colours)) for s in scenes}) == 50
    for task in (SLIDE, PEG, CUPS):
        texts = {make_scene(task, 0, v).text for v in range(TASKS[task].variations)}
        assert len(texts) == TASKS[task].variations


@pytest.mark.parametrize("task", COLOURED)
def test_the_goal_names_the_colour_of_one_object_and_hues_are_far_apart(task):
    for seed, variation in enumerate(range(TASKS[task].variations)):
        scene = make_scene(task, seed, variation)
        assert scene.text == GOALS[task].format(scene.colours[scene.named])
        pairs = itertools.combinations(scene.colours, 2)
        assert all(hue_gap_deg(a, b) >= HUE_GAP_DEG for a, b in pairs)


def test_the_named_object_is_each_of_the_three_equally_often():
    for task in COLOURED:
        counts = np.bincount([make_scene(task, seed, 0).named for seed in range(300)])
        assert len(counts) == 3
        assert counts.min() > 70


def test_the_four_squares_go_by_their_colours():
    scene = make_scene(SLIDE, 0, 2)
    assert scene.text == GOALS[SLIDE].format("magenta")
    assert f'rgba="{COLOURS["magenta"][0]:.4f} 0.0000 1.0000 1"' in scene.mjcf()


@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_finds_company(colour):
    assert len(set(company(np.random.default_rng(0), colour, 2)) | {colour}) == 3


@pytest.mark.parametrize(("seed", "variation"), [(-1, 0), (0, -1), (0, 20)])
def test_a_layout_that_does_not_exist_is_refused(seed, variation):
    with pytest.raises(WiwError) as caught:
        make_scene(PEG, seed, variation)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_an_unknown_table_task_is_refused_with_the_nearest_name():
    with pytest.raises(WiwError) as caught:
        make_scene("stack_cup", 0, 0)
    assert caught.value.code is ErrorCode.UNKNOWN_TASK
    assert "stack_cups" in str(caught.value)


def test_what_does_not_fit_is_said_to_not_fit():
    with pytest.raises(RuntimeError, match="do not fit"):
        scatter(np.random.default_rng(0), 3, (0.0, 0.0), (0.1, 0.1), 0.2)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_decided_or_touching_at_the_start(task, seed):
    table = Table(make_scene(task, seed, seed))
    assert not table.decided()
    assert table.progress() < 0.02
    free = set(table.scene.movable)
    for contact in table.data.contact:
        bodies = {table.model.body(table.model.geom_bodyid[g]).name for g in contact.geom}
        assert len(bodies & free) <= 1
    for name, place in zip(table.scene.objects, table.centroids(), strict=True):
        assert TOP_M < place[2] < TOP_M + 0.1, name


@pytest.mark.parametrize("task", TASKS)
def test_progress_rises_from_none_to_all_as_the_expert_goes_on(task):
    table, seen = Table(make_scene(task, 4, 2)), [0.0]
    for _ in range(3):
        for action in next_plan(table.scene, table.model, table.data).actions:
            table.move(*target_of(action))
            seen.append(table.progress())
            assert (seen[-1] == 1.0) == table.succeeded()
            if table.decided():
                break
        if table.decided():
            break
    assert seen[-1] == 1.0
    assert np.diff(seen).min() > -0.02
    assert all(0.0 <= p <= 1.0 for p in seen)


def test_a_pushed_button_stays_pushed_and_shows_it():
    scene = make_scene(PUSH, 1, 0)
    table = Table(scene)
    scene.paint(table.model, table.data)
    cap = table.model.geom(f"cap{scene.named}")
    assert tuple(cap.rgba[:3]) == pytest.approx(COLOURS["red"])
    before = table.snapshot()
    follow(table, scene)
    assert table.data.joint(f"push{scene.named}").qpos[0] < PUSHED_M  # the spring has brought it up
    assert table.succeeded()
    scene.paint(table.model, table.data)
    assert tuple(cap.rgba[:3]) == WHITE
    table.restore(before)
    scene.paint(table.model, table.data)
    assert tuple(cap.rgba[:3]) == pytest.approx(COLOURS["red"])
    assert not table.decided()


def test_pushing_another_button_fails_the_episode_even_if_the_named_one_follows():
    scene = make_scene(PUSH, 1, 0)
    table = Table(scene)
    follow(table, replace(scene, named=(scene.named + 1) % 3))
    assert scene.failed(table.model, table.data)
    follow(table, scene)
    assert table.data.userdata[scene.named] == 1.0
    assert not table.succeeded()
    assert table.progress() == 0.0


def test_open_fingers_beside_the_cap_push_nothing():
    scene = make_scene(PUSH, 1, 0)
    table = Table(scene)
    plan = next_plan(scene, table.model, table.data)
    for action in plan.actions:
        pose, _ = target_of(action)
        table.move(pose, True)
    assert not table.decided()


@pytest.mark.parametrize(("share", "success"), [(0.95, True), (1.05, False)])
def test_the_block_must_be_near_the_middle_of_the_named_square(share, success):
    scene = make_scene(SLIDE, 2, 3)
    table = Table(scene)
    x, y = scene.square(scene.named)
    put(table, "block", (x + share * REACHED_M, y, TOP_M + 0.025))
    assert table.succeeded() is success
    x, y = scene.square((scene.named + 1) % 4)
    put(table, "block", (x, y, TOP_M + 0.025))
    assert not table.succeeded()


def test_a_block_on_the_floor_is_lost():
    scene = make_scene(SLIDE, 2, 3)
    table = Table(scene)
    put(table, "block", (0.2, 1.0, 0.025))
    assert scene.failed(table.model, table.data)
    assert (table.succeeded(), table.progress()) == (False, 0.0)


def test_the_ring_must_be_around_the_named_spoke_and_low():
    scene = make_scene(PEG, 3, 3)
    table = Table(scene)
    x, y = scene.spoke(scene.named)
    low, high = TOP_M + 0.036, SPOKE_TOP_M - 0.02
    room = HOLE_HALF_M - SPOKE_HALF_M[0]
    for place, success in (
        ((x, y, low), True),
        ((x + 0.8 * room, y - 0.8 * room, low), True),
        ((x, y, high), False),
        ((x + 2.0 * room, y, low), False),
        ((*scene.spoke((scene.named + 1) % 3), low), False),
    ):
        put(table, "ring", place)
        assert table.succeeded() is success, place


@pytest.mark.parametrize(("off_m", "down"), [(0.0, True), (0.01, True), (0.03, False)])
def test_a_dropped_ring_really_meets_the_spoke(off_m, down):
    scene = make_scene(PEG, 3, 3)
    table = Table(scene)
    x, y = scene.spoke(scene.named)
    put(table, "ring", (x, y + off_m, SPOKE_TOP_M + 0.02))
    settle(table)
    assert table.succeeded() is down


def test_cups_one_in_the_other_are_stacked_in_any_order():
    scene = make_scene(CUPS, 2, 5)
    first, second = scene.others
    for order in ((first, second), (second, first)):
        table = Table(scene)
        stacked_on(table, f"cup{scene.named}", order)
        assert (scene.stacked(table.data), table.succeeded()) == (2, True)
        assert table.progress() == 1.0


def test_cups_on_another_cup_or_side_by_side_are_not_stacked():
    scene = make_scene(CUPS, 2, 5)
    named, (first, second) = f"cup{scene.named}", scene.others
    table = Table(scene)
    stacked_on(table, first, (named, second))
    assert (scene.stacked(table.data), table.succeeded()) == (0, False)
    table = Table(scene)
    stacked_on(table, named, (first,))
    assert (scene.stacked(table.data), table.succeeded()) == (1, False)
    assert 0.4 < table.progress() < 0.6


def test_a_cup_held_over_the_stack_is_not_yet_stacked():
    scene = make_scene(CUPS, 2, 5)
    table = Table(scene)
    first, second = scene.others
    stacked_on(table, f"cup{scene.named}", (first,))
    x, y, z = table.data.body(first).xpos
    put(table, second, (x, y, z + 0.06))
    assert (scene.stacked(table.data), table.succeeded()) == (1, False)
    assert table.progress() < 1.0


def test_a_tilted_cup_is_not_stacked():
    scene = make_scene(CUPS, 2, 5)
    table = Table(scene)
    first, second = scene.others
    stacked_on(table, f"cup{scene.named}", (first, second))
    joint = table.data.joint(table.model.body(second).jntadr[0])
    joint.qpos[3:] = (math.cos(0.25), math.sin(0.25), 0.0, 0.0)
    table.refresh()
    assert scene.stacked(table.data) == 1
