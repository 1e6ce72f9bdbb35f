"""A small grid of fakes, and what tests of evaluations need to look at it."""

from __future__ import annotations

from wiw import results
from wiw.study import Settings, Study

SMALL = Settings(
    ("ignav", "ar"),
    ("none", "fake"),
    episodes=4,
    environment="fake",
    in_process=True,
    film=1,
    policies=("fake",),
)


class Watcher:
    """Notes outcomes; does ``then`` after each."""

    def __init__(self, then=lambda count: None):
        self.outcomes = []
        self.left = None
        self._then = then

    def begin(self, jobs):
        self.left = len(jobs)

    def ended(self, job, outcome):
        self.outcomes.append((job, outcome))
        self._then(len(self.outcomes))


def decisions(study: Study) -> dict[tuple[str, str, str], object]:
    """Return everything of the records that does not depend on the clock."""
    return {
        (task, arm, episode_id): (
            record.result,
            [
                (d.decision.plan, d.executed, d.decision.chosen, d.base_pose)
                for d in record.decisions
            ],
        )
        for (task, arm), mine in results.read_records(study).items()
        for episode_id, record in mine.items()
    }
