"""Active embodied question answering: the goal is to answer an open question about the home."""

from __future__ import annotations

import math

from wiw_core.geometry import Pose2
from wiw_core.judging import BEST, Truth, score_of
from wiw_core.judging.matcher import Matcher
from wiw_core.observation import Episode, SceneObject
from wiw_core.tasks.aeqa import ActiveQuestionAnswering
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.goals.public import PlainGoal, misfit, public_episode
from wiw_env_bridge.mujoco.questions import templates
from wiw_env_bridge.mujoco.questions.detections import detect
from wiw_env_bridge.mujoco.renderer import Renderer

_AEQA = ActiveQuestionAnswering()


class QuestionGoal(PlainGoal):
    """A question; being where its evidence shows well is what makes a place good.

    Parameters
    ----------
    detections : bool
        Tell of the objects that are seen, which is named among the privileges.
    """

    max_actions = _AEQA.primitives

    def __init__(
        self, record: EpisodeRecord, layout: Layout, renderer: Renderer, detections: bool
    ) -> None:
        start, asked = record.start, [q for q in templates.ask(layout) if q.text == record.question]
        if (
            not asked
            or asked[0].answers != record.answers
            or not layout.grid.is_free(start.x_m, start.y_m)
            or not any(layout.grid.is_free(*place) for place in record.places)
        ):
            raise misfit(record)
        self._record, self._layout, self._renderer = record, layout, renderer
        self._detections = detections
        self._metres = layout.grid.metres_to_nearest(record.places).ravel()
        self._truth = Truth(record.question, record.answers, record.partial)
        self._judge = Matcher()

    def episode(self) -> Episode:
        """Return the question; the answer is open."""
        return public_episode(
            self._record,
            self._layout,
            _AEQA.budget,
            ("object_detections",) if self._detections else (),
            goal_text=self._record.question,
        )

    def reached(self, pose: Pose2) -> bool:
        """Return False: only an answer ends the episode, or the end of its actions."""
        return False

    def objects(self, pose: Pose2) -> tuple[SceneObject, ...]:
        """Return what is detected in the panorama."""
        return detect(self._renderer, self._layout, pose) if self._detections else ()

    def wants_more(self, answer: str) -> bool:
        """Tell whether nothing was answered."""
        return not answer

    def score(self, answer: str) -> float:
        """Return the matcher's score; no answer scores 0."""
        return score_of(self._judge.grade(self._truth, answer))

    def succeeded(self, pose: Pose2, answer: str) -> bool:
        """Tell whether the answer is fully right."""
        return self.score(answer) == score_of(BEST)

    def distance_m(self, pose: Pose2) -> float:
        """Return geodesic metres, along the grid, to the nearest place that shows the evidence."""
        grid = self._layout.grid
        if not grid.is_free(pose.x_m, pose.y_m):
            return math.inf
        return float(self._metres[grid.cell(pose.x_m, pose.y_m)])

    def value(self, pose: Pose2) -> float:
        """Return minus the metres to the nearest place that shows the evidence well."""
        return -self.distance_m(pose)
