"""The card of trained weights: what made them, how good they are, what they cannot do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wiw_core.provenance import provenance
from wiw_core.statistics import Interval
from wiw_learn.dataset import Dataset, held_out
from wiw_learn.training.config import Config

if TYPE_CHECKING:
    import torch

LICENCE = "Apache-2.0"


def data_hash(data: Dataset) -> str:
    """Return the SHA-256 of what exactly these trajectories hold, wherever they were collected."""
    shards = sorted((shard.scene, shard.seed, shard.sha256) for shard in data.manifest.shards)
    return hashlib.sha256(json.dumps([data.manifest.kind, shards]).encode()).hexdigest()


def make_card(
    config: Config,
    data: Dataset,
    limits: str,
    tensors: Mapping[str, torch.Tensor],
    metrics: Mapping[str, Interval],
    step: int,
    seconds: float,
    device: str,
) -> dict[str, Any]:
    """Return the card; :func:`wiw_learn.weights.save` adds the weights' hash.

    Parameters
    ----------
    step : int
        Steps done when these weights were taken.
    seconds : float
        Of training.
    device : str
        What it ran on, in words.
    """
    shards = data.manifest.shards
    train, judged = ([s for s in shards if held_out(s.scene) == part] for part in (False, True))
    return {
        "name": config.name,
        "recipe": config.recipe,
        "options": dict(config.options),
        "config": config.to_json(),
        "data": {
            "kind": data.manifest.kind,
            "split": data.manifest.split,
            "sha256": data_hash(data),
            "settings": data.manifest.provenance.get("config"),
            "train_scenes": sorted({s.scene for s in train}),
            "held_out_scenes": sorted({s.scene for s in judged}),
            "train_trajectories": len(train),
            "held_out_trajectories": len(judged),
            "train_actions": sum(s.length for s in train),
        },
        "step": step,
        "seconds": round(seconds, 1),
        "device": device,
        "parameters": sum(t.numel() for t in tensors.values() if t.is_floating_point()),
        "metrics": {name: asdict(value) for name, value in metrics.items()},
        "limits": limits,
        "licence": LICENCE,
        "provenance": provenance({"seed": config.seed}),
    }


def metrics_of(card: Mapping[str, Any]) -> dict[str, Interval]:
    """Return the metrics that a card states; null is not-a-number."""
    nan = float("nan")
    return {
        name: Interval(*(nan if part[key] is None else part[key] for key in _PARTS))
        for name, part in card["metrics"].items()
    }


_PARTS = ("estimate", "low", "high")


def markdown(card: Mapping[str, Any]) -> str:
    """Return the card as a page for people."""
    data, made = card["data"], card["provenance"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    scenes = data["train_scenes"]
    lines = [
        f"# {card['name']}",
        "",
        f"Weights of the recipe `{card['recipe']}`, {card['parameters']:,} parameters, in half"
        " precision.",
        "",
        f"* **Data**: {data['train_trajectories']} trajectories ({data['train_actions']} actions)"
        f" of {len(scenes)} {data['split']} scenes between {scenes[0]} and {scenes[-1]}, kind"
        f" `{data['kind']}`; SHA-256 of the data `{data['sha256'][:16]}`.",
        f"* **Training**: {card['step']} steps of {card['config']['batch']} samples,"
        f" seed {card['config']['seed']}, {card['seconds'] / 60:.1f} minutes on"
        f" {card['device']}.",
        f"* **Limits**: {card['limits']}",
        f"* **Licence**: {card['licence']}.",
        f"* **Made by**: {versions}; source {made['git'] or 'not under version control'}.",
        "",
        f"On {data['held_out_trajectories']} trajectories of {len(data['held_out_scenes'])} scenes"
        " that were held out, with 95 % intervals:",
        "",
        "| metric | value | interval |",
        "| --- | --- | --- |",
    ]
    for name, value in metrics_of(card).items():
        lines.append(f"| {name} | {value.estimate:.4g} | {value.low:.4g} to {value.high:.4g} |")
    if not card["metrics"]:
        lines += ["", "Not judged: `wiw measure` does that for weights in between."]
    make = f"wiw train {card['name']}"
    lines += [
        "",
        f"Make it again: `{make} --ship`. Judge it again: `{make} --check`.",
        f"Every setting is in `{card['name']}.json`.",
        "",
    ]
    return "\n".join(lines)
