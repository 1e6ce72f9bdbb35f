"""The measurement: every model on the same cases of a dataset's held-out scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from wiw_core.contracts import WorldModel
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.provenance import provenance
from wiw_learn.dataset import Dataset
from wiw_learn.measure.arm import Arm
from wiw_learn.measure.cases import (
    Case,
    Kind,
    Scores,
    Settings,
    metric_names,
    shards_to_judge,
)
from wiw_learn.measure.navigation import Navigation
from wiw_learn.measure.report import Film, Report, Row
from wiw_learn.measure.scores import Ends, Imagined, Perceptual, imagine, score

UNAVAILABLE = "needs AlexNet's ImageNet weights: give their file with --lpips"
SHUFFLED = ", shuffled"
"""Ends the name of the row in which a model's frames belong to plans drawn by lot."""

Progress = Callable[[int, int], None]
"""``progress(done, total)``, in cases."""


def measure(
    models: Mapping[str, WorldModel],
    data: Dataset,
    settings: Settings | None = None,
    *,
    controls: Mapping[str, WorldModel] | None = None,
    perceptual: Perceptual | None = None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Measure models on held-out scenes; each gets the same observations, plans and seeds.

    Beside every model stands its own negative control: its frames, dealt out to the plans by lot.
    That must lose all control; if it does not, the measure is wrong.

    Parameters
    ----------
    models : mapping
        By the name of the row.
    controls : mapping, optional
        World models that are there to be beaten, such as ``copy``.
    perceptual : callable, optional
        LPIPS; without it that metric is unavailable.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a dataset that cannot be measured on; what a model raises.
    """
    settings = settings or Settings()
    controls = controls or {}
    kind = _kind(data)
    counts = shards_to_judge(data, settings)
    rows = {name: Row(name) for name in models}
    rows |= {name: Row(name, "there to be beaten") for name in controls}
    rows |= {n + SHUFFLED: Row(n + SHUFFLED, "frames dealt out by lot", n) for n in models}
    report = Report(
        settings,
        data.manifest.kind,
        metric_names(kind),
        {} if perceptual is not None else {"lpips": UNAVAILABLE},
        rows,
        {
            "data": str(data.folder),
            "trajectories": len(data.manifest.shards),
            "provenance": provenance({"seed": settings.seed}),
        },
    )
    every = {**models, **controls}
    total, warm = sum(counts.values()), False
    filmed = {round((k + 0.5) * total / settings.films - 0.5) for k in range(settings.films)}
    for case in _cases(kind, data, counts, settings):
        if not warm:
            for model in every.values():
                imagine(model, case, settings.seed)  # caches and lazy imports are not its speed
            warm = True
        shown: dict[str, Imagined] = {}
        for name, model in every.items():
            shown[name] = imagine(model, case, settings.seed)
            ends = Ends(case, shown[name].ends)
            _add(rows[name], case, score(kind, case, shown[name], ends, perceptual))
            if name in models:
                lot = [settings.seed, case.scene, case.shard, case.start, 1]
                dealt = Scores(ends.shuffled(np.random.default_rng(lot)))
                _add(rows[name + SHUFFLED], case, dealt)
        if len(report.cases) in filmed:
            report.films.append(_film(case, shown))
        report.cases.append(case.name)
        progress(len(report.cases), total)
    return report


def _kind(data: Dataset) -> Kind:
    manifest = data.manifest
    if manifest.kind == "navigation":
        return Navigation(manifest.actions)
    if manifest.kind == "arm":
        return Arm()
    raise WiwError(
        ErrorCode.BAD_PARAMETER, f"Nothing is measured on a dataset of kind '{manifest.kind}'."
    )


def _cases(
    kind: Kind, data: Dataset, counts: Mapping[int, int], settings: Settings
) -> Iterator[Case]:
    for index, count in counts.items():
        shard, trajectory = data.manifest.shards[index], data.trajectory(index, kind.arrays)
        rng = np.random.default_rng([settings.seed, shard.scene, shard.seed])
        starts = list(kind.starts(trajectory, settings.horizon))
        if len(starts) < count:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The trajectory '{shard.file}' has {len(starts)} places to begin,"
                f" {count} are wanted.",
                "Ask for fewer cases or a shorter horizon, or collect more scenes.",
            )
        for start in sorted(rng.choice(starts, count, replace=False)):
            yield kind.case(trajectory, shard, index, int(start), settings, rng)


def _add(row: Row, case: Case, scores: Scores) -> None:
    row.scenes.append(case.scene)
    row.scores.append(scores)


def _film(case: Case, shown: Mapping[str, Imagined]) -> Film:
    chosen = list(case.choices.get("action_choice", (0,)))
    view = case.observations[-1].views[0]
    return Film(
        case.name,
        tuple(case.plans[k] for k in chosen),
        view.rgb,
        case.real,
        {name: imagined.frames for name, imagined in shown.items()},
        {name: imagined.ends[chosen] for name, imagined in shown.items()},
    )
