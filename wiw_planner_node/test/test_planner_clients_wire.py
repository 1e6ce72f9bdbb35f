"""What becomes of a policy server's numbers and bytes: plans, or a refusal."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_planner_node.clients.chunks import absolute, diverse, integrated, kept, numbers
from wiw_planner_node.clients.packing import pack, unpack

READY = Pose3(0.0, 0.0, 1.2, 1.0, 0.0, 0.0, 0.0)


def refusal_of(call: Callable[[], object]) -> WiwError:
    with pytest.raises(WiwError) as caught:
        call()
    return caught.value


# From actions to plans --------------------------------------------------------------------------


def test_steps_add_up_and_turn_about_the_fixed_axes() -> None:
    rows = np.zeros((4, 7))
    rows[:, 0], rows[:, 5] = 1.0, 0.5
    rows[2:, 6] = 1.0
    way = integrated(rows, READY, 0.05, math.pi / 4)
    np.testing.assert_allclose([p.x_m for p, _ in way], [0.05, 0.1, 0.15, 0.2], atol=1e-12)
    assert [grip for _, grip in way] == [True, True, False, False]
    turned = way[-1][0].matrix()[:3, :3] @ READY.matrix()[:3, :3].T
    np.testing.assert_allclose(turned, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-9)


def test_a_step_beyond_one_is_a_step_of_one() -> None:
    rows = np.zeros((1, 7))
    rows[0, :3] = (5.0, -5.0, 0.2)
    pose = integrated(rows, READY, 0.05, 0.5)[0][0]
    np.testing.assert_allclose(pose.position, READY.position + np.array([0.05, -0.05, 0.01]))


@given(
    grips=st.lists(st.booleans(), min_size=1, max_size=60),
    opened=st.booleans(),
    count=st.integers(1, 15),
)
@settings(max_examples=80, deadline=None)
def test_a_plan_never_skips_where_the_gripper_changes(
    grips: list[bool], opened: bool, count: int
) -> None:
    way = [(READY, grip) for grip in grips]
    picked = kept(way, opened, count)
    assert picked == sorted(set(picked)) and 1 <= len(picked) <= count
    before = [opened, *grips]
    changes = [k for k in range(len(grips)) if before[k] != before[k + 1]]
    assert set(changes[:count]) <= set(picked)
    if len(changes) < count:
        assert picked[-1] == len(grips) - 1
    if len(grips) <= count - len(changes):
        assert picked == list(range(len(grips))), "a short way is kept whole"


def test_poses_are_spread_evenly_where_the_gripper_stays() -> None:
    assert kept([(READY, True)] * 50, True, 5) == [9, 19, 29, 39, 49]


@given(
    st.lists(st.tuples(*[st.floats(-1, 1, width=32)] * 3), min_size=1, max_size=12),
    st.integers(1, 12),
)
@settings(max_examples=80, deadline=None)
def test_greedy_ends_start_with_the_first_and_each_next_is_the_farthest_left(
    points: list[tuple[float, float, float]], count: int
) -> None:
    chosen = diverse(points, count)
    assert chosen[0] == 0 and len(set(chosen)) == len(chosen) == min(count, len(points))
    at = np.array(points)
    for number in range(1, len(chosen)):
        gaps = np.linalg.norm(at[:, None] - at[chosen[:number]], axis=-1).min(axis=1)
        rest = [k for k in range(len(points)) if k not in chosen[:number]]
        assert gaps[chosen[number]] == pytest.approx(max(gaps[k] for k in rest))


def test_diverse_takes_corners_before_neighbours() -> None:
    ends = [(0, 0, 0), (0.1, 0, 0), (1, 0, 0), (1, 0.1, 0), (0, 1, 0)]
    assert diverse(ends, 3) == [0, 3, 4]


def test_poses_outside_the_workspace_are_refused_whatever_else_is_good() -> None:
    rows = np.tile([0.2, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0], (5, 1))
    assert len(absolute(rows)) == 5
    rows[3, 2] = 0.5
    assert refusal_of(lambda: absolute(rows)).code is ErrorCode.ACTION_OUT_OF_LIMITS


# The wire ---------------------------------------------------------------------------------------


def test_a_message_comes_back_with_the_same_arrays() -> None:
    sent = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.zeros((0, 7), np.int64),
        "c": np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
        "d": np.array(2.5),
        "e": {"nested": [np.array([True, False]), "words", 3, None, 0.5]},
        "f": np.float64(1.5),
    }
    back = unpack(pack(sent))
    for key in "abcd":
        np.testing.assert_array_equal(back[key], sent[key])
        assert back[key].dtype == sent[key].dtype
    np.testing.assert_array_equal(back["e"]["nested"][0], [True, False])
    assert back["e"]["nested"][1:] == ["words", 3, None, 0.5] and back["f"] == 1.5


def test_the_bytes_are_those_that_an_openpi_server_reads() -> None:
    """Spelt out by hand from the format: a map with binary keys, in this order."""
    array = np.array([1, 2], np.uint8)
    expected = (
        b"\x81\xa1x\x84"
        b"\xc4\x0b__ndarray__\xc3"
        b"\xc4\x04data\xc4\x02\x01\x02"
        b"\xc4\x05dtype\xa3|u1"
        b"\xc4\x05shape\x91\x02"
    )
    assert pack({"x": array}) == expected


@pytest.mark.parametrize("value", [object(), np.array([object()]), np.array([1j]), {1, 2}])
def test_nothing_but_plain_values_is_sent(value: object) -> None:
    assert refusal_of(lambda: pack({"x": value})).code is ErrorCode.BAD_PARAMETER


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_message_or_a_refusal_of(data: bytes) -> None:
    try:
        assert isinstance(unpack(data), dict)
    except WiwError as error:
        assert error.code is ErrorCode.UNPARSABLE


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {b"__ndarray__": st.just(True)},
        optional={
            b"data": st.binary(max_size=24) | _json,
            b"dtype": st.sampled_from(["<f4", "|O", "|V8", "<c8", "<M8[s]", "x", "<f4,<f4"])
            | _json,
            b"shape": st.lists(st.integers(-2, 2**40), max_size=9) | _json,
        },
    )
)
@settings(max_examples=150, deadline=None)
def test_no_array_of_a_server_makes_anything_but_numbers_of_its_own_size(fields: dict) -> None:
    import msgpack

    data = msgpack.packb({"actions": fields}, use_bin_type=True)
    try:
        array = unpack(data)["actions"]
    except WiwError as error:
        assert error.code is ErrorCode.UNPARSABLE
    else:
        assert array.dtype.kind in "biuf" and array.nbytes <= len(data)


@pytest.mark.parametrize("number", [300, -1, "12", [1, 2], None])
def test_a_scalar_that_is_none_is_refused(number: object) -> None:
    import msgpack

    scalar = {b"__npgeneric__": True, b"data": number, b"dtype": "|u1"}
    assert refusal_of(lambda: unpack(msgpack.packb({"x": scalar}))).code is ErrorCode.UNPARSABLE


@given(_json)
@settings(max_examples=60, deadline=None)
def test_no_value_but_a_fitting_array_passes_as_actions(value: object) -> None:
    error = refusal_of(lambda: numbers(value, "actions", 2, 7))
    assert error.code is ErrorCode.PROPOSAL_INVALID
