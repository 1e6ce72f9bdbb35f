"""The core types as plain msgpack values, and back: every field is checked, nothing is guessed.

Each ``pack_*`` gives maps, lists, texts, numbers and bytes; each ``unpack_*`` raises
:class:`wiw_env_bridge.remote.framing.BadMessage` for anything else than what its partner gives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wiw_core.decisions import EpisodeResult, EpisodeStatus, Transition
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Array, Pose2, Pose3
from wiw_core.observation import Box, Episode, Observation, Projection, SceneObject, View
from wiw_core.plans import Action, ActionSpec, Plan
from wiw_env_bridge.remote.framing import BadMessage

Packed = dict[str, Any]
_DTYPES = {"uint8": np.uint8, "float32": np.float32}


class Fields:
    """The fields of a packed value, each taken by its type."""

    def __init__(self, data: object, what: str) -> None:
        if not isinstance(data, dict):
            raise BadMessage(f"{what} is a {type(data).__name__}, not a map.")
        self._data, self._what = data, what

    def get(self, name: str, *kinds: type) -> Any:
        """Return a field of one of these types; a flag is no number."""
        value = self._data.get(name, self)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            seen = "absent" if value is self else f"a {type(value).__name__}"
            raise BadMessage(f"'{name}' of {self._what} is {seen}.")
        return value

    def text(self, name: str) -> str:
        """Return a text."""
        return str(self.get(name, str))

    def whole(self, name: str) -> int:
        """Return a whole number."""
        return int(self.get(name, int))

    def flag(self, name: str) -> bool:
        """Return true or false."""
        return bool(self.get(name, bool))

    def number(self, name: str) -> float:
        """Return a number, which may be NaN or infinite."""
        return float(self.get(name, float, int))

    def optional(self, name: str) -> Any:
        """Return a field of any type, None if it is absent."""
        return self._data.get(name)

    def items(self, name: str) -> list[Any]:
        """Return a list."""
        return list(self.get(name, list))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self.items(name)
        if not all(isinstance(value, str) for value in values):
            raise BadMessage(f"'{name}' of {self._what} holds what is no text.")
        return tuple(values)

    def numbers(self, name: str, count: int = -1, finite: bool = True) -> tuple[float, ...]:
        """Return a list of numbers, ``count`` of them if that is not negative."""
        return tuple(_numbers(self.items(name), f"'{name}' of {self._what}", count, finite))

    def wholes(self, name: str, count: int = -1) -> tuple[int, ...]:
        """Return a list of whole numbers, none of them negative."""
        values = self.numbers(name, count)
        if not all(value >= 0.0 and value.is_integer() for value in values):
            raise BadMessage(f"'{name}' of {self._what} holds what is no count.")
        return tuple(int(value) for value in values)

    def code(self, name: str) -> ErrorCode:
        """Return an error code."""
        value = self.whole(name)
        try:
            return ErrorCode(value)
        except ValueError as error:
            raise BadMessage(f"'{name}' of {self._what} is {value}, which is no code.") from error


def _numbers(values: Sequence[Any], what: str, count: int, finite: bool = True) -> list[float]:
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        raise BadMessage(f"{what} holds what is no number.")
    if 0 <= count != len(values):
        raise BadMessage(f"{what} has {len(values)} numbers, not {count}.")
    if finite and not all(math.isfinite(value) for value in values):
        raise BadMessage(f"{what} is not finite.")
    return [float(value) for value in values]


def pack_array(array: Any) -> Packed:
    """Pack an array of uint8 or float32, any shape."""
    name = str(array.dtype)
    if name not in _DTYPES:
        raise BadMessage(f"An array of {name} is not carried; uint8 and float32 are.")
    return {
        "dtype": name,
        "shape": list(array.shape),
        "bytes": np.ascontiguousarray(array).tobytes(),
    }


def unpack_array(data: object, dtype: str, ndim: int, what: str) -> Any:
    """Return a writable array of exactly this dtype and number of axes."""
    fields = Fields(data, what)
    name, body = fields.text("dtype"), fields.get("bytes", bytes)
    shape = fields.wholes("shape")
    if name != dtype or len(shape) != ndim:
        raise BadMessage(f"{what} is {name} of shape {shape}, not {dtype} with {ndim} axes.")
    if math.prod(shape) * np.dtype(dtype).itemsize != len(body):
        raise BadMessage(f"{what} has {len(body)} bytes, which shape {shape} does not hold.")
    return np.frombuffer(body, dtype).reshape(shape).copy()


def _pack_matrix(matrix: Array) -> list[float]:
    return [float(value) for value in np.asarray(matrix).ravel()]


def _matrix(fields: Fields, name: str, side: int) -> Array:
    return np.array(fields.numbers(name, side * side)).reshape(side, side)


def pack_view(view: View) -> Packed:
    """Pack what one camera sees."""
    return {
        "name": view.name,
        "projection": int(view.projection),
        "rgb": pack_array(view.rgb),
        "depth": None if view.depth is None else pack_array(view.depth),
        "intrinsics": _pack_matrix(view.intrinsics),
        "T_base_camera": _pack_matrix(view.T_base_camera),
        "target_box": None if view.target_box is None else [int(v) for v in view.target_box],
    }


def unpack_view(data: object) -> View:
    """Return a packed view: (H, W, 3) uint8, with (H, W) float32 depth or none."""
    fields = Fields(data, "a view")
    name = fields.text("name")
    rgb = unpack_array(fields.get("rgb", dict), "uint8", 3, f"The image of '{name}'")
    depth = fields.optional("depth")
    if depth is not None:
        depth = unpack_array(depth, "float32", 2, f"The depth of '{name}'")
    if rgb.shape[2] != 3 or (depth is not None and depth.shape != rgb.shape[:2]):
        raise BadMessage(f"The image of '{name}' has shape {rgb.shape}, its depth another.")
    return View(
        name=name,
        rgb=rgb,
        projection=_projection(fields),
        depth=depth,
        intrinsics=_matrix(fields, "intrinsics", 3),
        T_base_camera=_matrix(fields, "T_base_camera", 4),
        target_box=_box(fields),
    )


def _projection(fields: Fields) -> Projection:
    value = fields.whole("projection")
    try:
        return Projection(value)
    except ValueError as error:
        raise BadMessage(f"{value} is no projection.") from error


def _box(fields: Fields) -> Box | None:
    if fields.optional("target_box") is None:
        return None
    x0, y0, x1, y1 = fields.wholes("target_box", 4)
    return x0, y0, x1, y1


def pack_pose2(pose: Pose2) -> list[float]:
    """Pack a pose on the floor: x, y, yaw."""
    return [pose.x_m, pose.y_m, pose.yaw_rad]


def pack_observation(observation: Observation) -> Packed:
    """Pack an observation."""
    tool = observation.tool_pose
    return {
        "episode_id": observation.episode_id,
        "step": observation.step,
        "views": [pack_view(view) for view in observation.views],
        "base_pose": pack_pose2(observation.base_pose),
        "stamp_s": float(observation.stamp_s),
        "joints": [[name, float(value)] for name, value in observation.joints],
        "tool_pose": None if tool is None else [*tool.position.tolist(), *tool.quaternion.tolist()],
        "gripper": float(observation.gripper),
        "objects": [[o.name, o.x_m, o.y_m, o.z_m] for o in observation.objects],
    }


def unpack_observation(data: object) -> Observation:
    """Return a packed observation."""
    fields = Fields(data, "an observation")
    tool = None if fields.optional("tool_pose") is None else fields.numbers("tool_pose", 7)
    return Observation(
        episode_id=fields.text("episode_id"),
        step=fields.whole("step"),
        views=tuple(unpack_view(view) for view in fields.items("views")),
        base_pose=Pose2(*fields.numbers("base_pose", 3)),
        stamp_s=fields.number("stamp_s"),
        joints=tuple((n, v[0]) for n, v in _named(fields.items("joints"), 1)),
        tool_pose=None if tool is None else Pose3(*tool),
        gripper=fields.number("gripper"),
        objects=tuple(SceneObject(n, *v) for n, v in _named(fields.items("objects"), 3)),
    )


def _named(rows: Sequence[Any], count: int) -> list[tuple[str, list[float]]]:
    named = []
    for row in rows:
        if not isinstance(row, list) or not row or not isinstance(row[0], str):
            raise BadMessage("A named value is no list that begins with its name.")
        named.append((row[0], _numbers(row[1:], f"'{row[0]}'", count)))
    return named


def pack_episode(episode: Episode) -> Packed:
    """Pack the public side of an episode."""
    texts = ("task", "id", "scene", "split", "goal_text", "difficulty")
    goal = episode.goal_view
    return {
        **{name: getattr(episode, name) for name in texts},
        "seed": episode.seed,
        "budget": episode.budget,
        "goal_view": None if goal is None else pack_view(goal),
        "labels": list(episode.labels),
        "privileges": list(episode.privileges),
    }


def unpack_episode(data: object) -> Episode:
    """Return a packed episode."""
    fields = Fields(data, "an episode")
    goal = fields.optional("goal_view")
    return Episode(
        task=fields.text("task"),
        id=fields.text("id"),
        seed=fields.whole("seed"),
        scene=fields.text("scene"),
        split=fields.text("split"),
        budget=fields.whole("budget"),
        goal_text=fields.text("goal_text"),
        goal_view=None if goal is None else unpack_view(goal),
        labels=fields.texts("labels"),
        privileges=fields.texts("privileges"),
        difficulty=fields.text("difficulty"),
    )


def pack_action(action: Action) -> Packed:
    """Pack one action."""
    return {"name": action.name, "values": [float(value) for value in action.values]}


def unpack_action(data: object) -> Action:
    """Return a packed action; its numbers are not checked here."""
    fields = Fields(data, "an action")
    return Action(fields.text("name"), fields.numbers("values", finite=False))


def pack_plan(plan: Plan) -> Packed:
    """Pack a plan."""
    return {
        "actions": [pack_action(action) for action in plan.actions],
        "text": plan.text,
        "prior": float(plan.prior),
    }


def unpack_plan(data: object) -> Plan:
    """Return a packed plan."""
    fields = Fields(data, "a plan")
    actions = tuple(unpack_action(action) for action in fields.items("actions"))
    return Plan(actions, fields.text("text"), fields.number("prior"))


def pack_spec(spec: ActionSpec) -> Packed:
    """Pack what an environment accepts."""
    return {
        "name": spec.name,
        "fields": list(spec.fields),
        "low": [float(value) for value in spec.low],
        "high": [float(value) for value in spec.high],
        "units": list(spec.units),
    }


def unpack_spec(data: object) -> ActionSpec:
    """Return a packed action specification."""
    fields = Fields(data, "an action specification")
    names = fields.texts("fields")
    return ActionSpec(
        fields.text("name"),
        names,
        fields.numbers("low", len(names), finite=False),
        fields.numbers("high", len(names), finite=False),
        fields.texts("units"),
    )


def pack_transition(transition: Transition) -> Packed:
    """Pack what really happened."""
    seen = transition.observation
    return {
        "observation": None if seen is None else pack_observation(seen),
        "path_m": float(transition.path_m),
        "collided": bool(transition.collided),
        "done": bool(transition.done),
        "code": int(transition.code),
    }


def unpack_transition(data: object) -> Transition:
    """Return a packed transition."""
    fields = Fields(data, "a transition")
    seen = fields.optional("observation")
    return Transition(
        observation=None if seen is None else unpack_observation(seen),
        path_m=fields.number("path_m"),
        collided=fields.flag("collided"),
        done=fields.flag("done"),
        code=fields.code("code"),
    )


_RESULT: Mapping[str, str] = {
    **dict.fromkeys(("task", "episode_id", "message", "answer"), "text"),
    **dict.fromkeys(
        ("seed", "decisions", "actions", "collisions", "shortest_actions", "failures"), "whole"
    ),
    **dict.fromkeys(("path_m", "shortest_m", "final_distance_m", "confidence", "score"), "number"),
    "success": "flag",
    "code": "code",
}
"""How each field of a result is read, its status apart."""


def pack_result(result: EpisodeResult) -> Packed:
    """Pack how an episode ended."""
    write = {"text": str, "whole": int, "number": float, "flag": bool, "code": int}
    packed: Packed = {n: write[kind](getattr(result, n)) for n, kind in _RESULT.items()}
    return {**packed, "status": int(result.status)}


def unpack_result(data: object) -> EpisodeResult:
    """Return a packed result."""
    fields = Fields(data, "a result")
    status = fields.whole("status")
    if status not in list(EpisodeStatus):
        raise BadMessage(f"{status} is no episode status.")
    values = {name: getattr(fields, kind)(name) for name, kind in _RESULT.items()}
    return EpisodeResult(**values, status=EpisodeStatus(status))


def pack_error(error: WiwError) -> Packed:
    """Pack a failure."""
    return {"code": int(error.code), "message": error.message, "hint": error.hint}


def unpack_error(data: object) -> WiwError:
    """Return a packed failure."""
    fields = Fields(data, "an error")
    code = fields.code("code")
    if code in (ErrorCode.UNSET, ErrorCode.OK):
        raise BadMessage(f"An error has the code {code.name}.")
    return WiwError(code, fields.text("message"), fields.text("hint"))
