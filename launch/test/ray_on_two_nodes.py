"""``wiw eval --ray``: a cluster of two nodes on this machine, fakes inside, one node lost.

Run by ``test_wiw_ray.py``, in a process of its own.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_study import SMALL, Watcher, decisions

from wiw.evaluate import evaluate
from wiw.study import Study
from wiw.workers.cluster import RayCrew
from wiw_core.errors import ErrorCode, WiwError

LOOPBACK = "127.0.0.1"

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def cluster():
    """A head node and a second one, of one CPU each, that nobody outside can reach."""
    # The last one keeps Ray from replacing 127.0.0.1 by the address of a network card.
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "node_ip_address": LOOPBACK}
    made = cluster_utils.Cluster(
        initialize_head=True, head_node_args={**small, "include_dashboard": False}
    )
    made.spare = made.add_node(**small)
    yield made
    made.shutdown()


@pytest.fixture
def local(tmp_path):
    """The same study, run by workers of this machine."""
    study = Study.open(tmp_path / "local", SMALL)
    evaluate(study, 1, Watcher())
    study.close()
    return study


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split()]


def alive(pid: int) -> bool:
    """Return whether a process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_two_nodes_give_the_same_records_and_one_that_dies_costs_nothing(cluster, local, tmp_path):
    def lose_a_node(count: int) -> None:
        if count == 3:
            (raylet,) = cluster.spare.all_processes["raylet"]
            actors = children(raylet.process.pid)
            cluster.remove_node(cluster.spare, allow_graceful=False)
            give_up = time.monotonic() + 30
            while any(map(alive, actors)) and time.monotonic() < give_up:
                time.sleep(0.02)

    study = Study.open(tmp_path / "ray", SMALL)
    watcher, hired = Watcher(lose_a_node), []

    class Counted(RayCrew):
        def hire(self):
            hired.append(super().hire())
            if len(hired) <= 2:  # the jobs are short: the first actor would do them all
                hired[-1].get_ready()
            return hired[-1]

    evaluate(study, 0, watcher, lambda: Counted(study, cluster.address, 0))
    assert study.complete() and len(watcher.outcomes) == 16
    assert len(hired) == 3  # one per node, and a successor for the one that was lost
    assert decisions(study) == decisions(local)
    films = {p.relative_to(study.folder) for p in study.folder.glob("*/*/film/*/*")}
    assert films == {p.relative_to(local.folder) for p in local.folder.glob("*/*/film/*/*")}


def test_a_study_begun_on_a_cluster_goes_on_here_and_the_other_way_round(cluster, tmp_path):
    def interrupt(count: int) -> None:
        if count == 3:
            raise KeyboardInterrupt

    study = Study.open(tmp_path / "run", SMALL)
    with pytest.raises(KeyboardInterrupt):
        evaluate(study, 1, Watcher(interrupt), lambda: RayCrew(study, cluster.address, 1))
    assert len(study.remaining()) == 13
    with pytest.raises(KeyboardInterrupt):
        evaluate(study, 1, Watcher(interrupt))
    left = Watcher()
    evaluate(study, 1, left, lambda: RayCrew(study, cluster.address, 1))
    assert 8 <= left.left <= 10 and study.complete()


def test_a_job_that_kills_every_actor_is_a_fault_after_its_second_try(cluster, tmp_path):
    study = Study.open(tmp_path / "run", replace(SMALL, tasks=("ignav",), arms=("none",)))
    watcher = Watcher()
    evaluate(study, 1, watcher, lambda: _Deadly(study, cluster.address, 1))
    faults = [(job, e) for job, e in watcher.outcomes if isinstance(e, WiwError)]
    assert [job.episode_id for job, _ in faults] == ["val_001"]
    assert faults[0][1].code is ErrorCode.INTERNAL and "died" in str(faults[0][1])
    assert study.complete()


class _Deadly(RayCrew):
    """A fake: its actors end at once when they are given episode ``val_001``."""

    def __init__(self, study, address, workers):
        super().__init__(study, address, workers)
        import ray

        from wiw.workers.cluster import Post

        class Doomed(Post):
            def take(self, message):
                if getattr(message, "episode_id", "") == "val_001":
                    os._exit(9)
                return super().take(message)

        self._actor = ray.remote(num_cpus=1, max_restarts=0)(Doomed)


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:no", "127.0.0.1:{free}"])
def test_a_cluster_that_is_not_there_is_said_within_seconds(tmp_path, address):
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    study = Study.open(tmp_path / "run", SMALL)
    with pytest.raises(WiwError, match=r"Ray|answers") as caught:
        RayCrew(study, address.format(free=port), 0)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_without_ray_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    study = Study.open(tmp_path / "run", SMALL)
    with pytest.raises(WiwError, match="pip install ray"):
        RayCrew(study, "127.0.0.1:6379", 0)
