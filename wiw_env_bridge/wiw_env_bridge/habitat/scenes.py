"""Where the user keeps a scene that an episode file names."""

from __future__ import annotations

from pathlib import Path

from wiw_core.errors import ErrorCode, WiwError

ROOT = "scene_datasets"
"""Folder of all scene datasets in the names that Habitat's files have."""
_CONFIGURATIONS = {
    "mp3d": ("mp3d.scene_dataset_config.json",),
    "hm3d": (
        "hm3d_annotated_basis.scene_dataset_config.json",
        "hm3d_basis.scene_dataset_config.json",
    ),
}
"""The configuration file of each dataset, the one with annotated objects first."""


def find_scene(root: Path, name: str) -> Path:
    """Return the scene's file, absolute.

    A name is a path of its own, a path below ``scene_datasets``, a path below the validation scenes
    of HM3D, or the bare name of a Matterport3D house.

    Raises
    ------
    WiwError
        ``ENVIRONMENT_FAILED`` naming the places where it was looked for.
    """
    given = Path(name)
    below = given.parts[given.parts.index(ROOT) + 1 :] if ROOT in given.parts else given.parts
    relative = Path(*below) if below else given
    places = [
        *([given] if given.is_absolute() else []),
        *([] if relative.is_absolute() else [root / relative]),
        root / "hm3d" / "val" / relative,
        root / "hm3d" / relative,
        root / "mp3d" / given.stem / f"{given.stem}.glb",
    ]
    for place in places:
        if place.is_file():
            return place.absolute()
    looked = ", ".join(dict.fromkeys(map(str, places)))
    raise WiwError(
        ErrorCode.ENVIRONMENT_FAILED,
        f"The scene '{name}' is not there: {looked}.",
        "Give scenes=, the folder that holds mp3d and hm3d.",
    )


def find_configuration(root: Path, scene: Path) -> str:
    """Return the configuration file of the scene's dataset; empty if there is none."""
    for dataset, names in _CONFIGURATIONS.items():
        if dataset in scene.parts:
            for name in names:
                if (root / dataset / name).is_file():
                    return str((root / dataset / name).absolute())
    return ""
