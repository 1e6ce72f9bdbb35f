"""Parameters: declared once, checked together, never half applied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.parameters import NODE_OPTIONS, Param, Parameters, key_values
from wiw_ros.testing import own_domain

PARAMS = (
    Param("model", "copy", "Which model.", choices=("copy", "warp")),
    Param("rate", 10.0, "How often.", unit="Hz", low=0.1, high=100.0),
    Param("count", 3, "How many.", low=1),
    Param("names", [], "Which ones."),
    Param("quiet", False, "Say nothing.", read_only=True),
)


@pytest.fixture(scope="module")
def context() -> Iterator[Context]:
    with own_domain() as domain:
        context = Context()
        rclpy.init(context=context, domain_id=domain)
        yield context
        context.try_shutdown()


def make(context: Context, locked: str = "", **overrides: object) -> tuple[Node, Parameters]:
    given = [Parameter(name, value=value) for name, value in overrides.items()]
    node = Node("n", context=context, parameter_overrides=given, **NODE_OPTIONS)
    return node, Parameters(node, PARAMS, lambda: locked)


def problems(parameters: Parameters) -> str:
    with pytest.raises(WiwError) as caught:
        parameters.read()
    assert caught.value.code is ErrorCode.BAD_PARAMETER
    return str(caught.value)


def test_defaults_are_read_when_nothing_is_given(context: Context) -> None:
    _, parameters = make(context)
    assert parameters.read() == {
        "model": "copy",
        "rate": 10.0,
        "count": 3,
        "names": [],
        "quiet": False,
    }


def test_given_values_are_read_in_the_declared_type(context: Context) -> None:
    _, parameters = make(context, rate=5, names=["a", "b"], quiet=True)
    values = parameters.read()
    assert values["rate"] == 5.0 and isinstance(values["rate"], float)
    assert values["names"] == ["a", "b"] and values["quiet"] is True


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rate": float("nan")}, "'rate' must be finite, got nan"),
        ({"rate": float("inf")}, "'rate' must be finite, got inf"),
        ({"rate": 1000.0}, "'rate' = 1000.0 is outside [0.1, 100.0] Hz"),
        ({"rate": "fast"}, "'rate' must be a number, got 'fast'"),
        ({"count": 0}, "'count' = 0 is outside 1 and more"),
        ({"count": True}, "'count' must be a whole number, got True"),
        ({"model": "wrap"}, "'model' = 'wrap' is not one of copy, warp"),
        ({"modle": "warp"}, "There is no parameter named 'modle'. Did you mean 'model'?"),
    ],
)
def test_a_bad_value_is_one_sentence(
    context: Context, given: dict[str, object], sentence: str
) -> None:
    _, parameters = make(context, **given)
    assert sentence.rstrip("?") in problems(parameters)


def test_all_problems_are_told_at_once(context: Context) -> None:
    _, parameters = make(context, rate=float("nan"), count=-1, modle="warp")
    text = problems(parameters)
    assert "'rate'" in text and "'count'" in text and "'modle'" in text


def test_a_bad_start_value_can_be_replaced(context: Context) -> None:
    node, parameters = make(context, rate=float("nan"))
    problems(parameters)
    assert node.set_parameters([Parameter("rate", value=20.0)])[0].successful
    assert parameters.read()["rate"] == 20.0


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("rate", float("nan"), "range"),
        ("model", "wrap", "not one of"),
        ("ratte", 1.0, "Did you mean 'rate'?"),
    ],
)
def test_a_refused_set_keeps_the_running_value_and_says_why(
    context: Context, name: str, value: object, why: str
) -> None:
    node, parameters = make(context)
    before = parameters.read()
    result = node.set_parameters([Parameter(name, value=value)])[0]
    assert not result.successful and why in result.reason
    assert parameters.read() == before


def test_nothing_can_be_set_while_locked(context: Context) -> None:
    node, parameters = make(context, locked="The node is configured")
    result = node.set_parameters([Parameter("rate", value=20.0)])[0]
    assert not result.successful and result.reason == "The node is configured."
    assert parameters.read()["rate"] == 10.0


def test_describe_tells_text_unit_and_range(context: Context) -> None:
    node, _ = make(context)
    rate = node.describe_parameter("rate")
    assert rate.description == "How often. [Hz]"
    limits = rate.floating_point_range[0]
    assert (limits.from_value, limits.to_value) == (0.1, 100.0)
    assert node.describe_parameter("model").additional_constraints == "One of: copy, warp."
    assert node.describe_parameter("quiet").read_only


def test_key_values_read_numbers_flags_and_texts() -> None:
    entries = ["size=64", "gain=0.5", "fast=true", "name=a=b", "empty="]
    assert key_values(entries, "p") == {
        "size": 64,
        "gain": 0.5,
        "fast": True,
        "name": "a=b",
        "empty": "",
    }


@pytest.mark.parametrize("entry", ["size", "=3", "a b=1", "gain=nan", "gain=inf", ""])
def test_a_malformed_key_value_is_refused(entry: str) -> None:
    with pytest.raises(WiwError) as caught:
        key_values([entry], "model_parameters")
    assert caught.value.code is ErrorCode.BAD_PARAMETER
    assert "model_parameters" in str(caught.value)


def plugin(
    fault: str = "none",
    rate: float = 1.0,
    count: int = 1,
    loud: bool = False,
    views: tuple[str, ...] = (),
) -> None:
    """Stand in for a plugin's constructor."""


def test_a_key_value_is_read_in_the_type_that_the_plugin_declares() -> None:
    entries = ["fault=nan", "rate=2", "count=3", "loud=True", "views=front, back"]
    values = key_values(entries, "p", plugin)
    assert values == {
        "fault": "nan",
        "rate": 2.0,
        "count": 3,
        "loud": True,
        "views": ("front", "back"),
    }
    assert isinstance(values["rate"], float)


@pytest.mark.parametrize("entry", ["rate=nan", "rate=fast", "count=1.5", "loud=maybe"])
def test_a_key_value_of_another_type_is_refused(entry: str) -> None:
    with pytest.raises(WiwError) as caught:
        key_values([entry], "model_parameters", plugin)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
    assert entry.partition("=")[0] in str(caught.value)


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(WiwError, match="'size' twice"):
        key_values(["size=1", "size=2"], "model_parameters")
