"""What a training is: one YAML file, checked before anything starts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from wiw_core.errors import ErrorCode, WiwError, unknown_name

PRECISIONS = ("no", "bf16")
JUDGES = ("cpu", "accelerator")
LATER: Mapping[str, Any] = {"accumulate": 1, "judge_on": "cpu"}
"""Settings that came later, and their defaults: cards of before hold no such key."""


@dataclass(frozen=True)
class Config:
    """A training.

    Attributes
    ----------
    name : str
        Of the weights, and of the config.
    recipe : str
        A plugin of the group ``wiw.recipes``.
    package : str
        Whose ``weights/`` folder the result ships in; empty for weights that ship nowhere, as those
        of a model that belongs to others.
    data : mapping
        What is collected if it is not there: ``kind`` (navigation, places or arm) and settings of
        ``wiw collect``, whose defaults stand for those left out. ``folder``, if given, is the
        dataset's name instead of the kind's.
    options : mapping
        The recipe's own parameters.
    train_scenes : int
        Scenes trained on, 0 for all that are not held out. A smaller number is part of every larger
        one, and the held-out scenes stay the same, so that sizes can be compared.
    batch : int
        Samples per step, of all processes together.
    steps : int
    learning_rate : float
        The highest: it rises over ``warmup`` steps and falls along half a cosine to zero.
    warmup : int
    weight_decay : float
        Of AdamW (Loshchilov and Hutter 2019).
    clip : float
        Largest norm of the gradient.
    ema : float
        Decay per step of the running mean of the weights that is judged and shipped, below 1; it
        begins lower, at ``(1 + step) / (10 + step)``. 0 ships the last weights.
    mixed_precision : str
        ``no`` or ``bf16``.
    accumulate : int
        Parts that each process takes its share of a batch in, one after the other: less memory,
        the same step but for rounding, unless the recipe's loss looks across samples.
    judge_on : str
        ``cpu``, so that a card holds anywhere; ``accelerator`` for a model that a CPU would take
        hours to judge, whose figures then differ a little from device to device.
    seed : int
    overfit_steps, overfit_ratio
        Before a training, this many steps on one batch must bring the loss below this share of
        what it was.
    """

    name: str
    recipe: str
    package: str
    data: Mapping[str, Any]
    batch: int
    steps: int
    learning_rate: float
    options: Mapping[str, Any] = field(default_factory=dict)
    train_scenes: int = 0
    warmup: int = 0
    weight_decay: float = 0.0
    clip: float = 1.0
    ema: float = 0.0
    mixed_precision: str = "no"
    accumulate: int = 1
    judge_on: str = "cpu"
    seed: int = 0
    overfit_steps: int = 60
    overfit_ratio: float = 0.7

    def __post_init__(self) -> None:
        for name in ("name", "recipe"):
            if not str(getattr(self, name)):
                raise _bad(name, "is empty")
        if "kind" not in self.data:
            raise _bad("data", "names no kind", "Write kind: navigation, places, or arm.")
        if self.mixed_precision not in PRECISIONS:
            raise _bad("mixed_precision", f"is not one of {', '.join(PRECISIONS)}")
        if self.judge_on not in JUDGES:
            raise _bad("judge_on", f"is not one of {', '.join(JUDGES)}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise _bad(name, f"is {value:g}, not between {low:g} and {high:g}")

    @property
    def data_name(self) -> str:
        """Name of the dataset's folder."""
        return str(self.data.get("folder", self.data["kind"]))

    @property
    def data_settings(self) -> dict[str, Any]:
        """What the collector is given: ``data`` without the folder's name."""
        return {key: value for key, value in self.data.items() if key != "folder"}

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without those of ``LATER`` that are at their default."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {key: value for key, value in plain.items() if LATER.get(key) != value}


_RANGES: dict[str, tuple[float, float]] = {
    "train_scenes": (0, 10**9),
    "batch": (1, 10**6),
    "steps": (1, 10**9),
    "learning_rate": (1e-9, 10),
    "warmup": (0, 10**9),
    "weight_decay": (0, 10),
    "clip": (1e-6, 10**6),
    "ema": (0, 0.999999),
    "accumulate": (1, 10**6),
    "seed": (0, 2**32 - 1),
    "overfit_steps": (0, 10**6),
    "overfit_ratio": (0.0, 1.0),
}


def config_names() -> list[str]:
    """Return the names of the configs that ship."""
    folder = resources.files("wiw_learn") / "configs"
    return sorted(f.name[: -len(".yaml")] for f in folder.iterdir() if f.name.endswith(".yaml"))


def shipped_names() -> list[str]:
    """Return the names of the configs whose weights ship."""
    return [name for name in config_names() if load_config(name).package]


def load_config(name_or_path: str, changes: Sequence[str] = ()) -> Config:
    """Return a config that ships, by its name, or that of a YAML file.

    Parameters
    ----------
    name_or_path : str
        A path ends in ``.yaml``.
    changes : sequence of str
        ``key=value`` in its place, as YAML: ``steps=200``, ``options.width=16``.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a name, key, type or value that does not fit.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        try:
            text = Path(name_or_path).read_text("utf-8")
        except OSError as error:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The config '{name_or_path}' cannot be read ({error.strerror}).",
                f"Shipped configs: {', '.join(config_names())}.",
            ) from error
    else:
        known = config_names()
        if name_or_path not in known:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "config", name_or_path, known)
        path = resources.files("wiw_learn") / "configs" / f"{name_or_path}.yaml"
        text = path.read_text("utf-8")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"The config '{name_or_path}' is not YAML ({' '.join(str(error).split())}).",
        ) from error
    if not isinstance(content, dict):
        raise WiwError(ErrorCode.BAD_PARAMETER, f"The config '{name_or_path}' holds no keys.")
    for change in changes:
        _change(content, change)
    return make_config(content)


def make_config(content: Mapping[str, Any]) -> Config:
    """Return the config of a mapping; raises ``BAD_PARAMETER``."""
    known = {entry.name: entry for entry in fields(Config)}
    values = {}
    for key, value in content.items():
        if key not in known:
            raise unknown_name(ErrorCode.BAD_PARAMETER, "config key", str(key), known)
        values[key] = _typed(str(key), value, str(known[key].type))
    try:
        return Config(**values)
    except TypeError as error:
        missing = str(error).partition("argument")[2].lstrip("s: ") or str(error)
        raise WiwError(ErrorCode.BAD_PARAMETER, f"The config lacks {missing}.") from error


def _typed(key: str, value: Any, wanted: str) -> Any:
    if key == "mixed_precision" and value is False:  # YAML reads a bare no as false
        return "no"
    if wanted.startswith("Mapping"):
        if not isinstance(value, dict):
            raise _bad(key, "holds no keys")
        return value
    if wanted == "str" and isinstance(value, str):
        return value
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if wanted == "int" and number and value == int(value):
        return int(value)
    if wanted == "float" and number:
        return float(value)
    if wanted == "float" and isinstance(value, str):  # YAML reads 1e-3 as text
        try:
            return float(value)
        except ValueError:
            pass
    raise _bad(key, f"is {value!r}, not a value of type {wanted}")


def _change(content: dict[str, Any], change: str) -> None:
    path, equals, text = change.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise WiwError(ErrorCode.BAD_PARAMETER, f"'{change}' is not of the form key=value.")
    if keys[0] not in {entry.name for entry in fields(Config)}:
        raise unknown_name(
            ErrorCode.BAD_PARAMETER, "config key", keys[0], [f.name for f in fields(Config)]
        )
    place = content
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise WiwError(ErrorCode.BAD_PARAMETER, f"'{key}' in '{change}' holds no keys.")
    try:
        place[keys[-1]] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WiwError(ErrorCode.BAD_PARAMETER, f"'{change}' is not YAML.") from error


def _bad(key: str, why: str, hint: str = "") -> WiwError:
    return WiwError(ErrorCode.BAD_PARAMETER, f"The config's {key} {why}.", hint)
