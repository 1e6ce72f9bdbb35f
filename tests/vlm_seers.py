"""Stubs in a VLM's place that answer by what a request holds: its words and its pictures."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from wiw_planner_node.perception.tabletop.colours import coloured, hsv, named_colour
from wiw_planner_node.vlm.stub import request_images, request_text

Body = dict[str, Any]
_OBJECT = re.compile(r"object (\d+) at \[(\d+), (\d+), (\d+)\]")


def user_text(body: Body) -> str:
    """All texts of a request but the system's."""
    return request_text({"messages": body["messages"][1:]})


def presses(body: Body) -> str:
    """Proposes to press some button, by the request's seed; adopts a plan by what pictures show."""
    said = user_text(body)
    places = [(int(x), int(y)) for _, x, y, _ in _OBJECT.findall(said)]
    if "Plan 1:" in said:
        return _adopts(said, places, request_images(body)[0])
    x, y = places[body["seed"] % len(places)]
    return json.dumps(
        {
            "visual_state": "buttons",
            "reasoning": "one of them",
            "language_plan": f"press the button at [{x}, {y}]",
            "executable_plan": _press(x, y),
        }
    )


def _press(x: int, y: int) -> list[list[int]]:
    return [[x, y, z, 0, 60, 60, 0] for z in (35, 19, 35)]


def _adopts(said: str, places: list[tuple[int, int]], picture: np.ndarray) -> str:
    """Adopts the plan that presses the button whose colour the goal names, or writes it."""
    goal = re.search(r'"push the ([a-z ]+) button"', said)
    assert goal is not None
    mask = coloured(hsv(picture), named_colour(goal[1]))
    mask[: picture.shape[0] * 2 // 5] = False  # the arm; the axes are thin
    column = float(np.median(np.nonzero(mask)[1])) / picture.shape[1]
    y_of_colour = 50 + 92 * (column - 0.5)  # the camera faces the arm: y grows to the right
    x, y = min(places, key=lambda place: abs(place[1] - y_of_colour))
    plans = re.findall(r"^Plan (\d+): .*? \[\[(\d+), (\d+), ", said, re.MULTILINE)
    adopt = next((int(k) for k, px, py in plans if (int(px), int(py)) == (x, y)), 0)
    own = [] if adopt else _press(x, y)
    return json.dumps(
        {"reasoning": goal[1], "adopt": adopt, "language_plan": "", "executable_plan": own}
    )


def describes(body: Body) -> str:
    """Proposes as :func:`presses`; describes how bright a picture is; evaluates by the words."""
    said = user_text(body)
    if "end state:" in said:
        ends = [float(n) for n in re.findall(r"brightness ([\d.]+)", said)]
        return json.dumps({"reasoning": "the brightest", "choice": 1 + int(np.argmax(ends))})
    if "Objects:" not in said:
        (picture,) = request_images(body)
        words = f"brightness {picture.mean():.3f}"
        return json.dumps({"scene": words, "end_state": "the arm is up again"})
    return presses(body)


def explores(body: Body) -> str:
    """Goes to what the question names if it is marked, else to an opening, else straight on.

    Answers "kitchen" from the moment that the marks hold something a kitchen has.
    """
    said = user_text(body)
    if "now:" not in said:
        raise AssertionError("the request shows no view")
    listed = "\n".join(re.findall(r"^(?:front|left|right|back): (.*)$", said, re.MULTILINE))
    marks = dict(re.findall(r"(?:^|, )(\d+|[A-H]) ([a-z]+)", listed, re.MULTILINE))
    openings = [mark for mark, name in marks.items() if name == "opening"]
    found = "kitchen" if {"fridge", "stove", "counter"} & set(marks.values()) else ""
    if "must answer now" in request_text(body):
        return json.dumps({"reasoning": "time is over", "answer": found or "bathroom"})
    things = [mark for mark, name in marks.items() if name in said.split("\n")[0]]
    choices = [*things, *openings, "none"]
    reply = {
        "reasoning": "look there",
        "plan": "go there and look round",
        "view": ("front", "left", "right", "back")[body["seed"] % 4],
        "landmark": choices[body["seed"] % min(3, len(choices))],
        "answer": found,
    }
    if "Plan 1:" in said:
        reply["adopt"] = 1 + body["seed"] % said.count("Simulated, where it ends:")
    return json.dumps(reply)
