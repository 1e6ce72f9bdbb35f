"""``wiw list``: what is installed, whether it can be used here, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass

from wiw.arms import arms
from wiw.description import BUILT_IN_MODELS
from wiw_core.catalogue import ModelSheet
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.judging import JUDGES
from wiw_core.registry import (
    ENVIRONMENTS,
    PROPOSERS,
    REVISERS,
    TASKS,
    WORLD_MODELS,
    Kind,
    Registry,
)

SECTIONS: dict[str, Kind] = {
    "models": WORLD_MODELS,
    "envs": ENVIRONMENTS,
    "tasks": TASKS,
    "proposers": PROPOSERS,
    "revisers": REVISERS,
    "judges": JUDGES,
}
EVERYTHING = (*SECTIONS, "arms")


OTHERS = {
    "pathdreamer": "Koh et al. 2021: RGB-D panoramas along a path of places.",
    "se3ds": "Koh et al. 2023: RGB-D panoramas along a path of places.",
}
"""World models of the paper that are not loaded: `warp` is of their class."""
NOT_LOADED = "its TensorFlow weights are not loaded; `warp` takes the same inputs"


@dataclass(frozen=True)
class Item:
    """One thing that can be chosen; ``problem`` is empty when it can be used.

    ``sheet`` is what is known of a world model before it is loaded.
    """

    name: str
    summary: str
    origin: str
    problem: str = ""
    sheet: ModelSheet | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """What drives a world model, its frames, how many, GiB, and the licence of its weights."""
        if self.sheet is None:
            return ("",) * len(MODEL_COLUMNS)
        sheet = self.sheet
        size = f"{sheet.height}x{sheet.width}" if sheet.height else "as the view"
        memory = f"{sheet.memory_gib:.3g} GiB" if sheet.memory_gib else "no GPU"
        if sheet.memory_gib and not sheet.measured:
            memory = f"~{memory}"
        frames = str(sheet.frames) if sheet.frames else "as asked"
        return (", ".join(sheet.controls) or "the image alone", size, frames, memory, sheet.licence)


MODEL_COLUMNS = ("driven by", "frames of", "how many", "needs", "licence")
"""Headings of :attr:`Item.columns`."""


def section(name: str) -> list[Item]:
    """Return the items of one of the sections; raises ``BAD_PARAMETER`` for another."""
    if name == "arms":
        return [Item(arm.name, arm.text, f"wm:={arm.model}") for arm in arms().values()]
    if name not in SECTIONS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "section", name, EVERYTHING)
    items = _plugins(SECTIONS[name])
    if name == "models":
        built_in = [Item(n, text, "built in") for n, text in BUILT_IN_MODELS.items()]
        items = built_in + items + [Item(n, t, "", NOT_LOADED) for n, t in OTHERS.items()]
    return items


def _plugins(kind: Kind) -> list[Item]:
    registry, items = Registry(kind), []
    for name in registry.names():
        plugin = registry.get(name)
        try:
            sheet = getattr(plugin.load(), "sheet", None)
            problem = sheet.missing() if sheet is not None else ""
            items.append(Item(name, plugin.summary, plugin.origin, problem, sheet))
        except WiwError as error:
            items.append(Item(name, "", plugin.origin, str(error)))
    return items
