"""What to collect: kind, scenes, and the sampler's own options."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.registry import Registry
from wiw_env_bridge.collect.jobs import SAMPLERS, Sampler
from wiw_env_bridge.mujoco.apartment import TRAIN_SEEDS

FIRST_SCENE = TRAIN_SEEDS.start + 20_000
"""First scene unless another is asked for: train episodes, recogniser and segmenter lie below."""
SCENES = 240
"""Scenes unless another number is asked for; one in ten judges."""
SPLIT = "train"
MOST_SCENES = 100_000


@dataclass(frozen=True)
class Settings:
    """Checked settings of a collection.

    Attributes
    ----------
    kind : str
        Name of the sampler: ``navigation`` or ``arm``.
    scenes : int
        Scenes in a row.
    first_scene : int
        Seed of the first.
    options : mapping
        Every option of the sampler, those left out with their default.
    version : str
        The sampler's.
    """

    kind: str
    scenes: int
    first_scene: int
    options: Mapping[str, Any]
    version: str

    @staticmethod
    def read(settings: Mapping[str, Any]) -> Settings:
        """Check a mapping with ``kind``, ``scenes``, ``first_scene`` and the sampler's options.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` for an unknown kind or option, a number out of its range, or a scene
            that is not of the train split.
        """
        rest = dict(settings)
        kind = str(rest.pop("kind", ""))
        scenes = rest.pop("scenes", SCENES)
        first = rest.pop("first_scene", FIRST_SCENE)
        sampler = Registry(SAMPLERS).get(kind).load()
        known = {
            name: parameter.default
            for name, parameter in inspect.signature(sampler).parameters.items()
        }
        for name in rest:
            if name not in known:
                raise _no_option(kind, name, ["kind", "scenes", "first_scene", *known])
        for name, value in (("scenes", scenes), ("first_scene", first)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise WiwError(ErrorCode.BAD_PARAMETER, f"{name} is {value!r}, not an integer.")
        if not 1 <= scenes <= MOST_SCENES:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"scenes is {scenes}; it is 1 to {MOST_SCENES}."
            )
        if first not in TRAIN_SEEDS or first + scenes - 1 not in TRAIN_SEEDS:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"Scenes {first} to {first + scenes - 1} are not all train scenes; what is judged"
                " on val must never be trained on.",
                f"Use seeds {TRAIN_SEEDS.start} to {TRAIN_SEEDS.stop - 1}.",
            )
        # Through JSON, so that what was read from a file and what was typed compare equal.
        options = json.loads(json.dumps({**known, **rest}))
        return Settings(kind, scenes, first, options, str(getattr(sampler, "version", "")))

    def sampler(self) -> Sampler:
        """Return a new sampler; ``BAD_PARAMETER`` if it does not take an option's value."""
        made: Sampler = Registry(SAMPLERS).create(self.kind, **self.options)
        return made

    def seeds(self) -> range:
        """Return the scenes' seeds."""
        return range(self.first_scene, self.first_scene + self.scenes)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values; equal settings give equal ones."""
        return {
            "kind": self.kind,
            "scenes": self.scenes,
            "first_scene": self.first_scene,
            **self.options,
        }


def _no_option(kind: str, name: str, known: list[str]) -> WiwError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
    return WiwError(ErrorCode.BAD_PARAMETER, f"'{kind}' has no setting '{name}'.", hint)
