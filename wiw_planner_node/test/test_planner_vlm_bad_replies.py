"""Whatever a server replies, the robot gets a legal plan or the decision ends with a code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planner_vlm_rooms import room_context, route, weighed

from wiw_core.decisions import DecisionKind
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.plans import check_proposals
from wiw_planner_node.vlm.policies import VlmProposer, VlmReviser
from wiw_planner_node.vlm.schema import parse
from wiw_planner_node.vlm.stub import Reply, StubServer

CODES = (ErrorCode.UNPARSABLE, ErrorCode.VLM_UNAVAILABLE)
HORIZON = 5
GOOD = route("forward", "turn_left")
NAMES = ["forward", "turn_left", "turn_right"]

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
unknown = st.text(max_size=12).filter(lambda name: name not in NAMES) | st.sampled_from(
    [
        "fly",
        "stop",
        "FORWARD",
        "forward ",
        "forward 100",
        "forward\u200b",
        "\u202eforward",
        "ｆｏｒｗａｒｄ",
        "tur\u0578_left",
        "__import__('os').system('true')",
        "forward; forward; forward",
        "cmd_vel",
    ]
)


def reply_of(actions: Any) -> str:
    return json.dumps({"reasoning": "so", "actions": actions})


bad_actions = st.one_of(
    st.tuples(st.lists(st.sampled_from(NAMES), max_size=3), unknown).map(lambda v: [*v[0], v[1]]),
    st.integers(HORIZON + 1, 2000).map(lambda count: ["forward"] * count),
    st.just([]),
    junk.filter(lambda value: not isinstance(value, list) or not value),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(lambda names: [names]),
).map(reply_of)
bad_fields = st.one_of(
    st.dictionaries(st.text(max_size=10), junk, max_size=4).map(json.dumps),
    st.tuples(st.text(max_size=10).filter(lambda k: k not in ("reasoning", "actions")), junk).map(
        lambda extra: json.dumps({**json.loads(GOOD), extra[0]: extra[1]})
    ),
    junk.filter(lambda v: not isinstance(v, str)).map(
        lambda reasoning: json.dumps({"reasoning": reasoning, "actions": ["forward"]})
    ),
    st.just(GOOD[:-1] + ', "actions": ["turn_left"]}'),  # a key twice
    st.just(route("forward", reasoning="x" * 100_000)),
)
bad_numbers = st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000]).map(
    lambda number: f'{{"reasoning": "so", "actions": [{number}]}}'
)
bad_texts = st.one_of(
    st.text(max_size=60),
    st.integers(0, len(GOOD) - 1).map(lambda length: GOOD[:length]),
    st.text(min_size=1, max_size=9).filter(str.strip).map(lambda tail: GOOD + tail),
    st.sampled_from([GOOD + GOOD, GOOD + "\U00018cd6", GOOD + "\x00", "\ufeff" + GOOD]),
    st.just(f"```json\n{GOOD}\n```\nor\n```json\n{GOOD}\n```"),
    st.integers(20, 50_000).map(lambda depth: "[" * depth),
    st.integers(13, 3000).map(
        lambda depth: '{"reasoning": "so", "actions": ' + "[" * depth + "]" * depth + "}"
    ),
    st.just("I will not do that."),
    st.just('<tool_call>{"name": "drive", "arguments": {"metres": 100}}</tool_call>'),
)
bad_bodies = st.one_of(
    junk.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=200),
    st.just(Reply(GOOD).body()[:-20]),
    st.just(b'{"choices": []}'),
    st.just(b'{"choices": [{"message": {"content": ["forward"]}}]}'),
    st.just(b'{"choices": [{"message": {"tool_calls": [{"function": {"name": "drive"}}]}}]}'),
    st.just(b'{"choices": [{"message": {"refusal": "no", "content": null}}]}'),
    st.just(b'{"error": {"message": "out of memory", "code": 500}}'),
).map(lambda raw: Reply(raw=raw))
bad_statuses = st.sampled_from([204, 301, 400, 403, 404, 413, 422, 429, 500, 502, 503]).map(
    lambda status: Reply(GOOD, status=status)
)
bad_replies = st.one_of(
    bad_actions, bad_fields, bad_numbers, bad_texts, bad_bodies, bad_statuses
).map(lambda reply: Reply(reply) if isinstance(reply, str) else reply)


class Hostile:
    """A stub that says what it was last told to; policies that ask it once."""

    def __init__(self, url: str) -> None:
        self.reply = Reply()
        parameters: dict[str, Any] = {"endpoint": url, "tries": 1, "deadline_s": 30.0}
        self.proposer = VlmProposer(**parameters)
        self.revisers = {
            task: VlmReviser(**parameters) for task in ("ignav", "ar", "ignav_self_stop")
        }


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    with StubServer(lambda _: hostile.reply) as stub:
        hostile = Hostile(stub.url)
        yield hostile


CONTEXT = room_context("ignav")
RECOGNITION = room_context("ar")
WEIGHED = weighed(CONTEXT)
MODULE_STUB = [HealthCheck.function_scoped_fixture]


@settings(max_examples=250, suppress_health_check=MODULE_STUB)
@given(bad_replies)
def test_no_bad_reply_becomes_a_plan(hostile: Hostile, reply: Reply) -> None:
    hostile.reply = reply
    with pytest.raises(WiwError) as raised:
        hostile.proposer.propose(CONTEXT, 1)
    assert raised.value.code in CODES


@settings(max_examples=25, suppress_health_check=MODULE_STUB)
@given(bad_replies)
def test_no_bad_reply_becomes_a_rewritten_plan(hostile: Hostile, reply: Reply) -> None:
    hostile.reply = reply
    reviser = hostile.revisers["ignav"]
    reviser.reset(CONTEXT.episode)
    with pytest.raises(WiwError) as raised:
        reviser.revise(CONTEXT, WEIGHED)
    assert raised.value.code in CODES


@settings(max_examples=60, suppress_health_check=MODULE_STUB)
@given(st.lists(st.sampled_from(NAMES) | unknown, max_size=8), st.text(max_size=30))
def test_what_is_accepted_is_a_legal_plan(
    hostile: Hostile, names: list[str], reasoning: str
) -> None:
    hostile.reply = Reply(json.dumps({"reasoning": reasoning, "actions": names}))
    legal = 0 < len(names) <= HORIZON and set(names) <= set(NAMES)
    try:
        plans = hostile.proposer.propose(CONTEXT, 1)
    except WiwError as error:
        assert not legal and error.code is ErrorCode.UNPARSABLE
    else:
        assert legal and plans[0].names == tuple(names)
        check_proposals(plans, CONTEXT.actions, 1, HORIZON)


tokens = st.lists(
    st.tuples(st.text(max_size=3) | st.sampled_from("ABC"), st.floats(1e-9, 1.0)), max_size=6
)


@settings(max_examples=30, suppress_health_check=MODULE_STUB)
@given(tokens)
def test_no_odd_probabilities_become_an_odd_answer_or_action(
    hostile: Hostile, top: list[tuple[str, float]]
) -> None:
    hostile.reply = Reply("A", top=tuple(top))
    reviser = hostile.revisers["ar"]
    reviser.reset(RECOGNITION.episode)
    reviser.glance(RECOGNITION)
    try:
        decision = reviser.revise(RECOGNITION, weighed(RECOGNITION))
    except WiwError as error:
        assert error.code in CODES
        return
    assert decision.answer in RECOGNITION.episode.labels and 0.0 <= decision.confidence <= 1.0
    if decision.kind is DecisionKind.ACT:
        check_proposals([decision.plan], RECOGNITION.actions, 1, RECOGNITION.limits.horizon)
        assert (len(decision.plan), decision.prefix_length) == (1, 1)


@pytest.mark.parametrize("logprob", ["NaN", "Infinity", "1e999", "5.0", '"-1"', "null"])
@pytest.mark.parametrize("task", ["ar", "ignav_self_stop"])
def test_a_probability_that_is_none_decides_nothing(
    hostile: Hostile, task: str, logprob: str
) -> None:
    first = f'{{"content": [{{"top_logprobs": [{{"token": "A", "logprob": {logprob}}}]}}]}}'
    raw = f'{{"choices": [{{"message": {{"content": "A"}}, "logprobs": {first}}}]}}'
    hostile.reply = Reply(raw=raw.encode())
    context, reviser = room_context("ar" if task == "ar" else "ignav"), hostile.revisers[task]
    context = replace(context, episode=replace(context.episode, privileges=()))  # it stops itself
    reviser.reset(context.episode)
    with pytest.raises(WiwError) as raised:
        reviser.glance(context)
        reviser.revise(context, weighed(context))
    assert raised.value.code is ErrorCode.UNPARSABLE


@settings(max_examples=200)
@given(st.text(max_size=200) | junk.map(json.dumps))
def test_reading_any_text_ends_in_a_value_or_a_sentence(text: str) -> None:
    try:
        parse(text, {})
    except ValueError as error:
        assert str(error).endswith(".")


def test_texts_of_a_reply_hold_nothing_that_a_record_cannot() -> None:
    words = parse('{"a": ["half \\ud83d", "nul \\u0000", "bell \\u0007", "kept \\n é 漢"]}', {})
    assert words == {"a": ["half ?", "nul  ", "bell  ", "kept \n é 漢"]}
