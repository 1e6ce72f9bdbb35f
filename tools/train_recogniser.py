"""Make the recogniser's weights and its card: collect crops in train apartments, train, calibrate.

Run in the project's environment: ``python tools/train_recogniser.py`` (about 15 minutes on one
core).
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

from wiw_core.geometry import Pose2
from wiw_core.observation import Projection, View
from wiw_env_bridge.mujoco.apartment import TRAIN_SEEDS
from wiw_env_bridge.mujoco.cameras import camera_pose
from wiw_env_bridge.mujoco.navigation import CELL_M
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_env_bridge.mujoco.targets import COLOURS, SHAPES
from wiw_planner_node.perception.crops import Gaze, gaze_at_box, look, pixels_across
from wiw_planner_node.perception.training import Crops, fit, model_card, save

FARTHEST_M = 4.0
SMALLEST_PIXELS = 25
IMAGINED_HW = (288, 512)
FOLDER = Path(__file__).parents[1] / "wiw_planner_node/wiw_planner_node/perception/weights"


def collect(renderer: Renderer, seed: int, poses: int) -> Crops:
    """Return crops of every target seen from random places of one train apartment."""
    assert seed in TRAIN_SEEDS
    apartment = renderer.apartment(seed)
    rng = np.random.default_rng([seed, 5])
    rows, columns = np.nonzero(apartment.grid.free)
    crops = Crops.empty()
    for _ in range(poses):
        at = int(rng.integers(len(rows)))
        x_m, y_m = (columns[at] + 0.5) * CELL_M, (rows[at] + 0.5) * CELL_M
        near = [t for t in apartment.targets if math.hypot(t.x_m - x_m, t.y_m - y_m) < FARTHEST_M]
        if not near:
            continue
        faced = near[int(rng.integers(len(near)))]
        turn = math.radians(22.5)
        yaw = round(math.atan2(faced.y_m - y_m, faced.x_m - x_m) / turn) * turn
        pose = Pose2(x_m, y_m, yaw)
        real = _panorama(renderer.panorama_view(seed, pose)[0])
        imagined = _panorama(renderer.panorama_rgb(seed, pose, *IMAGINED_HW))
        k = renderer.front.intrinsics
        front = View("front", renderer.front_view(seed, pose)[0], intrinsics=k)
        front = View("front", front.rgb, intrinsics=k, T_base_camera=camera_pose())
        for target in near:
            box = renderer.panorama_box(seed, pose, target)
            if box is None or (box[2] - box[0]) * (box[3] - box[1]) < SMALLEST_PIXELS:
                continue
            gaze = gaze_at_box(real, box)
            crops.add(look(real, gaze), pixels_across(real, gaze), target.label, seed, real=True)
            loose = _jitter(gaze, rng)
            crops.add(
                look(imagined, loose),
                pixels_across(imagined, loose),
                target.label,
                seed,
                real=False,
            )
            front_box = renderer.front_box(seed, pose, target)
            if front_box is not None:
                gaze = gaze_at_box(front, front_box)
                crops.add(
                    look(front, gaze), pixels_across(front, gaze), target.label, seed, real=True
                )
    return crops


def _panorama(rgb: np.ndarray) -> View:
    return View("panorama", rgb, Projection.EQUIRECTANGULAR, T_base_camera=camera_pose())


def _jitter(gaze: Gaze, rng: np.random.Generator) -> Gaze:
    """Return the gaze of an imperfect tracker: up to a tenth of its width off, and resized."""
    direction = gaze.direction + gaze.fov_rad * rng.uniform(-0.1, 0.1, 3)
    return Gaze(direction / np.linalg.norm(direction), gaze.fov_rad * rng.uniform(0.85, 1.25))


def main() -> None:
    """Collect, train, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=108, help="train apartments to visit")
    parser.add_argument("--poses", type=int, default=14, help="places per apartment")
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    renderer = Renderer((576, 1024), 512)
    scenes = range(TRAIN_SEEDS.start + 1000, TRAIN_SEEDS.start + 1000 + arguments.scenes)
    crops = Crops.empty()
    for done, seed in enumerate(scenes, 1):
        crops.extend(collect(renderer, seed, arguments.poses))
        print(f"{done}/{len(scenes)} apartments, {len(crops)} crops", flush=True)
    renderer.close()
    weights, report = fit(crops, tuple(COLOURS), SHAPES)
    save(arguments.out, tuple(COLOURS), SHAPES, weights)
    card = model_card(crops, report)
    (arguments.out / "recogniser_v1.md").write_text(card, encoding="utf-8")
    print(card)


if __name__ == "__main__":
    main()
