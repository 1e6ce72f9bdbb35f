"""What a VLM is told of the table: the task, the objects, the tool, and the marked picture."""

from __future__ import annotations

from wiw_core.arm import TOOL_VOXEL, tool_voxel
from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose3
from wiw_core.observation import Observation
from wiw_core.rollouts import main_view
from wiw_core.tasks.manipulation import PushButtons, SlideBlock, SquarePeg, StackCups
from wiw_planner_node.vlm.arm.marks import marked
from wiw_planner_node.vlm.chat import Picture
from wiw_planner_node.vlm.prompts import prompt, quoted

_EXAMPLES = frozenset(task().name for task in (PushButtons, SlideBlock, SquarePeg, StackCups))
_OPEN = 0.5


def system_prompt(name: str, context: DecisionContext) -> str:
    """Return the rules of the table, what to reply, and the task's worked example if it has one."""
    task = context.episode.task
    example = prompt(f"arm_example_{task}") if task in _EXAMPLES else ""
    rules = prompt("arm_rules", horizon=context.limits.horizon)
    return prompt(name, rules=rules, example=example)


def task_parts(context: DecisionContext) -> tuple[str | Picture, ...]:
    """Return the task, the objects' places, the tool's place, and the marked picture.

    Raises
    ------
    WiwError
        ``PROPOSAL_INVALID`` if the environment takes no tool poses or tells of no objects;
        ``BAD_IMAGE`` if its view is no calibrated perspective view; ``ACTION_OUT_OF_LIMITS`` if an
        object is outside the workspace.
    """
    if TOOL_VOXEL.name not in context.actions:
        raise WiwError(
            ErrorCode.PROPOSAL_INVALID,
            f"The environment does not accept '{TOOL_VOXEL.name}'.",
            "Use a proposer made for its actions.",
        )
    places = _places(context.now)
    told = ", ".join(f"object {k} at {_voxel(place)}" for k, place in enumerate(places, start=1))
    text = f"Task: {quoted(context.episode.goal_text)}\nObjects: {told}"
    pose = context.now.tool_pose
    if pose is not None:
        opened = context.now.gripper > _OPEN
        text += f"\nTool: {_whole(pose, opened)}"
    picture = marked(main_view(context.now), places)
    return text, Picture(picture, "The table now:")


def goal_line(context: DecisionContext) -> str:
    """Return the task in one line, quoted."""
    return f"Task: {quoted(context.episode.goal_text)}"


def _places(now: Observation) -> list[Array]:
    if not now.objects:
        raise WiwError(
            ErrorCode.PROPOSAL_INVALID,
            "The observation tells of no objects.",
            "Use an environment that grants centroids.",
        )
    return [Pose3(thing.x_m, thing.y_m, thing.z_m).position for thing in now.objects]


def _voxel(place: Array) -> list[int]:
    x, y, z = (float(v) for v in place)
    return _whole(Pose3(x, y, z), True)[:3]


def _whole(pose: Pose3, opened: bool) -> list[int]:
    return [int(value) for value in tool_voxel(pose, opened).values]
