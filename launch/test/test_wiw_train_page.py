"""The recipe in docs/train.md is one."""

from __future__ import annotations

import hashlib
import re
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from wiw import cli
from wiw_learn import weights
from wiw_learn.dataset import MANIFEST, Manifest, Shard, pack

PAGE = Path(__file__).parents[2] / "docs" / "train.md"


def write_walks(folder: Path) -> None:
    """Write made-up walks in which whatever is dark is hit."""
    shards = []
    folder.mkdir(parents=True)
    for scene in range(21000, 21020):
        rng = np.random.default_rng(scene)
        light = rng.integers(0, 2, 13).astype(bool)
        level = np.where(light, 200, 50)[:, None, None, None]
        panorama = (level + rng.integers(-40, 40, (13, 16, 32, 3))).astype(np.uint8)
        walk = {"panorama": panorama, "action": np.zeros(12, np.int8), "collided": ~light[:12]}
        data = pack(walk)
        (folder / f"{scene}.npz").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(f"{scene}.npz", digest, scene, "walk", "", scene, 12))
    manifest = Manifest("navigation", "train", ("forward",), tuple(shards), {})
    (folder / MANIFEST).write_text(manifest.to_json())


def test_the_example_recipe_trains_and_its_judge_beats_the_obvious_answer(
    tmp_path, monkeypatch, capsys
):
    text = PAGE.read_text()
    (tmp_path / "bump.py").write_text(
        re.search(r"`my_models/bump\.py`:\n\n```python\n(.*?)```", text, re.DOTALL)[1]
    )
    (tmp_path / "bump.yaml").write_text(
        re.search(r"`bump\.yaml`:\n\n```yaml\n(.*?)```", text, re.DOTALL)[1]
    )
    line = re.search(r'"wiw\.recipes": \["bump = my_models\.(.*?)"\]', text)[1]
    monkeypatch.syspath_prepend(tmp_path)
    point = metadata.EntryPoint("bump", line, "wiw.recipes")
    monkeypatch.setattr("wiw_core.registry._installed", lambda group: [point])
    monkeypatch.chdir(tmp_path)
    write_walks(tmp_path / "walks")
    monkeypatch.setattr(
        sys, "argv", ["wiw", "train", "bump.yaml", "--data", "walks", "--set", "steps=60"]
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code, capsys.readouterr()
    metrics = weights.load(tmp_path / "runs/train/bump", "bump")[1]["metrics"]
    assert metrics["right"]["low"] > metrics["always free"]["high"]
