"""The world-model node: loads one registered model and serves its rollouts."""

from __future__ import annotations

import sys
from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.registry import WORLD_MODELS, Registry
from wiw_core.wrappers import Validated
from wiw_ros.node import ManagedNode, run
from wiw_ros.parameters import Param, key_values
from wiw_ros.rollout_server import Backend, RolloutServer
from wiw_ros.worker import Worker

LOAD_S = 600.0
"""Longest time a model may take to load."""
CLOSE_S = 2.0

PARAMS = (
    Param("model", "warp", "Registered name of the world model."),
    Param("model_parameters", [], "The model's own parameters, each as key=value."),
)


class WorldModelNode(ManagedNode):
    """Offers ``~/rollout`` and ``~/describe_model`` for the model that ``model`` names."""

    def __init__(self, **options: Any) -> None:
        super().__init__("wm_node", PARAMS, **options)
        self._loaded: Backend | None = None
        self._server = RolloutServer(self, self._backend)

    def setup(self, values: dict[str, Any]) -> None:
        """Load the model in its own thread."""
        name = values["model"]
        registry = Registry(WORLD_MODELS)
        plugin = registry.get(name).load()
        parameters = key_values(values["model_parameters"], "model_parameters", plugin)
        worker = Worker(f"world model '{name}'", ErrorCode.MODEL_UNAVAILABLE)
        try:
            model = worker.call(lambda: make_model(registry, name, parameters), LOAD_S)
        except BaseException:
            worker.close(0.0)
            raise
        self._loaded = Backend(Validated(model), worker)
        self.get_logger().info(f"model '{name}' {model.info.revision}, {model.info.licence}")

    def teardown(self) -> None:
        """Close the model in its thread; a model that hangs is left behind with it."""
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            return
        try:
            loaded.worker.call(loaded.model.close, CLOSE_S)
        finally:
            loaded.worker.close(0.0)

    def _backend(self) -> Backend:
        if self._loaded is None:
            raise WiwError(ErrorCode.NOT_ACTIVE, "No model is loaded.", "Configure the node.")
        return self._loaded


def make_model(registry: Registry, name: str, parameters: dict[str, Any]) -> Any:
    """Make the model in the thread that will run it.

    That thread gets one torch thread: the planner and the bridge want the other cores, and another
    number of threads could round otherwise.
    """
    model = registry.create(name, **parameters)
    if hasattr(model, "load"):  # heavy weights: now, not during the first request
        model.load()
    if "torch" in sys.modules:  # a model that needs it has imported it by now
        sys.modules["torch"].set_num_threads(1)
    return model


def main() -> None:
    """Run the node until a signal."""
    sys.exit(run(WorldModelNode))


if __name__ == "__main__":
    main()
