"""What every kind of goal shares: the public side of its episode, and the error of a misfit."""

from __future__ import annotations

import math

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, SceneObject, View
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.mujoco.apartment import Layout
from wiw_env_bridge.mujoco.targets import Target


class PlainGoal:
    """What most goals have none of."""

    max_actions: int = 0
    """Primitive actions after which the episode ends by itself; 0: as many as the decisions do."""

    def boxed(self, step: int) -> Target | None:
        """Return the object whose box the views show after ``step`` actions; None here."""
        return None

    def objects(self, pose: Pose2) -> tuple[SceneObject, ...]:
        """Return the objects that the protocol tells of at ``T_map_base``; none here."""
        return ()

    def wants_more(self, answer: str) -> bool:
        """Tell whether a failure at the end of the budget is for want of more; False here."""
        return False

    def score(self, answer: str) -> float:
        """Return the score of an open answer, 0 to 100; NaN: the task has none."""
        return math.nan


def public_episode(
    record: EpisodeRecord,
    layout: Layout,
    budget: int,
    privileges: tuple[str, ...],
    goal_text: str = "",
    goal_view: View | None = None,
    labels: tuple[str, ...] = (),
) -> Episode:
    """Return what a policy is told of an episode."""
    return Episode(
        task=record.task,
        id=record.id,
        seed=record.seed,
        scene=layout.name,
        split=record.split,
        budget=budget,
        goal_text=goal_text,
        goal_view=goal_view,
        labels=labels,
        privileges=privileges,
        difficulty=record.difficulty,
    )


def misfit(record: EpisodeRecord) -> WiwError:
    """Return the error for an episode that this version's apartment cannot hold."""
    return WiwError(
        ErrorCode.ENVIRONMENT_FAILED,
        f"Episode '{record.id}' does not fit the apartment that this version builds.",
        "The episode file and the apartment code are of different versions.",
    )
