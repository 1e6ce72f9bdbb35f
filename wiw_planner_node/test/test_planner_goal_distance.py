"""What the learned goal distance promises."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from wiw_core.cameras import panorama, pinhole
from wiw_core.conformance.examples import example_context
from wiw_core.decisions import Candidate
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.geometry import Pose2
from wiw_core.observation import Projection, Rgb, View
from wiw_core.plans import TURN_RAD, navigation_plan
from wiw_core.rollouts import Rollout
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_learn import weights
from wiw_learn.dataset import MANIFEST, Dataset, Manifest, Shard, Trajectory, pack
from wiw_planner_node.perception.goal_distance import damage, views
from wiw_planner_node.perception.goal_distance.distance import GoalDistance
from wiw_planner_node.perception.goal_distance.likeness import (
    goal_colours,
    likeness,
    place_colours,
)
from wiw_planner_node.perception.goal_distance.matches import NOWHERE, matching_cells
from wiw_planner_node.perception.goal_distance.network import metres, warped
from wiw_planner_node.perception.goal_distance.recipe import GoalDistanceRecipe, choices, ratio
from wiw_planner_node.perception.goal_distance.samples import PlaceSamples
from wiw_planner_node.revisers.place import PlaceReviser

SMALL = {"width": 16, "heads": 2, "depth": 8, "hidden": 16}


def painted_room(x_m: float, y_m: float, height: int = 144) -> tuple[Rgb, npt.NDArray[np.float16]]:
    """A panorama from inside a 5 x 4 x 2.5 m box with blobs on its walls, and its depth."""
    camera = np.array([x_m, y_m, 1.0])
    rays = panorama.rays(height, 2 * height)
    low, high = np.array([-2.5, -2.0, 0.0]), np.array([2.5, 2.0, 2.5])
    with np.errstate(divide="ignore"):
        to_wall = np.where(rays > 0, (high - camera) / rays, (low - camera) / rays)
    depth = to_wall.min(axis=-1)
    hit = camera + depth[..., None] * rays
    coarse = np.random.default_rng(3).uniform(40, 220, (6, 6, 6, 3))
    at = np.clip(((hit - low) / (high - low) * 5.999).astype(int), 0, 5)
    rgb = coarse[at[..., 0], at[..., 1], at[..., 2]]
    return rgb.astype(np.uint8), depth.astype(np.float16)


def photo_in(rgb: Rgb, turns: int, size: int = 128) -> View:
    """What a level camera of 90 degrees sees there, ``turns`` times 22.5 degrees to the left."""
    maps = panorama.perspective_map(size, size, math.pi / 2, turns * TURN_RAD, rgb.shape[:2])
    picture = cv2.remap(rgb, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return View("goal", np.asarray(picture), intrinsics=pinhole.intrinsics(size, size, math.pi / 2))


def room_tour(seed: int) -> Trajectory:
    rng = np.random.default_rng(seed)
    pose = np.column_stack([rng.uniform(-1.5, 1.5, (12, 2)), rng.uniform(-3.0, 3.0, 12)])
    looks = [painted_room(x, y) for x, y, _ in pose]
    turned = [
        np.roll(rgb, round(yaw / math.pi * 144), axis=1) for (rgb, _), (*_, yaw) in zip(looks, pose)
    ]
    depth = [
        np.roll(d, round(yaw / math.pi * 144), axis=1) for (_, d), (*_, yaw) in zip(looks, pose)
    ]
    return {
        "panorama": np.stack(turned),
        "depth": np.stack(depth),
        "front": np.stack([photo_in(rgb, 0, 64).rgb for rgb in turned]),
        "pose": pose,
        "geodesic_m": np.linalg.norm(pose[:, None, :2] - pose[None, :, :2], axis=-1).astype("f4"),
    }


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two scenes to train on and one held out."""
    folder = tmp_path_factory.mktemp("rooms")
    shards = []
    for scene in (20000, 20001, 20009):
        data = pack(room_tour(scene))
        (folder / f"{scene}.npz").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(f"{scene}.npz", digest, scene, "test", "", 0, 11))
    manifest = Manifest("navigation", "train", ("forward",), tuple(shards), {})
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return Dataset.open(folder)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> GoalDistance:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    network = GoalDistanceRecipe(**SMALL).network()
    weights.save(folder, "any", network.state_dict(), {"config": {"options": SMALL}})
    return GoalDistance(str(folder / "any"))


def test_turning_on_the_spot_changes_nothing_to_the_last_bit(untrained: GoalDistance) -> None:
    rgb = cv2.resize(painted_room(0.5, 0.3)[0], (512, 288), interpolation=cv2.INTER_AREA)
    goal = untrained.goal(photo_in(painted_room(-1.0, 0.0)[0], 3))
    said = {untrained.metres(goal, np.roll(rgb, 32 * k, axis=1)) for k in range(16)}
    assert len(said) == 1 and math.isfinite(said.pop())


def test_a_goal_photo_is_shown_as_the_part_of_the_panorama_that_it_is() -> None:
    rgb, _ = painted_room(0.0, 0.0, height=288)
    part, known = views.goal_part(photo_in(rgb, 0))
    band = views.band(rgb)
    start = (views.WIDTH - views.GOAL_WIDTH) // 2
    same = band[:, start : start + views.GOAL_WIDTH]
    off = np.abs(part.astype(int) - same.astype(int))[known]
    assert 0.6 < known.mean() < 0.9
    assert off.mean() < 6.0, "only edges may differ, by the sampling"
    assert not part[~known].any()


def test_a_narrow_photo_is_known_in_fewer_directions() -> None:
    assert views.known_part(math.radians(60.0)).sum() < 0.7 * views.known_part(math.pi / 2).sum()


def test_colours_are_most_alike_where_the_photo_was_taken_and_looked() -> None:
    rgb, _ = painted_room(0.0, 0.0)
    goal = goal_colours(*views.goal_part(photo_in(rgb, 4)))
    here = likeness(place_colours(views.band(rgb)), goal).mean(axis=-1)
    there = likeness(place_colours(views.band(painted_room(2.0, -1.5)[0])), goal).mean(axis=-1)
    # The middle of window k is 2 sixteenths after its first column; the panorama begins behind.
    assert (8 - 2 - here.argmax()) % 16 == 4
    assert here.max() > there.max()


def test_a_place_warped_by_no_step_is_itself() -> None:
    rgb, depth = painted_room(0.0, 0.0, height=72)
    assert np.array_equal(damage.moved(rgb, depth, Pose2()), rgb)


def test_a_warped_place_looks_like_the_place_it_was_moved_to() -> None:
    rgb, depth = painted_room(0.0, 0.0, height=72)
    step = Pose2(0.5, 0.3)
    there, _ = painted_room(0.5, 0.3, height=72)

    def off(picture: Rgb) -> float:
        return float(np.abs(picture.astype(int) - there.astype(int)).mean())

    assert off(damage.moved(rgb, depth, step)) < 0.5 * off(rgb)


def test_unknown_depth_leaves_no_black_hole() -> None:
    rgb, depth = painted_room(0.0, 0.0, height=72)
    depth[30:50, 20:60] = 0.0
    assert damage.moved(rgb, depth, Pose2(0.2, 0.0)).min() > 20


def test_a_sample_says_where_the_goal_is_as_the_poses_do(rooms: Dataset) -> None:
    samples = PlaceSamples(rooms, held_out_scenes=False, plain=True)
    sample = samples.sample(0, np.random.default_rng(1))
    straight = np.linalg.norm(sample["position"], axis=-1)
    assert np.allclose(straight, sample["metres"], atol=1e-4), (
        "the room is empty: ways are straight"
    )
    assert sample["places"].shape == (8, 48, 128, 3) and sample["goals"].shape == (4, 48, 32, 3)
    assert sample["likeness"].shape == (4, 8, 16, 3)


def test_a_sample_names_the_heading_at_which_the_goal_photo_looked(rooms: Dataset) -> None:
    """At the goal's own place, the photo is the panorama's part at the heading that is named."""
    samples = PlaceSamples(rooms, held_out_scenes=False, plain=True)
    checked = 0
    for k in range(30):
        sample = samples.sample(k, np.random.default_rng(k))
        for g, p in zip(*np.nonzero(sample["metres"] < 1e-6)):
            middle = (0.5 - sample["turn"][g, p] / (2.0 * math.pi)) * views.WIDTH
            start = round(middle - views.GOAL_WIDTH / 2)
            part = np.roll(sample["places"][p], -start, axis=1)[:, : views.GOAL_WIDTH]
            off = np.abs(part.astype(int) - sample["goals"][g].astype(int))[sample["known"][g]]
            assert off.mean() < 12.0
            checked += 1
    assert checked >= 3


def test_a_cell_of_the_goal_is_found_where_the_panorama_shows_the_same(rooms: Dataset) -> None:
    samples = PlaceSamples(rooms, held_out_scenes=False, plain=True)
    alike, unlike = [], []
    for k in range(6):
        sample = samples.sample(k, np.random.default_rng(k))
        places = sample["places"].reshape(8, 12, 4, 32, 4, 3).mean((2, 4)).reshape(8, 384, 3)
        goals = sample["goals"].reshape(4, 12, 4, 8, 4, 3).mean((2, 4)).reshape(4, 96, 3)
        whole = sample["known"].reshape(4, 12, 4, 8, 4).mean((2, 4)).reshape(4, 96) == 1.0
        for g, p in np.ndindex(4, 8):
            match = sample["match"][g, p]
            some = (match != NOWHERE) & whole[g]
            alike.append(np.abs(places[p, match[some]] - goals[g, some]).mean())
            unlike.append(np.abs(places[p, 383 - match[some]] - goals[g, some]).mean())
            assert some.sum() > 30, "the room is empty: nothing hides anything"
    assert np.mean(alike) < 0.5 * np.mean(unlike)


def test_what_another_thing_hides_is_found_nowhere() -> None:
    _, depth = painted_room(0.0, 0.0, height=72)
    _, there = painted_room(0.5, 0.3, height=72)
    pose, other = np.zeros(3), np.array([0.5, 0.3, 0.0])
    seen = matching_cells(pose, depth, 0.0, other, there)
    hidden = matching_cells(pose, depth, 0.0, other, np.full_like(there, 0.2))
    assert (seen != NOWHERE).mean() > 0.7 and (hidden == NOWHERE).all()


def test_the_same_generator_gives_the_same_sample(rooms: Dataset) -> None:
    samples = PlaceSamples(rooms, held_out_scenes=False)
    a, b = (samples.sample(1, np.random.default_rng(7)) for _ in range(2))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_scenes_to_judge_by_are_not_trained_on(rooms: Dataset) -> None:
    recipe = GoalDistanceRecipe()
    train = {tour.scene for tour in recipe.samples(rooms, held_out=False).tours}
    judge = {tour.scene for tour in recipe.samples(rooms, held_out=True).tours}
    assert train == {20000, 20001} and judge == {20009}


def test_it_learns_one_batch(rooms: Dataset) -> None:
    recipe = GoalDistanceRecipe(**SMALL)
    torch.manual_seed(0)
    network = recipe.network()
    sample = recipe.samples(rooms, held_out=False).sample(0, np.random.default_rng(0))
    batch = {name: torch.from_numpy(value)[None] for name, value in sample.items()}
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    seen = []
    for _ in range(30):
        loss = recipe.losses(network, batch)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen.append(float(loss.detach()))
    assert seen[-1] < 0.6 * seen[0]


def test_choosing_by_the_truth_wins_all_and_by_its_opposite_less_than_nothing() -> None:
    true = np.random.default_rng(0).uniform(0.0, 4.0, (4, 8))
    assert ratio(choices([(true, true)])).estimate == 1.0
    assert ratio(choices([(-true, true)])).estimate < -0.5


def test_metres_are_the_inverse_of_the_scale_of_the_bins() -> None:
    given = torch.tensor([0.0, 0.3, 2.0, 7.5])
    assert torch.allclose(metres(warped(given)), given, atol=1e-5)


def test_missing_weights_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(WiwError) as caught:
        GoalDistance(str(tmp_path / "goal_distance"))
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE
    assert "wiw train goal_distance" in str(caught.value)


def test_the_reviser_refuses_a_distance_that_is_not_there() -> None:
    with pytest.raises(WiwError) as caught:
        PlaceReviser(distance="lerned")
    assert caught.value.code is ErrorCode.BAD_PARAMETER and "learned" in str(caught.value)


@pytest.mark.parametrize("distance", ["learned", "both"])
def test_turned_copies_of_a_place_leave_the_choice_to_the_proposer(distance: str) -> None:
    context = example_context(FakeEnvironment(), ImageGoalNavigation())
    goal = photo_in(painted_room(-1.0, 0.0)[0], 3)
    context = replace(context, episode=replace(context.episode, goal_view=goal))
    reviser = PlaceReviser(distance=distance)
    reviser.reset(context.episode)
    here = painted_room(1.0, 0.5)[0]
    turned = [np.roll(here, 18 * k, axis=1) for k in (5, 0, 11)]
    plans = [navigation_plan([name]) for name in ("forward", "turn_left", "turn_right")]
    ends = [
        Candidate(plan, Rollout(k, rgb[None], (1,), Projection.EQUIRECTANGULAR))
        for k, (plan, rgb) in enumerate(zip(plans, turned))
    ]
    decision = reviser.revise(context, ends)
    assert decision.chosen == 0
    assert len({c.score for c in decision.candidates}) == 1 and decision.candidates[0].score < 0.0


def test_values_need_no_weights(tmp_path: Path) -> None:
    PlaceReviser("value", distance="learned", weights=str(tmp_path / "none"))


def test_the_shipped_card_says_what_it_was_judged_on() -> None:
    card = GoalDistance().card
    share, colours = (card["metrics"][f"progress_share{which}"] for which in ("", "_colours"))
    assert share["estimate"] >= colours["estimate"], "it began from colours, and may not lose"
    assert not set(card["data"]["train_scenes"]) & set(card["data"]["held_out_scenes"])


def test_the_shipped_distance_grows_on_the_way_from_the_goal() -> None:
    distance = GoalDistance()
    goal = distance.goal(photo_in(painted_room(-2.0, 0.0, height=288)[0], 0))
    said = [distance.metres(goal, painted_room(x, 0.0, height=288)[0]) for x in (-2.0, -1.0, 1.0)]
    assert said == sorted(said)
