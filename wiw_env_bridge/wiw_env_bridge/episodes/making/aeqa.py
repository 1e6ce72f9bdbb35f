"""Episodes of active embodied question answering: questions, starts that do not show the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.questions import CATEGORIES, Question, templates
from wiw_env_bridge.mujoco.questions.survey import Place, survey
from wiw_env_bridge.mujoco.renderer import Renderer

LEVELS_M = {"easy": (1.0, 2.5), "medium": (2.5, 4.0), "hard": (4.0, 12.0)}
"""Difficulty: geodesic metres from the start to the nearest place that shows the evidence well."""
_NEAR = 5
_AHEAD = 2


@dataclass(frozen=True)
class Start:
    """A place to begin at that shows nothing of the answer, and how far one has to go from it."""

    place: Place
    grid_m: float


@dataclass(frozen=True)
class Chance:
    """A question, the places that show its evidence, and the starts by difficulty."""

    layout: Layout
    question: Question
    shown_from: tuple[Place, ...]
    starts: dict[str, tuple[Start, ...]]


def make(
    renderer: Renderer, scenes: Sequence[int], rounds: int, seed: int
) -> Iterable[EpisodeRecord]:
    """Yield ``rounds`` episodes per scene, scene after scene and round after round.

    Categories, their answers and their difficulties are kept even, so that no answer is a good
    guess and no category is harder by chance; an apartment gets questions of several categories.
    """
    offered = {scene: _chances(renderer, scene, seed) for scene in scenes}
    used: Counter[tuple[object, ...]] = Counter()
    asked: set[tuple[int, str]] = set()
    for turn in range(rounds):
        for scene in scenes:
            rng = np.random.default_rng([seed, scene, turn])
            chances = [c for c in offered[scene] if (scene, c.question.text) not in asked]
            if not chances:
                raise RuntimeError(f"Apartment {scene} has too few questions for {rounds} episodes")
            chance = _rarest(chances, used, rng)
            asked.add((scene, chance.question.text))
            yield _record(chance, _rarest_level(chance, used), rng)


def _chances(renderer: Renderer, scene: int, seed: int) -> list[Chance]:
    layout = renderer.layout(scene)
    places = survey(renderer, layout, np.random.default_rng([seed, scene]))
    found = []
    for question in templates.ask(layout):
        shown_from = tuple(p for p in places if p.shows_well(question))
        if not shown_from:
            continue
        metres = layout.grid.metres_to_nearest(_points(shown_from)).ravel()
        blind = [
            Start(p, float(metres[layout.grid.cell(p.pose.x_m, p.pose.y_m)]))
            for p in places
            if not p.shows_any(question)
        ]
        starts = {
            name: tuple(s for s in blind if low <= s.grid_m < high)
            for name, (low, high) in LEVELS_M.items()
        }
        starts = {name: some for name, some in starts.items() if some}
        if starts:
            found.append(Chance(layout, question, shown_from, starts))
    return found


def _rarest(
    chances: list[Chance], used: Counter[tuple[object, ...]], rng: np.random.Generator
) -> Chance:
    """Return the chance that evens out most, and count it.

    A category that the apartment has had, or that is :data:`_AHEAD` of the rarest, comes last; then
    the rarest answer in its category wins, then the rarest category, then the rarest form.
    """
    rarest = min(used["category", c] for c in CATEGORIES)

    def rarity(chance: Chance) -> tuple[int, ...]:
        q = chance.question
        return (
            used["scene", chance.layout.seed, q.category],
            int(used["category", q.category] - rarest >= _AHEAD),
            used["answer", q.category, q.answers[0]],
            used["category", q.category],
            used["form", q.form],
        )

    order = [chances[k] for k in rng.permutation(len(chances))]
    chance: Chance = min(order, key=rarity)
    q = chance.question
    used["scene", chance.layout.seed, q.category] += 1
    used["category", q.category] += 1
    used["answer", q.category, q.answers[0]] += 1
    used["form", q.form] += 1
    return chance


def _rarest_level(chance: Chance, used: Counter[tuple[object, ...]]) -> str:
    """Return the difficulty that the question's category has had least, and count it."""
    category = chance.question.category
    level = min((n for n in LEVELS_M if n in chance.starts), key=lambda n: used[category, n])
    used[category, level] += 1
    return level


def _record(chance: Chance, level: str, rng: np.random.Generator) -> EpisodeRecord:
    starts = chance.starts[level]
    start = starts[int(rng.integers(len(starts)))].place.pose
    points, question, grid = _points(chance.shown_from), chance.question, chance.layout.grid
    # The grid exaggerates a little: the true nearest is among the few that it finds nearest.
    along_grid = grid.metres_to_nearest([(start.x_m, start.y_m)]).ravel()
    near = sorted(points, key=lambda p: float(along_grid[grid.cell(*p)]))[:_NEAR]
    shortest_m = min(grid.distances_to(*p).metres(start.x_m, start.y_m) for p in near)
    return EpisodeRecord(
        task="aeqa",
        id="",
        split="",
        scene=chance.layout.seed,
        seed=int(rng.integers(1 << 31)),
        start=start,
        shortest_m=round(shortest_m, 4),
        difficulty=level,
        question=question.text,
        category=question.category,
        form=question.form,
        answers=question.answers,
        partial=question.partial,
        evidence=question.key,
        places=points,
    )


def _points(places: Iterable[Place]) -> tuple[tuple[float, float], ...]:
    return tuple((p.pose.x_m, p.pose.y_m) for p in places)
