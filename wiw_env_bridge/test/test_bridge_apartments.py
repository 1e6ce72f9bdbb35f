"""Apartments: one seed, one apartment; every room can be reached; train and val never meet."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.mujoco.apartment import (
    TRAIN_SEEDS,
    VAL_SEEDS,
    draw_apartment,
    lay_out,
    scene_split,
)
from wiw_env_bridge.mujoco.floorplan import DOOR_WIDTH_M, make_floor_plan
from wiw_env_bridge.mujoco.furnishing import (
    Placement,
    furnish,
    island_of,
    repair,
    unreachable_rooms,
)
from wiw_env_bridge.mujoco.targets import LABELS, TARGETS_PER_SCENE


def test_same_seed_gives_the_same_scene_to_the_last_byte():
    first, second = (draw_apartment(lay_out(7)) for _ in range(2))
    assert first.mjcf() == second.mjcf()
    assert first.assets == second.assets


def test_other_seeds_give_other_apartments():
    plans = {lay_out(seed).plan for seed in range(10)}
    assert len(plans) == 10


@pytest.mark.parametrize("seed", range(20))
def test_every_room_is_reachable(seed):
    layout = lay_out(seed)
    assert unreachable_rooms(layout.plan, layout.grid.free) == []


def test_repair_drops_only_what_bars_the_way():
    plan = make_floor_plan(np.random.default_rng(0))
    kept = furnish(np.random.default_rng(0), plan)
    # A bed in every doorway.
    beds = []
    for door, room, _ in plan.doors:
        x, y = door.point((door.low + door.high) / 2)
        beds.append(Placement("bed", x, y, 0.0, room, 1000 + len(beds)))
    barred = island_of(plan, [p.box for p in (*kept, *beds)])
    assert unreachable_rooms(plan, barred)
    repaired = repair(plan, [*kept, *beds])
    assert unreachable_rooms(plan, island_of(plan, [p.box for p in repaired])) == []
    assert len(repaired) > len(kept) / 2


def test_doors_let_the_robot_through_the_middle():
    layout = lay_out(5)
    for door, _, _ in layout.plan.doors:
        assert door.high - door.low == pytest.approx(DOOR_WIDTH_M)
        assert layout.grid.is_free(*door.point((door.low + door.high) / 2))


def test_targets_are_all_different_and_apart():
    for seed in range(5):
        targets = lay_out(seed).targets
        assert len({t.label for t in targets}) == len(targets) == TARGETS_PER_SCENE
        assert {t.label for t in targets} <= set(LABELS)
        for i, a in enumerate(targets):
            for b in targets[:i]:
                assert math.dist(a.middle, b.middle) > 0.5 * (a.size_m + b.size_m)


def test_no_target_stands_where_the_robot_can():
    layout = lay_out(2)
    on_floor = [t for t in layout.targets if t.on_floor]
    assert on_floor
    assert not any(layout.grid.is_free(t.x_m, t.y_m) for t in on_floor)


def test_dropping_one_piece_leaves_the_looks_of_the_others():
    layout = lay_out(3)
    fewer = replace(layout, furniture=layout.furniture[1:])
    solids = [s for s in draw_apartment(layout).mjcf().splitlines() if 'type="box"' in s]
    left = [s for s in draw_apartment(fewer).mjcf().splitlines() if 'type="box"' in s]
    assert len(left) < len(solids)
    assert left == solids[len(solids) - len(left) :]


def test_train_and_val_never_meet():
    assert not set(VAL_SEEDS) & set(TRAIN_SEEDS)
    assert scene_split(0) == scene_split(999) == "val"
    assert scene_split(1000) == scene_split(999_999) == "train"


@pytest.mark.parametrize("seed", [-1, 1_000_000])
def test_a_seed_of_neither_split_is_refused(seed):
    for use in (scene_split, lay_out):
        with pytest.raises(WiwError) as caught:
            use(seed)
        assert caught.value.code is ErrorCode.BAD_PARAMETER
        assert str(seed) in str(caught.value)
