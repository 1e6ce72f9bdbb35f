"""Where pictures may go, and which parameters are taken."""

from __future__ import annotations

from typing import Any

import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.registry import PROPOSERS, REVISERS, Registry
from wiw_planner_node.vlm.endpoint import (
    DEFAULT_MODEL,
    ENDPOINT_VARIABLE,
    MODEL_VARIABLE,
    endpoint,
)
from wiw_planner_node.vlm.options import ChatOptions

HERE = "http://127.0.0.1:8000/v1"


def code_of(call: Any) -> ErrorCode:
    with pytest.raises(WiwError) as raised:
        call()
    return raised.value.code


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT_VARIABLE, raising=False)
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)


@pytest.mark.parametrize(
    "url", [HERE, "http://localhost:1/v1", "http://[::1]:8000/v1", "https://127.9.9.9/v1"]
)
def test_this_machine_may_be_asked_without_leave(url: str) -> None:
    assert endpoint(url).local


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/v1",
        "http://192.168.1.7:8000/v1",
        "http://127.0.0.1.example.com/v1",
        "http://localhost.example.com/v1",
        "http://0.0.0.0:8000/v1",
    ],
)
def test_pictures_leave_this_machine_only_when_told_to(url: str) -> None:
    assert code_of(lambda: endpoint(url)) is ErrorCode.BAD_PARAMETER
    assert not endpoint(url, send_images=True).local


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://127.0.0.1/v1",
        "http://",
        "http://127.0.0.1:99999/v1",
        "http://[::1/v1",
        "http://user:secret@127.0.0.1/v1",
        "http://127.0.0.1@example.com/v1",
        "http://127.0.0.1/v1?key=secret",
    ],
)
def test_what_is_no_plain_endpoint_is_refused(url: str) -> None:
    assert code_of(lambda: endpoint(url, send_images=True)) is ErrorCode.BAD_PARAMETER


def test_a_key_never_travels_elsewhere_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "k-123")
    plain = {"key_env": "A_KEY", "send_images": True}
    assert code_of(lambda: endpoint("http://example.com/v1", **plain)) is ErrorCode.BAD_PARAMETER
    assert endpoint("https://example.com/v1", **plain).key == "k-123"
    assert "k-123" not in repr(endpoint("https://example.com/v1", **plain))


def test_a_named_key_that_is_not_there_is_said_to_be_missing() -> None:
    assert code_of(lambda: endpoint(HERE, key_env="NO_SUCH_KEY")) is ErrorCode.VLM_UNAVAILABLE


def test_endpoint_and_model_come_from_the_environment_unless_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert code_of(lambda: endpoint()) is ErrorCode.VLM_UNAVAILABLE
    monkeypatch.setenv(ENDPOINT_VARIABLE, HERE + "/")
    assert (endpoint().url, endpoint().model) == (HERE, DEFAULT_MODEL)
    monkeypatch.setenv(MODEL_VARIABLE, "a-model")
    assert endpoint().model == "a-model"
    assert endpoint("http://localhost:1/v1", "b-model").name == "b-model at localhost:1"


@pytest.mark.parametrize("kind", [PROPOSERS, REVISERS])
def test_both_policies_say_so_when_no_endpoint_is_named(kind: Any) -> None:
    assert code_of(lambda: Registry(kind).create("vlm")) is ErrorCode.VLM_UNAVAILABLE


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 3.0},
        {"temperature": float("nan")},
        {"temperature": True},
        {"max_tokens": 0},
        {"max_tokens": 1.5},
        {"deadline_s": 0.0},
        {"request_s": "soon"},
        {"tries": 0},
        {"tries": 1000},
        {"send_images": "yes"},
        {"structured": "maybe"},
        {"picture_format": "bmp"},
        {"temprature": 1.0},
        {"on_failure": "guess"},
    ],
)
@pytest.mark.parametrize("kind", [PROPOSERS, REVISERS])
def test_a_parameter_that_is_wrong_is_refused_by_name(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(WiwError) as raised:
        Registry(kind).create("vlm", endpoint=HERE, **wrong)
    assert raised.value.code is ErrorCode.BAD_PARAMETER
    assert next(iter(wrong)) in str(raised.value)


def test_a_mistyped_parameter_is_told_the_nearest_name() -> None:
    with pytest.raises(WiwError, match="Did you mean 'temperature'"):
        ChatOptions.of({"temprature": 1.0})
