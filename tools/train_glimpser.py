"""Make the glimpser's weights and its card: windows of train apartments, and what they show.

Run in the project's environment: ``python tools/train_glimpser.py`` (about 10 minutes on one core).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wiw_core.geometry import Pose2
from wiw_env_bridge.mujoco.apartment import TRAIN_SEEDS
from wiw_env_bridge.mujoco.navigation import CELL_M
from wiw_env_bridge.mujoco.renderer import Renderer
from wiw_planner_node.perception.questions.glimpse import (
    HEADINGS,
    OUTPUTS,
    PITCHES_RAD,
    WEIGHTS,
    window_features,
    windows,
)

FOLDER = Path(__file__).parents[1] / "wiw_planner_node/wiw_planner_node/perception/weights"
HW = (288, 512)
HIDDEN, EPOCHS, BATCH, RATE, DECAY, SEED = 96, 25, 256, 2e-3, 3e-3, 0
SHOWS, HINTS = 40, 4
"""Pixels of a 32 x 32 window from which a piece counts as shown, and from which it may be."""
NEGATIVES = 12
"""Windows kept of each panorama that show no furniture."""
Floats = npt.NDArray[np.float32]


class Rows:
    """Windows' features, what they show (1, 0, or -1: too little to count), and the scene."""

    def __init__(self) -> None:
        self.x: list[Floats] = []
        self.y: list[npt.NDArray[np.int8]] = []
        self.scene: list[int] = []


def collect(renderer: Renderer, seed: int, poses: int, rows: Rows) -> None:
    """Add windows of panoramas from random places of one train apartment."""
    assert seed in TRAIN_SEEDS
    layout = renderer.layout(seed)
    kinds = {p.name: p.kind for p in layout.furniture}
    rng = np.random.default_rng([seed, 6])
    free = np.argwhere(layout.grid.free)
    for _ in range(poses):
        row, column = free[int(rng.integers(len(free)))]
        yaw = float(rng.uniform(-np.pi, np.pi))
        pose = Pose2((column + 0.5) * CELL_M, (row + 0.5) * CELL_M, yaw)
        rgb = renderer.panorama_rgb(seed, pose, *HW)
        bodies, names = renderer.panorama_bodies(seed, pose, *HW)
        y = labels(bodies, [kinds.get(name, "") for name in names])
        hits = (y == 1).any(axis=1)
        few = NEGATIVES / max(1, int((~hits).sum()))
        keep = np.flatnonzero(hits | (rng.random(len(y)) < few))
        rows.x.append(window_features(rgb)[keep].astype(np.float16))
        rows.y.append(y[keep])
        rows.scene.extend([seed] * len(keep))


def labels(bodies: npt.NDArray[np.int32], kinds: list[str]) -> npt.NDArray[np.int8]:
    """Return (N, outputs): 1 where a window shows a piece well, 0 where not at all, else -1."""
    y = np.zeros((HEADINGS * len(PITCHES_RAD), len(OUTPUTS)), np.int8)
    for body in np.unique(bodies):
        if kinds[body] not in OUTPUTS:
            continue
        output = OUTPUTS.index(kinds[body])
        mask = windows(np.where(bodies == body, 255, 0).astype(np.uint8)) > 127
        pixels = mask.sum(axis=(1, 2))
        y[(pixels >= HINTS) & (y[:, output] == 0), output] = -1
        y[pixels >= SHOWS, output] = 1
    return y


def train(rows: Rows) -> tuple[dict[str, Floats], str]:
    """Return weights trained on 8 scenes of 9, and a table of how they do on the others."""
    x, y = np.concatenate(rows.x), np.concatenate(rows.y)
    test = np.array(rows.scene) % 9 == 8
    w = descend(x[~test].astype(np.float32), y[~test].astype(np.float32))
    p = judge(w, x[test].astype(np.float32))
    lines = []
    for k, name in enumerate(OUTPUTS):
        known = y[test][:, k] >= 0
        hit = y[test][known, k] == 1
        score = p[known, k]
        ranks = np.argsort(np.argsort(score))
        n = int(hit.sum())
        area = (ranks[hit].sum() - n * (n - 1) / 2) / max(1, n * int((~hit).sum()))
        at = score >= 0.5
        lines.append(
            f"| {name} | {n} | {area:.3f} | {hit[at].mean() if at.any() else np.nan:.2f} |"
            f" {at[hit].mean() if n else np.nan:.2f} |"
        )
    head = f"{(~test).sum()} windows train, {test.sum()} judge.\n\n{HEAD}"
    return w, head + "\n".join(lines)


def judge(w: dict[str, Floats], x: Floats) -> Floats:
    """Return probabilities (N, O)."""
    hidden = np.maximum((x - w["mean"]) * w["scale"] @ w["hidden"] + w["hidden_bias"], 0.0)
    return np.asarray(1.0 / (1.0 + np.exp(-(hidden @ w["output"] + w["output_bias"]))))


def descend(x: Floats, y: Floats) -> dict[str, Floats]:
    """Return weights that minimise the cross-entropy of what counts, by AdamW with dropout."""
    rng = np.random.default_rng(SEED)
    mean, scale = x.mean(axis=0), 1.0 / (x.std(axis=0) + np.float32(0.02))
    x -= mean
    x *= scale
    w = [
        rng.normal(0.0, (2.0 / x.shape[1]) ** 0.5, (x.shape[1], HIDDEN)).astype(np.float32),
        np.zeros(HIDDEN, np.float32),
        rng.normal(0.0, (1.0 / HIDDEN) ** 0.5, (HIDDEN, y.shape[1])).astype(np.float32),
        np.full(y.shape[1], -2.0, np.float32),
    ]
    first, second = [np.zeros_like(v) for v in w], [np.zeros_like(v) for v in w]
    step, total = 0, EPOCHS * (len(x) // BATCH)
    for _ in range(EPOCHS):
        for batch in rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
            step += 1
            rate = RATE * 0.5 * (1.0 + np.cos(np.pi * step / total))
            for i, g in enumerate(gradients(w, x[batch], y[batch], rng)):
                first[i] += 0.1 * (g - first[i])
                second[i] += 0.001 * (g * g - second[i])
                m, v = first[i] / (1 - 0.9**step), second[i] / (1 - 0.999**step)
                w[i] -= (rate * (m / (np.sqrt(v) + 1e-8) + DECAY * w[i])).astype(np.float32)
    names = ("hidden", "hidden_bias", "output", "output_bias")
    return {"mean": mean, "scale": scale, **dict(zip(names, w, strict=True))}


def gradients(w: list[Floats], x: Floats, y: Floats, rng: np.random.Generator) -> list[Floats]:
    """Return the gradients of one batch; outputs of -1 do not count."""
    x = x * (rng.random(x.shape, dtype=np.float32) > 0.1) / np.float32(0.9)
    keep = (rng.random((len(x), HIDDEN), dtype=np.float32) > 0.25) / np.float32(0.75)
    before = x @ w[0] + w[1]
    hidden = np.maximum(before, 0.0) * keep
    error = np.where(y < 0, 0.0, 1.0 / (1.0 + np.exp(-(hidden @ w[2] + w[3]))) - y) / len(x)
    error = error.astype(np.float32)
    back = (error @ w[2].T) * keep * (before > 0.0)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


def main() -> None:
    """Collect, train, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=162, help="train apartments to visit")
    parser.add_argument("--poses", type=int, default=14, help="places per apartment")
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    renderer = Renderer(HW, 64)
    rows = Rows()
    first = TRAIN_SEEDS.start + 3000
    for done, seed in enumerate(range(first, first + arguments.scenes), 1):
        collect(renderer, seed, arguments.poses, rows)
        if done % 10 == 0:
            print(f"{done} apartments, {len(rows.scene)} windows", flush=True)
    renderer.close()
    weights, table = train(rows)
    small = {name: value.astype(np.float16) for name, value in weights.items()}
    np.savez_compressed(arguments.out / WEIGHTS, **small)  # type: ignore[arg-type]
    card = CARD.format(first=first, last=first + arguments.scenes - 1, poses=arguments.poses)
    (arguments.out / "glimpser_v1.md").write_text(f"{card}\n{table}\n", encoding="utf-8")
    print(table)


HEAD = "| shows | windows | AUC | precision at 0.5 | recall at 0.5 |\n|---|---|---|---|---|\n"

CARD = f"""# Glimpser v1: which furniture a panorama seems to show

* **What it is.** A classifier of {HIDDEN} hidden units over the recogniser's features of 32 x 32
  windows of 45 degrees, at 16 headings and 2 pitches. numpy, no pretrained part. Apache-2.0.
* **Data.** Panoramas of 288 x 512 from {{poses}} places each of the train-split apartments
  {{first}} to {{last}}; seeds equal to 8 modulo 9 judge.
* **Made by** `python tools/train_glimpser.py`; seed {SEED}, {EPOCHS} epochs, Adam {RATE}.
* **Columns.** Windows that show it, area under the ROC curve, precision and recall at 0.5, on
  apartments not trained on.
* **Limits.** It knows these things in these apartments, and nothing else.
"""

if __name__ == "__main__":
    main()
