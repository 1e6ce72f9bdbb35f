"""Training: repeatable, resumable, checked before it is long."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_training as tiny
import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.statistics import Interval
from wiw_learn import weights
from wiw_learn.dataset import held_out
from wiw_learn.fakes import FakeSamples
from wiw_learn.files import owned
from wiw_learn.training import checkpoint
from wiw_learn.training.checks import chosen, scenes
from wiw_learn.training.session import Options, train
from wiw_learn.training.steps import learning_rate
from wiw_learn.training.verdicts import Verdict, compare, judge_again


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_data(tmp_path_factory.mktemp("numbers"))


QUICK = Options(check=False)


def state_of(folder: Path) -> tuple[int, dict[str, bytes]]:
    place, tensors = checkpoint.read(folder / checkpoint.FILE)
    return place.step, {name: value.numpy().tobytes() for name, value in tensors.items()}


def stop_after(count: int):
    asked = iter(range(10**6))
    return lambda: next(asked) >= count


def test_a_training_that_was_stopped_ends_in_the_same_bytes(data, tmp_path):
    config = tiny.config()
    train(config, data, tmp_path / "whole", QUICK)
    with pytest.raises(WiwError) as stopped:
        train(config, data, tmp_path / "parts", QUICK, stop=stop_after(7))
    assert stopped.value.code is ErrorCode.ABORTED_BY_USER
    assert 0 < state_of(tmp_path / "parts")[0] < 20
    said = []
    train(config, data, tmp_path / "parts", QUICK, say=said.append)
    assert "Goes on after step" in said[0]
    assert state_of(tmp_path / "parts") == state_of(tmp_path / "whole")
    whole, parts = (tmp_path / name / "tiny.safetensors" for name in ("whole", "parts"))
    assert parts.read_bytes() == whole.read_bytes()


def test_a_training_that_was_killed_ends_in_the_same_bytes(data, tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; import tiny_training as tiny;"
        "from wiw_learn.dataset import Dataset; from wiw_learn.training import loop;"
        "from wiw_learn.training.session import Options, train;"
        "loop.SAVE_EVERY_S = 0.0; loop.LOOK_EVERY = 10;"
        "tell = lambda p: os.kill(os.getpid(), signal.SIGKILL) if p.step == 20 else None;"
        "train(tiny.config(steps=30), Dataset.open(Path(sys.argv[1])), Path(sys.argv[2]),"
        " Options(check=False), tell=tell)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(data.folder), str(tmp_path / "killed")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    # Told of step 20 before it was saved: the checkpoint is an earlier one.
    assert 10 <= state_of(tmp_path / "killed")[0] < 20
    train(tiny.config(steps=30), data, tmp_path / "killed", QUICK)
    train(tiny.config(steps=30), data, tmp_path / "whole", QUICK)
    assert state_of(tmp_path / "killed") == state_of(tmp_path / "whole")


def test_processes_that_draw_ahead_change_no_byte(data, tmp_path):
    train(tiny.config(), data, tmp_path / "one", QUICK)
    train(tiny.config(), data, tmp_path / "more", replace(QUICK, workers=2))
    assert state_of(tmp_path / "one") == state_of(tmp_path / "more")


def test_another_seed_gives_other_weights(data, tmp_path):
    for seed in (0, 1):
        train(tiny.config(seed=seed), data, tmp_path / str(seed), QUICK)
    assert state_of(tmp_path / "0")[1] != state_of(tmp_path / "1")[1]


def test_a_training_is_not_gone_on_with_under_another_config_unless_fresh(data, tmp_path):
    train(tiny.config(), data, tmp_path, QUICK)
    with pytest.raises(WiwError, match="--fresh") as refused:
        train(tiny.config(learning_rate=0.02), data, tmp_path, QUICK)
    assert refused.value.code is ErrorCode.BAD_PARAMETER
    (tmp_path / "mine.txt").write_text("kept")
    card = train(tiny.config(learning_rate=0.02), data, tmp_path, replace(QUICK, fresh=True))
    assert card["config"]["learning_rate"] == 0.02
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_a_checkpoint_of_changed_code_is_refused(data, tmp_path):
    with pytest.raises(WiwError):
        train(tiny.config(), data, tmp_path, QUICK, stop=stop_after(3))
    place, tensors = checkpoint.read(tmp_path / checkpoint.FILE)
    renamed = {name.replace("/0.", "/9."): value for name, value in tensors.items()}
    from safetensors.torch import save_file

    metadata = {"place": json.dumps([place.step, place.seconds, place.identity])}
    save_file(renamed, tmp_path / checkpoint.FILE, metadata)
    with pytest.raises(WiwError, match="another network") as refused:
        train(tiny.config(), data, tmp_path, QUICK)
    assert refused.value.code is ErrorCode.RECORD_CORRUPT
    (tmp_path / checkpoint.FILE).write_bytes(b"half a file")
    with pytest.raises(WiwError, match="cannot be read"):
        train(tiny.config(), data, tmp_path, QUICK)


def test_a_loss_that_is_not_finite_stops_and_leaves_the_last_good_checkpoint(
    data, tmp_path, monkeypatch
):
    monkeypatch.setattr("wiw_learn.training.loop.SAVE_EVERY_S", 0.0)
    config = tiny.config(options={"fault": "blows up"}, steps=200)
    with pytest.raises(WiwError, match="loss of step 34 is not finite") as refused:
        train(config, data, tmp_path, QUICK)
    assert refused.value.code is ErrorCode.BAD_PARAMETER
    step, tensors = state_of(tmp_path)
    assert 0 < step < 34
    weight = np.frombuffer(tensors["network/0.weight"], np.float32)
    assert np.isfinite(weight).all()
    assert not (tmp_path / "tiny.safetensors").exists()


def test_a_recipe_that_cannot_learn_one_batch_is_refused_before_it_trains(data, tmp_path):
    config = tiny.config(options={"fault": "learns nothing"})
    with pytest.raises(WiwError, match="cannot learn even one batch") as refused:
        train(config, data, tmp_path, Options())
    assert refused.value.code is ErrorCode.BAD_PARAMETER
    assert not (tmp_path / checkpoint.FILE).exists()
    train(config, data, tmp_path, QUICK)


def test_one_batch_is_learnt_and_it_is_said_how_long_that_took(data, tmp_path):
    said = []
    train(tiny.config(overfit_steps=200), data, tmp_path, Options(), say=said.append)
    assert any("One batch is learnt" in sentence and " s." in sentence for sentence in said)


@pytest.mark.parametrize(
    ("written", "changes", "words"),
    [
        ({"split": "val"}, {}, "split 'val'"),
        ({"scenes": range(2000, 2009)}, {}, "0 held out"),
        ({"scenes": (2009, 2019)}, {}, "0 scenes to train on"),
        ({}, {"data": {"kind": "letters"}}, "kind 'numbers'"),
        ({}, {"train_scenes": 100}, "100 and 1 are needed"),
        ({"odd": np.array([1.0, math.inf])}, {}, "not finite"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(tmp_path, written, changes, words):
    data = tiny.write_data(tmp_path / "data", **written)
    with pytest.raises(WiwError, match=words):
        train(tiny.config(**changes), data, tmp_path / "run", Options())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda row, rng: {**row, "x": row["x"] * np.float32("nan")}, "'x' .* is not finite"),
        (lambda row, rng: {**row, "x": row["x"] + 100}, "beyond -10 and 10"),
        (lambda row, rng: {**row, "y": np.float32(np.random.random())}, "drawn again"),
        (lambda row, rng: {**row, "x": row["x"][: rng.integers(2, 6)]}, "do not make a batch"),
    ],
)
def test_samples_that_break_their_promise_are_refused(data, tmp_path, monkeypatch, fault, words):
    sample = FakeSamples.sample
    monkeypatch.setattr(
        FakeSamples, "sample", lambda self, index, rng: fault(sample(self, index, rng), rng)
    )
    with pytest.raises(WiwError, match=words) as refused:
        train(tiny.config(), data, tmp_path, Options())
    assert refused.value.code is ErrorCode.CONTRACT_VIOLATION


def test_fewer_train_scenes_are_part_of_more_and_leave_the_held_out_ones_alone(data):
    few, more, every = (chosen(data, tiny.config(train_scenes=count)) for count in (5, 10, 0))
    sets = [set(scenes(part, judged=False)) for part in (few, more, every)]
    assert [len(part) for part in sets] == [5, 10, 18] and sets[0] < sets[1] < sets[2]
    assert {scenes(part, judged=True) for part in (few, more, every)} == {(2009, 2019)}


def test_no_held_out_scene_is_trained_on(data, tmp_path):
    card = train(tiny.config(), data, tmp_path, QUICK)
    assert not any(held_out(scene) for scene in card["data"]["train_scenes"])
    assert set(card["data"]["train_scenes"]).isdisjoint(card["data"]["held_out_scenes"])
    assert len(card["data"]["train_scenes"]) == 18


def test_the_card_says_what_made_the_weights_and_how_good_they_are(data, tmp_path):
    config = tiny.config()
    card = train(config, data, tmp_path, QUICK)
    tensors, stored = weights.load(tmp_path, "tiny")
    assert stored == card
    assert card["config"] == config.to_json()
    assert card["step"] == 20 and card["licence"] == "Apache-2.0"
    assert card["provenance"]["versions"]["torch"] == torch.__version__
    assert card["parameters"] == sum(v.numel() for v in tensors.values() if v.is_floating_point())
    page = (tmp_path / "tiny.md").read_text()
    assert "It knows lines only." in page and "absolute error" in page


def test_judged_again_the_card_holds_exactly_and_other_weights_do_not(data, tmp_path):
    config = tiny.config(steps=300)
    train(config, data, tmp_path / "good", QUICK)
    (verdict,) = judge_again(config, data, tmp_path / "good")
    assert verdict.holds and verdict.now == verdict.stated
    poor = train(tiny.config(steps=1), data, tmp_path / "poor", QUICK)
    _, good = weights.load(tmp_path / "good", "tiny")
    (verdict,) = compare(good, {"absolute error": Interval(**poor["metrics"]["absolute error"])})
    assert not verdict.holds


def test_a_metric_that_is_gone_does_not_hold():
    (verdict,) = compare({"metrics": {"lost": {"estimate": 1.0, "low": 0.0, "high": 2.0}}}, {})
    assert not verdict.holds
    assert Verdict("x", Interval(1.0, math.nan, math.nan), Interval(1.0, 1.0, 1.0)).holds


def test_weights_of_other_options_are_not_judged_as_the_config_s(data, tmp_path):
    train(tiny.config(), data, tmp_path, QUICK)
    with pytest.raises(WiwError, match="other options"):
        judge_again(tiny.config(options={"width": 4}), data, tmp_path)


def test_weights_in_between_are_kept_when_asked(data, tmp_path):
    train(tiny.config(), data, tmp_path, replace(QUICK, keep=(5, 15)))
    kept = {step: weights.load(tmp_path / f"step_{step}", "tiny") for step in (5, 15)}
    assert [card["step"] for _, card in kept.values()] == [5, 15]
    assert not torch.equal(kept[5][0]["0.weight"], kept[15][0]["0.weight"])


def test_a_step_that_can_no_longer_be_kept_is_refused(data, tmp_path):
    with pytest.raises(WiwError, match="steps 1 to 20"):
        train(tiny.config(), data, tmp_path, replace(QUICK, keep=(21,)))
    train(tiny.config(), data, tmp_path, replace(QUICK, keep=(5,)))
    with pytest.raises(WiwError, match="past it, at 20") as refused:
        train(tiny.config(), data, tmp_path, replace(QUICK, keep=(5, 10)))
    assert refused.value.code is ErrorCode.BAD_PARAMETER
    train(tiny.config(), data, tmp_path, replace(QUICK, keep=(5,)))


def test_two_trainings_never_share_a_folder(data, tmp_path):
    with owned(tmp_path), pytest.raises(WiwError) as refused:
        train(tiny.config(), data, tmp_path, QUICK)
    assert refused.value.code is ErrorCode.BUSY
    train(tiny.config(), data, tmp_path, QUICK)


def test_the_rate_rises_to_its_highest_and_falls_to_nothing():
    config = tiny.config(steps=100, warmup=10, learning_rate=0.5)
    rates = [learning_rate(config, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.05) and rates[9] == pytest.approx(0.5)
    assert max(rates) == pytest.approx(0.5) and rates[55] == pytest.approx(0.25)
    assert rates[100] == pytest.approx(0.0, abs=1e-12)
    assert all(a >= b for a, b in zip(rates[10:], rates[11:]))


def test_the_curves_are_there_to_look_at(data, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tiny.config(), data, tmp_path, QUICK)
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    assert {"loss", "worst", "gradient", "samples_per_s"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("loss")][-1] == 20


def test_half_precision_trains_too(data, tmp_path):
    whole = train(tiny.config(steps=200), data, tmp_path / "whole", QUICK)
    half = train(tiny.config(mixed_precision="bf16", steps=200), data, tmp_path / "half", QUICK)
    assert state_of(tmp_path / "half") != state_of(tmp_path / "whole")
    estimates = [card["metrics"]["absolute error"]["estimate"] for card in (whole, half)]
    assert estimates[0] == pytest.approx(estimates[1], rel=0.3) and max(estimates) < 1.0
