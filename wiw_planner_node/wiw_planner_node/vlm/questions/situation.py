"""What a VLM is shown and told of the home at one decision."""

from __future__ import annotations

from dataclasses import dataclass

from wiw_core.contracts import DecisionContext
from wiw_core.plans import Plan, navigation_plan
from wiw_planner_node.perception.mapping.sweep import panorama_of
from wiw_planner_node.perception.questions.surroundings import Surroundings
from wiw_planner_node.perception.recognise import Recogniser
from wiw_planner_node.proposers.walks import require_navigation
from wiw_planner_node.vlm.chat import Picture
from wiw_planner_node.vlm.prompts import prompt, quoted
from wiw_planner_node.vlm.questions.four_views import VIEWS, Mark, four_views
from wiw_planner_node.vlm.questions.landmarks import Landmark, landmarks, way_on, way_to
from wiw_planner_node.vlm.questions.replies import HighLevel

_THING, _OPENING = (255, 225, 90), (120, 220, 255)


def new_surroundings() -> Surroundings:
    """Return an empty memory of an episode, with the detections that the protocol grants."""
    return Surroundings(Recogniser.shipped())


@dataclass(frozen=True)
class Situation:
    """The home as it is known at one decision.

    Attributes
    ----------
    marks : tuple of Landmark
        What can be gone to.
    parts : tuple of str or Picture
        The question, the clean and the marked picture, and the marks by view.
    """

    seen: Surroundings
    horizon: int
    marks: tuple[Landmark, ...]
    parts: tuple[str | Picture, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The marks that a reply may name."""
        return tuple(landmark.mark for landmark in self.marks)

    def plan(self, reply: HighLevel) -> Plan:
        """Return the primitives that a high-level plan comes to; never empty.

        A landmark is gone to along the robot's own map. Where the robot stands there already, or
        the search for a way gives up, it goes on in the view that was named.
        """
        target = next((mark for mark in self.marks if mark.mark == reply.landmark), None)
        names = way_to(self.seen, target.cell, self.horizon) if target is not None else ()
        return navigation_plan(names or way_on(self.seen, reply.view, self.horizon), reply.plan)


def situation(seen: Surroundings, context: DecisionContext) -> Situation:
    """Take in the newest observation and return what is known, can be shown and be gone to.

    Raises
    ------
    WiwError
        ``PROPOSAL_INVALID`` if the environment does not accept the navigation primitives;
        ``PANORAMA_REQUIRED`` or ``DEPTH_REQUIRED`` without a panorama with depth.
    """
    require_navigation(context)
    seen.update(context)
    view = panorama_of(context.now)
    marks = landmarks(seen, view)
    clean, _ = four_views(view.rgb)
    signs = [Mark(m.mark, m.place, _OPENING if m.opening else _THING) for m in marks]
    marked, shown = four_views(view.rgb, marks=signs)
    names = {m.mark: m.name for m in marks}
    lines = [
        f"{name}: {', '.join(f'{mark} {names[mark]}' for mark in shown[name]) or 'no marks'}"
        for name in VIEWS
    ]
    return Situation(
        seen,
        context.limits.horizon,
        marks,
        (
            f"Question: {quoted(context.episode.goal_text)}",
            Picture(clean, "What the robot sees now:"),
            Picture(marked, "The same with marks:"),
            "Marks by view:\n" + "\n".join(lines),
        ),
    )


def rules(name: str) -> str:
    """Return the system prompt of that name, with the rules in it."""
    return prompt(name, rules=prompt("questions_rules"))
