"""What was measured: rows of numbers with intervals, paired differences, frames to look at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from wiw_core.errors import ErrorCode, unknown_name
from wiw_core.observation import Rgb
from wiw_core.plans import Plan
from wiw_core.statistics import Percentiles, percentiles
from wiw_learn.measure.calibration import Bin, expected_error, reliability, spearman
from wiw_learn.measure.cases import Scores, Settings
from wiw_learn.measure.intervals import (
    NOTHING,
    Estimate,
    mean_by_scene,
    statistic_by_scene,
)
from wiw_learn.measure.metrics import METRICS

SCHEMA = 1
SECONDS = ("seconds_per_frame", "seconds_per_end")
_OF_PAIRS = {
    "calibration_error": ("confidence", expected_error),
    "confidence_rank": ("confidence", spearman),
    "value_rank": ("value", spearman),
}


@dataclass
class Row:
    """One model: its scores in every case, and what they amount to.

    Attributes
    ----------
    name : str
    control : str
        What it is there for, if it is a negative control; else empty.
    of : str
        Whose frames it has, if it has those of another row.
    scenes : list of int
        Of each case.
    scores : list of Scores
        Of each case, in the same order.
    """

    name: str
    control: str = ""
    of: str = ""
    scenes: list[int] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    _known: dict[tuple[str, int, int], Estimate] = field(default_factory=dict, repr=False)

    def values(self, metric: str) -> list[float]:
        """Return the metric case by case, NaN where it could not be measured."""
        return [score.values.get(metric, math.nan) for score in self.scores]

    def estimate(self, metric: str, seed: int = 0) -> Estimate:
        """Return the metric over all cases, with its interval over scenes."""
        key = metric, seed, len(self.scores)
        if key not in self._known:
            self._known[key] = self._estimate(metric, seed)
        return self._known[key]

    def has(self, metric: str) -> bool:
        """Tell whether the metric could be measured in any case."""
        if metric in _OF_PAIRS:
            return any(score.pairs.get(_OF_PAIRS[metric][0]) for score in self.scores)
        return any(map(math.isfinite, self.values(metric)))

    def curve(self, metric: str, seed: int = 0) -> list[Estimate]:
        """Return the metric after 1, 2, ... actions; empty if it has no curve."""
        curves = [score.curves.get(metric, []) for score in self.scores]
        longest = max(map(len, curves), default=0)
        return [
            mean_by_scene([c[k] if k < len(c) else math.nan for c in curves], self.scenes, seed)
            for k in range(longest)
        ]

    def reliability(self) -> list[Bin]:
        """Return the bins of stated confidence; empty for a model that states none."""
        rows, scenes = self._pairs("confidence")
        return reliability(rows) if scenes else []

    def seconds(self, metric: str) -> Percentiles:
        """Return median and 95th percentile over cases of one of :data:`SECONDS`."""
        return percentiles([v for v in self.values(metric) if math.isfinite(v)])

    def _estimate(self, metric: str, seed: int) -> Estimate:
        if metric not in _OF_PAIRS:
            return mean_by_scene(self.values(metric), self.scenes, seed)
        source, statistic = _OF_PAIRS[metric]
        rows, scenes = self._pairs(source)
        return statistic_by_scene(rows, scenes, statistic, seed) if scenes else NOTHING

    def _pairs(self, source: str) -> tuple[np.ndarray, list[int]]:
        found = [
            (pair, scene)
            for score, scene in zip(self.scores, self.scenes)
            for pair in score.pairs.get(source, [])
        ]
        return np.array([pair for pair, _ in found]).reshape(-1, 2), [s for _, s in found]


@dataclass(frozen=True)
class Film:
    """The frames of one case, all (H, W, 3) uint8 of one size.

    Attributes
    ----------
    plans : tuple of Plan
        The executed one, then those it was chosen among.
    real : (L, H, W, 3)
    imagined : dict
        By model, the (L, H, W, 3) frames of the executed plan.
    ends : dict
        By model, the (M, H, W, 3) last frames of those plans.
    """

    name: str
    plans: tuple[Plan, ...]
    now: Rgb
    real: Rgb
    imagined: Mapping[str, Rgb]
    ends: Mapping[str, Rgb]


@dataclass
class Report:
    """The outcome of a measurement.

    Attributes
    ----------
    metrics : tuple of str
        Those that apply, in the order shown; keys of :data:`METRICS`.
    unavailable : dict
        Why, for each metric that applies and cannot be measured here.
    rows : dict
        By the model's name, the controls after the models.
    facts : dict
        About the data and what made the report; plain JSON values.
    """

    settings: Settings
    kind: str
    metrics: tuple[str, ...]
    unavailable: dict[str, str]
    rows: dict[str, Row]
    facts: dict[str, Any]
    cases: list[str] = field(default_factory=list)
    films: list[Film] = field(default_factory=list)

    def row(self, name: str) -> Row:
        """Return a model's row; ``UNKNOWN_MODEL`` if it was not measured."""
        if name not in self.rows:
            raise unknown_name(ErrorCode.UNKNOWN_MODEL, "measured model", name, self.rows)
        return self.rows[name]

    def shown(self) -> tuple[str, ...]:
        """Return the metrics that some row has, or that are unavailable; not the seconds."""
        return tuple(
            name
            for name in self.metrics
            if name not in SECONDS
            and (name in self.unavailable or any(r.has(name) for r in self.rows.values()))
        )

    def difference(self, a: str, b: str, metric: str) -> Estimate:
        """Return the mean of a - b over the cases that both have, with its interval over scenes.

        Nothing for a statistic that is not a mean over cases.
        """
        if metric in _OF_PAIRS:
            return NOTHING
        one, other = self.row(a), self.row(b)
        gaps = [x - y for x, y in zip(one.values(metric), other.values(metric))]
        return mean_by_scene(gaps, one.scenes, self.settings.seed)

    def pairs(self) -> list[tuple[str, str]]:
        """Return which rows are compared: models with one another and with their controls."""
        models = [name for name, row in self.rows.items() if not row.control]
        controls = [row for row in self.rows.values() if row.control]
        return [
            (a, b)
            for k, a in enumerate(models)
            for b in (*models[k + 1 :], *(c.name for c in controls if c.of in ("", a)))
        ]

    def to_json(self) -> dict[str, Any]:
        """Return everything but the frames as plain JSON values; not-a-number is null."""
        return _plain(
            {
                "schema": SCHEMA,
                "kind": self.kind,
                "settings": asdict(self.settings),
                "facts": self.facts,
                "unavailable": self.unavailable,
                "metrics": {name: asdict(METRICS[name]) for name in self.metrics},
                "cases": self.cases,
                "rows": {name: self._row_json(row) for name, row in self.rows.items()},
                "differences": [
                    {
                        "a": a,
                        "b": b,
                        "metrics": {
                            name: _estimate_json(gap)
                            for name in self.shown()
                            if (gap := self.difference(a, b, name)).n
                        },
                    }
                    for a, b in self.pairs()
                ],
            }
        )

    def _row_json(self, row: Row) -> dict[str, Any]:
        names = [name for name in self.shown() if row.has(name)]
        seed = self.settings.seed
        curves = dict.fromkeys(name for score in row.scores for name in score.curves)
        return {
            "control": row.control,
            "metrics": {name: _estimate_json(row.estimate(name, seed)) for name in names},
            "seconds": {name: asdict(row.seconds(name)) for name in SECONDS if row.scores},
            "curves": {
                name: [_estimate_json(point) for point in row.curve(name, seed)] for name in curves
            },
            "reliability": [asdict(part) for part in row.reliability()],
            "by_case": {name: row.values(name) for name in names if name not in _OF_PAIRS},
        }


def _estimate_json(estimate: Estimate) -> dict[str, Any]:
    return {**asdict(estimate.value), "n": estimate.n, "scenes": estimate.scenes}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
