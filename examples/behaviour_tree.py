"""A behaviour tree that stays in charge, with WIW as the adviser of one of its leaves.

    pip install py_trees
    wiw up env:=none simulate:=base
    python examples/behaviour_tree.py

    Selector                 what the robot does, first what matters most
      Sequence               go home while the battery is low
        BatteryLow
        GoHome
      Sequence               else follow advice
        Ask                  an observation, planner_node/decide: running until it answers
        Follow               the advised primitives by Nav2, one a tick

The tree decides who drives at every tick: a low battery wins over any advice, also in its middle.
"""

from __future__ import annotations

import argparse
import math
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import py_trees
from goals import photo, simulated
from parts import Advisor, Eyes, Wheels, running
from py_trees.common import Status

from wiw_core.errors import WiwError, describe
from wiw_msgs.msg import Decision

PERIOD_S = 0.1


class Battery:
    """Counts down with each action: a stand-in for the robot's own battery monitor."""

    def __init__(self, actions: int) -> None:
        self.actions = actions

    @property
    def low(self) -> bool:
        """Whether the robot should go home."""
        return self.actions <= 0


class BatteryLow(py_trees.behaviour.Behaviour):
    """Succeeds while the battery is low."""

    def __init__(self, battery: Battery) -> None:
        super().__init__("BatteryLow")
        self._battery = battery

    def update(self) -> Status:
        """Look at the battery."""
        return Status.SUCCESS if self._battery.low else Status.FAILURE


class Job(py_trees.behaviour.Behaviour):
    """A leaf whose work runs in a thread: RUNNING until it is done, so the tree never waits."""

    def __init__(self, name: str, pool: ThreadPoolExecutor, work: Callable[[], bool]) -> None:
        super().__init__(name)
        self._pool, self._work = pool, work
        self._future: Future[Any] | None = None

    def initialise(self) -> None:
        """Begin."""
        self._future = self._pool.submit(self._work)

    def update(self) -> Status:
        """Look whether it has ended; what it raised is raised here."""
        assert self._future is not None
        if not self._future.done():
            return Status.RUNNING
        return Status.SUCCESS if self._future.result() else Status.FAILURE


class Robot:
    """What the leaves do."""

    def __init__(self, eyes: Eyes, wheels: Wheels, advisor: Advisor, battery: Battery) -> None:
        self.eyes, self.wheels, self.advisor, self.battery = eyes, wheels, advisor, battery
        self.home, self.todo, self.step = eyes.place, [], 0

    def ask(self) -> bool:
        """Ask for advice unless some is still to be followed."""
        if self.todo:
            return True
        advice = self.advisor.ask(self.eyes.observe("tree", self.step))
        if advice.kind == Decision.ACT:
            self.todo = [a.name for a in advice.plan.actions[: advice.prefix_length]]
            print(f"advice: {' '.join(self.todo)}")
        return bool(self.todo)

    def follow(self) -> bool:
        """Execute the next advised primitive."""
        name = self.todo.pop(0)
        done = self.wheels.execute(name)
        self.step += 1
        self.battery.actions -= 1
        if not done:
            self.todo.clear()
        return True

    def go_home(self) -> bool:
        """Stop here and say so: a real robot would call its docking behaviour."""
        away = math.dist(self.home, self.eyes.place)
        print(f"battery low after {self.step} actions, {away:.2f} m from home: the dock takes over")
        self.todo.clear()
        return True


def tree(robot: Robot, pool: ThreadPoolExecutor) -> py_trees.trees.BehaviourTree:
    """Return the tree of the module's docstring."""
    home = py_trees.composites.Sequence("Home", memory=False)
    home.add_children([BatteryLow(robot.battery), Job("GoHome", pool, robot.go_home)])
    advised = py_trees.composites.Sequence("Advised", memory=True)
    advised.add_children([Job("Ask", pool, robot.ask), Job("Follow", pool, robot.follow)])
    root = py_trees.composites.Selector("Robot", memory=False)
    root.add_children([home, advised])
    return py_trees.trees.BehaviourTree(root)


def main() -> None:
    """Tick the tree until the robot is home; exit code 1 if something failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--goal", type=Path, help="picture of the place to go to")
    parser.add_argument("--battery", type=int, default=8, help="actions that the battery lasts")
    options = parser.parse_args()
    try:
        run(options.goal, options.battery)
    except WiwError as error:
        sys.exit(f"{describe(error.code)}: {error}")


def run(goal: Path | None, battery: int) -> None:
    """Tick until the battery is low and the robot has been sent home."""
    with running("tree_robot") as node, ThreadPoolExecutor(max_workers=1) as pool:
        episode = photo(goal) if goal else simulated(node)
        robot = Robot(Eyes(node), Wheels(node), Advisor(node, episode), Battery(battery))
        ticking = tree(robot, pool)
        wait = threading.Event()
        while not (robot.battery.low and ticking.root.status is Status.SUCCESS):
            ticking.tick()
            wait.wait(PERIOD_S)


if __name__ == "__main__":
    main()
