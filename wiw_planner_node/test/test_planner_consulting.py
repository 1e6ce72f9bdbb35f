"""A policy takes its share of consulting decisions, and refuses what is no share."""

from __future__ import annotations

import math

import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_planner_node.policy import make_policy


def test_a_policy_consults_always_unless_told_otherwise():
    assert make_policy("ignav").consult_share == 1.0
    assert make_policy("ignav", consult_share=0.25).consult_share == 0.25


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(WiwError, match="outside 0 to 1") as caught:
        make_policy("ignav", consult_share=share)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
