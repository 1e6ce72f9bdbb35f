"""VLM policies in the loop: whole episodes, their records, and what a failing model does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planner_vlm_rooms import PLANS, ROOM, in_turn, room_context, route, weighed

from wiw_core.decisions import DecisionKind, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.loop import run_episode
from wiw_core.records import JsonlRecorder, read_episode, record_path
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_planner_node.policy import make_policy
from wiw_planner_node.vlm import policies
from wiw_planner_node.vlm.policies import VlmProposer, VlmReviser
from wiw_planner_node.vlm.stub import Body, Reply, StubServer, obliging, request_text


def run(answer: Any, folder: Path, task: str = "ignav", model: str = "copy", **options: Any) -> Any:
    """Run the first episode of the fake room; return its record and what the stub was asked."""
    with StubServer(answer) as stub:
        chat = {"endpoint": stub.url, **options}
        policy = make_policy(
            task,
            Registry(WORLD_MODELS).create(model) if model else None,
            proposer="vlm",
            reviser="vlm",
            proposer_parameters=chat,
            reviser_parameters=chat,
        )
        first = ROOM.episode_ids(task)[0]
        run_episode(ROOM, task, first, policy, recorder=JsonlRecorder(folder))
    return read_episode(record_path(folder, first)), stub


def sensible() -> Callable[[Body], Reply]:
    """Return an answer that drives ahead, and is sure of a label when asked for the third time."""
    labels = iter((0.4, 0.5, 0.96))

    def answer(body: Body) -> Reply:
        if not body.get("logprobs"):
            return Reply(route("forward", "forward", "turn_left"))
        sure = next(labels) if "You name objects" in request_text(body) else 0.5
        return Reply("A", top=(("A", sure), ("B", 0.01)))

    return answer


@pytest.mark.parametrize("task", ["ignav", "ar"])
@pytest.mark.parametrize("model", ["", "copy"])
def test_an_episode_runs_to_its_end_and_its_record_holds_every_exchange(
    tmp_path: Path, task: str, model: str
) -> None:
    record, stub = run(sensible(), tmp_path, task, model)
    assert record.result.code is ErrorCode.OK
    assert record.result.status is not EpisodeStatus.ABORTED_FAULT
    kept = [exchange for decision in record.decisions for exchange in decision.decision.transcript]
    assert len(kept) == len(stub.requests) > 0
    assert {exchange.code for exchange in kept} == {ErrorCode.OK}
    assert "propose" in {exchange.role for exchange in kept}
    assert all(stub.url.split("/")[2] in exchange.server for exchange in kept)


def test_the_same_seed_and_the_same_replies_make_the_same_episode(tmp_path: Path) -> None:
    def replies(record: Any) -> list[Any]:
        taken = [d.decision for d in record.decisions]
        return [(d.plan, d.chosen, [e.reply for e in d.transcript]) for d in taken]

    first, again = (run(obliging, tmp_path / name, model="")[0] for name in ("first", "again"))
    assert replies(first) == replies(again)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply("no idea"), ErrorCode.UNPARSABLE),
        (Reply(status=503), ErrorCode.VLM_UNAVAILABLE),
        (Reply(hang=True), ErrorCode.DEADLINE_EXCEEDED),
    ],
)
def test_a_failing_model_ends_the_episode_in_its_code_and_the_robot_has_not_moved(
    tmp_path: Path, reply: Reply, code: ErrorCode
) -> None:
    deadline_s = 0.3 if reply.hang else 60.0
    record, _ = run(lambda _: reply, tmp_path, tries=1, deadline_s=deadline_s)
    assert (record.result.status, record.result.code) == (EpisodeStatus.ABORTED_FAULT, code)
    assert record.result.actions == 0 and record.decisions == ()
    assert record.result.message


def test_degrading_is_a_parameter_and_marked(tmp_path: Path) -> None:
    options = {"tries": 1, "on_failure": "first_plan"}
    record, _ = run(lambda _: "no idea", tmp_path, **options)
    assert record.result.code is ErrorCode.OK and record.result.actions > 0
    for kept in record.decisions:
        assert kept.decision.degraded
        assert {exchange.code for exchange in kept.decision.transcript} == {ErrorCode.UNPARSABLE}
        assert kept.decision.transcript[0].reply == "no idea"


def test_a_decision_that_is_not_degraded_is_not_marked(tmp_path: Path) -> None:
    record, _ = run(sensible(), tmp_path, on_failure="first_plan")
    assert not any(kept.decision.degraded for kept in record.decisions)


def test_a_degraded_decision_keeps_the_answer_given_before() -> None:
    context = room_context("ar")
    likely = Reply("B", top=(("B", 0.8),))
    with StubServer(in_turn(likely, Reply(status=503))) as stub:
        reviser = VlmReviser(endpoint=stub.url, tries=1, on_failure="first_plan")
        reviser.reset(context.episode)
        for _ in range(2):
            reviser.glance(context)
            decision = reviser.revise(context, weighed(context))
            assert (decision.kind, decision.plan) == (DecisionKind.ACT, PLANS[0])
            assert (decision.answer, decision.confidence) == (context.episode.labels[1], 0.8)
            assert context.notes.degraded
    assert len(stub.requests) == 3  # the label, the action in vain, then the label in vain


def test_cancelling_is_never_degraded_away() -> None:
    context = room_context(cancelled=lambda: True)
    with StubServer(lambda _: Reply(hang=True)) as stub:
        proposer = VlmProposer(endpoint=stub.url, on_failure="first_plan")
        with pytest.raises(WiwError) as raised:
            proposer.propose(context, 1)
    assert raised.value.code is ErrorCode.CANCELLED


def test_every_family_of_tasks_has_a_proposer_and_a_reviser() -> None:
    for table in (policies.PROPOSERS, policies.REVISERS):
        assert sorted(table) == [
            "active embodied question answering",
            "active recognition",
            "image-goal navigation",
            "manipulation",
        ]


def test_a_family_that_nobody_serves_and_a_mode_that_it_lacks_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = room_context()
    with StubServer(obliging) as stub:
        strange = VlmReviser(endpoint=stub.url, mode="guess")
        monkeypatch.delitem(policies.PROPOSERS, "image-goal navigation")
        proposer = VlmProposer(endpoint=stub.url)
        for call in (
            lambda: strange.reset(context.episode),
            lambda: proposer.propose(context, 1),
        ):
            with pytest.raises(WiwError) as raised:
                call()
            assert raised.value.code is ErrorCode.BAD_PARAMETER


def test_a_reviser_that_was_not_reset_says_so() -> None:
    with StubServer(obliging) as stub, pytest.raises(WiwError) as raised:
        VlmReviser(endpoint=stub.url).revise(room_context(), [])
    assert raised.value.code is ErrorCode.NO_EPISODE
