"""The registered environment ``rlbench``: what the bridge loads; the simulator is in a worker."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from wiw_core.catalogue import EnvironmentSheet
from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.remote.client import Patience, RemoteEnvironment

PYTHON_VARIABLE = "WIW_RLBENCH_PYTHON"
"""Environment variable with the interpreter that has PyRep and RLBench."""
ROOT_VARIABLE = "COPPELIASIM_ROOT"
"""PyRep's own: the folder of CoppeliaSim 4.1."""


def missing() -> str:
    """Return why RLBench cannot be used here as it comes; empty if it can."""
    python = os.environ.get(PYTHON_VARIABLE, "")
    if python and not Path(python).exists():
        return f"{PYTHON_VARIABLE} names no file: {python}."
    if not python and importlib.util.find_spec("rlbench") is None:
        return (
            "no rlbench in this interpreter; give python=, or set"
            f" {PYTHON_VARIABLE}: docs/rlbench.md."
        )
    if not os.environ.get(ROOT_VARIABLE, ""):
        return (
            f"{ROOT_VARIABLE} is not set, and coppelia= says where CoppeliaSim is: docs/rlbench.md."
        )
    return ""


class RlbenchEnvironment(RemoteEnvironment):
    """RLBench on CoppeliaSim, in a worker with its own interpreter.

    The four manipulation tasks with absolute tool poses, continuous or discretised, executed by
    motion planning. The state cannot be saved bit by bit, so it has no oracle.

    Parameters
    ----------
    python : str
        Interpreter that has PyRep and RLBench; empty: that of ``WIW_RLBENCH_PYTHON``, else this
        one.
    path : tuple of str
        Folders that it may import from besides its own, such as that of ``amsolver`` and ``vlm``.
    coppelia : str
        Folder of CoppeliaSim 4.1; empty: that of ``COPPELIASIM_ROOT``.
    display : str
        X display, such as ``:99`` of Xvfb; empty: that of this process.
    flavour : str
        ``rlbench``, upstream; ``amsolver``, the fork that World-in-World evaluates with.
    demos : str
        Folder of stored episodes, ``TASK/variation0/episodes/episode0``; empty: episodes are drawn
        from seeds. RLBench unpickles what is in there: give only what you trust.
    episodes : int
        Episodes per task and split, when they are drawn.
    image_size : int
        Height and width of the images in pixels.
    views : tuple of str
        Cameras: ``front``, ``wrist``, ``left_shoulder``, ``right_shoulder``, ``overhead``; empty
        for what the task asks for.
    centroids : bool
        Tell where objects are, under names without meaning, as the paper's protocol does.
    headless : bool
        Without CoppeliaSim's window.
    start_s, reset_s, act_s, answer_s : float
        Longest times in seconds, see :class:`wiw_env_bridge.remote.client.Patience`.
    """

    sheet = EnvironmentSheet(missing)

    def __init__(
        self,
        python: str = "",
        path: tuple[str, ...] = (),
        coppelia: str = "",
        display: str = "",
        flavour: str = "rlbench",
        demos: str = "",
        episodes: int = 50,
        image_size: int = 500,
        views: tuple[str, ...] = (),
        centroids: bool = True,
        headless: bool = True,
        start_s: float = Patience.start_s,
        reset_s: float = Patience.reset_s,
        act_s: float = Patience.act_s,
        answer_s: float = Patience.answer_s,
    ) -> None:
        super().__init__(
            "rlbench",
            "wiw_env_bridge.rlbench.world:RlbenchWorld",
            {
                "flavour": flavour,
                "demos": str(Path(demos).expanduser().absolute()) if demos else "",
                "episodes": episodes,
                "image_size": image_size,
                "views": list(views),
                "centroids": centroids,
                "headless": headless,
            },
            python or os.environ.get(PYTHON_VARIABLE, ""),
            path,
            _variables(coppelia or os.environ.get(ROOT_VARIABLE, ""), display),
            Patience(start_s, reset_s, act_s, answer_s),
        )


def _variables(coppelia: str, display: str) -> dict[str, str]:
    """Return what PyRep reads, and the dynamic linker, before CoppeliaSim is loaded."""
    if not coppelia:
        return {"DISPLAY": display} if display else {}
    root = Path(coppelia).expanduser().absolute()
    if not root.is_dir():
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"There is no folder '{root}' with CoppeliaSim.",
            "Give coppelia=, or set COPPELIASIM_ROOT.",
        )
    variables = {
        ROOT_VARIABLE: str(root),
        "LD_LIBRARY_PATH": str(root),
        "QT_QPA_PLATFORM_PLUGIN_PATH": str(root),
    }
    return {**variables, **({"DISPLAY": display} if display else {})}
