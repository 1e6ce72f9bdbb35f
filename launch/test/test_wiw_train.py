"""``wiw train``: what a user types, reads and finds afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import yaml

from wiw import cli, datasets
from wiw.commands import train
from wiw_learn import fakes, weights
from wiw_learn.dataset import Dataset
from wiw_learn.training import checkpoint
from wiw_learn.training.config import config_names, shipped_names

CONFIG = {
    "name": "line",
    "recipe": "fake",
    "package": "wiw_learn",
    "data": {"kind": fakes.KIND, "scenes": 20},
    "options": {"plain": True},
    "batch": 8,
    "steps": 60,
    "learning_rate": 0.02,
    "ema": 0.9,
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with a config and its data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "line.yaml").write_text(yaml.safe_dump(CONFIG))
    fakes.write_numbers(tmp_path / "runs/data/numbers", range(2000, 2020))
    return tmp_path


def wiw(monkeypatch, capsys, *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["wiw", "train", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out + err


def alone(*words: str, **popen) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"},
        **popen,
    )


def test_a_config_becomes_weights_with_a_card_and_a_page(place, monkeypatch, capsys):
    code, said = wiw(monkeypatch, capsys, "line.yaml")
    assert code == 0
    for part in ("162 samples to train on, 18 held out", "One batch is learnt", "step 60 of 60"):
        assert part in said
    assert "absolute error" in said
    run = place / "runs/train/line"
    tensors, card = weights.load(run, "line")
    assert tensors and card["step"] == 60 and "absolute error" in card["metrics"]
    assert (run / "line.md").is_file()
    assert list((run / "logs").glob("events.*"))


def test_values_are_changed_on_the_command_line(place, monkeypatch, capsys):
    words = ("line.yaml", "--set", "steps=5", "--set", "options.width=4", "--no-checks")
    code, said = wiw(monkeypatch, capsys, *words, "--out", "small", "--keep", "3")
    assert code == 0 and "One batch" not in said
    _, card = weights.load(place / "small", "line")
    assert card["step"] == 5 and card["options"] == {"plain": True, "width": 4}
    assert weights.load(place / "small/step_3", "line")[1]["step"] == 3


def test_shipped_weights_are_judged_again_and_compared_with_after_a_retraining(
    place, monkeypatch, capsys
):
    monkeypatch.setattr(weights, "shelf", lambda package: place / "shelf")
    code, said = wiw(monkeypatch, capsys, "line.yaml", "--check")
    assert code == 2 and "wiw train line" in said
    code, said = wiw(monkeypatch, capsys, "line.yaml", "--ship", "--no-checks")
    assert code == 0 and (place / "shelf/line.safetensors").is_file()
    code, said = wiw(monkeypatch, capsys, "line.yaml", "--check")
    assert code == 0 and "1 of the card's 1 metrics hold" in said
    code, said = wiw(monkeypatch, capsys, "line.yaml", "--fresh", "--no-checks")
    assert code == 0 and "1 of the card's 1 metrics hold" in said
    code, said = wiw(monkeypatch, capsys, "line.yaml", "--set", "steps=9", "--fresh", "--no-checks")
    assert code == 0 and "metrics hold" not in said and "absolute error" in said
    path = place / "shelf/line.json"
    card = json.loads(path.read_text())
    card["metrics"]["absolute error"] = {"estimate": 9.0, "low": 8.0, "high": 10.0}
    path.write_text(json.dumps(card))
    code, said = wiw(monkeypatch, capsys, "line.yaml", "--check")
    assert code == 1 and "does not hold" in said and "0 of the card's 1" in said


@pytest.mark.parametrize("option", ["--ship", "--check"])
def test_weights_that_change_the_model_of_others_ship_nowhere(place, monkeypatch, capsys, option):
    (place / "line.yaml").write_text(yaml.safe_dump({**CONFIG, "package": ""}))
    code, said = wiw(monkeypatch, capsys, "line.yaml", option)
    assert code != 0 and "ship nowhere" in said
    assert wiw(monkeypatch, capsys, "line.yaml", "--set", "steps=2")[0] == 0
    assert (place / "runs/train/line/line.safetensors").is_file()


def test_the_list_says_which_weights_are_missing_and_which_are_broken(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(weights, "shelf", lambda package: tmp_path)
    name = shipped_names()[0]
    (tmp_path / f"{name}.safetensors").write_bytes(b"others")
    (tmp_path / f"{name}.json").write_text('{"sha256": "0"}')
    code, said = wiw(monkeypatch, capsys, "--list")
    assert code == 0 and "broken" in said
    assert said.count("missing") == len(shipped_names()) - 1
    assert all(each in said for each in config_names())


def test_data_that_is_not_there_is_collected_first(place, monkeypatch, capsys):
    asked = []

    def collect(settings, folder, workers) -> Dataset:
        asked.append((settings, workers))
        return fakes.write_numbers(folder, range(2000, 2020))

    monkeypatch.setattr("wiw.commands.collect.collect_shown", collect)
    words = ("line.yaml", "--no-checks", "--set", "data.folder=more", "--set", "data.scenes=40")
    code, said = wiw(monkeypatch, capsys, *words, "--workers", "2")
    assert code == 0 and asked == [({"kind": "numbers", "scenes": 40}, 2)]
    assert "Collects the data first" in said
    assert (place / datasets.DATA / "more/manifest.json").is_file()


def test_data_of_other_settings_is_refused_unless_it_is_named(place, monkeypatch, capsys):
    words = ("line.yaml", "--no-checks", "--set", "data.scenes=40")
    code, said = wiw(monkeypatch, capsys, *words)
    assert code == 2 and "scenes = 20" in said and "train_scenes" in said
    code, _ = wiw(monkeypatch, capsys, *words, "--data", "runs/data/numbers")
    assert code == 0


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ((), "See --list"),
        (("lines.yaml",), "cannot be read"),
        (("line.yaml", "--set", "recipe=fakes"), "Did you mean 'fake'"),
        (("line.yaml", "--set", "options.widht=3"), "does not take"),
    ],
)
def test_a_mistake_is_one_line(place, monkeypatch, capsys, words, near):
    code, said = wiw(monkeypatch, capsys, *words)
    assert code == 2 and near in said.splitlines()[-1] and "BAD_PARAMETER" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_training_says_how_to_go_on_and_ends_in_the_same_bytes(
    place, monkeypatch, capsys, number
):
    steps = iter(range(1, 1000))
    losses = fakes.FakeRecipe.losses

    def signalled(self, network, batch):
        if next(steps) == 34:
            os.kill(os.getpid(), number)
        return losses(self, network, batch)

    words = ("line.yaml", "--no-checks", "--set", "options.plain=false")
    with monkeypatch.context() as patch:
        patch.setattr(fakes.FakeRecipe, "losses", signalled)
        code, said = wiw(patch, capsys, *words, "--out", "stopped")
    assert code == 2 and "ABORTED_BY_USER: Stopped and saved after step 34 of 60." in said
    assert "The same command goes on" in said
    assert checkpoint.read(place / "stopped" / checkpoint.FILE)[0].step == 34
    code, said = wiw(monkeypatch, capsys, *words, "--out", "stopped")
    assert code == 0 and "Goes on after step 34 of 60." in said
    wiw(monkeypatch, capsys, *words, "--out", "whole")
    stopped, whole = (place / run / "line.safetensors" for run in ("stopped", "whole"))
    assert stopped.read_bytes() == whole.read_bytes()


def test_only_a_second_ctrl_c_loses_what_was_not_saved():
    with train._Stop() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_two_processes_share_a_batch_and_learn_what_one_learns(place, monkeypatch, capsys):
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    process = alone(*launcher, "wiw", "train", "line.yaml", "--out", "two")
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert said.count("One batch is learnt") == 1
    wiw(monkeypatch, capsys, "line.yaml", "--out", "one")
    (_, two), (_, one) = (checkpoint.read(place / run / checkpoint.FILE) for run in ("two", "one"))
    for name, value in one.items():
        assert float((two[name] - value).abs().max()) < 1e-4, name
    assert weights.load(place / "two", "line")[1]["device"].startswith("2 x")
