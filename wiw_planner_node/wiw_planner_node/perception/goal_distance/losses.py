"""What the network is trained to say of pairs of a place and a goal."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from wiw_planner_node.perception.goal_distance.matches import NOWHERE
from wiw_planner_node.perception.goal_distance.network import (
    BINS,
    FARTHEST_M,
    centres,
    parted,
    shown,
    warped,
)

_RANK_SHARPNESS = 10.0
MATCH = 0.2
_SEEN_M = 4.0


def losses(
    network: nn.Module, batch: Mapping[str, torch.Tensor], per_cluster: int
) -> dict[str, torch.Tensor]:
    """Return the losses of a batch of :class:`PlaceSamples` samples; ``loss`` is their sum."""
    said = network(batch["places"], batch["goals"], batch["known"], batch["likeness"])
    truth = warped(batch["metres"].clamp(0.0, FARTHEST_M))
    distance = functional.cross_entropy(said["logits"].flatten(0, 2), _two_hot(truth).flatten(0, 2))
    # Places of a cluster against one another: which is nearer is what a decision asks.
    t = parted(truth, 2, -1, per_cluster)
    d = parted(said["expected"], 2, -1, per_cluster)
    gap = t[..., :, None] - t[..., None, :]
    said_gap = d[..., :, None] - d[..., None, :]
    weight = gap.abs().clamp(max=0.3)
    wrong = functional.softplus(-_RANK_SHARPNESS * said_gap * gap.sign())
    rank = (wrong * weight).sum() / weight.sum().clamp(min=1e-6)

    near = (batch["position"].norm(dim=-1) < _SEEN_M) & (batch["metres"] < _SEEN_M)
    turn = torch.stack([batch["turn"].cos(), batch["turn"].sin()], dim=-1)
    heading = _mean(1.0 - (said["heading"] * turn).sum(-1), near)
    # The position is said in the goal camera's axes; the true heading turns it there.
    c, s = turn[..., 0], turn[..., 1]
    x, y = batch["position"][..., 0], batch["position"][..., 1]
    ahead = torch.stack([c * x + s * y, c * y - s * x], dim=-1)
    off = functional.smooth_l1_loss(said["position"], ahead, reduction="none").sum(-1)
    position = _mean(off, near)

    # Where a cell is seen is known: learning it directly is faster than by its use.
    match = batch["match"]
    there = said["attention"].gather(-1, match.clamp(min=0)[..., None])[..., 0]
    clear = (shown(batch["known"]) > 0.5)[:, :, None]
    found = _mean(-torch.log(there + 1e-6), (match != NOWHERE) & clear)
    return {
        "loss": distance + rank + 0.3 * heading + 0.3 * position + MATCH * found,
        "match": found,
        "distance": distance,
        "rank": rank,
        "heading": heading,
        "position": position,
    }


def _two_hot(truth: torch.Tensor) -> torch.Tensor:
    at = truth / centres()[1].to(truth)
    low = at.floor().clamp(0, BINS - 2).long()
    share = (at - low)[..., None]
    out = torch.zeros((*truth.shape, BINS), dtype=truth.dtype, device=truth.device)
    out.scatter_(-1, low[..., None], 1.0 - share)
    return out.scatter_(-1, low[..., None] + 1, share)


def _mean(values: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    return (values * where).sum() / where.sum().clamp(min=1)
