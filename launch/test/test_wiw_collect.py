"""``wiw collect``: what a user types, reads and finds afterwards."""

from __future__ import annotations

import json
import sys

import pytest

from wiw import cli
from wiw.report.dataset import NUMBERS, PAGE
from wiw_learn.dataset import MANIFEST, Dataset

OPTIONS = ("length=3", "height=64", "front_size=32")
TINY = [
    *("collect", "navigation", "--scenes", "2", "--first-scene", "25008"),
    *("--workers", "1", "--out", "data"),
    *(word for option in OPTIONS for word in ("--set", option)),
]


def call(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["wiw", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collect")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["wiw", *TINY])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    return folder


def test_help_shows_examples(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "collect", "--help")
    assert code == 0 and "--check" in out and "--lerobot" in out and "Examples" in out


def test_options_reach_the_sampler(collected):
    data = Dataset.open(collected / "data")
    assert data.scenes == (25_008, 25_009) and len(data) == 4
    assert data.trajectory(0)["panorama"].shape == (4, 64, 128, 3)
    config = data.manifest.provenance["config"]
    assert config["walks"] == ["waypoints", "random_walk"] and config["length"] == 3


def test_the_same_command_again_keeps_everything(collected, monkeypatch, capsys):
    monkeypatch.chdir(collected)
    before = (collected / "data" / MANIFEST).stat().st_mtime_ns
    code, out, _ = call(monkeypatch, capsys, *TINY)
    assert code == 0 and "4 trajectories of 2 train scenes" in out
    assert (collected / "data" / MANIFEST).stat().st_mtime_ns == before


def test_the_statistics_are_those_of_the_dataset(collected):
    data = Dataset.open(collected / "data")
    known = json.loads((collected / "data" / NUMBERS).read_text())
    assert (known["trajectories"], known["scenes"], known["scenes_held_out"]) == (4, 2, 1)
    assert (known["actions"], known["frames"]) == (12, 16)
    collided = [data.trajectory(k)["collided"].mean() for k in range(4)]
    assert known["share_of_actions_with_contact"] == pytest.approx(sum(collided) / 4)
    assert sum(n for walk in known["actions_by_task"].values() for n in walk.values()) == 12
    page = (collected / "data" / PAGE).read_text()
    assert "4 trajectories in 2 train scenes" in page
    assert page.count("<svg ") == 3 and "data:image/jpeg;base64," in page
    assert 'src="http' not in page and '<link rel="stylesheet"' not in page, "whole by itself"


def test_an_export_is_written(collected, monkeypatch, capsys):
    monkeypatch.chdir(collected)
    code, out, _ = call(monkeypatch, capsys, "collect", "export", "data", "--lerobot", "lerobot")
    assert code == 0 and "lerobot" in out
    info = json.loads((collected / "lerobot/meta/info.json").read_text())
    assert (info["total_episodes"], info["total_frames"]) == (4, 16)


@pytest.mark.parametrize("leaks", [False, True])
def test_the_check_says_what_it_compared_and_fails_on_a_leak(collected, monkeypatch, capsys, leaks):
    """Two made-up val views stand in for the hundreds that a real check draws."""
    frame = Dataset.open(collected / "data").trajectory(0)["panorama"][0]
    view = frame if leaks else frame[::-1].copy()
    monkeypatch.setattr(
        "wiw_env_bridge.collect.leaks.first_views", lambda kind: [("ar-val-000", view)]
    )
    monkeypatch.chdir(collected)
    code, out, _ = call(monkeypatch, capsys, "collect", "--check", "data")
    assert code == int(leaks)
    assert ("LEAK" in out) == leaks and ("ar-val-000" in out) == leaks
    assert "4 frames compared" in out


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("collect",), "Nothing is named"),
        (("collect", "navigatoin"), "navigation"),
        (("collect", "navigation", "--first-scene", "5", "--scenes", "1"), "train scenes"),
        (("collect", "navigation", "--set", "lenght=5"), "length"),
        (("collect", "export", "nowhere"), "--lerobot"),
        (("collect", "--check", "nowhere"), "wiw collect --help"),
    ],
)
def test_a_wrong_word_is_one_line_that_helps(monkeypatch, capsys, tmp_path, words, near):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(monkeypatch, capsys, *words)
    assert code == 2 and near in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "runs/data/navigation" / MANIFEST).exists()
