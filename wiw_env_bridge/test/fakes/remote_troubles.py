"""Fake environments that trouble whoever runs them; imported by workers of the tests only."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from wiw_core.decisions import Transition
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.plans import Plan
from wiw_env_bridge.remote import serving


class Deaf(FakeEnvironment):
    """Its actions never end, whatever it is told."""

    name = "deaf"

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        while True:
            time.sleep(0.05)


class Greedy(FakeEnvironment):
    """Its actions never give the interpreter back, as a stuck simulator does."""

    name = "greedy"

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        print("stuck now", flush=True)
        ctypes.PyDLL(None).sleep(60)
        yield from ()


class Parent(FakeEnvironment):
    """Starts a process of its own, as CoppeliaSim's launcher does, and tells its number."""

    name = "parent"

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.child = subprocess.Popen(["sleep", "300"])
        print(f"child {self.child.pid}", flush=True)


class Dropper(FakeEnvironment):
    """Its process ends at once when an episode begins."""

    name = "dropper"

    def reset(self, task: str, episode_id: str) -> Any:
        print("about to crash", flush=True)
        os.abort()


class Orphan(Greedy):
    """The same, and its worker looks for its parent more often than others do."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        serving.DEAF_S, serving.AWAKE_S = 2.0, 0.2
