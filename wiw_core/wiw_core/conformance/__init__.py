"""Does a plugin keep its contract? One check per kind, for ours and for yours.

Each check raises ``AssertionError`` with the promise that was broken. In a plugin's own tests::

    from wiw_core.conformance import check_world_model, example_context, example_request
    from wiw_core.fakes.environment import FakeEnvironment
    from wiw_core.tasks.ignav import ImageGoalNavigation

    def test_my_model_keeps_the_contract():
        context = example_context(FakeEnvironment(), ImageGoalNavigation())
        check_world_model(MyModel(), lambda: example_request(context))
"""

from wiw_core.conformance.environment import check_environment
from wiw_core.conformance.examples import example_context, example_request
from wiw_core.conformance.policy import check_proposer, check_reviser, check_task
from wiw_core.conformance.world_model import check_world_model

__all__ = [
    "check_environment",
    "check_proposer",
    "check_reviser",
    "check_task",
    "check_world_model",
    "example_context",
    "example_request",
]
