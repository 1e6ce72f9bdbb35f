"""Films, contact sheets and policies by name, in one process."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.loop import Policy, run_episode
from wiw_core.observation import Projection
from wiw_core.plans import navigation_plan
from wiw_core.records import JsonlRecorder, read_episode, record_path
from wiw_core.rollouts import Rollout
from wiw_planner_node.film import INDEX, filmed
from wiw_planner_node.pictures import FRONT_HEIGHT, contact_sheet, matching_view, thumbnail
from wiw_planner_node.policy import make_policy


def fake_policy(model: FakeWorldModel | None = None, **reviser: str) -> Policy:
    return make_policy(
        "ignav", model, proposer="fake", reviser="fake", reviser_parameters=reviser or None
    )


def shoot(folder: Path, policy: Policy, episode_id: str = "val_001") -> tuple[dict, list[Decision]]:
    decisions: list[Decision] = []
    env, policy, recorder = filmed(folder, FakeEnvironment(), policy)
    run_episode(env, "ignav", episode_id, policy, recorder=recorder, on_decision=decisions.append)
    return json.loads((folder / INDEX).read_text()), decisions


def timeless(decision: Decision) -> str:
    bare = tuple(replace(c, rollout=None) for c in decision.candidates)
    return repr(replace(decision, seconds={}, candidates=bare))


def test_a_film_changes_no_decision(tmp_path: Path) -> None:
    plain: list[Decision] = []
    policy = fake_policy(FakeWorldModel())
    run_episode(FakeEnvironment(), "ignav", "val_001", policy, on_decision=plain.append)
    _, filmed_decisions = shoot(tmp_path, policy)
    assert [timeless(d) for d in filmed_decisions] == [timeless(d) for d in plain]


@pytest.mark.parametrize("frames", ["last", "all"])
def test_every_imagined_action_has_a_frame_beside_what_was_really_seen(
    tmp_path: Path, frames: str
) -> None:
    film, decisions = shoot(tmp_path, fake_policy(FakeWorldModel(), frames=frames))
    assert len(film["decisions"]) == len(decisions) > 1
    for shot in film["decisions"]:
        assert [f["after"] for f in shot["imagined"]] == [1, 2, 3, 4, 5]
        assert [f["after"] for f in shot["real"]] == list(range(1, shot["executed"] + 1))
        assert len(shot["candidates"]) == 3 and shot["note"] == ""
        pictures = [shot["now"]] + [
            f["file"] for part in ("imagined", "real", "candidates") for f in shot[part]
        ]
        for name in pictures:
            assert cv2.imread(str(tmp_path / name)).shape == (144, 288, 3)
    assert (tmp_path / film["goal"]).exists()


class FrontModel(FakeWorldModel):
    """Shows the robot's front view, as it is, in place of the panorama."""

    def rollout(self, request):  # type: ignore[no-untyped-def]
        front = request.now.view("front").rgb
        for rollout in super().rollout(request):
            frames = np.repeat(front[None], len(rollout.frames), axis=0)
            yield replace(rollout, frames=frames, projection=Projection.PERSPECTIVE)


def test_front_views_that_were_imagined_are_filmed_beside_real_ones(tmp_path: Path) -> None:
    film, decisions = shoot(tmp_path, fake_policy(FrontModel(), frames="last"))
    _, seen, _ = FakeEnvironment().reset("ignav", "val_001")
    front = seen.view("front")
    assert front is not None and front.size[0] == front.size[1]
    for shot, decision in zip(film["decisions"], decisions):
        names = [shot["now"]] + [
            f["file"] for part in ("imagined", "real", "candidates") for f in shot[part]
        ]
        for name in names:
            assert cv2.imread(str(tmp_path / name)).shape == (FRONT_HEIGHT, FRONT_HEIGHT, 3)
        assert shot["text"] == decision.plan.text
        assert [c["text"] for c in shot["candidates"]] == [c.plan.text for c in decision.candidates]


def test_the_seconds_of_the_film_are_not_the_decisions(tmp_path: Path) -> None:
    slow = FakeWorldModel(seconds=0.05)
    _, decisions = shoot(tmp_path, fake_policy(slow), "val_000")
    assert decisions[0].seconds["film"] >= 0.05 > decisions[0].seconds["revise"] >= 0.0


def test_a_film_without_a_world_model_shows_what_was_seen(tmp_path: Path) -> None:
    film, _ = shoot(tmp_path, fake_policy())
    for shot in film["decisions"]:
        assert shot["imagined"] == [] and shot["note"] == "no world model" and shot["real"]
        assert all(c["file"] is None for c in shot["candidates"])


def test_a_model_that_fails_only_the_film_leaves_a_note(tmp_path: Path) -> None:
    class Moody(FakeWorldModel):
        def rollout(self, request):  # type: ignore[no-untyped-def]
            if len(request.plans) == 1:
                raise WiwError(ErrorCode.OUT_OF_MEMORY, "No room for a film.")
            return super().rollout(request)

    film, decisions = shoot(tmp_path, fake_policy(Moody()))
    assert len(decisions) > 1
    assert all("OUT_OF_MEMORY" in shot["note"] for shot in film["decisions"])


def test_the_record_beside_a_film_is_complete(tmp_path: Path) -> None:
    env, policy, recorder = filmed(
        tmp_path / "film",
        FakeEnvironment(),
        fake_policy(FakeWorldModel()),
        JsonlRecorder(tmp_path),
    )
    result = run_episode(env, "ignav", "val_001", policy, recorder=recorder)
    record = read_episode(record_path(tmp_path, "val_001"))
    assert len(record.decisions) == result.decisions


def test_a_film_that_cannot_be_written_is_a_fault_with_a_code(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    env, policy, recorder = filmed(blocked, FakeEnvironment(), fake_policy(FakeWorldModel()))
    with pytest.raises(WiwError) as caught:
        run_episode(env, "ignav", "val_001", policy, recorder=recorder)
    assert caught.value.code is ErrorCode.RECORDING_FAILED


def test_a_contact_sheet_marks_the_chosen_candidate() -> None:
    plan = navigation_plan(["forward"])
    shades = [np.full((1, 36, 64, 3), 60 * k, np.uint8) for k in range(3)]
    candidates = tuple(
        Candidate(plan, Rollout(k, frames, (1,)), score=math.nan if k == 2 else float(k))
        for k, frames in enumerate(shades)
    )
    sheet = contact_sheet(Decision(DecisionKind.ACT, plan, 1, 1, candidates=candidates))
    assert sheet is not None and sheet.shape[1] == 3 * 256
    assert [int(sheet[10, 256 * k + 100, 0]) for k in range(3)] == [0, 60, 120]
    greens = [bool(sheet[-2, 256 * k + 200, 1] > sheet[-2, 256 * k + 200, 0]) for k in range(3)]
    assert greens == [False, True, False]


def test_there_is_no_contact_sheet_without_imagination() -> None:
    candidates = (Candidate(navigation_plan(["forward"])),)
    assert contact_sheet(Decision(DecisionKind.ACT, candidates=candidates)) is None


def test_thumbnails_keep_their_shape_and_real_views_match_the_model() -> None:
    assert thumbnail(np.zeros((288, 512, 3), np.uint8)).shape == (144, 256, 3)
    assert thumbnail(np.zeros((500, 500, 3), np.uint8)).shape == (224, 224, 3)
    _, seen, _ = FakeEnvironment().reset("ignav", "val_000")
    for view in seen.views:
        assert matching_view(seen, view.projection) is view.rgb


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"proposer": "heuristik"}, ErrorCode.UNKNOWN_PROPOSER),
        ({"reviser": "plaice"}, ErrorCode.UNKNOWN_REVISER),
        ({"reviser": "fake", "reviser_parameters": {"colour": 1}}, ErrorCode.BAD_PARAMETER),
        ({"reviser": "fake", "horizon": 2, "execute": 3}, ErrorCode.BAD_PARAMETER),
    ],
)
def test_a_policy_that_cannot_be_made_says_why(options: dict, code: ErrorCode) -> None:
    with pytest.raises(WiwError) as caught:
        make_policy("ignav", **{"proposer": "fake", **options})
    assert caught.value.code is code


def test_overrides_replace_only_what_they_name() -> None:
    policy = make_policy("ignav", proposer="fake", reviser="fake", candidates=7)
    assert (policy.limits.candidates, policy.limits.horizon, policy.limits.execute) == (7, 5, 3)
