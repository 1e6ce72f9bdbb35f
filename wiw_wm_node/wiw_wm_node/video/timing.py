"""Which native frame of a clip shows the view after an action.

A clip spans ``actions`` actions and begins with the given frame, so it has ``actions + 1`` moments.
A model that generates another number of frames is read at evenly spaced ones of them, rounded down;
a shorter one holds its last frame (arXiv 2510.18135, released code).
"""

from __future__ import annotations

from wiw_core.action_api.arm import shares


def native_frame(moment: int, actions: int, frames: int) -> int:
    """Return which of ``frames`` native frames shows moment 0 to ``actions`` of the clip."""
    if frames <= actions + 1:
        return min(moment, frames - 1)
    return moment * (frames - 1) // actions


def arrivals(length: int, actions: int) -> list[int]:
    """Return the moment at which each of an arm's ``length`` actions ends; index 0 is now.

    The clip is shared out between the actions as :func:`wiw_core.action_api.arm.tool_path` does.
    """
    moments = [0]
    for share in shares(actions, length):
        moments.append(moments[-1] + share)
    return moments


def alignment(actions: int, frames: int) -> str:
    """Return the sentence of ``ModelInfo.alignment``."""
    exact = "frame k is the view after action k"
    if frames == actions + 1:
        return exact
    how = "evenly spaced" if frames > actions + 1 else "the last one held, "
    return (
        f"{exact}, as far as {actions} actions take a clip of {frames} frames ({how}"
        f"{' ' if frames > actions + 1 else ''}resampled to {actions + 1})"
    )
