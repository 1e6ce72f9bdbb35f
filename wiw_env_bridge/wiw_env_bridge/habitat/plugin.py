"""The registered environment ``habitat``: what the bridge loads; the simulator is in a worker."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from wiw_core.catalogue import EnvironmentSheet
from wiw_env_bridge.remote.client import Patience
from wiw_env_bridge.remote.offers import Imagination

PYTHON_VARIABLE = "WIW_HABITAT_PYTHON"
"""Environment variable with the interpreter that has Habitat-Sim."""
_QUIET = {"MAGNUM_LOG": "quiet", "HABITAT_SIM_LOG": "quiet"}


def missing() -> str:
    """Return why Habitat-Sim cannot be used here as it comes; empty if it can."""
    python = os.environ.get(PYTHON_VARIABLE, "")
    if python:
        return "" if Path(python).exists() else f"{PYTHON_VARIABLE} names no file: {python}."
    if importlib.util.find_spec("habitat_sim") is not None:
        return ""
    return (
        "no habitat_sim in this interpreter; give python=, or set"
        f" {PYTHON_VARIABLE}: docs/habitat.md."
    )


class HabitatEnvironment(Imagination):
    """Habitat-Sim with Matterport3D or HM3D scenes, in a worker with its own interpreter.

    The paper's tasks on the paper's episode files: ``ar``, ``ignav`` and ``aeqa``, each offered
    when its file is given, and their variants. A panorama is made of six faces; frames are REP-103.
    The state can be saved, so it also has the oracle.

    Parameters
    ----------
    python : str
        Interpreter that has Habitat-Sim; empty: that of ``WIW_HABITAT_PYTHON``, else this one.
    path : tuple of str
        Folders that it may import from besides its own.
    scenes : str
        Folder of the scene datasets, with ``mp3d`` and ``hm3d`` below it.
    dataset : str
        Scene dataset configuration file; empty: the usual one of the scene's dataset.
    ar, ignav, aeqa : str
        Episode files (``ar`` also a folder of them); a task without one is not offered.
    ignav_images : str
        Zip of goal panoramas; empty: the goal view is rendered at the goal.
    aeqa_lengths : str
        JSON file with the metres of each question's reference route.
    scene, drawn : str, int
        Instead of ``ignav``: draw so many image-goal episodes in this scene, the same each time.
    panorama_height, panorama_width, front_size, face_size : int
        Sizes of the images, and of each of the panorama's six faces, in pixels.
    views : tuple of str
        Cameras to draw, of ``front`` and ``panorama``; empty for what the task asks for.
    gpu : int
        Graphics device; -1 draws in software.
    seed : int
        Of the simulator.
    sliding : bool
        Whether a blocked forward slides along the wall, as it did in the paper.
    start_s, reset_s, act_s, answer_s : float
        Longest times in seconds, see :class:`wiw_env_bridge.remote.client.Patience`.
    """

    sheet = EnvironmentSheet(missing)

    def __init__(
        self,
        python: str = "",
        path: tuple[str, ...] = (),
        scenes: str = "data/scene_datasets",
        dataset: str = "",
        ar: str = "",
        ignav: str = "",
        ignav_images: str = "",
        aeqa: str = "",
        aeqa_lengths: str = "",
        scene: str = "",
        drawn: int = 0,
        panorama_height: int = 576,
        panorama_width: int = 1024,
        front_size: int = 512,
        face_size: int = 512,
        views: tuple[str, ...] = (),
        gpu: int = 0,
        seed: int = 42,
        sliding: bool = True,
        start_s: float = Patience.start_s,
        reset_s: float = Patience.reset_s,
        act_s: float = Patience.act_s,
        answer_s: float = Patience.answer_s,
    ) -> None:
        files = {
            "scenes": scenes,
            "dataset": dataset,
            "ar": ar,
            "ignav": ignav,
            "ignav_images": ignav_images,
            "aeqa": aeqa,
            "aeqa_lengths": aeqa_lengths,
            "scene": scene,
        }
        super().__init__(
            "habitat",
            "wiw_env_bridge.habitat.world:HabitatWorld",
            {
                **{name: _absolute(file) for name, file in files.items()},
                "drawn": drawn,
                "panorama_height": panorama_height,
                "panorama_width": panorama_width,
                "front_size": front_size,
                "face_size": face_size,
                "views": list(views),
                "gpu": gpu,
                "seed": seed,
                "sliding": sliding,
            },
            python or os.environ.get(PYTHON_VARIABLE, ""),
            path,
            {name: os.environ.get(name, value) for name, value in _QUIET.items()},
            Patience(start_s, reset_s, act_s, answer_s),
        )


def _absolute(file: str) -> str:
    """Return a path that means the same to a process in another folder; empty stays empty."""
    return str(Path(file).expanduser().absolute()) if file else ""
