"""Training and calibrating the recogniser: plain numpy, a minute on one core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from wiw_core.observation import Rgb
from wiw_planner_node.perception.recognise import WEIGHTS, Recogniser, features

HIDDEN = 96
EPOCHS = 40
BATCH = 128
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 2e-3
DROPOUT = 0.3
SEED = 0

Weights = dict[str, npt.NDArray[Any]]


@dataclass
class Crops:
    """Labelled crops; ``real`` ones have the exact box, the others an imperfect tracker's."""

    rgb: list[Rgb]
    pixels: list[float]
    labels: list[str]
    scenes: list[int]
    real: list[bool]

    @classmethod
    def empty(cls) -> Crops:
        """Return none."""
        return cls([], [], [], [], [])

    def add(self, rgb: Rgb, pixels: float, label: str, scene: int, *, real: bool) -> None:
        """Append one crop (32, 32, 3)."""
        self.rgb.append(rgb)
        self.pixels.append(pixels)
        self.labels.append(label)
        self.scenes.append(scene)
        self.real.append(real)

    def extend(self, other: Crops) -> None:
        """Append all crops of another set."""
        for name, values in vars(self).items():
            values.extend(getattr(other, name))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Report:
    """How good the recogniser is on apartments it was not trained on, with exact boxes."""

    train_crops: int
    test_crops: int
    test_scenes: int
    temperature: float
    accuracy: float
    colour_accuracy: float
    shape_accuracy: float
    calibration_error: float
    confident_share: float
    confident_accuracy: float
    tracked_accuracy: float
    by_size: tuple[tuple[str, int, float, float], ...]


def fit(crops: Crops, colours: Sequence[str], shapes: Sequence[str]) -> tuple[Weights, Report]:
    """Return weights trained on 7 scenes of 9, calibrated on the 8th and judged on the 9th."""
    x = features(np.stack(crops.rgb), np.array(crops.pixels))
    labels = [f"{c} {s}" for c in colours for s in shapes]
    y = np.array([labels.index(label) for label in crops.labels])
    fold = np.array(crops.scenes) % 9
    real = np.array(crops.real)
    train, calibrate, test = fold < 7, (fold == 7) & real, (fold == 8) & real
    weights = _descend(x[train], y[train] // len(shapes), y[train] % len(shapes), len(colours))
    model = Recogniser(colours, shapes, {**weights, "temperature": np.ones(())})
    logs = model.log_probabilities(x[calibrate])
    weights["temperature"] = np.array(_temperature(*logs, y[calibrate], len(shapes)))

    model = Recogniser(colours, shapes, weights)
    p = _joint(model, x[test])
    tracked = (fold == 8) & ~real
    pixels = np.array(crops.pixels)[test]
    right, confidence = p.argmax(axis=1) == y[test], p.max(axis=1)
    by_size = []
    for low, high in ((0, 10), (10, 16), (16, 32), (32, 64), (64, 10_000)):
        inside = (pixels >= low) & (pixels < high)
        if inside.any():
            name = f"{low}-{high}" if high < 10_000 else f"over {low}"
            mean = float(right[inside].mean()), float(confidence[inside].mean())
            by_size.append((name, int(inside.sum()), *mean))
    sure = confidence >= 0.95
    return weights, Report(
        train_crops=int(train.sum()),
        test_crops=int(test.sum()),
        test_scenes=len(set(np.array(crops.scenes)[test])),
        temperature=float(weights["temperature"]),
        accuracy=float(right.mean()),
        colour_accuracy=float((p.argmax(1) // len(shapes) == y[test] // len(shapes)).mean()),
        shape_accuracy=float((p.argmax(1) % len(shapes) == y[test] % len(shapes)).mean()),
        calibration_error=calibration_error(confidence, right),
        confident_share=float(sure.mean()),
        confident_accuracy=float(right[sure].mean()) if sure.any() else float("nan"),
        tracked_accuracy=float((_joint(model, x[tracked]).argmax(1) == y[tracked]).mean()),
        by_size=tuple(by_size),
    )


def calibration_error(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], bins: int = 15
) -> float:
    """Return the expected calibration error over equal-width bins (Guo et al. 2017)."""
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = [
        abs(float(right[bin_of == b].mean()) - float(confidence[bin_of == b].mean()))
        * float((bin_of == b).mean())
        for b in np.unique(bin_of)
    ]
    return float(sum(gaps))


def save(folder: Path, colours: Sequence[str], shapes: Sequence[str], weights: Weights) -> None:
    """Write the weights file, in half precision but for the temperature; no pickle in it."""
    small = {k: v.astype(np.float16) if v.ndim else v for k, v in weights.items()}
    arrays: Weights = {"colours": np.array(colours), "shapes": np.array(shapes), **small}
    np.savez_compressed(folder / WEIGHTS, **arrays)  # type: ignore[arg-type]


def model_card(crops: Crops, report: Report) -> str:
    """Return the card that ships beside the weights, in Markdown."""
    rows = "\n".join(
        f"| {name} | {n} | {accuracy:.3f} | {mean:.3f} |"
        for name, n, accuracy, mean in report.by_size
    )
    r = report
    return f"""# Recogniser v1: "<colour> <shape>" of a boxed object

* **What it is.** {HIDDEN} hidden units over CIELAB colours (16 x 16), edge directions (8 x 8 cells)
  and the crop's resolution; one softmax for colour, one for shape. numpy, no pretrained part.
  Apache-2.0.
* **Data.** {r.train_crops} crops of train-split apartments, seeds {min(crops.scenes)} to
  {max(crops.scenes)}: panoramas (576 x 1024) and front views with the exact box, and 288 x 512
  panoramas with the box of an imperfect tracker. Seeds equal to 7 modulo 9 calibrate, those equal
  to 8 judge.
* **Made by** `python tools/train_recogniser.py`; seed {SEED}, {EPOCHS} epochs, Adam
  {LEARNING_RATE}.
* **Judged on** {r.test_crops} exact-box crops of {r.test_scenes} apartments not trained on:
  accuracy {r.accuracy:.3f} (colour {r.colour_accuracy:.3f}, shape {r.shape_accuracy:.3f}); expected
  calibration error {r.calibration_error:.3f} (15 bins, temperature {r.temperature:.2f});
  {100 * r.confident_share:.0f} % have confidence >= 0.95, of these
  {100 * r.confident_accuracy:.1f} % are right. With a loose box on a 288 x 512 panorama the
  accuracy is {r.tracked_accuracy:.3f}.
* **Limits.** It knows these colours and shapes in these apartments, and nothing else.

| crop's pixels across | crops | accuracy | mean confidence |
|---|---|---|---|
{rows}
"""


def _joint(model: Recogniser, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    colour, shape = model.log_probabilities(x)
    return np.exp(colour[:, :, None] + shape[:, None, :]).reshape(len(x), -1)


def _temperature(
    colour: npt.NDArray[np.float64],
    shape: npt.NDArray[np.float64],
    y: npt.NDArray[np.int64],
    shapes: int,
) -> float:
    """Return the temperature with the greatest likelihood of the joint labels (Guo et al. 2017)."""
    rows = np.arange(len(y))

    def loss(log_t: float) -> float:
        total = 0.0
        for logits, wanted in ((colour, y // shapes), (shape, y % shapes)):
            scaled = logits / np.exp(log_t)
            total += np.logaddexp.reduce(scaled, axis=1).mean() - scaled[rows, wanted].mean()
        return float(total)

    return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 2.0), method="bounded").x))


def _descend(
    x: npt.NDArray[np.float32],
    colour: npt.NDArray[np.int64],
    shape: npt.NDArray[np.int64],
    colours: int,
) -> Weights:
    """Return weights that minimise the two cross-entropies, by AdamW with dropout."""
    rng = np.random.default_rng(SEED)
    mean, scale = x.mean(axis=0), 1.0 / (x.std(axis=0) + np.float32(0.02))
    x = (x - mean) * scale
    outputs = colours + int(shape.max()) + 1
    target = np.zeros((len(x), outputs), np.float32)
    target[np.arange(len(x)), colour] = 1.0
    target[np.arange(len(x)), colours + shape] = 1.0
    w = [
        rng.normal(0.0, (2.0 / x.shape[1]) ** 0.5, (x.shape[1], HIDDEN)).astype(np.float32),
        np.zeros(HIDDEN, np.float32),
        rng.normal(0.0, (1.0 / HIDDEN) ** 0.5, (HIDDEN, outputs)).astype(np.float32),
        np.zeros(outputs, np.float32),
    ]
    first = [np.zeros_like(p) for p in w]
    second = [np.zeros_like(p) for p in w]
    steps, total = 0, EPOCHS * (len(x) // BATCH)
    for _ in range(EPOCHS):
        for rows in rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
            steps += 1
            gradients = _gradients(w, x[rows], target[rows], colours, rng)
            rate = LEARNING_RATE * 0.5 * (1.0 + np.cos(np.pi * steps / total))
            for i, g in enumerate(gradients):
                first[i] += 0.1 * (g - first[i])
                second[i] += 0.001 * (g * g - second[i])
                m, v = first[i] / (1 - 0.9**steps), second[i] / (1 - 0.999**steps)
                w[i] -= (rate * (m / (np.sqrt(v) + 1e-8) + WEIGHT_DECAY * w[i])).astype(np.float32)
    names = ("hidden", "hidden_bias", "output", "output_bias")
    return {"mean": mean, "scale": scale, **dict(zip(names, w))}


def _gradients(
    w: list[npt.NDArray[np.float32]],
    x: npt.NDArray[np.float32],
    target: npt.NDArray[np.float32],
    colours: int,
    rng: np.random.Generator,
) -> list[npt.NDArray[np.float32]]:
    x = x * (rng.random(x.shape, dtype=np.float32) > 0.1) / np.float32(0.9)
    keep = (rng.random((len(x), HIDDEN), dtype=np.float32) > DROPOUT) / np.float32(1 - DROPOUT)
    before = x @ w[0] + w[1]
    hidden = np.maximum(before, 0.0) * keep
    error = hidden @ w[2] + w[3]
    for part in (slice(0, colours), slice(colours, None)):
        exp = np.exp(error[:, part] - error[:, part].max(axis=1, keepdims=True))
        error[:, part] = exp / exp.sum(axis=1, keepdims=True)
    error = (error - target) / len(x)
    back = (error @ w[2].T) * keep * (before > 0.0)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]
