"""What the nemesis can do to a running graph: each strike, how it is healed, and its time to hold.

A strike draws its own amount from the generator it is given, so that a seed repeats it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from robot_graph import SILENCE_S, TTL_S, Episode, RobotGraph

from wiw_msgs.action import RunEpisode

STREAM_S = SILENCE_S + TTL_S
"""For what is wrong with a stream of the robot's."""
ACTION_S = RobotGraph.action_s + TTL_S
"""For the end of the bridge itself: the robot finishes the one action that it was given."""
PLAN_S = 2 * ACTION_S
"""For what the motion under way does not need: the plan of two actions may be finished."""
LOOKS_S = 3 * PLAN_S
"""For what takes three pictures, or three failures, to notice, each after a plan."""
GONE_S = 0.75
"""For the end of the robot itself: a bridge may command until odometry is stale, after 0.5 s."""
MENDED_S = 0.5
"""Until the newest message of every stream is a good one again: a start on a bad one is refused."""
FROZEN_S = 2.5
"""Longest time for which a process is frozen: nobody can ask anything of it meanwhile."""


@dataclass(frozen=True)
class Struck:
    """What was done, with which amount, and how to undo it."""

    amount: float
    heal: Callable[[], None]
    planner_is_gone: bool = False


@dataclass(frozen=True)
class Strike:
    """One kind of strike; ``hold_s``: the time to hold where the episode does not survive it."""

    hold_s: float
    strike: Callable[[RobotGraph, Episode, np.random.Generator], Struck]


def _nothing() -> None:
    pass


def _kill(name: str) -> Callable[[RobotGraph, Episode, np.random.Generator], Struck]:
    def strike(graph: RobotGraph, episode: Episode, rng: np.random.Generator) -> Struck:
        graph.nodes[name].kill()
        graph.mourn(name)
        return Struck(0.0, lambda: graph.replace(name), name == "planner_node")

    return strike


def _end(name: str) -> Callable[[RobotGraph, Episode, np.random.Generator], Struck]:
    """SIGTERM, as an operator restarts a node."""

    def strike(graph: RobotGraph, episode: Episode, rng: np.random.Generator) -> Struck:
        code = graph.nodes[name].stop(signal.SIGTERM, 8.0)
        assert code == 0, f"{name} ended with {code}"
        graph.mourn(name)
        return Struck(0.0, lambda: graph.replace(name))

    return strike


def _freeze(name: str) -> Callable[[RobotGraph, Episode, np.random.Generator], Struck]:
    def strike(graph: RobotGraph, episode: Episode, rng: np.random.Generator) -> Struck:
        seconds = float(rng.uniform(0.1, FROZEN_S))
        with graph.stopped(name):
            time.sleep(seconds)
        return Struck(seconds, _nothing)

    return strike


def _inject(
    fault: str, low: float = 0.0, high: float = 0.0
) -> Callable[[RobotGraph, Episode, np.random.Generator], Struck]:
    def strike(graph: RobotGraph, episode: Episode, rng: np.random.Generator) -> Struck:
        value = float(rng.uniform(low, high)) if high else low
        lasting = float(rng.uniform(0.3, 4.0)) if rng.random() < 0.5 else 0.0
        graph.inject(fault, value, lasting)
        return Struck(lasting or value, lambda: _mend(graph))

    return strike


def _mend(graph: RobotGraph) -> None:
    graph.inject("")
    time.sleep(MENDED_S)


def _cancel(graph: RobotGraph, episode: Episode, rng: np.random.Generator) -> Struck:
    graph.probe.cancel(episode.handle)
    return Struck(0.0, _nothing)


def _second_goal(graph: RobotGraph, episode: Episode, rng: np.random.Generator) -> Struck:
    goal = RunEpisode.Goal(task="ignav", episode_id=episode.id, seed=0)
    graph.probe.send(RunEpisode, "/planner_node/run_episode", goal)
    return Struck(0.0, _nothing)


def _none(graph: RobotGraph, episode: Episode, rng: np.random.Generator) -> Struck:
    return Struck(0.0, _nothing)


STRIKES: dict[str, Strike] = {
    "none": Strike(PLAN_S, _none),
    "cancel": Strike(TTL_S, _cancel),
    "second_goal": Strike(PLAN_S, _second_goal),
    "kill_planner": Strike(TTL_S, _kill("planner_node")),
    "kill_bridge": Strike(ACTION_S, _kill("env_bridge")),
    "kill_model": Strike(PLAN_S, _kill("wm_node")),
    "kill_robot": Strike(GONE_S, _kill("simulated_robot")),
    "freeze_planner": Strike(TTL_S, _freeze("planner_node")),
    "freeze_bridge": Strike(FROZEN_S + TTL_S, _freeze("env_bridge")),
    "freeze_model": Strike(PLAN_S, _freeze("wm_node")),
    "freeze_robot": Strike(FROZEN_S + STREAM_S, _freeze("simulated_robot")),
    "end_planner": Strike(TTL_S, _end("planner_node")),
    "end_bridge": Strike(TTL_S, _end("env_bridge")),
    "end_model": Strike(PLAN_S, _end("wm_node")),
    "end_robot": Strike(GONE_S, _end("simulated_robot")),
    "camera_off": Strike(STREAM_S, _inject("camera_off")),
    "stale_camera": Strike(STREAM_S, _inject("stale_camera")),
    "delayed_camera": Strike(STREAM_S, _inject("delayed_camera", 0.1, 3.0)),
    "frozen_camera": Strike(LOOKS_S, _inject("frozen_camera")),
    "bad_encoding": Strike(STREAM_S, _inject("bad_encoding")),
    "bad_size": Strike(STREAM_S, _inject("bad_size")),
    "wrong_frame": Strike(STREAM_S, _inject("wrong_frame")),
    "bad_intrinsics": Strike(STREAM_S, _inject("bad_intrinsics")),
    "tf_off": Strike(STREAM_S, _inject("tf_off")),
    "odom_off": Strike(STREAM_S, _inject("odom_off")),
    "nan_odom": Strike(STREAM_S, _inject("nan_odom")),
    "odom_degrees": Strike(PLAN_S, _inject("odom_degrees")),
    "odom_scale": Strike(PLAN_S, _inject("odom_scale", 2.0, 1000.0)),
    "reject_goals": Strike(ACTION_S, _inject("reject_goals")),
    "abort_goals": Strike(PLAN_S, _inject("abort_goals")),
    "hang_goals": Strike(ACTION_S, _inject("hang_goals")),
    "vanish_servers": Strike(STREAM_S, _inject("vanish_servers")),
    "crash_servers": Strike(STREAM_S, _inject("vanish_servers", 1.0)),
    "slow": Strike(PLAN_S, _inject("slow", 0.5, 4.0)),
    "ignore_commands": Strike(LOOKS_S, _inject("ignore_commands")),
}
"""Every strike by name, in the order that the generator draws from."""
