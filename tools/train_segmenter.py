"""Make the segmenter's weights and its card: panoramas of train apartments, and what they show.

Three steps, since torch is no dependency of the project; ``train`` needs numpy and torch only::

    python tools/train_segmenter.py collect panoramas.npz       # about 4 minutes on one core
    python tools/train_segmenter.py train panoramas.npz         # about 10 minutes on one core
    python tools/train_segmenter.py judge panoramas.npz         # writes the card
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "wiw_planner_node/wiw_planner_node/perception/weights"
WEIGHTS = "segmenter_v1.npz"
FIRST_SEED = 4000
RENDER_HW, HW = (288, 512), (144, 256)
HELD_OUT = 9
"""Scenes whose seed is 8 modulo 9 judge."""
WIDTHS = (16, 32, 64, 96)
MARGIN = 16
"""Columns of the picture's other edge put beside each edge: a panorama has none."""
WELL, HARDLY, LEVELS = 31, 8, (0.3, 0.5)
BATCH, RATE, DECAY, SEED = 16, 6e-3, 1e-2, 0


def collect(out: Path, scenes: int, poses: int) -> None:
    """Render panoramas from random places of train apartments, with the noun of every pixel."""
    import cv2

    from wiw_core.geometry import Pose2
    from wiw_env_bridge.mujoco.apartment import TRAIN_SEEDS
    from wiw_env_bridge.mujoco.navigation import CELL_M
    from wiw_env_bridge.mujoco.renderer import Renderer
    from wiw_planner_node.perception.questions.segment import CLASSES

    renderer = Renderer(RENDER_HW, 64)
    images, labels, seeds = [], [], []
    for seed in range(FIRST_SEED, FIRST_SEED + scenes):
        assert seed in TRAIN_SEEDS
        layout = renderer.layout(seed)
        kinds = {piece.name: piece.kind for piece in layout.furniture}
        rng = np.random.default_rng([seed, 7])
        free = np.argwhere(layout.grid.free)
        for _ in range(poses):
            row, column = free[int(rng.integers(len(free)))]
            yaw = float(rng.uniform(-np.pi, np.pi))
            pose = Pose2((column + 0.5) * CELL_M, (row + 0.5) * CELL_M, yaw)
            rgb = renderer.panorama_rgb(seed, pose, *RENDER_HW)
            bodies, names = renderer.panorama_bodies(seed, pose, *RENDER_HW)
            nouns = [kinds.get(n, "small" if layout.target(n) else "") for n in names]
            number = np.array([CLASSES.index(n) if n in CLASSES else 0 for n in nouns], np.uint8)
            images.append(cv2.resize(rgb, HW[::-1], interpolation=cv2.INTER_AREA))
            labels.append(number[bodies][1::2, 1::2])
            seeds.append(seed)
        if (seed - FIRST_SEED + 1) % 10 == 0:
            print(f"{seed - FIRST_SEED + 1} apartments, {len(images)} panoramas", flush=True)
    renderer.close()
    data: dict[str, Any] = {"images": np.stack(images), "labels": np.stack(labels)}
    np.savez(out, **data, seeds=np.array(seeds), classes=np.array(CLASSES))


def train(data: Path, out: Path, epochs: int) -> None:
    """Train on 8 scenes of 9, and write weights with normalisation folded in.

    Raises
    ------
    SystemExit
        Without torch.
    """
    try:
        import torch
    except ImportError as error:
        raise SystemExit(f"Training needs torch, which is missing here ({error}).") from error

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    with np.load(data) as file:
        images, labels, seeds = file["images"], file["labels"], file["seeds"]
        classes = len(file["classes"])
    held_out = seeds % HELD_OUT == HELD_OUT - 1
    network = make_network(torch, classes).to(memory_format=torch.channels_last)
    share = np.bincount(labels[~held_out].ravel(), minlength=classes) / labels[~held_out].size
    weight = torch.tensor(np.clip((0.02 / np.maximum(share, 1e-4)) ** 0.5, 0.4, 3.0)).float()
    rows = np.flatnonzero(~held_out)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    steps = epochs * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.15)
    rng = np.random.default_rng(SEED)
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for batch in rng.permutation(rows)[: len(rows) // BATCH * BATCH].reshape(-1, BATCH):
            x, y = varied(images[batch], labels[batch], rng)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(torch.from_numpy(x).contiguous(memory_format=torch.channels_last))
            loss = torch.nn.functional.cross_entropy(
                logits.float(), torch.from_numpy(y), weight, label_smoothing=0.02
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1}: loss {total * BATCH / len(rows):.4f}", flush=True)
    np.savez_compressed(out / WEIGHTS, **folded(network, torch))


def make_network(torch: Any, classes: int) -> Any:
    """Return the network that ``perception.questions.segment`` evaluates: see its docstring."""
    nn = torch.nn

    def layer(before: int, after: int, stride: int = 1) -> Any:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
        )

    class Network(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            a, b, c, d = WIDTHS
            self.down1 = nn.Sequential(layer(3, a, 2), layer(a, a))
            self.down2 = nn.Sequential(layer(a, b, 2), layer(b, b))
            self.down3 = nn.Sequential(layer(b, c, 2), layer(c, c))
            self.down4 = nn.Sequential(layer(c, d, 2), layer(d, d), layer(d, d))
            self.up3, self.up2, self.up1 = layer(d + c, c), layer(c + b, b), layer(b + a, 2 * a)
            self.out = nn.Conv2d(2 * a, classes, 1)

        def forward(self, x: Any) -> Any:
            one = self.down1(x)
            two = self.down2(one)
            three = self.down3(two)
            x = self.down4(three)
            for up, skip in ((self.up3, three), (self.up2, two), (self.up1, one)):
                large = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
                x = up(torch.cat([large, skip], 1))
            return self.out(x)

    return Network()


def varied(images: Any, labels: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return turned, mirrored, tinted and sometimes softened network input, and its labels."""
    xs, ys = [], []
    for image, label in zip(images, labels):
        shift = int(rng.integers(image.shape[1]))
        image, label = np.roll(image, shift, 1), np.roll(label, shift, 1)
        if rng.random() < 0.5:
            image, label = image[:, ::-1], label[:, ::-1]
        x = image.astype(np.float32) / 255.0
        if rng.random() < 0.25:
            x = (np.roll(x, 1, 1) + 2.0 * x + np.roll(x, -1, 1)) / 4.0
        x = x * rng.uniform(0.9, 1.1, 3).astype(np.float32)
        x = x + rng.normal(0.0, 0.01, x.shape).astype(np.float32)
        around = np.arange(-MARGIN, image.shape[1] + MARGIN) % image.shape[1]
        xs.append(x[:, around].transpose(2, 0, 1) - 0.5)
        ys.append(label[:, around][1::2, 1::2])
    return np.stack(xs).astype(np.float32), np.stack(ys).astype(np.int64)


def folded(network: Any, torch: Any) -> dict[str, Any]:
    """Return each convolution's kernel (3, 3, in, out) and bias, normalisation folded in."""
    weights: dict[str, Any] = {}
    layers = list(network.modules())
    for index, layer in enumerate(layers):
        if not isinstance(layer, torch.nn.Conv2d):
            continue
        kernel = layer.weight.detach().numpy().astype(np.float64)
        bias = np.zeros(len(kernel)) if layer.bias is None else layer.bias.detach().numpy()
        if layer.bias is None:
            norm = layers[index + 1]
            scale = norm.weight.detach().numpy() / np.sqrt(norm.running_var.numpy() + norm.eps)
            kernel = kernel * scale[:, None, None, None]
            bias = norm.bias.detach().numpy() - norm.running_mean.numpy() * scale
        name = f"{len(weights) // 2:02d}"
        weights[f"kernel{name}"] = kernel.transpose(2, 3, 1, 0).astype(np.float16)
        weights[f"bias{name}"] = bias.astype(np.float16)
    return weights


def judge(data: Path, out: Path) -> None:
    """Write the card: how well the shipped weights tell what apartments not trained on show."""
    from wiw_planner_node.perception.questions.segment import CLASSES, FURNITURE, Segmenter
    from wiw_planner_node.perception.questions.sight import furniture_shown

    with np.load(data) as file:
        seeds = file["seeds"]
        held_out = seeds % HELD_OUT == HELD_OUT - 1
        images, labels = file["images"][held_out], file["labels"][held_out]
    segmenter = Segmenter.shipped()
    shown = [furniture_shown(segmenter.probabilities(image)) for image in images]
    pixels = np.stack([np.bincount(label.ravel(), minlength=len(CLASSES)) for label in labels])
    lines = []
    for k, noun in enumerate(FURNITURE, 1):
        p, many = np.array([s[noun] for s in shown]), pixels[:, k]
        well, counts = many >= WELL, (many >= WELL) | (many < HARDLY)
        ranks, n = np.argsort(np.argsort(p[counts])), int(well.sum())
        area = (ranks[well[counts]].sum() - n * (n - 1) / 2) / (n * (counts.sum() - n))
        row = f"| {noun} | {n} | {area:.3f} |"
        for level in LEVELS:
            at = p >= level
            row += f" {well[at & counts].mean():.2f} / {at[well].mean():.2f} |"
        lines.append(row)
    card = CARD.format(
        first=seeds.min(), last=seeds.max(), train=(~held_out).sum(), judge=held_out.sum()
    )
    (out / WEIGHTS).with_suffix(".md").write_text(card + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def main() -> None:
    """Collect, train or judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("collect", "train", "judge"))
    parser.add_argument("data", type=Path, help="the .npz file between the two steps")
    parser.add_argument("--scenes", type=int, default=189, help="train apartments to visit")
    parser.add_argument("--poses", type=int, default=10, help="places per apartment")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--out", type=Path, default=FOLDER)
    a = parser.parse_args()
    if a.step == "collect":
        collect(a.data, a.scenes, a.poses)
    elif a.step == "train":
        train(a.data, a.out, a.epochs)
    else:
        judge(a.data, a.out)


CARD = f"""# Segmenter v1: what every part of a panorama shows

* **What it is.** A convolutional network of 430 000 weights that names the furniture at each of
  72 x 128 places of a panorama, from its colours. numpy, no pretrained part. Apache-2.0.
* **Data.** Panoramas from random places of the train-split apartments {{first}} to
  {{last}}: {{train}} train; {{judge}} judge, of apartments whose seed is {HELD_OUT - 1} modulo
  {HELD_OUT}.
* **Made by** `tools/train_segmenter.py`; seed {SEED}, 12 epochs, AdamW, one cycle to {RATE}.
* **Columns.** Panoramas that show it well ({WELL} pixels of 144 x 256, which are 500 of
  576 x 1024); area under the ROC curve of the mean of the 8 places that most likely show it,
  against panoramas that hardly do (below {HARDLY}); precision / recall where that is at least
  {LEVELS[0]} and {LEVELS[1]}. Apartments not trained on.
* **Limits.** It knows these things in these apartments, and nothing else.

| shows | panoramas | AUC | at {LEVELS[0]} | at {LEVELS[1]} |
|---|---|---|---|---|
"""


if __name__ == "__main__":
    main()
