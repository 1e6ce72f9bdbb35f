"""Asking a language model: what is sent, what is refused, and that nothing hangs or leaks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from planner_vlm_rooms import in_turn, room_context

from wiw_core.decisions import Exchange
from wiw_core.errors import ErrorCode, WiwError
from wiw_planner_node.vlm import schema
from wiw_planner_node.vlm.chat import Chat, ChatOptions, Picture, Question, Talk
from wiw_planner_node.vlm.stub import Reply, StubServer, request_images, request_text

SHAPE = schema.obj({"number": schema.whole(0, 9)})
ORANGE = np.full((8, 12, 3), (250, 130, 20), np.uint8)
QUESTION = Question("try", "Be brief.", ("How many?", Picture(ORANGE, "A thing:")))
GOOD = '{"number": 3}'


class Asked:
    """One question put to a stub: what came of it, and what was kept."""

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], Reply | str],
        ask: Callable[[Talk], Any] = lambda talk: talk.ask(QUESTION, SHAPE, lambda v: v["number"]),
        **options: Any,
    ) -> None:
        context = room_context(cancelled=options.pop("cancelled", lambda: False))
        self.value: Any = None
        self.code = ErrorCode.OK
        self.said = ""
        with StubServer(answer) as stub:
            chat = Chat(ChatOptions(endpoint=stub.url, **options))
            try:
                self.value = ask(chat.decision(context))
            except WiwError as error:
                self.code, self.said = error.code, str(error)
        self.requests, self.headers = stub.requests, stub.headers
        self.transcript: list[Exchange] = context.notes.transcript

    @property
    def tried(self) -> list[ErrorCode]:
        return [exchange.code for exchange in self.transcript]


@pytest.fixture(autouse=True)
def another_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Variables of another account, and a proxy that does not exist."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-account")
    monkeypatch.setenv("OPENAI_ORG_ID", "another-account")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    yield


def test_a_request_holds_the_prompt_the_picture_its_caption_the_schema_and_the_limits() -> None:
    asked = Asked(lambda _: GOOD, model="a-model", temperature=0.5, max_tokens=64)
    assert (asked.value, asked.code) == (3, ErrorCode.OK)
    (body,) = asked.requests
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("a-model", 0.5, 64)
    assert body["response_format"]["json_schema"]["schema"] == SHAPE
    assert body["messages"][0]["content"].startswith("Be brief.")
    assert [part["type"] for part in body["messages"][1]["content"]] == [
        "text",
        "text",
        "image_url",
    ]
    assert "How many?\nA thing:" in request_text(body)
    (picture,) = request_images(body)
    assert picture.shape == ORANGE.shape and np.abs(picture.astype(int) - ORANGE).max() < 12
    assert "tools" not in body and "tool_choice" not in body


def test_png_pictures_travel_unchanged() -> None:
    asked = Asked(lambda _: GOOD, picture_format="png")
    assert (request_images(asked.requests[0])[0] == ORANGE).all()


def test_nothing_of_another_account_reaches_the_server_and_no_proxy_is_asked() -> None:
    asked = Asked(lambda _: GOOD)
    assert asked.value == 3
    assert "another-account" not in str(asked.headers)
    assert asked.headers[0]["authorization"] == "Bearer none"


def test_the_key_comes_from_the_named_variable_and_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_KEY", "k-123")
    asked = Asked(lambda _: Reply(status=401, raw=b"no"), key_env="A_KEY")
    assert asked.headers[0]["authorization"] == "Bearer k-123"
    assert asked.code is ErrorCode.VLM_UNAVAILABLE
    assert "k-123" not in asked.said + str(asked.transcript)


def test_the_same_seed_puts_the_same_questions_and_a_sample_does_not_know_how_many_there_are() -> (
    None
):
    def seeds(count: int) -> list[int]:
        asked = Asked(
            lambda _: GOOD,
            lambda talk: talk.ask_each([QUESTION] * count, SHAPE, lambda v: v["number"]),
        )
        assert asked.value == [3] * count
        return sorted(body["seed"] for body in asked.requests)

    assert len(set(seeds(3))) == 3 and seeds(3) == seeds(3) and seeds(1)[0] in seeds(3)


def test_a_reply_that_cannot_be_used_is_said_back_with_the_reason() -> None:
    asked = Asked(in_turn('{"number": 12}', GOOD))
    assert asked.value == 3
    assert asked.tried == [ErrorCode.UNPARSABLE, ErrorCode.OK]
    again = asked.requests[1]["messages"]
    assert again[2] == {"role": "assistant", "content": '{"number": 12}'}
    assert "12 is greater than the maximum of 9" in again[3]["content"]
    assert asked.requests[0]["seed"] != asked.requests[1]["seed"]


def test_the_record_of_a_try_names_role_server_pictures_seconds_and_reply() -> None:
    (kept,) = Asked(lambda _: GOOD, model="a-model").transcript
    assert (kept.role, kept.attempt, kept.pictures, kept.reply) == ("try", 1, 1, GOOD)
    assert kept.server.startswith("a-model at 127.0.0.1:") and kept.seconds > 0.0


def test_questions_of_one_call_are_answered_each_for_itself() -> None:
    def answer(body: dict[str, Any]) -> str:
        return "no idea" if "second" in request_text(body) else GOOD

    questions = [Question("try", "Be brief.", (words,)) for words in ("first", "second", "third")]
    asked = Asked(
        answer, lambda talk: talk.ask_each(questions, SHAPE, lambda v: v["number"]), tries=2
    )
    first, second, third = asked.value
    assert (first, third) == (3, 3)
    assert isinstance(second, WiwError) and second.code is ErrorCode.UNPARSABLE
    assert "no idea" in str(second)
    assert [kept.attempt for kept in asked.transcript] == [1, 1, 2, 1]


def test_free_text_is_trimmed_and_never_empty() -> None:
    def tell(talk: Talk) -> Any:
        return talk.tell_each([QUESTION])

    assert Asked(lambda _: " A cup. \n", tell).value == ["A cup."]
    (empty,) = Asked(lambda _: "  ", tell, tries=1).value
    assert isinstance(empty, WiwError) and empty.code is ErrorCode.UNPARSABLE


def test_a_server_that_refuses_schemas_is_asked_in_words_from_then_on() -> None:
    def answer(body: dict[str, Any]) -> Reply | str:
        refused = "response_format" in body
        return Reply(status=400, raw=b"response_format is not known") if refused else GOOD

    def twice(talk: Talk) -> list[int]:
        return [talk.ask(QUESTION, SHAPE, lambda v: v["number"]) for _ in range(2)]

    assert Asked(answer, twice, tries=1, structured="schema").code is ErrorCode.VLM_UNAVAILABLE
    assert len(Asked(answer, twice, tries=1, structured="prompt").requests) == 2
    asked = Asked(answer, twice, tries=1)
    assert asked.value == [3, 3]
    assert ["response_format" in body for body in asked.requests] == [True, False, False]
    assert '"maximum": 9' in request_text(asked.requests[1])


def test_the_letters_get_the_probabilities_of_the_first_token() -> None:
    reply = Reply("B", top=(("B", 0.5), (" A", 0.2), ("A", 0.1), ("Banana", 0.1), ("b", 0.05)))
    asked = Asked(lambda _: reply, lambda talk: talk.choose(QUESTION, "ABC"))
    assert asked.value == pytest.approx((0.3, 0.5, 0.0))
    body = asked.requests[0]
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 5)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("A"),  # no logprobs
        Reply("A", top=(("Z", 0.9),)),  # of other letters
        Reply("A", top=(("A", 0.9), ("B", 0.9))),  # more than all
        Reply(raw=b'{"choices":[{"message":{"content":"A"},"logprobs":{"content":[]}}]}'),
        Reply(raw=b'{"choices":[{"message":{"content":"A"},"logprobs":[1]}]}'),
    ],
)
def test_without_usable_probabilities_there_is_no_choice_and_no_uniform_one(reply: Reply) -> None:
    asked = Asked(lambda _: reply, lambda talk: talk.choose(QUESTION, "AB"), tries=2)
    assert (asked.code, len(asked.requests)) == (ErrorCode.UNPARSABLE, 2)


HTTP_FAULTS = {
    "500": (Reply(status=500, raw=b"<html>" + b"x" * 3_000_000), 2),
    "429 for a minute": (Reply(status=429, headers={"Retry-After": "60"}), 1),
    "401": (Reply(status=401, raw=b"who are you"), 1),
    "404": (Reply(status=404, raw=b"no such model"), 1),
    "redirect": (Reply(status=307, headers={"Location": "http://192.0.2.1/v1"}), 1),
    "cut in the middle": (Reply("text", cut=True), 2),
    "too long": (Reply(raw=b'{"choices": "' + b" " * (2 << 20) + b'"}'), 2),
    "never": (Reply(hang=True), 2),
    "drop by drop": (Reply(drip=(b" ", 0.01)), 2),
    "as a flood": (Reply(drip=(b" " * 100_000, 0.0)), 2),
}


@pytest.mark.parametrize("fault", HTTP_FAULTS)
def test_a_server_that_fails_is_unavailable_after_the_tries_that_make_sense(fault: str) -> None:
    reply, tries = HTTP_FAULTS[fault]
    slow = reply.hang or reply.drip is not None
    asked = Asked(lambda _: reply, tries=2, request_s=0.3 if slow else 60.0, deadline_s=50.0)
    assert (asked.code, len(asked.requests)) == (ErrorCode.VLM_UNAVAILABLE, tries), asked.said
    assert ErrorCode.OK not in asked.tried


def test_a_server_that_asks_for_a_short_rest_is_asked_again_after_it() -> None:
    busy = Reply(status=429, headers={"Retry-After": "0"})
    assert Asked(in_turn(busy, GOOD)).value == 3


def test_an_endpoint_where_nobody_listens_is_unavailable() -> None:
    with StubServer(lambda _: GOOD) as stub:
        chat = Chat(ChatOptions(endpoint=stub.url, tries=1))
    with pytest.raises(WiwError) as raised:
        chat.decision(room_context()).ask(QUESTION, SHAPE, lambda v: v)
    assert raised.value.code is ErrorCode.VLM_UNAVAILABLE


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(drip=(b" ", 0.01)), "never right"])
def test_no_decision_waits_beyond_its_deadline(reply: Reply | str) -> None:
    asked = Asked(lambda _: reply, deadline_s=0.3, tries=20)
    expected = (ErrorCode.DEADLINE_EXCEEDED, ErrorCode.UNPARSABLE)
    assert asked.code in (expected if isinstance(reply, str) else expected[:1])


def test_a_question_nobody_waits_for_any_more_is_given_up_at_once() -> None:
    stop = threading.Event()

    def answer(_: dict[str, Any]) -> Reply:
        stop.set()  # the episode is cancelled while the model thinks
        return Reply(hang=True)

    asked = Asked(answer, deadline_s=3600.0, request_s=3600.0, cancelled=stop.is_set)
    assert asked.code is ErrorCode.CANCELLED
    assert len(asked.requests) == 1


def test_it_can_be_asked_from_within_an_event_loop() -> None:
    import asyncio

    async def inside() -> Any:
        return Asked(lambda _: GOOD).value

    assert asyncio.run(inside()) == 3


def test_no_thread_outlives_a_question() -> None:
    Asked(lambda _: Reply(hang=True), deadline_s=0.1)
    ours = ("vlm", "asyncio", "AnyIO")
    assert not [t.name for t in threading.enumerate() if t.name.startswith(ours)]


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_what_is_no_picture_is_not_sent(picture: Any) -> None:
    question = Question("try", "Be brief.", (Picture(picture),))
    asked = Asked(lambda _: GOOD, lambda talk: talk.ask(question, SHAPE, lambda v: v))
    assert (asked.code, asked.requests) == (ErrorCode.BAD_IMAGE, [])


def test_more_pictures_than_a_server_takes_are_not_sent() -> None:
    question = Question("try", "Be brief.", (Picture(ORANGE),) * 49)
    asked = Asked(lambda _: GOOD, lambda talk: talk.ask(question, SHAPE, lambda v: v))
    assert (asked.code, asked.requests) == (ErrorCode.TOO_LARGE, [])
