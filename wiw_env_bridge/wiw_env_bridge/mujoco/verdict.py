"""How an episode in an apartment is judged, whoever moved the robot."""

from __future__ import annotations

import math

from wiw_core.decisions import EpisodeResult, episode_status
from wiw_core.errors import ErrorCode
from wiw_env_bridge.episodes import EpisodeRecord
from wiw_env_bridge.mujoco.agent import AgentState
from wiw_env_bridge.mujoco.goals import TASKS, Goal


def spent(goal: Goal, state: AgentState) -> bool:
    """Tell whether the episode has used up its actions."""
    return 0 < goal.max_actions <= state.step


def judge(
    record: EpisodeRecord,
    goal: Goal,
    state: AgentState,
    decisions: int,
    answer: str = "",
    confidence: float = math.nan,
    fault: ErrorCode = ErrorCode.OK,
    message: str = "",
) -> EpisodeResult:
    """Return how an episode that ended in this state went, by its privileged side."""
    budget_spent = decisions >= TASKS[record.task].budget or spent(goal, state)
    success = fault == ErrorCode.OK and goal.succeeded(state.pose, answer)
    return EpisodeResult(
        task=record.task,
        episode_id=record.id,
        seed=record.seed,
        status=episode_status(
            success, ErrorCode(fault), truncated=budget_spent and goal.wants_more(answer)
        ),
        success=success,
        code=ErrorCode(fault),
        message=message,
        decisions=decisions,
        actions=state.step,
        collisions=state.collisions,
        path_m=state.path_m,
        shortest_m=record.shortest_m or math.nan,
        shortest_actions=record.shortest_actions,
        final_distance_m=goal.distance_m(state.pose),
        answer=answer,
        confidence=confidence,
        score=goal.score(answer),
    )
