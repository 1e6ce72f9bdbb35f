"""World models around a world model."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.plans import Plan, navigation_plan
from wiw_core.rollouts import MAX_FRAMES, RolloutRequest
from wiw_core.wrappers import Cached, Deadline, Validated

PLANS = tuple(navigation_plan([n] * 3) for n in ("forward", "turn_left"))
SEEN = FakeEnvironment().reset("ignav", "val_001")[1]


def request(**fields):
    return RolloutRequest((SEEN,), PLANS, (3, 3), generation=4, **fields)


def code_of(model, wanted):
    with pytest.raises(WiwError) as caught:
        list(model.rollout(wanted))
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("wrong_shape", ErrorCode.INVALID_FRAMES),
        ("wrong_dtype", ErrorCode.INVALID_FRAMES),
        ("wrong_count", ErrorCode.INVALID_FRAMES),
        ("wrong_index", ErrorCode.INVALID_FRAMES),
        ("nan", ErrorCode.INVALID_FRAMES),
        ("stale", ErrorCode.INVALID_FRAMES),
        ("missing", ErrorCode.CONTRACT_VIOLATION),
        ("duplicate", ErrorCode.CONTRACT_VIOLATION),
        ("out_of_memory", ErrorCode.OUT_OF_MEMORY),
    ],
)
def test_no_bad_rollout_passes(fault, code):
    assert code_of(Validated(FakeWorldModel(fault)), request()) is code


def test_a_good_rollout_passes_unchanged():
    rollouts = list(Validated(FakeWorldModel()).rollout(request()))
    assert [r.plan_index for r in rollouts] == [0, 1]
    assert all(r.frame_indices == (1, 2, 3) for r in rollouts)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"plans": (), "frames": ()}, ErrorCode.CONTRACT_VIOLATION),
        ({"observations": ()}, ErrorCode.CONTRACT_VIOLATION),
        ({"frames": (3,)}, ErrorCode.BAD_FRAME_COUNT),
        ({"frames": (3, 0)}, ErrorCode.BAD_FRAME_COUNT),
        ({"frames": (3, -1)}, ErrorCode.BAD_FRAME_COUNT),
        ({"frames": (3, 4)}, ErrorCode.BAD_FRAME_COUNT),
        ({"frames": (3, MAX_FRAMES + 1)}, ErrorCode.TOO_LARGE),
        ({"plans": (Plan(()), PLANS[0])}, ErrorCode.BAD_FRAME_COUNT),
        ({"plans": PLANS * 129, "frames": (3,) * 258}, ErrorCode.TOO_LARGE),
        ({"observations": (replace(SEEN, views=SEEN.views[:1]),)}, ErrorCode.PANORAMA_REQUIRED),
    ],
)
def test_no_bad_request_reaches_the_model(fields, code):
    assert code_of(Validated(FakeWorldModel("crash")), replace(request(), **fields)) is code


def test_depth_is_required_of_the_view_that_is_used():
    class Deep(FakeWorldModel):
        info = replace(FakeWorldModel().info, needs_depth=True)

    blind = replace(SEEN, views=(SEEN.views[0], replace(SEEN.views[1], depth=None)))
    wanted = replace(request(), observations=(blind,))
    assert code_of(Validated(Deep()), wanted) is ErrorCode.DEPTH_REQUIRED
    assert len(list(Validated(Deep()).rollout(request()))) == 2


def test_confidence_outside_its_range_is_refused():
    class Boastful(FakeWorldModel):
        def rollout(self, request):
            for r in super().rollout(request):
                yield replace(r, confidence=np.full(3, 1.5, np.float32))

    assert code_of(Validated(Boastful()), request()) is ErrorCode.INVALID_FRAMES


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_refused(number):
    class Broken(FakeWorldModel):
        def rollout(self, request):
            for r in super().rollout(request):
                yield replace(r, value=np.array([0.1, number, 0.3], np.float32))

    assert code_of(Validated(Broken()), request()) is ErrorCode.INVALID_FRAMES


def test_a_late_answer_is_refused_even_if_the_model_ignores_its_deadline():
    late = FakeWorldModel("late", fault_seconds=0.02)
    wanted = request(deadline_s=time.monotonic() + 0.02)
    assert code_of(Deadline(late), wanted) is ErrorCode.DEADLINE_EXCEEDED


def test_a_request_too_late_or_cancelled_never_reaches_the_model():
    clock = Deadline(FakeWorldModel("crash"), clock=lambda: math.inf)
    assert code_of(clock, request()) is ErrorCode.DEADLINE_EXCEEDED
    cancelled = request(cancelled=lambda: True)
    assert code_of(Deadline(FakeWorldModel("crash")), cancelled) is ErrorCode.CANCELLED


class Counting(FakeWorldModel):
    """The fake model, counting the plans it is asked for."""

    asked = 0

    def rollout(self, request):
        for rollout in super().rollout(request):
            self.asked += 1
            yield rollout


def test_the_same_plan_from_the_same_place_is_imagined_once():
    inner = Counting()
    cached = Cached(inner)
    first = list(cached.rollout(request()))
    again = list(cached.rollout(replace(request(), generation=9)))
    assert (inner.asked, cached.hits) == (2, 2)
    for a, b in zip(first, again):
        assert np.array_equal(a.frames, b.frames) and a.plan_index == b.plan_index
        assert b.generation == 9 and b.seconds == 0.0


def test_a_plan_is_found_at_another_place_in_the_request():
    inner = Counting()
    cached = Cached(inner)
    list(cached.rollout(request()))
    third = navigation_plan(["turn_right"] * 3)
    wanted = replace(request(), plans=(third, PLANS[1], PLANS[0]), frames=(3, 3, 3))
    assert sorted(r.plan_index for r in Validated(cached).rollout(wanted)) == [0, 1, 2]
    assert (inner.asked, cached.hits) == (3, 2)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"frames": (2, 2)},
        {"last_frame_only": True},
        {"observations": FakeEnvironment().reset("ignav", "val_002")[1:2]},
        {"observations": (SEEN, SEEN)},
        {"plans": tuple(replace(p, text="slowly") for p in PLANS)},
    ],
)
def test_whatever_may_change_a_rollout_misses_the_cache(other):
    cached = Cached(FakeWorldModel())
    list(cached.rollout(request()))
    list(Validated(cached).rollout(replace(request(), **other)))
    assert cached.hits == 0


def test_the_rollout_used_longest_ago_goes_first():
    cached = Cached(FakeWorldModel(), size=2)
    list(cached.rollout(request()))
    lone = replace(request(), plans=PLANS[:1], frames=(3,))
    list(cached.rollout(lone))  # PLANS[0] is used again
    third = replace(lone, plans=(navigation_plan(["turn_right"] * 3),))
    list(cached.rollout(third))  # PLANS[1] goes
    list(cached.rollout(lone))
    assert cached.hits == 2
    list(cached.rollout(replace(lone, plans=PLANS[1:])))
    assert cached.hits == 2


def test_wrappers_stack_and_close_what_they_wrap():
    closed = []

    class Closing(FakeWorldModel):
        def close(self):
            closed.append(True)

    stack = Validated(Deadline(Cached(Closing())))
    assert stack.info.name == "fake" and len(list(stack.rollout(request()))) == 2
    stack.close()
    assert closed == [True]
