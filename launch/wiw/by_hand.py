"""The loop by hand, with plain rclpy and the messages: reset, imagine, decide, execute, finish.

Start ``wiw up`` first, then ``python -m wiw.by_hand`` in a shell on its transport (``wiw env``).
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import rclpy
from rclpy.action import ActionClient
from rclpy.node import Node

from wiw_msgs.action import Decide, ExecutePlan, Rollout
from wiw_msgs.msg import Action, Plan
from wiw_msgs.srv import FinishEpisode, ListEpisodes, ResetEpisode

TIMEOUT_S = 60.0


def main() -> None:
    """Take one decision of the first episode of a task, step by step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="ignav")
    parser.add_argument("--model", default="wm_node", help="node that imagines")
    options = parser.parse_args()
    rclpy.init()
    node = rclpy.create_node("by_hand")
    try:
        drive(node, options.task, options.model)
    finally:
        rclpy.try_shutdown()


def drive(node: Node, task: str, model: str) -> None:
    """Reset, imagine two plans, ask for a decision, execute it, finish."""
    episodes = call(node, ListEpisodes, "env_bridge/list_episodes", task=task, split="val")
    episode_id = episodes.episode_ids[0]
    # Commands of an older generation are refused: one number per episode, always growing.
    generation = node.get_clock().now().nanoseconds
    begun = call(
        node,
        ResetEpisode,
        "env_bridge/reset_episode",
        task=task,
        episode_id=episode_id,
        generation=generation,
    )
    sees = ", ".join(f"{v.name} {v.image.width}x{v.image.height}" for v in begun.observation.views)
    print(f"episode {episode_id}: the robot sees {sees}")

    plans = [plan("forward", "forward"), plan("turn_left", "forward")]
    send(
        node,
        Rollout,
        f"{model}/rollout",
        on_feedback=lambda feedback: print(
            f"imagined plan {feedback.rollout.plan_index}: {feedback.rollout.video.count} frames"
            f" in {feedback.rollout.seconds:.2f} s"
        ),
        observations=[begun.observation],
        episode=begun.episode,
        plans=plans,
        frames=[2, 2],
        return_mode=Rollout.Goal.RAW,
        deadline_s=TIMEOUT_S,
        generation=generation,
    )

    advice = send(
        node,
        Decide,
        "planner_node/decide",
        observations=[begun.observation],
        episode=begun.episode,
    ).decision
    for candidate in advice.candidates:
        names = " ".join(action.name for action in candidate.plan.actions)
        print(f"candidate: {names}: score {candidate.score:.3f}")
    if advice.answer:
        print(f"answer so far: {advice.answer} at {advice.confidence:.2f}")

    if advice.plan.actions:
        moved = send(
            node,
            ExecutePlan,
            "env_bridge/execute_plan",
            episode_id=episode_id,
            plan=advice.plan,
            prefix_length=advice.prefix_length,
            generation=generation,
        )
        print(f"executed {len(moved.executed.actions)} actions, {moved.path_m:.2f} m")

    ended = call(
        node,
        FinishEpisode,
        "env_bridge/finish_episode",
        episode_id=episode_id,
        generation=generation,
        answer=advice.answer,
        confidence=advice.confidence,
        decisions=1,
        fault=1,
    ).result
    outcome = ended.answer or f"{ended.final_distance_m:.2f} m from the goal"
    print(f"finished: success {ended.success}, {outcome}")


def plan(*names: str) -> Plan:
    """Return the plan of these primitives."""
    return Plan(actions=[Action(name=name) for name in names])


def call(node: Node, kind: Any, name: str, **fields: Any) -> Any:
    """Call a service and return its reply; end with its sentence if it failed."""
    client = node.create_client(kind, name)
    if not client.wait_for_service(timeout_sec=TIMEOUT_S):
        sys.exit(f"nobody offers {name}: is 'wiw up' running, and this shell on its transport?")
    return checked(name, finished(node, client.call_async(kind.Request(**fields))))


def send(node: Node, kind: Any, name: str, on_feedback: Any = None, **fields: Any) -> Any:
    """Send an action goal and return its result; end with its sentence if it failed."""
    client = ActionClient(node, kind, name)
    if not client.wait_for_server(timeout_sec=TIMEOUT_S):
        sys.exit(f"nobody offers {name}")
    listen = (lambda message: on_feedback(message.feedback)) if on_feedback else None
    handle = finished(node, client.send_goal_async(kind.Goal(**fields), feedback_callback=listen))
    return checked(name, finished(node, handle.get_result_async()).result)


def finished(node: Node, future: Any) -> Any:
    """Spin until a future is complete and return its result."""
    rclpy.spin_until_future_complete(node, future, timeout_sec=TIMEOUT_S)
    if not future.done():
        sys.exit(f"no reply in {TIMEOUT_S:.0f} s")
    return future.result()


def checked(name: str, reply: Any) -> Any:
    """Return a reply whose code is OK (1)."""
    if reply.code != 1:
        sys.exit(f"{name}: code {reply.code}: {reply.message}")
    return reply


if __name__ == "__main__":
    main()
