"""``wiw list``: what is installed, whether it can be used here, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass

from wiw.arms import arms
from wiw.description import BUILT_IN_MODELS
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


@dataclass(frozen=True)
class Item:
    """One thing that can be chosen; ``problem`` is empty when it can be used."""

    name: str
    summary: str
    origin: str
    problem: str = ""


def section(name: str) -> list[Item]:
    """Return the items of one of the sections; raises ``BAD_PARAMETER`` for another."""
    if name == "arms":
        return [Item(arm.name, arm.text, f"wm:={arm.model}") for arm in arms().values()]
    if name not in SECTIONS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "section", name, EVERYTHING)
    items = _plugins(SECTIONS[name])
    if name == "models":
        built_in = [Item(n, text, "built in") for n, text in BUILT_IN_MODELS.items()]
        items = built_in + items
    return items


def _plugins(kind: Kind) -> list[Item]:
    registry, items = Registry(kind), []
    for name in registry.names():
        plugin = registry.get(name)
        try:
            items.append(Item(name, plugin.summary, plugin.origin))
        except WiwError as error:
            items.append(Item(name, "", plugin.origin, str(error)))
    return items
