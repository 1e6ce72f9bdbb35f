"""A hall for Habitat, its episode files in the paper's format, and small images."""

from __future__ import annotations

import gzip
import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from wiw_env_bridge.habitat.frames import rotation_of

OTHER_PYTHON = "WIW_OTHER_PYTHON"
"""Variable with an interpreter of another version that has numpy, scipy and msgpack."""
FAKES = Path(__file__).parent / "fakes"
SMALL = {"panorama_height": 36, "panorama_width": 64, "front_size": 32, "face_size": 32}
CHAIR, SOFA = 7, 8
HALL: dict[str, Any] = {
    "size": [6.0, 2.5, 5.0],
    "boxes": [
        # a wall with a door at its far end, a sofa, a chair, and a shelf that touches nothing
        {"low": [2.9, 0, 0], "high": [3.1, 2.5, 3.8], "id": 20, "category": "wall"},
        {"low": [0.2, 0, 0.2], "high": [1.8, 0.8, 0.9], "id": SOFA, "category": "sofa"},
        {"low": [4.6, 0, 2.2], "high": [5.0, 1.4, 2.6], "id": CHAIR, "category": "chair"},
    ],
}
_COLOURS = {20: [180, 180, 220], SOFA: [40, 60, 200], CHAIR: [210, 40, 40]}
START = [1.5, 0.0, 3.0]
"""Place to stand on this side of the wall; the goal is on the other."""
GOAL = [4.2, 0.0, 1.2]


def scene_file(path: Path, hall: dict[str, Any] | None = None) -> Path:
    """Write the hall, as the fake of Habitat-Sim reads it."""
    hall = HALL if hall is None else hall
    boxes = [{**box, "colour": _COLOURS.get(box["id"], [90, 160, 90])} for box in hall["boxes"]]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**hall, "boxes": boxes}), "utf-8")
    return path


def gzipped(path: Path, data: Any) -> Path:
    """Write gzipped JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        json.dump(data, file)
    return path


def turned(yaw_deg: float) -> list[float]:
    """Return the rotation (w, x, y, z) of a heading."""
    return list(rotation_of(math.radians(yaw_deg)))


def ar_row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return an episode of active recognition; the agent looks at the chair."""
    row = {
        "scene_id": "hall",
        "episode_id": number,
        "start_position": [4.0, 0.0, 4.2],
        "start_rotation": turned(-20.0 - 10 * number),
        "target_id": CHAIR,
        "target_categrory": "chair",
        "difficulty": 2,
    }
    return {**row, **changes}


def ignav_row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return an episode of image-goal navigation."""
    row = {
        "datum_id": f"hall_{number}",
        "scene_relpath": "00800-hall/hall.basis.glb",
        "start_position": START,
        "start_rotation": turned(45.0 * number),
        "goal_position": GOAL,
        "goal_rotation": turned(0.0),
        "goal_radius": 0.5,
        "goal_rot_diff": 0.5,
        "step_to_goal": 30,
        "goal_image_relpath": f"images/hall_{number}.png",
    }
    return {**row, **changes}


def aeqa_row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a question."""
    row = {
        "question_id": f"q/{number}",
        "question": "What colour is the chair?",
        "answer": "red",
        "extra_answers": ["dark red"],
        "category": "attribute recognition",
        "episode_history": "hm3d-v0/000",
        "scene_id": "data/scene_datasets/hm3d/val/00800-hall/hall.basis.glb",
        "hfov": 105,
        "start_position": START,
        "start_rotation": turned(90.0),
    }
    return {**row, **changes}


def dataset(folder: Path) -> dict[str, Any]:
    """Write scenes and episode files; return the parameters of an environment that reads them."""
    scenes = folder / "data" / "scene_datasets"
    scene_file(scenes / "mp3d" / "hall" / "hall.glb")
    scene_file(scenes / "hm3d" / "val" / "00800-hall" / "hall.basis.glb")
    gzipped(folder / "AR" / "episodes_AR.json.gz", {"episodes": [ar_row(k) for k in range(2)]})
    gzipped(
        folder / "episodes_IGNav.json.gz", {"version": "1.1", "data": [ignav_row(), ignav_row(1)]}
    )
    gzipped(folder / "episodes_AEQA.json.gz", [aeqa_row(k) for k in range(2)])
    (folder / "gt_path_length.json").write_text(json.dumps({"q/0": 12.5}))
    return {
        "scenes": str(scenes),
        "ar": str(folder / "AR"),
        "ignav": str(folder / "episodes_IGNav.json.gz"),
        "aeqa": str(folder / "episodes_AEQA.json.gz"),
        "aeqa_lengths": str(folder / "gt_path_length.json"),
        **SMALL,
    }


def goal_images(path: Path, pano: np.ndarray, names: list[str]) -> Path:
    """Write a zip of goal panoramas."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(pano).save(data, "PNG")
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, data.getvalue())
    return path
