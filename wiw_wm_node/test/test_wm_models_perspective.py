"""The controls over a front view: what they show where there is no panorama."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from wm_rooms import front_view, observe, panorama_view

from wiw_core.arm import tool_pose
from wiw_core.conformance import check_world_model
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2, Pose3
from wiw_core.observation import Projection
from wiw_core.plans import Plan, navigation_plan
from wiw_core.rollouts import RolloutRequest
from wiw_core.validation import check_rollout
from wiw_core.wrappers import Validated
from wiw_ros.convert.rollouts import model_info_from_msg, model_info_to_msg
from wiw_wm_node.copy import CopyModel
from wiw_wm_node.rotate import RotateModel

DOWN = (1.0, 0.0, 0.0, 0.0)
SQUARE = observe(Pose2(), front_view(Pose2(), 80, 80))
REACH = Plan(tuple(tool_pose(Pose3(0.2, y, 0.9, *DOWN), True) for y in (-0.1, 0.0, 0.1)))
CONTROLS = [CopyModel, RotateModel]


def imagine_reaching(**more) -> RolloutRequest:
    more = {"observations": (SQUARE,), "plans": (REACH, REACH), "frames": (3, 2)} | more
    return RolloutRequest(**more)


@pytest.mark.parametrize("model", CONTROLS)
def test_a_square_view_stays_square_and_unchanged(model) -> None:
    first, second = Validated(model(height=40, width=64)).rollout(imagine_reaching())
    assert first.frames.shape == (3, 40, 40, 3) and second.frames.shape == (2, 40, 40, 3)
    assert first.projection is Projection.PERSPECTIVE
    assert (first.frames == first.frames[:1]).all()
    (same,) = Validated(model(height=80, width=64)).rollout(
        imagine_reaching(plans=(REACH,), frames=(1,))
    )
    np.testing.assert_array_equal(same.frames[0], SQUARE.views[0].rgb)


@pytest.mark.parametrize("model", CONTROLS)
def test_an_arm_s_plan_turns_no_panorama_either(model) -> None:
    now = observe(Pose2(), panorama_view(Pose2(), 72, 128), front_view(Pose2()))
    (rollout,) = Validated(model(height=72, width=128)).rollout(
        imagine_reaching(observations=(now,), plans=(REACH,), frames=(3,))
    )
    assert rollout.projection is Projection.EQUIRECTANGULAR
    for frame in rollout.frames:
        np.testing.assert_array_equal(frame, now.views[0].rgb)


@pytest.mark.parametrize("model", CONTROLS)
def test_the_contract_holds_on_a_front_view(model) -> None:
    check_world_model(model(), imagine_reaching)


def test_a_front_view_cannot_be_turned() -> None:
    request = imagine_reaching(plans=(REACH, navigation_plan(["turn_left"])), frames=(3, 1))
    stream = RotateModel().rollout(request)
    assert next(stream).plan_index == 0
    with pytest.raises(WiwError) as caught:
        next(stream)
    assert caught.value.code is ErrorCode.PANORAMA_REQUIRED


def test_a_frame_of_another_shape_or_projection_than_the_view_is_refused() -> None:
    request = imagine_reaching()
    model = CopyModel(height=40, width=64)
    rollout = next(model.rollout(request))
    squeezed = np.zeros((3, 40, 64, 3), np.uint8)
    for bad in (
        replace(rollout, frames=squeezed),
        replace(rollout, projection=Projection.EQUIRECTANGULAR),
    ):
        with pytest.raises(WiwError) as caught:
            check_rollout(bad, request, model.info)
        assert caught.value.code is ErrorCode.INVALID_FRAMES


def test_an_observation_without_views_has_no_format() -> None:
    with pytest.raises(WiwError) as caught:
        CopyModel().info.frame_format(observe(Pose2()))
    assert caught.value.code is ErrorCode.BAD_IMAGE


@pytest.mark.parametrize("model", CONTROLS)
def test_what_a_control_says_of_itself_survives_the_wire(model) -> None:
    info = model().info
    assert info.projection is None
    assert model_info_from_msg(model_info_to_msg(info)) == info
