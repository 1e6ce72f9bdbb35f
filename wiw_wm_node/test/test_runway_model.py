"""Runway as a world model, against a stub of its HTTP interface: in time, in budget, in private."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wm_rooms import front_view, observe, panorama_view

from wiw_core.arm import tool_pose
from wiw_core.conformance import check_world_model
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2, Pose3
from wiw_core.plans import Plan, navigation_plan
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_core.wrappers import Validated
from wiw_wm_node.runway import service
from wiw_wm_node.runway.model import RunwayModel
from wiw_wm_node.runway.stub import RunwayStub
from wiw_wm_node.video.start import perspective

KEY = "not-a-key-but-long-enough"
POSE = Pose2(-1.0, 0.3, 0.4)
PANORAMA = observe(POSE, panorama_view(POSE))
PLANS = (
    navigation_plan(["forward"] * 3),
    navigation_plan(["turn_left", "forward", "forward"]),
    navigation_plan(["turn_right"] * 2),
)
CLIPS = 2
"""Clips that the plans need: the last one only turns."""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(service.SECRET, KEY)


@pytest.fixture
def stub() -> Iterator[RunwayStub]:
    with RunwayStub() as running:
        yield running


def made(stub: RunwayStub, **changes: Any) -> RunwayModel:
    quick = {
        "send_images": True,
        "max_credits": 100.0,
        "url": stub.url,
        "hosts": ("127.0.0.1",),
        "poll_s": 0.01,
        "height": 96,
        "duration_s": 2,
    }
    return RunwayModel(**{**quick, **changes})


def request(plans: tuple[Plan, ...] = PLANS, **changes: Any) -> RolloutRequest:
    frames = tuple(len(plan) for plan in plans)
    return replace(RolloutRequest((PANORAMA,), plans, frames, generation=3), **changes)


def run(model: RunwayModel, asked: RolloutRequest | None = None) -> dict[int, Rollout]:
    return {r.plan_index: r for r in Validated(model).rollout(asked or request())}


def refused(model: RunwayModel, code: ErrorCode, **changes: Any) -> str:
    with pytest.raises(WiwError) as caught:
        run(model, request(**changes))
    assert caught.value.code is code
    return str(caught.value)


def test_it_keeps_the_contract_though_the_service_never_repeats_itself(stub: RunwayStub) -> None:
    check_world_model(made(stub), request)
    assert len(stub.created) == CLIPS


def test_every_plan_gets_its_frames_and_the_price_is_counted(stub: RunwayStub) -> None:
    model = made(stub)
    found = run(model)
    assert {i: r.frames.shape for i, r in found.items()} == {
        0: (3, 96, 96, 3),
        1: (3, 96, 96, 3),
        2: (2, 96, 96, 3),
    }
    assert model.credits.spent == CLIPS * 2 * 5
    assert "of 100 credits spent" in found[0].message
    assert not stub.deleted


def test_leading_turns_are_exact_and_cost_nothing(stub: RunwayStub) -> None:
    model = made(stub)
    found = run(model, request((PLANS[1], PLANS[2])))
    view = PANORAMA.views[0].rgb
    left, right = (perspective(view, (96, 96), 90.0, s * np.radians(22.5)) for s in (1, -1))
    assert np.array_equal(found[0].frames[0], left)
    assert np.array_equal(found[1].frames[0], right)
    assert len(stub.created) == 1


def test_what_is_sent_is_the_view_after_the_turns_and_the_plan_in_words(stub: RunwayStub) -> None:
    run(made(stub), request((PLANS[1],)))
    (sent,) = stub.created
    assert "moves forward" in sent["promptText"] and "turns" not in sent["promptText"]
    assert sent["promptImage"].startswith("data:image/png;base64,")
    assert (sent["model"], sent["ratio"], sent["duration"]) == ("gen4_turbo", "960:960", 2)


def test_an_equal_request_is_not_paid_twice(stub: RunwayStub) -> None:
    model = made(stub)
    first, again = run(model), run(model)
    assert len(stub.created) == CLIPS
    for index in first:
        assert np.array_equal(first[index].frames, again[index].frames)


def test_another_seed_is_another_clip(stub: RunwayStub) -> None:
    model = made(stub)
    run(model, request((PLANS[0],)))
    run(model, request((PLANS[0],), seed=1))
    assert len(stub.created) == 2
    assert stub.created[0]["seed"] != stub.created[1]["seed"]


def test_a_folder_repeats_a_run_of_another_process(stub: RunwayStub, tmp_path: Path) -> None:
    first = run(made(stub, folder=str(tmp_path)))
    later = made(stub, folder=str(tmp_path))
    again = run(later)
    assert later.credits.spent == 0.0 and len(stub.created) == CLIPS
    assert np.array_equal(first[0].frames, again[0].frames)


def test_plans_of_one_clip_share_its_price(stub: RunwayStub) -> None:
    prefix = PLANS[0].prefix(2)  # both go on with forward, in imagination
    found = run(made(stub), request((PLANS[0], prefix)))
    assert len(stub.created) == 1
    assert np.array_equal(found[0].frames[:2], found[1].frames)


def test_frames_are_spread_over_the_clip(stub: RunwayStub) -> None:
    """The stub's first clip slides by a pixel every 8 frames; 13 actions take 2 s of 24 frames."""
    plan = navigation_plan(["forward"] * 13)
    found = run(made(stub, height=64), request((plan,)))[0]
    given = perspective(PANORAMA.views[0].rgb, (64, 64), 90.0).astype(float)
    for k in (1, 6, 13):
        slid = [np.abs(np.roll(given, s, axis=1) - found.frames[k - 1]).mean() for s in range(8)]
        assert int(np.argmin(slid)) == (48 * k // 13) // 8


def test_a_robot_without_a_panorama_sends_its_front_view(stub: RunwayStub) -> None:
    found = run(made(stub), request(observations=(observe(POSE, front_view(POSE)),)))
    assert [len(found[i].frames) for i in range(3)] == [3, 3, 2]
    assert len(stub.created) == 3  # a single view cannot be turned


def test_an_arm_s_plan_goes_out_in_its_own_words(stub: RunwayStub) -> None:
    action = tool_pose(Pose3(0.2, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0), True)
    asked = request((Plan((action, action), "push the red button"),))
    table = replace(asked, observations=(observe(POSE, front_view(POSE)),))
    assert len(run(made(stub), table)[0].frames) == 2
    assert "push the red button" in stub.created[0]["promptText"]


def test_a_text_too_long_for_the_service_is_not_sent(stub: RunwayStub) -> None:
    action = tool_pose(Pose3(0.2, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0), True)
    refused(made(stub), ErrorCode.TOO_LARGE, plans=(Plan((action,), "x" * 1000),), frames=(1,))
    assert not stub.asked


# Privacy, keys, money


def test_no_picture_leaves_the_machine_unless_told_so(stub: RunwayStub) -> None:
    with pytest.raises(WiwError, match="send_images=true") as caught:
        made(stub, send_images=False)
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE


def test_nothing_is_spent_unless_told_how_much(stub: RunwayStub) -> None:
    with pytest.raises(WiwError, match="max_credits") as caught:
        made(stub, max_credits=0.0)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_without_a_key_it_says_where_to_put_it(stub: RunwayStub, monkeypatch) -> None:
    monkeypatch.delenv(service.SECRET)
    with pytest.raises(WiwError, match=service.SECRET) as caught:
        made(stub)
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE
    assert service.SECRET in RunwayModel.sheet.missing()


def test_without_the_client_it_says_how_to_install_it(stub: RunwayStub, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "runwayml", None)  # importing it now fails
    with pytest.raises(WiwError, match=r"requirements-extras\.txt") as caught:
        made(stub)
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE


@pytest.mark.parametrize("url", ["http://api.example.com", "ftp://127.0.0.1", "127.0.0.1"])
def test_pictures_go_over_https_or_nowhere(stub: RunwayStub, url: str) -> None:
    with pytest.raises(WiwError) as caught:
        made(stub, url=url)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


@pytest.mark.parametrize(
    "bad",
    [
        {"retries": -1},
        {"poll_s": 0.0},
        {"request_s": float("nan")},
        {"hosts": ()},
        {"duration_s": 11},
        {"ratio": "1:1"},
        {"credits_per_second": 0.0},
        {"height": 0},
        {"max_credits": float("inf")},
    ],
)
def test_parameters_that_make_no_sense_are_refused(stub: RunwayStub, bad: dict) -> None:
    with pytest.raises(WiwError) as caught:
        made(stub, **bad)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_frames_have_the_shape_of_the_ratio(stub: RunwayStub) -> None:
    model = made(stub, ratio="1280:720", height=90)
    assert (model.info.height, model.info.width) == (90, 160)
    assert run(model, request((PLANS[0],)))[0].frames.shape == (3, 90, 160, 3)


def test_a_decision_that_would_pass_the_limit_asks_for_nothing(stub: RunwayStub) -> None:
    model = made(stub, max_credits=19.0)  # one clip fits, two do not
    assert "0 of 19 are spent" in refused(model, ErrorCode.MODEL_UNAVAILABLE)
    assert not stub.asked
    run(model, request((PLANS[0],)))
    assert model.credits.spent == 10.0


def test_a_price_above_what_was_expected_cancels_the_task() -> None:
    with RunwayStub("expensive") as stub:
        model = made(stub)
        assert "credits_per_second" in refused(model, ErrorCode.MODEL_UNAVAILABLE)
        assert stub.deleted == ["task-0"]
        assert model.credits.spent > model.credits.limit  # it may be charged after all
        refused(model, ErrorCode.MODEL_UNAVAILABLE, seed=1)
        assert len(stub.created) == 1


# Faults of the service


@pytest.mark.parametrize(("fault", "counted"), [("rate_limit", 20), ("busy", 20), ("broken", 40)])
def test_faults_that_pass_are_waited_for(fault: str, counted: float) -> None:
    """After a plain 500 nobody knows whether the task began: it stays counted."""
    with RunwayStub(fault, times=2) as stub:
        model = made(stub)
        assert all(r.code is ErrorCode.OK for r in run(model).values())
        assert stub.asked == CLIPS + 2
        assert model.credits.spent == counted


def test_a_fault_that_stays_is_given_up_after_few_attempts() -> None:
    with RunwayStub("busy", times=1000) as stub:
        model = made(stub, retries=2)
        refused(model, ErrorCode.WM_UNRESPONSIVE)
        assert stub.asked == 3
        assert model.credits.spent == 0.0


def test_retry_after_is_kept_to() -> None:
    with RunwayStub("rate_limit", times=1, retry_after="0.3") as stub:
        begun = time.monotonic()
        run(made(stub), request((PLANS[0],)))
        assert time.monotonic() - begun >= 0.3


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    with RunwayStub("rate_limit", times=9, retry_after="3600") as stub:
        soon = time.monotonic() + 60.0
        said = refused(made(stub), ErrorCode.DEADLINE_EXCEEDED, deadline_s=soon)
        assert "3.6e+03 s" in said
        assert stub.asked == 1


CODES = {
    "forbidden": (ErrorCode.MODEL_UNAVAILABLE, "does not accept the key"),
    "bad_json": (ErrorCode.CONTRACT_VIOLATION, "not what its interface promises"),
    "wrong_answer": (ErrorCode.CONTRACT_VIOLATION, "not what its interface promises"),
}


@pytest.mark.parametrize("fault", CODES)
def test_what_cannot_be_helped_is_said_at_once(fault: str) -> None:
    with RunwayStub(fault) as stub:
        code, words = CODES[fault]
        said = refused(made(stub), code)
        assert words in said and KEY not in said
        assert stub.asked == 1


SPOILT = {
    "failed": (ErrorCode.MODEL_UNAVAILABLE, "SAFETY.INPUT.IMAGE"),
    "cancelled": (ErrorCode.MODEL_UNAVAILABLE, "without a clip"),
    "foreign_host": (ErrorCode.INVALID_FRAMES, "127.0.0.2"),
    "redirect": (ErrorCode.INVALID_FRAMES, "another address"),
    "wrong_type": (ErrorCode.INVALID_FRAMES, "text/html"),
    "endless": (ErrorCode.INVALID_FRAMES, "larger than 1 MiB"),
    "noise": (ErrorCode.INVALID_FRAMES, "no video"),
    "wrong_shape": (ErrorCode.INVALID_FRAMES, "another shape"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_clip_that_cannot_be_used_fails_its_plan_and_no_other(fault: str) -> None:
    with RunwayStub(fault) as stub:
        found = run(made(stub, max_video_mib=1), request((PLANS[0], PLANS[2])))
        code, words = SPOILT[fault]
        assert (found[0].code, len(found[0].frames)) == (code, 0)
        assert words in found[0].message
        assert found[1].code is ErrorCode.OK


def test_refused_clips_that_were_not_charged_are_not_counted() -> None:
    with RunwayStub("failed") as stub:
        model = made(stub)
        run(model)
        assert model.credits.spent == 0.0


def test_a_clip_lost_on_the_way_is_fetched_again() -> None:
    with RunwayStub("lost", times=2) as stub:
        assert run(made(stub), request((PLANS[0],)))[0].code is ErrorCode.OK


def test_a_silent_service_is_given_up_and_its_tasks_are_cancelled() -> None:
    with RunwayStub("hang") as stub:
        refused(made(stub, request_s=1.0, retries=0), ErrorCode.WM_UNRESPONSIVE)
        assert stub.deleted == ["task-0", "task-1"]


def test_a_service_that_is_not_there_costs_nothing(stub: RunwayStub) -> None:
    with RunwayStub() as gone:
        url = gone.url
    model = made(stub, url=url, retries=1)
    refused(model, ErrorCode.WM_UNRESPONSIVE)
    assert model.credits.spent == 0.0


def test_cancelling_cancels_the_tasks_at_the_service() -> None:
    with RunwayStub("throttled") as stub:
        model = made(stub)
        refused(model, ErrorCode.CANCELLED, cancelled=lambda: len(stub.created) == CLIPS)
        assert stub.deleted == ["task-0", "task-1"]
        assert model.credits.spent == 20.0  # a refund is not promised


def test_the_deadline_cancels_the_tasks_at_the_service() -> None:
    with RunwayStub("throttled") as stub:
        soon = time.monotonic() + 60.0
        refused(made(stub, poll_s=120.0), ErrorCode.DEADLINE_EXCEEDED, deadline_s=soon)
        assert sorted(stub.deleted) == ["task-0", "task-1"]


def test_a_caller_that_goes_away_cancels_what_is_not_done(stub: RunwayStub) -> None:
    rollouts = made(stub).rollout(request())
    assert [next(rollouts).plan_index for _ in range(2)] == [2, 0]
    rollouts.close()
    assert stub.deleted == ["task-1"]
