"""A study of the findings runs, resumes, trains what is missing and no more: fakes do the work."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from small_study import Watcher

from wiw.findings.claims import Verdict
from wiw.findings.plan import Checkpoint, Plan, parse
from wiw.findings.run import run
from wiw.findings.trainings import Training, train_missing, trainings
from wiw_core.errors import WiwError

FAKES = {
    "seed": 0,
    "episodes": {"ignav": 3},
    "models": ["fake"],
    "against": [["fake", "slow=fake:seconds=0.001"]],
    "thinking": [{"task": "ignav", "arm": "fake", "episodes": 3, "candidates": [1], "shares": [0]}],
    "checkpoints": [],
    "checkpoint_episodes": {},
    "controllability": {},
    "quality": {},
    "environment": "fake",
    "policy": "fake",
}


def follow(plan: Plan, out: Path, only: str = "abcde"):
    """Follow a plan in silence; return the findings and how many episodes were run."""
    watchers = []

    def watch(study):
        watchers.append(Watcher())
        return nullcontext(watchers[-1])

    _, found = run(plan, "fakes", out, 1, watch, lambda text: None, only)
    return found, sum(len(watcher.outcomes) for watcher in watchers)


def test_a_study_runs_its_rows_answers_and_never_runs_an_episode_twice(tmp_path):
    plan = parse(FAKES)
    found, ran = follow(plan, tmp_path, only="a")
    assert ran == 3 * 4  # none, copy, oracle, fake
    assert found[0].claims[0].verdict is Verdict.OPEN and found[0].tables[0].rows[0][1] == "3"
    assert {claim.verdict for claim in found[3].claims} == {Verdict.MISSING}
    found, ran = follow(plan, tmp_path)
    assert ran == 3 * (1 + 3)  # slow; the task's own number of plans, one plan, a share of none
    assert found[1].claims[0].text == "fake beats slow in ignav"
    assert len(found[3].claims) == 2
    assert follow(plan, tmp_path)[1] == 0
    grown = replace(plan, episodes={"ignav": 4})
    assert follow(grown, tmp_path)[1] == 5
    assert (tmp_path / "study.html").is_file() and (tmp_path / "tasks/results.json").is_file()


def test_only_known_findings_can_be_asked_for(tmp_path):
    with pytest.raises(WiwError, match="not findings"):
        follow(parse(FAKES), tmp_path, only="f")


def checkpoint(name: str, **more) -> Checkpoint:
    return Checkpoint(name, "depth", "warp", **more)


def test_checkpoints_of_one_training_share_it_and_others_do_not(tmp_path):
    made = trainings(
        [
            checkpoint("early", step=10),
            checkpoint("late", step=200),
            checkpoint("whole"),
            checkpoint("small", set={"train_scenes": 8}),
        ],
        tmp_path,
    )
    assert [(t.folder.name, t.steps, t.changes) for t in made] == [
        ("depth", (10, 200), ()),
        ("depth-train_scenes8", (), ("train_scenes=8",)),
    ]
    words = made[0].command()
    assert words[-2:] == ["--out", str(tmp_path / "depth")] and words.count("--keep") == 2
    arm = checkpoint("early", step=10, key="depth_weights", with_={"depth": "estimated"})
    path = tmp_path / "depth" / "step_10"
    assert arm.arm(tmp_path) == f"early=warp:depth=estimated,depth_weights={path}"


@dataclass(frozen=True)
class Pretended(Training):
    """A fake training: a process that writes the cards, or fails with a last word."""

    fails: bool = False

    def command(self) -> list[str]:
        places = [self.folder, *(self.folder / f"step_{step}" for step in self.steps)]
        work = "".join(
            f"p = pathlib.Path({str(p)!r}); p.mkdir(exist_ok=True);"
            " (p / 'depth.json').write_text('{}');"
            for p in places
        )
        last = "print('out of paper'); raise SystemExit(2)" if self.fails else work
        return [sys.executable, "-c", f"import pathlib; {last}"]


@pytest.fixture
def no_data(monkeypatch):
    monkeypatch.setattr("wiw.findings.trainings.dataset_of", lambda *given: None)


def test_what_is_trained_is_not_trained_again(tmp_path, no_data):
    said: list[str] = []
    first = Pretended(tmp_path / "a", "depth", (), (5,))
    train_missing([first], 2, said.append)
    assert first.done and len(said) == 2
    second = Pretended(tmp_path / "b", "depth", (), ())
    train_missing([first, second], 2, said.append)
    assert [text for text in said[2:] if "a" in text.split()] == [] and second.done
    assert train_missing([first, second], 2, said.append) == 0.0


def test_a_training_that_fails_says_its_last_word_and_where_the_rest_is(tmp_path, no_data):
    with pytest.raises(WiwError, match="out of paper") as caught:
        train_missing([Pretended(tmp_path / "a", "depth", (), (), True)], 1, lambda text: None)
    assert "train.log" in str(caught.value)
