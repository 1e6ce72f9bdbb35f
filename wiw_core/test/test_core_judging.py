"""Open answers are graded by stated rules, never guessed at; a language model may be asked."""

from __future__ import annotations

import json
import math
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.judging import JUDGES, Judge, Truth, score_of
from wiw_core.judging.llm import LlmJudge
from wiw_core.judging.matcher import Matcher
from wiw_core.judging.rejudge import rejudge
from wiw_core.metrics import answer_score, score_spl, spl_metres
from wiw_core.observation import Episode
from wiw_core.record_format import EpisodeRecord
from wiw_core.registry import Registry

COLOUR = Truth("What colour is the vase in the bedroom?", ("red",))
THING = Truth("What is the green object in the kitchen?", ("mug", "green mug"))
NUMBER = Truth("How many vases are in the dining room?", ("3",))
ROOM = Truth("In which room is the red ball?", ("living room",))
PLACE = Truth(
    "Where is the red ball?", ("on the table in the living room",), ("living room", "on the table")
)
NEAR = Truth("What is the object closest to the bed?", ("blue cube",), ("cube", "blue"))


@pytest.mark.parametrize(
    ("truth", "answer", "sigma"),
    [
        (COLOUR, "red", 5),
        (COLOUR, "Red.", 5),
        (COLOUR, "It is red", 5),
        (COLOUR, "The vase in the bedroom is red.", 5),
        (COLOUR, "the red one", 5),
        (COLOUR, "blue", 1),
        (COLOUR, "vase", 1),
        (COLOUR, "red or blue", 1),
        (COLOUR, "red/blue", 1),
        (COLOUR, "not red", 1),
        (COLOUR, "red and blue", 3),
        (COLOUR, "red, blue, green", 1),
        (COLOUR, "", 1),
        (COLOUR, "???", 1),
        (THING, "a mug", 5),
        (THING, "the green mug", 5),
        (THING, "a cup", 5),
        (THING, "green", 1),
        (THING, "blue mug", 3),
        (NUMBER, "3", 5),
        (NUMBER, "three", 5),
        (NUMBER, "There are three vases.", 5),
        (NUMBER, "two", 1),
        (NUMBER, "4", 1),
        (NUMBER, "1", 1),
        (NUMBER, "vases", 1),
        (NUMBER, "2 or 3", 1),
        (NUMBER, "2 3 4", 1),
        (ROOM, "the living room", 5),
        (ROOM, "in the lounge", 5),
        (ROOM, "dining room", 1),
        (ROOM, "room", 1),
        (PLACE, "On the table in the living room.", 5),
        (PLACE, "in the living room on the table", 5),
        (PLACE, "the red ball is in the living room", 3),
        (PLACE, "on the table", 3),
        (PLACE, "on the floor in the living room", 2),
        (PLACE, "on the floor in the kitchen", 1),
        (NEAR, "blue cube", 5),
        (NEAR, "a blue box", 5),
        (NEAR, "cube", 3),
        (NEAR, "red cube", 2),
        (NEAR, "red ball", 1),
    ],
)
def test_the_matcher_grades_as_a_person_would(truth, answer, sigma):
    assert Matcher().grade(truth, answer) == sigma


@pytest.mark.parametrize(("sigma", "score"), [(1, 0), (2, 25), (3, 50), (4, 75), (5, 100)])
def test_scores_go_from_0_to_100(sigma, score):
    assert score_of(sigma) == score


@pytest.mark.parametrize("sigma", [0, 6])
def test_a_grade_off_the_scale_is_refused(sigma):
    with pytest.raises(ValueError, match=str(sigma)):
        score_of(sigma)


def test_both_judges_are_registered():
    registry = Registry(JUDGES)
    assert {"matcher", "llm"} <= set(registry.names())
    assert isinstance(registry.create("matcher"), Judge)
    assert isinstance(registry.create("llm", base_url="http://127.0.0.1:9/v1", model="m"), Judge)


def answered(score, shortest_m, path_m):
    return EpisodeResult(
        "aeqa",
        "e",
        0,
        EpisodeStatus.FAILURE,
        False,
        shortest_m=shortest_m,
        path_m=path_m,
        score=score,
    )


@pytest.mark.parametrize(
    ("score", "shortest_m", "path_m", "weighted"),
    [
        (100.0, 3.0, 6.0, 50.0),
        (50.0, 3.0, 4.0, 37.5),
        (75.0, 3.0, 2.0, 75.0),
        (100.0, 3.0, 3.0, 100.0),
        (25.0, 0.0, 0.0, 25.0),
        (0.0, 3.0, 9.0, 0.0),
        (0.0, math.inf, 9.0, 0.0),
        (math.nan, 3.0, 6.0, math.nan),
        (50.0, math.nan, 6.0, math.nan),
    ],
)
def test_scores_are_weighted_by_path_length(score, shortest_m, path_m, weighted):
    result = answered(score, shortest_m, path_m)
    assert answer_score(result) == pytest.approx(score, nan_ok=True)
    assert score_spl(result) == pytest.approx(weighted, nan_ok=True)


def test_a_half_right_answer_is_no_success_by_path_length():
    assert spl_metres(answered(50.0, 3.0, 4.0)) == 0.0


class Endpoint:
    """A fake chat endpoint: gives one (status, body) per request, the last one for ever."""

    def __init__(self, *replies):
        self.requests, self._replies = [], list(replies)
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.requests.append((self.path, dict(self.headers), json.loads(body)))
                replies = endpoint._replies
                status, reply = replies.pop(0) if len(replies) > 1 else replies[0]
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:9/stolen")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def judge(self, **parameters):
        return LlmJudge(self.url, "some-model", pause_s=0.0, timeout_s=10.0, **parameters)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def chat(content):
    return 200, json.dumps({"choices": [{"message": {"content": content}}]}).encode()


@pytest.fixture
def endpoint():
    opened = []

    def open_one(*replies):
        opened.append(Endpoint(*replies))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def refused_by(judge, answer="red"):
    with pytest.raises(WiwError) as caught:
        judge.grade(COLOUR, answer)
    return caught.value


def test_a_language_model_is_asked_at_temperature_0_with_its_key(endpoint, monkeypatch):
    monkeypatch.setenv("WIW_JUDGE_KEY", "a secret")
    there = endpoint(chat("4"))
    assert there.judge().grade(COLOUR, "crimson") == 4
    [(path, headers, body)] = there.requests
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer a secret"
    assert (body["model"], body["temperature"]) == ("some-model", 0)
    asked = json.loads(body["messages"][1]["content"])
    assert asked["question"] == COLOUR.question
    assert asked["accepted answers"] == ["red"]
    assert asked["given answer"] == "crimson"


def test_without_a_key_none_is_sent(endpoint, monkeypatch):
    monkeypatch.delenv("WIW_JUDGE_KEY", raising=False)
    there = endpoint(chat("5"))
    assert there.judge().grade(COLOUR, "red") == 5
    assert "Authorization" not in there.requests[0][1]


def test_no_answer_is_1_without_asking(endpoint):
    there = endpoint(chat("5"))
    assert there.judge().grade(COLOUR, "  ") == 1
    assert there.requests == []


@pytest.mark.parametrize("reply", ["", "6", "0", "about 4", "4/5", "5 5", "{}", "⁴"])
def test_a_reply_that_is_no_grade_is_refused_after_bounded_attempts(endpoint, reply):
    there = endpoint(chat(reply))
    assert refused_by(there.judge(attempts=2)).code is ErrorCode.UNPARSABLE
    assert len(there.requests) == 2


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b'{"choices": []}', chat(None)[1]])
def test_a_reply_that_is_no_completion_is_refused(endpoint, body):
    there = endpoint((200, body))
    assert refused_by(there.judge(attempts=2)).code is ErrorCode.UNPARSABLE


def test_a_busy_endpoint_is_asked_again(endpoint):
    there = endpoint((503, b""), (429, b""), chat("2"))
    assert there.judge(attempts=3).grade(COLOUR, "blue") == 2
    assert len(there.requests) == 3


@pytest.mark.parametrize(("status", "requests"), [(500, 3), (401, 1), (404, 1), (302, 1)])
def test_an_endpoint_that_refuses_is_an_error_not_a_grade(endpoint, status, requests, monkeypatch):
    monkeypatch.setenv("WIW_JUDGE_KEY", "a secret")
    there = endpoint((status, b""))
    error = refused_by(there.judge(attempts=3))
    assert error.code is ErrorCode.VLM_UNAVAILABLE
    assert str(status) in str(error)
    assert "a secret" not in str(error)
    assert len(there.requests) == requests


def test_an_endpoint_that_is_not_there_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nothing answers there
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        error = refused_by(LlmJudge(url, "m", pause_s=0.0, attempts=2, timeout_s=5.0))
    assert error.code is ErrorCode.VLM_UNAVAILABLE


@pytest.mark.parametrize(
    "parameters",
    [
        {"base_url": "file:///etc/passwd", "model": "m"},
        {"base_url": "http://127.0.0.1/v1", "model": ""},
        {"base_url": "http://127.0.0.1/v1", "model": "m", "attempts": 0},
        {"base_url": "http://127.0.0.1/v1", "model": "m", "timeout_s": math.inf},
        {"base_url": "http://127.0.0.1/v1", "model": "m", "pause_s": math.nan},
    ],
)
def test_a_judge_that_could_not_work_is_refused_at_once(parameters):
    with pytest.raises(WiwError) as caught:
        LlmJudge(**parameters)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def record_of(episode_id, answer, status=EpisodeStatus.FAILURE):
    episode = Episode("aeqa", episode_id, 0, "scene", "val", 10, "a question")
    result = replace(answered(50.0, 1.0, 1.0), episode_id=episode_id, answer=answer, status=status)
    return EpisodeRecord(episode, {}, (), result)


def test_records_are_judged_again_and_faults_are_left_out():
    records = [
        record_of("a", "red"),
        record_of("b", "", EpisodeStatus.TRUNCATED),
        record_of("c", "red", EpisodeStatus.ABORTED_FAULT),
        record_of("d", "blue"),
    ]
    truths = dict.fromkeys("abcd", COLOUR)
    found = list(rejudge(records, truths, Matcher()))
    assert [(v.episode_id, v.sigma, v.score, v.before) for v in found] == [
        ("a", 5, 100.0, 50.0),
        ("b", 1, 0.0, 50.0),
        ("d", 1, 0.0, 50.0),
    ]


def test_a_record_without_a_truth_cannot_be_judged():
    with pytest.raises(WiwError) as caught:
        list(rejudge([record_of("a", "red")], {}, Matcher()))
    assert caught.value.code is ErrorCode.UNKNOWN_EPISODE
