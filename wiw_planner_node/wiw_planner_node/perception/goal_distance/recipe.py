"""How the goal distance is trained and judged: the recipe ``goal_distance``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from wiw_core.statistics import Interval, mean_interval
from wiw_learn.dataset import Dataset
from wiw_learn.recipes import Batch, Samples
from wiw_planner_node.perception.goal_distance.samples import PER_CLUSTER, PlaceSamples

if TYPE_CHECKING:
    import torch

JUDGED = 160
"""Samples that the card's numbers come from."""
_CLEAR_M, _FAR_M = 0.1, 5.0

PICTURES = ("places", "goals", "known", "likeness")

Floats = npt.NDArray[np.float64]


class GoalDistanceRecipe:
    """Trains the distance on pairs of places and photos of the same apartment.

    Parameters
    ----------
    width, heads, depth, hidden : int
        Of :class:`GoalDistanceNetwork`.
    """

    limits = (
        "Trained on the embedded apartments, for a level camera and goal photos of 90 degrees. A"
        " goal in another room is judged by what shows through doors and by what rooms look like;"
        " beyond 5 m it says little."
    )

    def __init__(self, width: int = 64, heads: int = 2, depth: int = 32, hidden: int = 64) -> None:
        self._options = {"width": width, "heads": heads, "depth": depth, "hidden": hidden}

    def network(self) -> torch.nn.Module:
        """Return a new network."""
        from wiw_planner_node.perception.goal_distance.network import GoalDistanceNetwork

        return GoalDistanceNetwork(**self._options)

    def samples(self, data: Dataset, *, held_out: bool) -> PlaceSamples:
        """Return samples; the held-out ones without change of colours and without damage."""
        return PlaceSamples(data, held_out_scenes=held_out, plain=held_out)

    def losses(self, network: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the losses; see :func:`losses.losses`."""
        from wiw_planner_node.perception.goal_distance.losses import losses

        return losses(network, batch, PER_CLUSTER)

    def judge(self, network: torch.nn.Module, held_out: Samples, seed: int) -> dict[str, Interval]:
        """Return how well it chooses among 4 places near one another, and how far it is off.

        ``progress_share``: of the metres that the truly nearest place is nearer than their mean,
        how many the chosen one is; ``progress_share_colours``: the same without learning;
        ``progress_share_moved``: where every place is a depth-warp from another one;
        ``nearest_chosen``: how often it is within 0.1 m of the best
        (chance is about 0.35); ``spearman``: rank correlation with the truth, over the pairs of a
        sample; ``error_m``: absolute error where the truth is below 5 m.
        """
        samples = cast(PlaceSamples, held_out)
        plain = _judge(network, samples, seed)
        chosen = choices([(j.said, j.true) for j in plain])
        error = [float(np.abs(j.said - j.true)[j.true < _FAR_M].mean()) for j in plain]
        out = {
            "progress_share": ratio(chosen),
            "progress_share_colours": ratio(choices([(j.colours, j.true) for j in plain])),
            "nearest_chosen": mean_interval([float(right) for *_, right in chosen]),
            "spearman": mean_interval(
                [float(spearmanr(j.said.ravel(), j.true.ravel())[0]) for j in plain]
            ),
            "error_m": mean_interval([e for e in error if math.isfinite(e)]),
        }
        if samples.has_depth:
            moved = _judge(network, samples.with_moved_places(), seed)
            out["progress_share_moved"] = ratio(choices([(j.said, j.true) for j in moved]))
        return out


@dataclass(frozen=True)
class Judged:
    """One sample's (goals, places) in metres: what is said, and what is true.

    ``colours`` is the distance without learning: half of 1 minus the likeness of the nearest
    heading, half of 1 minus their mean.
    """

    said: Floats
    true: Floats
    colours: Floats


def _judge(network: torch.nn.Module, samples: PlaceSamples, seed: int) -> list[Judged]:
    import torch

    from wiw_planner_node.perception.goal_distance.network import metres

    device = next(network.parameters()).device
    out = []
    for k in range(JUDGED):
        sample: Mapping[str, npt.NDArray[np.generic]] = samples.sample(
            k, np.random.default_rng([seed, k])
        )
        asked = [torch.from_numpy(sample[n])[None].to(device) for n in PICTURES]
        with torch.inference_mode():
            said = metres(network(*asked)["expected"])[0].cpu().numpy()
        unlike = 1.0 - sample["likeness"].astype(np.float64).mean(axis=-1)
        colours = 0.5 * (unlike.min(axis=-1) + unlike.mean(axis=-1))
        out.append(Judged(said.astype(np.float64), sample["metres"].astype(np.float64), colours))
    return out


def choices(judged: list[tuple[Floats, Floats]]) -> list[tuple[float, float, bool]]:
    """Return metres won by each choice, metres that could be, and whether it was right."""
    out = []
    for said, true in judged:
        for d, t in zip(said.reshape(-1, PER_CLUSTER), true.reshape(-1, PER_CLUSTER)):
            if t.max() - t.min() < _CLEAR_M:
                continue
            won = float(t.mean() - t[d.argmin()])
            right = bool(t[d.argmin()] <= t.min() + _CLEAR_M)
            out.append((won, float(t.mean() - t.min()), right))
    return out


def ratio(choices: list[tuple[float, float, bool]], resamples: int = 1000) -> Interval:
    """Return the sum of what was won over what could be, with its bootstrap interval."""
    won, could = (np.array([c[k] for c in choices]) for k in (0, 1))
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(won), (resamples, len(won)))
    shares = won[drawn].sum(axis=1) / could[drawn].sum(axis=1)
    low, high = np.percentile(shares, [2.5, 97.5])
    return Interval(float(won.sum() / could.sum()), float(low), float(high))
