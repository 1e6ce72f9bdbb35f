"""Jobs without ROS: environment, model and policy in this process, through the same loop."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from wiw.arms import Arm, get_arm
from wiw.study import Job, Settings
from wiw_core.contracts import WorldModel
from wiw_core.decisions import EpisodeResult
from wiw_core.loop import Policy, run_episode
from wiw_core.records import JsonlRecorder
from wiw_core.registry import ENVIRONMENTS, WORLD_MODELS, Registry
from wiw_core.wrappers import Validated
from wiw_planner_node.film import filmed
from wiw_planner_node.policy import make_policy


class InProcessRunner:
    """Runs jobs by :func:`wiw_core.run_episode`; one environment, one world model at a time."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._env: Any = Registry(ENVIRONMENTS).create(settings.environment)
        self._model: WorldModel | None = None
        self._model_name = "none"

    def episode_ids(self, task: str, limit: int) -> list[str]:
        """Return the first episodes of a task, in evaluation order."""
        return list(self._env.episode_ids(task, self._settings.split, limit))

    def run(self, job: Job) -> EpisodeResult:
        """Run an episode and leave its record."""
        env, policy = self._env, self._policy(job.task, get_arm(job.arm))
        folder = self._folder / job.task / job.arm
        recorder: Any = JsonlRecorder(folder, config={**asdict(self._settings), "arm": job.arm})
        if job.film:
            env, policy, recorder = filmed(folder / "film" / job.episode_id, env, policy, recorder)
        return run_episode(
            env, job.task, job.episode_id, policy, seed=self._settings.seed, recorder=recorder
        )

    def close(self) -> None:
        """Nothing to end: an open episode leaves a partial record, and is run again."""

    def _policy(self, task: str, arm: Arm) -> Policy:
        return make_policy(
            task,
            self._imagine(arm.model),
            proposer=self._settings.proposer,
            reviser=self._settings.reviser,
            reviser_parameters=arm.reviser_parameters,
        )

    def _imagine(self, model: str) -> WorldModel | None:
        if model != self._model_name:
            if self._model is not None:
                self._model.close()
            self._model, self._model_name = self._load(model), model
        return self._model

    def _load(self, model: str) -> WorldModel | None:
        if model == "none":
            return None
        if model == "oracle":
            from wiw_env_bridge.oracle import OracleWorldModel

            return Validated(OracleWorldModel(self._env))
        return Validated(Registry(WORLD_MODELS).create(model))
