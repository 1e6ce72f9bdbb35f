"""Jobs without ROS: environment, model and policy in this process, through the same loop."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wiw.arms import Arm
from wiw.policies import typed
from wiw.serving import loaded_model
from wiw.study import Job, Settings
from wiw_core.contracts import WorldModel
from wiw_core.decisions import EpisodeResult
from wiw_core.loop import Policy, run_episode
from wiw_core.records import JsonlRecorder
from wiw_core.registry import ENVIRONMENTS, Registry
from wiw_core.wrappers import Validated
from wiw_planner_node.film import filmed
from wiw_planner_node.policy import make_policy


class InProcessRunner:
    """Runs jobs by :func:`wiw_core.run_episode`; one world model at a time.

    Environments stay open once they have been used: most studies need one or two.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._environments: dict[str, Any] = {}
        self._model: WorldModel | None = None
        self._loaded: tuple[str, Mapping[str, str], str] = ("none", {}, "")

    def episode_ids(self, task: str, limit: int) -> list[str]:
        """Return the first episodes of a task, in evaluation order."""
        return list(self._environment(task).episode_ids(task, self._settings.split, limit))

    def run(self, job: Job) -> EpisodeResult:
        """Run an episode and leave its record."""
        env, policy = self._environment(job.task), self._policy(job)
        if "torch" in sys.modules:  # models and revisers import it when they are made
            sys.modules["torch"].set_num_threads(1)  # a core per worker
        folder = self._folder / job.task / job.arm
        recorder: Any = JsonlRecorder(folder, config={**asdict(self._settings), "arm": job.arm})
        if job.film:
            env, policy, recorder = filmed(folder / "film" / job.episode_id, env, policy, recorder)
        return run_episode(
            env, job.task, job.episode_id, policy, seed=self._settings.seed, recorder=recorder
        )

    def close(self) -> None:
        """Nothing to end: an open episode leaves a partial record, and is run again."""

    def _environment(self, task: str) -> Any:
        name = self._settings.environment_of(task)
        if name not in self._environments:
            from wiw_ros.parameters import key_values

            told = self._settings.environment_parameters
            registry = Registry(ENVIRONMENTS)
            read = key_values(told, "--env-param", registry.get(name).load())
            self._environments[name] = registry.create(name, **read)
        return self._environments[name]

    def _policy(self, job: Job) -> Policy:
        arm, choice = self._settings.arm_of(job.arm), self._settings.policy_of(job.arm)
        return make_policy(
            job.task,
            self._imagine(arm, job.task),
            proposer=choice.proposer,
            reviser=choice.reviser,
            proposer_parameters=typed(choice.proposer_parameters),
            reviser_parameters=typed({**choice.reviser_parameters, **arm.reviser_parameters}),
            candidates=choice.candidates,
            horizon=choice.horizon,
            execute=choice.execute,
            consult_share=choice.consult_share,
        )

    def _imagine(self, arm: Arm, task: str) -> WorldModel | None:
        # The oracle belongs to an environment; every other model is the same for all of them.
        environment = self._settings.environment_of(task) if arm.model == "oracle" else ""
        wanted = (arm.model, arm.model_parameters, environment)
        if wanted != self._loaded:
            if self._model is not None:
                self._model.close()
            self._model, self._loaded = self._load(arm, task), wanted
        return self._model

    def _load(self, arm: Arm, task: str) -> WorldModel | None:
        if arm.model == "none":
            return None
        if arm.model == "oracle":
            from wiw_env_bridge.oracle import OracleWorldModel

            return Validated(OracleWorldModel(self._environment(task)))
        return Validated(loaded_model(arm.model, arm.model_parameters))
