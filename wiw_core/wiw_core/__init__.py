"""The closed loop of World-in-World, its contracts and its numbers, without ROS or torch.

::

    from wiw_core import ENVIRONMENTS, Policy, Registry, run_episode
"""

from wiw_core.contracts import (
    Cloneable,
    DecisionContext,
    Environment,
    PlanLimits,
    Proposer,
    Recorder,
    Reviser,
    Task,
    WorldModel,
)
from wiw_core.decisions import (
    Candidate,
    Decision,
    DecisionKind,
    EpisodeResult,
    EpisodeStatus,
    Exchange,
    Transition,
)
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2, Pose3
from wiw_core.loop import decide, run_episode
from wiw_core.observation import Episode, Observation, Projection, SceneObject, View
from wiw_core.plans import Action, ActionSpec, Plan, camera_path, navigation_plan
from wiw_core.policy import Policy, decision_context
from wiw_core.registry import (
    ENVIRONMENTS,
    PROPOSERS,
    REVISERS,
    TASKS,
    WORLD_MODELS,
    Registry,
)
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest

__all__ = [
    "ENVIRONMENTS",
    "PROPOSERS",
    "REVISERS",
    "TASKS",
    "WORLD_MODELS",
    "Action",
    "ActionSpec",
    "Candidate",
    "Cloneable",
    "Decision",
    "DecisionContext",
    "DecisionKind",
    "Environment",
    "Episode",
    "EpisodeResult",
    "EpisodeStatus",
    "ErrorCode",
    "Exchange",
    "ModelInfo",
    "Observation",
    "Plan",
    "PlanLimits",
    "Policy",
    "Pose2",
    "Pose3",
    "Projection",
    "Proposer",
    "Recorder",
    "Registry",
    "Reviser",
    "Rollout",
    "RolloutRequest",
    "SceneObject",
    "Task",
    "Transition",
    "View",
    "WiwError",
    "WorldModel",
    "camera_path",
    "decide",
    "decision_context",
    "navigation_plan",
    "run_episode",
]
