"""Whatever a VLM replies at the table or in a home: a legal plan, or a code; nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planner_aeqa_home import SOFA, context_of, look_round
from vlm_arm_desk import buttons_context, choice, imagined, pressing, proposal

from wiw_core.decisions import Candidate, Decision, DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.plans import Plan, check_proposals, navigation_plan
from wiw_planner_node.vlm.arm.propose import ArmVlmProposer
from wiw_planner_node.vlm.arm.revise import ArmVlmReviser
from wiw_planner_node.vlm.chat import Chat, ChatOptions
from wiw_planner_node.vlm.questions.propose import QuestionsVlmProposer
from wiw_planner_node.vlm.questions.revise import QuestionsVlmReviser
from wiw_planner_node.vlm.stub import Reply, StubServer

CODES = {ErrorCode.UNPARSABLE, ErrorCode.VLM_UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED}
TABLE = buttons_context()
HOME = context_of(look_round(Pose2(0.9, -0.8), (SOFA,)), "What colour is the sofa?")
PLANS = [pressing(50, 30), pressing(40, 50)]
GOOD = {
    "table proposal": proposal(PLANS[0]),
    "table choice": choice(0, PLANS[1]),
    "high level": json.dumps(
        {"reasoning": "", "plan": "go", "view": "left", "landmark": "none", "answer": "red"}
    ),
}

NUMBERS = st.one_of(
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.sampled_from([-1, 0, 1, 2, 99, 100, 119, 120, 1e308, 5e-324]),
)
WORDS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "none",
            "1",
            "A",
            "Z",
            "back",
            "ignore the limits",
            "forward 100 m",
            "\u202eback",
            "\x00",
            "'; rm -rf /",
            "__import__('os')",
            "x" * 40_000,
        ]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=8), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
ACTIONS = st.lists(st.lists(NUMBERS, min_size=5, max_size=9), max_size=9)


@st.composite
def spoilt(draw: st.DrawFn, good: str) -> str:
    """A good reply with one to three things wrong with it, or something else altogether."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.one_of(st.text(max_size=200), VALUES.map(json.dumps)))
    reply = json.loads(good)
    for _ in range(draw(st.integers(1, 3))):
        key = draw(st.sampled_from([*reply, "tool", "executable_plan", "landmark"]))
        kind = draw(st.sampled_from(["value", "actions", "drop"]))
        if kind == "drop":
            reply.pop(key, None)
        else:
            reply[key] = draw(VALUES if kind == "value" else ACTIONS)
    text = json.dumps(reply)
    end = draw(st.sampled_from(["whole", "whole", "cut", "prose", "fence", "twice", "deep"]))
    return {
        "whole": text,
        "cut": text[: draw(st.integers(0, len(text)))],
        "prose": f"Sure! Here it is: {text}",
        "fence": f"```json\n{text}\n```",
        "twice": text + text,
        "deep": '{"reasoning":' * 3000 + "1" + "}" * 3000,
    }[end]


@pytest.fixture(scope="module")
def stub() -> Iterator[StubServer]:
    with StubServer(lambda body: "") as server:
        yield server


def chat_with(stub: StubServer, reply: str) -> Chat:
    stub.requests.clear()
    stub.answer = lambda body: Reply(reply)
    return Chat(ChatOptions(endpoint=stub.url, tries=1, deadline_s=20.0))


def legal_or_coded(stub: StubServer, ask: Callable[[], Any], check: Callable[[Any], None]) -> None:
    try:
        result = ask()
    except WiwError as error:
        assert error.code in CODES, error
    else:
        check(result)
    assert len(stub.requests) == 1, "one try, no more"


MANY = settings(max_examples=40)


@MANY
@given(reply=spoilt(GOOD["table proposal"]))
def test_no_reply_moves_the_arm_outside_its_limits(stub: StubServer, reply: str) -> None:
    def check(plans: list[Plan]) -> None:
        check_proposals(plans, TABLE.actions, 1, TABLE.limits.horizon)

    proposer = ArmVlmProposer(chat_with(stub, reply))
    legal_or_coded(stub, lambda: proposer.propose(TABLE, 1), check)


@MANY
@given(reply=spoilt(GOOD["table choice"]))
def test_no_reply_makes_the_arms_reviser_choose_what_is_not_there(
    stub: StubServer, reply: str
) -> None:
    candidates = imagined(PLANS)

    def check(decision: Decision) -> None:
        assert decision.kind is DecisionKind.ACT and -1 <= decision.chosen < 2
        check_proposals([decision.plan], TABLE.actions, 1, TABLE.limits.horizon)
        assert 1 <= decision.prefix_length <= len(decision.plan)

    reviser = ArmVlmReviser(chat_with(stub, reply))
    legal_or_coded(stub, lambda: reviser.revise(TABLE, candidates), check)


@MANY
@given(reply=spoilt(GOOD["high level"]))
def test_no_reply_leads_the_robot_where_no_way_of_its_own_leads(
    stub: StubServer, questioner: QuestionsVlmProposer, reply: str
) -> None:
    def check(plans: list[Plan]) -> None:
        check_proposals(plans, HOME.actions, 1, HOME.limits.horizon)

    questioner._chat = chat_with(stub, reply)
    legal_or_coded(stub, lambda: questioner.propose(HOME, 1), check)


@MANY
@given(reply=spoilt(GOOD["high level"]), final=st.booleans())
def test_no_reply_makes_an_empty_or_endless_answer(
    stub: StubServer, answerer: QuestionsVlmReviser, reply: str, final: bool
) -> None:
    answerer.reset(HOME.episode)
    answerer._chat = chat_with(stub, reply)
    bare = [Candidate(navigation_plan(["forward"]), None)]

    def ask() -> Decision:
        context = context_of(HOME.now, HOME.episode.goal_text, 19 if final else 0)
        return answerer.glance(context) or answerer.revise(context, bare)

    def check(decision: Decision) -> None:
        assert decision.kind is (DecisionKind.ANSWER if final else DecisionKind.ACT)
        assert len(decision.answer) <= 200 and "\n" not in decision.answer
        assert decision.answer or not final

    legal_or_coded(stub, ask, check)


@pytest.fixture(scope="module")
def questioner(stub: StubServer) -> QuestionsVlmProposer:
    return QuestionsVlmProposer(chat_with(stub, ""))


@pytest.fixture(scope="module")
def answerer(stub: StubServer) -> QuestionsVlmReviser:
    return QuestionsVlmReviser(chat_with(stub, ""))


@pytest.mark.parametrize("name", ["table proposal", "table choice", "high level"])
def test_the_replies_that_are_spoilt_were_good(stub: StubServer, name: str) -> None:
    chat = chat_with(stub, GOOD[name])
    if name == "table proposal":
        assert ArmVlmProposer(chat).propose(TABLE, 1)[0].actions == PLANS[0].actions
    elif name == "table choice":
        assert ArmVlmReviser(chat).revise(TABLE, imagined(PLANS)).plan.actions == PLANS[1].actions
    else:
        assert QuestionsVlmProposer(chat).propose(HOME, 1)
