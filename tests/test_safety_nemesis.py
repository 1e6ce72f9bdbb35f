"""Random faults at random moments, one after another: every promise is kept, and it goes on.

The long run, 200 episodes, is ``python tools/nemesis.py``; its figures are in ``docs/safety.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from nemesis import PLANNER, Nemesis, read, summary, written
from robot_graph import TTL_S, RobotGraph

from wiw_ros.testing import own_domain

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
SEED = 35
"""Its strikes: a planner killed, a bridge restarted, a second goal, odometry that is NaN."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nemesis")


@pytest.fixture
def domain() -> Iterator[int]:
    with own_domain() as domain:
        yield domain


def struck(domain: int, folder: Path, *names: str, episodes: int) -> list[dict[str, object]]:
    def new_graph() -> RobotGraph:
        graph = RobotGraph(domain, folder, PLANNER)
        graph.start_all()
        return graph

    nemesis = Nemesis(new_graph, SEED, names)
    try:
        rows = [nemesis.episode(number) for number in range(episodes)]
    finally:
        nemesis.close()
    assert [v for row in rows for v in row["violations"]] == []
    return rows


def test_every_promise_is_kept_under_random_faults(domain: int, folder: Path) -> None:
    rows = struck(domain, folder, episodes=4)
    written(folder / "run.json", rows, SEED, ["all"])
    assert read(folder / "run.json", SEED, ["all"]) == rows
    with pytest.raises(ValueError, match="another run"):
        read(folder / "run.json", SEED + 1, ["all"])


def test_a_planner_killed_at_any_moment_leaves_no_moving_robot(domain: int, folder: Path) -> None:
    rows = struck(domain, folder, "kill_planner", episodes=3)
    holds = summary(rows)["strikes"]["kill_planner"]["hold_s"]
    assert holds["n"] and holds["max"] <= TTL_S, holds
