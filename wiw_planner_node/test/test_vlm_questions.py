"""What a VLM is told of a home, where its replies lead, and when its answer is final."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planner_aeqa_home import SOFA, context_of, cube, look_round, moved

from wiw_core.arm import ARM
from wiw_core.conformance.policy import check_proposer
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Projection
from wiw_core.plans import navigation_plan
from wiw_core.rollouts import Rollout
from wiw_core.tasks.aeqa import PRIMITIVES
from wiw_planner_node.vlm.chat import Chat, ChatOptions
from wiw_planner_node.vlm.questions.propose import QuestionsVlmProposer
from wiw_planner_node.vlm.questions.revise import QuestionsVlmReviser
from wiw_planner_node.vlm.stub import StubServer, request_images, request_text

Answer = Callable[[dict[str, Any]], str]
START = Pose2(0.9, -0.8)
THINGS = (SOFA, cube(1.3, 1.1))
QUESTION = "What colour is the cube in the kitchen?"
PLANS = [navigation_plan([name] * 3, name) for name in ("turn_left", "forward", "turn_right")]


def high(landmark: str = "none", view: str = "front", answer: str = "", **more: Any) -> str:
    """A high-level reply."""
    where = {"view": view, "landmark": landmark, "answer": answer}
    return json.dumps({"reasoning": "so", "plan": f"go {landmark} {view}", **where, **more})


def context_at(
    pose: Pose2 = START, index: int = 0, step: int = 0, previous: Decision | None = None
) -> DecisionContext:
    return context_of(look_round(pose, THINGS, step=step), QUESTION, index, previous)


def imagined(failed: tuple[int, ...] = (), panorama: bool = True) -> list[Candidate]:
    """Candidates whose last frame is of one grey each."""
    candidates = []
    for k, plan in enumerate(PLANS):
        frame = np.full((1, 72, 128 if panorama else 96, 3), 50 * (k + 1), np.uint8)
        projection = Projection.EQUIRECTANGULAR if panorama else Projection.PERSPECTIVE
        rollout = Rollout(k, frame, (3,), projection)
        if k in failed:
            rollout = replace(rollout, frames=frame[:0], code=ErrorCode.OUT_OF_MEMORY)
        candidates.append(Candidate(plan, rollout))
    return candidates


class Home:
    """A stub server whose answer a test sets, and roles that ask it."""

    def __init__(self, stub: StubServer) -> None:
        self.stub = stub
        self.reviser = QuestionsVlmReviser(self.chat())
        self.reviser.reset(context_at().episode)

    def answers(self, answer: Answer | str) -> None:
        self.stub.requests.clear()
        self.stub.answer = answer if callable(answer) else lambda body: answer

    def chat(self, tries: int = 2) -> Chat:
        return Chat(ChatOptions(endpoint=self.stub.url, tries=tries, picture_format="png"))

    def propose(self, count: int, context: DecisionContext | None = None) -> Any:
        return QuestionsVlmProposer(self.chat()).propose(context or context_at(), count)

    def decide(
        self, context: DecisionContext, candidates: list[Candidate] | None = None
    ) -> Decision:
        bare = [Candidate(plan) for plan in PLANS]
        glanced = self.reviser.glance(context)
        return glanced or self.reviser.revise(context, candidates or bare)


@pytest.fixture(scope="module")
def server() -> Iterator[StubServer]:
    with StubServer(lambda body: "") as stub:
        yield stub


@pytest.fixture
def home(server: StubServer) -> Home:
    return Home(server)


def refused(code: ErrorCode, call: Callable[[], Any]) -> WiwError:
    with pytest.raises(WiwError) as caught:
        call()
    assert caught.value.code is code, caught.value
    return caught.value


def marks_of(said: str) -> dict[str, str]:
    """The marks by view of a request, name by mark."""
    lines = said.split("Marks by view:\n")[1].splitlines()[:4]
    found = [m for line in lines for m in line.split(": ", 1)[1].split(", ") if m != "no marks"]
    return dict(mark.split(" ", 1) for mark in found)


def test_the_vlm_is_shown_a_clean_and_a_marked_picture_and_the_marks_by_view(home: Home) -> None:
    home.answers(high())
    home.propose(1)
    (body,) = home.stub.requests
    said = request_text(body)
    assert f'Question: "{QUESTION}"' in said
    names = marks_of(said)
    assert {"sofa", "cube"} <= set(names.values())
    assert any(name.startswith("opening") for name in names.values())
    clean, marked = request_images(body)
    assert clean.shape == marked.shape == (2 * (480 + 24), 2 * 560, 3)
    share = float((clean != marked).any(-1).mean())
    assert 0.0001 < share < 0.05, "marks hide little"


def test_only_marks_that_are_shown_may_be_gone_to(home: Home) -> None:
    for landmark in ("99", "Z", "", "1; forward 100 m"):
        home.answers(high(landmark))
        refused(ErrorCode.UNPARSABLE, lambda: home.propose(1))
    home.answers(high(view="up"))
    refused(ErrorCode.UNPARSABLE, lambda: home.propose(1))


def test_a_landmark_becomes_the_way_to_it(home: Home) -> None:
    def to_the_sofa(body: dict[str, Any]) -> str:
        names = marks_of(request_text(body))
        return high(next(mark for mark, name in names.items() if name == "sofa"))

    home.answers(to_the_sofa)
    (plan,) = home.propose(1)
    assert 1 <= len(plan) <= 14 and plan.text.startswith("go ")
    assert moved(START, plan).x_m < START.x_m - 0.8, "the sofa is at x = -1.5 m"


def test_without_a_landmark_the_robot_goes_on_in_the_view(home: Home) -> None:
    home.answers(high(view="back"))
    (plan,) = home.propose(1)
    assert moved(START, plan).x_m < START.x_m - 0.3


def test_samples_that_come_to_the_same_way_are_one_plan(home: Home) -> None:
    home.answers(lambda body: high(view=("front", "back")[body["seed"] % 2]))
    plans = home.propose(3)
    assert len(plans) == 2
    assert [p.actions for p in home.propose(1)] == [plans[0].actions]
    check_proposer(QuestionsVlmProposer(home.chat()), context_at)


def test_an_answer_is_final_only_when_two_queries_in_a_row_give_one(home: Home) -> None:
    home.answers(high(answer="blue"))
    first = home.decide(context_at())
    assert (first.kind, first.answer, first.plan) == (DecisionKind.ACT, "blue", PLANS[0])
    home.answers(high())
    second = home.decide(context_at(index=1, step=3, previous=first))
    assert (second.kind, second.answer) == (DecisionKind.ACT, "blue"), "the best so far"
    home.answers(high(answer="green"))
    third = home.decide(context_at(index=2, step=6, previous=second))
    assert third.kind is DecisionKind.ACT and third.answer == "green"
    home.answers(high(answer=" dark \n green "))
    fourth = home.decide(context_at(index=3, step=9, previous=third))
    assert (fourth.kind, fourth.answer) == (DecisionKind.ANSWER, "dark green")


def test_an_answer_of_the_episode_before_counts_for_nothing(home: Home) -> None:
    home.answers(high(answer="blue"))
    home.decide(context_at())
    home.reviser.reset(context_at().episode)
    assert home.decide(context_at()).kind is DecisionKind.ACT


@pytest.mark.parametrize(("index", "step"), [(19, 5), (3, PRIMITIVES - 1)])
def test_when_time_is_over_the_vlm_must_answer(home: Home, index: int, step: int) -> None:
    context = context_at(index=index, step=step)
    home.answers(json.dumps({"reasoning": "so", "answer": "red"}))
    decision = home.decide(context)
    assert (decision.kind, decision.answer) == (DecisionKind.ANSWER, "red")
    home.answers(json.dumps({"reasoning": "so", "answer": " "}))
    refused(ErrorCode.UNPARSABLE, lambda: home.decide(context))


def test_the_final_question_tells_the_vlm_what_it_said_before(home: Home) -> None:
    home.answers(high(answer="blue"))
    home.decide(context_at())
    home.answers(json.dumps({"reasoning": "so", "answer": "blue"}))
    home.decide(context_at(index=19, step=9))
    assert 'Your answer from an earlier look: "blue"' in request_text(home.stub.requests[0])


def test_one_primitive_is_kept_back(home: Home) -> None:
    home.answers(high())
    assert home.decide(context_at(index=3, step=PRIMITIVES - 3)).prefix_length == 2


def test_each_plan_is_shown_with_four_views_of_where_it_ends(home: Home) -> None:
    home.answers(high(adopt=3))
    decision = home.decide(context_at(), imagined())
    assert (decision.chosen, decision.plan) == (2, PLANS[2])
    assert [c.score for c in decision.candidates] == [0.0, 0.0, 1.0]
    (body,) = home.stub.requests
    system, said = body["messages"][0]["content"], request_text(body)
    assert "Never answer from a simulation" in system
    assert all(f'Plan {k}: "{plan.text}"' in said for k, plan in enumerate(PLANS, start=1))
    pictures = request_images(body)
    assert [p.shape for p in pictures[2:]] == [(2 * (384 + 24), 2 * 448, 3)] * 3
    assert [int(p[60, 60, 0]) for p in pictures[2:]] == [50, 100, 150]


def test_a_model_of_perspective_frames_shows_one_view(home: Home) -> None:
    home.answers(high(adopt=1))
    home.decide(context_at(), imagined(panorama=False))
    assert request_images(home.stub.requests[0])[2].shape == (384, 512, 3)


def test_a_plan_that_could_not_be_imagined_is_not_offered(home: Home) -> None:
    home.answers(high(adopt=1))
    decision = home.decide(context_at(), imagined(failed=(0,)))
    assert decision.chosen == 1 and np.isnan(decision.candidates[0].score)
    home.answers(high(adopt=3))
    refused(ErrorCode.UNPARSABLE, lambda: home.decide(context_at(), imagined(failed=(0,))))
    refused(ErrorCode.NO_VALID_SCORE, lambda: home.decide(context_at(), imagined(failed=(0, 1, 2))))


def test_it_may_go_its_own_way(home: Home) -> None:
    home.answers(high(view="back", adopt=0))
    decision = home.decide(context_at(), imagined())
    assert decision.chosen == -1 and moved(START, decision.plan).x_m < START.x_m - 0.3
    assert decision.prefix_length == len(decision.plan) <= 14


def test_what_the_robot_cannot_do_or_see_is_refused_before_anybody_is_asked(home: Home) -> None:
    home.answers(high())
    context = context_at()
    refused(ErrorCode.PROPOSAL_INVALID, lambda: home.propose(1, replace(context, actions=ARM)))
    flat = replace(context.now, views=(replace(context.now.views[0], depth=None),))
    refused(ErrorCode.DEPTH_REQUIRED, lambda: home.propose(1, replace(context, history=(flat,))))
    assert not home.stub.requests
    refused(ErrorCode.BAD_PARAMETER, lambda: QuestionsVlmReviser(home.chat(), "rewrite"))
