"""The unified action API (arXiv 2510.18135, section 2.2): one plan, said in each model's language.

A world model declares in ``ModelInfo.controls`` what drives it; :func:`control` turns a plan into
that. To add a kind: a function from a plan to an array or a text, and an entry in :data:`CONTROLS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from wiw_core.action_api.arm import tool_poses
from wiw_core.action_api.camera import camera_poses, planar_path
from wiw_core.action_api.lowlevel import body_deltas, cumulative_ids
from wiw_core.action_api.text import prompt
from wiw_core.errors import ErrorCode, unknown_name
from wiw_core.plans import Plan

Control = Union[str, npt.NDArray[np.float64], npt.NDArray[np.int64]]

CONTROLS: Mapping[str, Callable[..., Control]] = {
    "text": prompt,
    "camera": camera_poses,
    "path": planar_path,
    "lowlevel": cumulative_ids,
    "body_delta": body_deltas,
    "tool_poses": tool_poses,
}
"""What a plan can be turned into; each function's docstring gives form, frames and units."""


def control(plan: Plan, kind: str, **options: Any) -> Control:
    """Return the plan as a model of this kind of control takes it.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for an unknown kind; ``UNKNOWN_ACTION`` for an action it cannot say.
    """
    if kind not in CONTROLS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "kind of control", kind, CONTROLS)
    return CONTROLS[kind](plan, **options)
