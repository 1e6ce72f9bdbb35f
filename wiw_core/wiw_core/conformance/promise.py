"""How a check says that a promise was broken."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from wiw_core.errors import ErrorCode, WiwError, describe
from wiw_core.observation import Observation, Projection


def promise(kept: object, sentence: str) -> None:
    """Raise ``AssertionError(sentence)`` unless ``kept``; works under ``python -O`` too."""
    if not kept:
        raise AssertionError(sentence)


def refuses(code: ErrorCode, what: str, call: Callable[[], Any]) -> None:
    """Check that ``call`` raises a ``WiwError`` of this code."""
    try:
        call()
    except WiwError as error:
        promise(
            error.code is code,
            f"{what} must raise {describe(code)}, not {describe(error.code)} ({error}).",
        )
        return
    except Exception as error:
        raise AssertionError(
            f"{what} must raise {describe(code)}, not {type(error).__name__}: {error}."
        ) from error
    raise AssertionError(f"{what} must raise {describe(code)}; nothing was raised.")


def succeeds(what: str, call: Callable[[], Any]) -> Any:
    """Return what ``call`` returns; an exception of it breaks a promise."""
    try:
        return call()
    except WiwError as error:
        raise AssertionError(f"{what} failed: {describe(error.code)} {error}") from error
    except AssertionError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise AssertionError(
            f"{what} raised {type(error).__name__}: {error} ({Path(last.filename).name}, line"
            f" {last.lineno}); only a WiwError with its code may be raised."
        ) from error


def check_observation(observation: Observation) -> None:
    """Check shapes, dtypes and numbers of every view."""
    names = [view.name for view in observation.views]
    promise(names, "An observation must have at least one view.")
    promise(len(set(names)) == len(names), f"View names must differ: {names}.")
    for view in observation.views:
        who, size = f"View '{view.name}'", view.size
        promise(
            view.rgb.dtype == np.uint8 and view.rgb.shape == (*size, 3) and 0 not in size,
            f"{who} must have (H, W, 3) uint8 pixels, not {view.rgb.shape} {view.rgb.dtype}.",
        )
        if view.depth is not None:
            promise(
                view.depth.dtype == np.float32 and view.depth.shape == size,
                f"{who} must have (H, W) float32 depth, not {view.depth.shape} {view.depth.dtype}.",
            )
            promise(
                np.isfinite(view.depth).all() and (view.depth >= 0).all(),
                f"{who} must have finite depth, 0 where unknown.",
            )
        if view.projection is Projection.PERSPECTIVE:
            promise(view.intrinsics[0, 0] > 0, f"{who} is perspective and must have intrinsics.")
        rotation = view.T_base_camera[:3, :3]
        promise(
            np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6),
            f"{who} must have a rigid T_base_camera.",
        )


def same_view(a: Observation, b: Observation) -> bool:
    """Return whether two observations show the same, bit by bit, from the same place."""
    return (
        a.base_pose == b.base_pose
        and a.step == b.step
        and len(a.views) == len(b.views)
        and all(
            v.name == w.name
            and np.array_equal(v.rgb, w.rgb)
            and (v.depth is None) == (w.depth is None)
            and (v.depth is None or w.depth is None or np.array_equal(v.depth, w.depth))
            and v.target_box == w.target_box
            for v, w in zip(a.views, b.views)
        )
    )
