"""What the clients of policy servers promise, tried on a fake server on this machine."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from planner_arm_tables import arm_context, table_view, things

from wiw_core import Policy, decide
from wiw_core.arm import target_of
from wiw_core.conformance import check_proposer
from wiw_core.contracts import DecisionContext, PlanLimits
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.plans import NAVIGATION, check_plan
from wiw_planner_node.clients.fake_server import FAULTS, STEPS, FakePolicyServer
from wiw_planner_node.clients.openpi import OpenPiProposer
from wiw_planner_node.clients.seen import axis_angle_state, padded, pose_state
from wiw_planner_node.clients.server import ENDPOINT_VARIABLE
from wiw_planner_node.clients.trajectory import TrajectoryProposer
from wiw_planner_node.revisers.arm import ArmReviser

BUTTONS = things((0.12, -0.2, 0.774), (0.3, 0.0, 0.774), (0.15, 0.2, 0.774))
READY = Pose3(0.0, 0.0, 1.2, 1.0, 0.0, 0.0, 0.0)
PATIENCE = {"connect_s": 0.5, "request_s": 0.5}
ASKING = {"openpi": OpenPiProposer, "trajectory": TrajectoryProposer}
CODES = {
    "silent": ErrorCode.VLM_UNAVAILABLE,
    "hang": ErrorCode.VLM_UNAVAILABLE,
    "late": ErrorCode.VLM_UNAVAILABLE,
    "drop": ErrorCode.VLM_UNAVAILABLE,
    "error": ErrorCode.VLM_UNAVAILABLE,
    "garbage": ErrorCode.UNPARSABLE,
    "list": ErrorCode.UNPARSABLE,
    "object": ErrorCode.UNPARSABLE,
    "short_array": ErrorCode.UNPARSABLE,
    "no_actions": ErrorCode.PROPOSAL_INVALID,
    "wrong_shape": ErrorCode.PROPOSAL_INVALID,
    "words": ErrorCode.PROPOSAL_INVALID,
    "empty": ErrorCode.PROPOSAL_INVALID,
    "nan": ErrorCode.PROPOSAL_INVALID,
    "infinite": ErrorCode.PROPOSAL_INVALID,
    "outside": ErrorCode.ACTION_OUT_OF_LIMITS,
    "crooked": ErrorCode.ACTION_OUT_OF_LIMITS,
    "too_large": ErrorCode.TOO_LARGE,
}
"""What each fault of the fake must be refused with."""


def at_the_table(horizon: int = 5, seed: int = 0, **changes) -> DecisionContext:
    view = table_view([], 40)
    context = arm_context("push", "green", BUTTONS, view, tool=READY, seed=seed)
    return replace(context, limits=PlanLimits(4, horizon, horizon), **changes)


@pytest.fixture(scope="module")
def plain_server() -> Iterator[FakePolicyServer]:
    with FakePolicyServer() as server:
        yield server


@pytest.fixture(scope="module")
def pose_server() -> Iterator[FakePolicyServer]:
    with FakePolicyServer(numbers=8) as server:
        yield server


def refusal(call: Callable[[], object]) -> WiwError:
    with pytest.raises(WiwError) as caught:
        call()
    return caught.value


# Asking -----------------------------------------------------------------------------------------


def test_both_keep_the_contract_of_a_proposer_where_the_server_takes_a_seed(
    plain_server: FakePolicyServer, pose_server: FakePolicyServer
) -> None:
    for proposer in (
        OpenPiProposer(plain_server.url, seed_key="seed"),
        OpenPiProposer(pose_server.url, seed_key="seed", actions="absolute"),
        TrajectoryProposer(plain_server.url),
    ):
        check_proposer(proposer, at_the_table)


def test_a_question_holds_pictures_state_and_words_under_the_names_given(
    plain_server: FakePolicyServer,
) -> None:
    proposer = OpenPiProposer(
        plain_server.url, image_key="eye", state_key="arm", prompt_key="say", image_size=64
    )
    context = at_the_table()
    proposer.propose(context, 1)
    question = plain_server.asked[-1]
    assert set(question) == {"eye", "arm", "say"}
    assert question["say"] == context.episode.goal_text
    assert question["eye"].shape == (64, 64, 3) and question["eye"].dtype == np.uint8
    np.testing.assert_array_equal(question["eye"], padded(context.now.views[0].rgb, 64))
    np.testing.assert_array_equal(question["arm"], axis_angle_state(context.now))
    assert refusal(
        lambda: OpenPiProposer(plain_server.url, wrist_key="wrist").propose(context, 1)
    ).code is (ErrorCode.BAD_IMAGE)


def test_without_a_seed_each_candidate_is_another_sample_of_the_server(
    plain_server: FakePolicyServer,
) -> None:
    plans = OpenPiProposer(plain_server.url).propose(at_the_table(), 4)
    assert len({plan.actions for plan in plans}) == 4


def test_the_same_sample_twice_is_one_candidate(pose_server: FakePolicyServer) -> None:
    class Stuck(FakePolicyServer):
        def _reply(self, question):
            return super()._reply({**question, "seed": 3})

    with Stuck() as server:
        assert len(OpenPiProposer(server.url).propose(at_the_table(), 3)) == 1
        assert len(server.asked) == 3


def test_every_plan_is_legal_closes_where_the_policy_does_and_ends_where_it_ends(
    plain_server: FakePolicyServer,
) -> None:
    context = at_the_table()
    for proposer in (OpenPiProposer(plain_server.url), TrajectoryProposer(plain_server.url)):
        for plan in proposer.propose(context, 3):
            check_plan(plan, context.actions)
            grips = [target_of(a)[1] for a in plan.actions]
            assert grips == sorted(grips, reverse=True) and grips[0] and not grips[-1]
            places = np.stack([target_of(a)[0].position for a in plan.actions])
            closing = READY.position + (places[-1] - READY.position) * (STEPS // 2 + 1) / STEPS
            np.testing.assert_allclose(places[grips.index(False)], closing, atol=1e-5)


def test_trajectories_are_asked_for_once_with_calibrated_views(
    plain_server: FakePolicyServer,
) -> None:
    before = len(plain_server.asked)
    context = at_the_table()
    proposer = TrajectoryProposer(plain_server.url, samples=12, image_size=32)
    plans = proposer.propose(context, 3)
    assert len(plain_server.asked) == before + 1 and len(plans) == 3
    question = plain_server.asked[-1]
    assert question["samples"] == 12
    np.testing.assert_array_equal(question["state"], pose_state(context.now))
    front = question["views"]["front"]
    assert front["rgb"].shape == (32, 32, 3) and front["depth"].shape == (32, 32)
    assert front["intrinsics"][0, 0] == pytest.approx(
        context.now.views[0].intrinsics[0, 0] * 32 / 40
    )
    np.testing.assert_array_equal(front["T_base_camera"], context.now.views[0].T_base_camera)


def test_the_trajectories_weighed_are_farther_apart_than_the_first_ones() -> None:
    def nearest(plans) -> float:
        ends = np.stack([target_of(plan.actions[-1])[0].position for plan in plans])
        gaps = np.linalg.norm(ends[:, None] - ends[None], axis=-1)
        return float(gaps[np.triu_indices(len(ends), 1)].min())

    with FakePolicyServer() as server:
        few = TrajectoryProposer(server.url, samples=4).propose(at_the_table(), 4)
        many = TrajectoryProposer(server.url, samples=32).propose(at_the_table(), 4)
    assert few[0] == many[0] and nearest(many) > nearest(few)


def test_thirteen_poses_of_fifty_are_one_for_each_imagined_frame(
    plain_server: FakePolicyServer,
) -> None:
    plan = TrajectoryProposer(plain_server.url).propose(at_the_table(horizon=13), 1)[0]
    assert len(plan) == 13


def test_a_connection_is_kept_and_opened_again_when_the_server_has_closed_it() -> None:
    with FakePolicyServer() as server:
        proposer = OpenPiProposer(server.url)
        proposer.propose(at_the_table(), 3)
        assert server.connections == 1
    with FakePolicyServer("drop_second") as server:
        proposer = OpenPiProposer(server.url)
        assert len(proposer.propose(at_the_table(), 3)) == 3
        assert server.connections == 3, "each second question needs another connection"


def test_what_was_asked_of_whom_is_in_the_record_of_the_decision(
    plain_server: FakePolicyServer,
) -> None:
    context = at_the_table()
    policy = Policy(OpenPiProposer(plain_server.url), ArmReviser(), context.limits)
    decision = decide(policy, context)
    (exchange,) = decision.transcript
    assert exchange.role == "propose" and "127.0.0.1" in exchange.server
    assert exchange.pictures == 1 and exchange.code is ErrorCode.OK
    assert exchange.reply == "actions float32 (50, 7), policy_timing dict"


# Faults -----------------------------------------------------------------------------------------


def test_the_menu_of_faults_is_tried_whole() -> None:
    assert set(CODES) | {"none", "drop_second"} == set(FAULTS)


@pytest.mark.parametrize("fault", CODES)
@pytest.mark.parametrize("name", ASKING)
def test_a_server_that_fails_is_refused_with_a_code_and_nothing_is_proposed(
    name: str, fault: str
) -> None:
    with FakePolicyServer(fault, numbers=8, late_s=2.0) as server:
        options = {"actions": "absolute"} if name == "openpi" else {}
        patience = {**PATIENCE, "request_s": 20.0} if fault == "too_large" else PATIENCE
        proposer = ASKING[name](server.url, **patience, **options)
        context = at_the_table()
        limits = context.limits
        error = refusal(lambda: decide(Policy(proposer, ArmReviser(), limits), context))
        assert error.code is CODES[fault], str(error)
        assert "\x1b" not in str(error)


@pytest.mark.parametrize("fault", ["nan", "outside", "wrong_shape"])
def test_bad_steps_are_refused_like_bad_poses(fault: str) -> None:
    with FakePolicyServer(fault) as server:
        error = refusal(lambda: OpenPiProposer(server.url).propose(at_the_table(), 2))
    assert error.code is CODES[fault]


def test_a_late_reply_is_never_taken_for_the_next_one() -> None:
    with FakePolicyServer("late", late_s=0.4) as server:
        proposer = TrajectoryProposer(server.url, connect_s=2.0, request_s=0.2)
        first, second = at_the_table(seed=1), at_the_table(seed=2)
        assert refusal(lambda: proposer.propose(first, 1)).code is ErrorCode.VLM_UNAVAILABLE
        server.fault = "none"
        patient = TrajectoryProposer(server.url)
        (expected,) = patient.propose(at_the_table(seed=2), 1)
        proposer._server._link = replace(proposer._server._link, request_s=20.0)
        assert proposer.propose(second, 1) == [expected]


def test_nobody_there_is_said_at_once_with_the_address() -> None:
    with FakePolicyServer() as server:
        url = server.url
    error = refusal(lambda: OpenPiProposer(url, **PATIENCE).propose(at_the_table(), 1))
    assert error.code is ErrorCode.VLM_UNAVAILABLE and url in str(error)


def test_a_cancelled_decision_does_not_wait_for_the_server() -> None:
    asked = threading.Event()

    class Telling(FakePolicyServer):
        def _answer(self, socket, question, number):
            asked.set()
            super()._answer(socket, question, number)

    with Telling("hang") as server:
        proposer = OpenPiProposer(server.url, request_s=3000.0, deadline_s=3000.0)
        context = at_the_table(cancelled=asked.is_set)
        assert refusal(lambda: proposer.propose(context, 1)).code is ErrorCode.CANCELLED


def test_all_questions_of_a_decision_share_one_deadline() -> None:
    with FakePolicyServer("late", late_s=0.15) as server:
        proposer = OpenPiProposer(server.url, request_s=20.0, deadline_s=0.5)
        context = at_the_table()
        assert refusal(lambda: proposer.propose(context, 40)).code is ErrorCode.VLM_UNAVAILABLE
        assert len(server.asked) < 40
        assert context.notes.transcript[-1].code is ErrorCode.VLM_UNAVAILABLE


# Where and to whom ------------------------------------------------------------------------------


def test_no_server_is_guessed_and_no_picture_leaves_this_machine_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ENDPOINT_VARIABLE, raising=False)
    for endpoint, code in (
        ("", ErrorCode.VLM_UNAVAILABLE),
        ("http://127.0.0.1:8000", ErrorCode.BAD_PARAMETER),
        ("ws://user:secret@127.0.0.1:8000", ErrorCode.BAD_PARAMETER),
        ("ws://robots.example.org:8000", ErrorCode.BAD_PARAMETER),
    ):
        assert refusal(lambda e=endpoint: OpenPiProposer(e)).code is code
    OpenPiProposer("ws://robots.example.org:8000", send_images=True)
    monkeypatch.setenv(ENDPOINT_VARIABLE, "ws://127.0.0.1:9")
    assert TrajectoryProposer().samples == 16


def test_a_key_goes_in_the_header_and_never_in_the_clear_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_KEY_OF_THE_TEST", "not a real key")
    with FakePolicyServer() as server:
        OpenPiProposer(server.url, key_env="A_KEY_OF_THE_TEST").propose(at_the_table(), 1)
        assert server.keys == ["Api-Key not a real key"]
    elsewhere = {"send_images": True, "key_env": "A_KEY_OF_THE_TEST"}
    error = refusal(lambda: OpenPiProposer("ws://robots.example.org", **elsewhere))
    assert error.code is ErrorCode.BAD_PARAMETER and "not a real key" not in str(error)
    assert refusal(lambda: OpenPiProposer("ws://127.0.0.1:9", key_env="NO_SUCH_KEY_HERE")).code is (
        ErrorCode.VLM_UNAVAILABLE
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"actions": "joints"},
        {"metres_per_unit": 0.0},
        {"radians_per_unit": math.nan},
        {"use": -1},
        {"image_size": 4},
        {"request_s": 0.0},
        {"deadline_s": math.inf},
    ],
)
def test_bad_parameters_of_the_client_are_refused(parameters: dict[str, object]) -> None:
    error = refusal(lambda: OpenPiProposer("ws://127.0.0.1:9", **parameters))
    assert error.code is ErrorCode.BAD_PARAMETER


def test_tasks_without_an_arm_and_views_without_a_camera_are_refused(
    plain_server: FakePolicyServer,
) -> None:
    for proposer in (OpenPiProposer(plain_server.url), TrajectoryProposer(plain_server.url)):
        context = at_the_table()
        assert refusal(
            lambda p=proposer, c=context: p.propose(replace(c, actions=NAVIGATION), 1)
        ).code is (ErrorCode.PROPOSAL_INVALID)
        bare = replace(context, history=(replace(context.now, views=()),))
        assert refusal(lambda p=proposer, c=bare: p.propose(c, 1)).code is ErrorCode.BAD_IMAGE
        handless = replace(context, history=(replace(context.now, tool_pose=None),))
        assert refusal(lambda p=proposer, c=handless: p.propose(c, 1)).code is (
            ErrorCode.PROPOSAL_INVALID
        )
