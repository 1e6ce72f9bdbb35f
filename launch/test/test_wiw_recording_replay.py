"""A recorded run is decided again, offline: the same policy must decide the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from recording_of_fakes import FAKES, PLANNER, ToBag, recording
from typer.testing import CliRunner

from wiw.cli import app
from wiw.recording.bag import Bag
from wiw.recording.comparing import first_difference
from wiw.recording.episodes import recorded_episodes
from wiw.recording.replay import Replay
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.loop import run_episode
from wiw_planner_node.policy import make_policy


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes with all that was imagined."""
    folder = tmp_path_factory.mktemp("bags") / "run"
    recording(folder)
    return folder


def replayed(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["replay", *arguments])
    return result.exit_code, result.output or str(result.exception)


def test_the_same_policy_decides_the_same_with_what_was_imagined_then(bag: Path) -> None:
    decided = list(Replay(bag).episodes())
    assert [len(e.decisions) for e in decided] and not any(e.different for e in decided)
    code, output = replayed(str(bag))
    assert code == 0 and "decisions are the same" in output


def test_the_same_policy_decides_the_same_with_the_same_model_at_work_again(bag: Path) -> None:
    code, output = replayed(str(bag), "--wm", "fake")
    assert code == 0, output


def test_another_policy_is_told_apart_and_the_first_difference_is_said(bag: Path) -> None:
    code, output = replayed(str(bag), "--policy", "short=fake:fake:candidates=2")
    assert code == 1 and "2 candidates instead of" in output
    assert replayed(str(bag), "--policy", "short=fake:fake:candidates=2", "--explore")[0] == 0


def test_without_a_world_model_the_first_plan_is_taken(bag: Path) -> None:
    code, output = replayed(str(bag), "--wm", "none", "--explore")
    assert code == 0 and "1 candidates instead of" in output


def test_a_plan_that_was_not_imagined_gets_no_made_up_frames(bag: Path) -> None:
    decided = list(Replay(bag, policy="mine=heuristic:fake").episodes())
    codes = {
        candidate.code
        for episode in decided
        for decision in episode.decisions
        if decision.now is not None
        for candidate in decision.now.candidates
        if candidate.rollout is not None
    }
    said = " ".join(d.difference for e in decided for d in e.decisions)
    assert ErrorCode.MODEL_UNAVAILABLE in codes or "NO_VALID_SCORE" in said


def test_the_oracle_cannot_be_asked_offline(bag: Path) -> None:
    with pytest.raises(WiwError, match="simulator") as error:
        Replay(bag, "oracle")
    assert error.value.code is ErrorCode.MODEL_UNAVAILABLE


def test_a_turn_that_was_lost_fails_the_replay(tmp_path: Path) -> None:
    told = recording(tmp_path / "run", [("ignav", "val_001")], lose=[1])
    assert len(told[0]) > 2
    code, output = replayed(str(tmp_path / "run"))
    assert code == 1 and "1 turns are not in the recording" in output
    episode = next(recorded_episodes(tmp_path / "run"))
    assert len(episode.together) == 1 and episode.missing == 1


def test_two_robots_in_one_recording_are_kept_apart(tmp_path: Path) -> None:
    model = FakeWorldModel()
    one = ToBag(Bag(tmp_path / "run", 1.0), model, FAKES)
    two = ToBag(one.bag, model, FAKES)
    two.planner = f"/robot2{PLANNER}"
    policy = make_policy("ignav", model, **FAKES)

    def meanwhile(_: object) -> None:
        """The second robot runs the same episode while the first one is under way."""
        if two.planner not in ran:
            ran.append(two.planner)
            other = make_policy("ignav", model, **FAKES)
            run_episode(FakeEnvironment(), "ignav", "val_001", other, seed=3, recorder=two)

    ran: list[str] = []
    run_episode(
        FakeEnvironment(),
        "ignav",
        "val_001",
        policy,
        seed=3,
        recorder=one,
        on_decision=meanwhile,
    )
    one.bag.close()
    first, second = recorded_episodes(tmp_path / "run")
    assert [first.planner, second.planner] == [PLANNER, f"/robot2{PLANNER}"]
    assert len(first.together) == len(second.together) > 2
    assert first.result is not None and second.result is not None
    assert replayed(str(tmp_path / "run"))[0] == 0


def test_what_is_no_recording_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WiwError) as error:
        list(Replay(tmp_path).episodes())
    assert error.value.code is ErrorCode.RECORD_CORRUPT


def test_comparing_sees_every_part_of_a_decision(bag: Path) -> None:
    episode = next(recorded_episodes(bag))
    decision = next(t.decision for t in episode.together if len(t.decision.candidates) > 1)
    first = decision.candidates[0]
    assert not first_difference(decision, replace(decision, seconds={}, frames_imagined=99))
    for other in (
        replace(decision, plan=decision.plan.prefix(len(decision.plan) - 1)),
        replace(decision, prefix_length=decision.prefix_length + 1),
        replace(decision, answer="lamp"),
        replace(decision, confidence=0.123),
        replace(decision, degraded=not decision.degraded),
        replace(decision, chosen=decision.chosen + 1),
        replace(decision, candidates=decision.candidates[1:]),
        replace(
            decision,
            candidates=(replace(first, score=first.score + 1.0), *decision.candidates[1:]),
        ),
        replace(
            decision,
            candidates=(replace(first, code=ErrorCode.WM_DIED), *decision.candidates[1:]),
        ),
    ):
        assert first_difference(decision, other), other
