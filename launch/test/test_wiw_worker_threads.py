"""A worker of a study keeps to one core, whatever its models and revisers import."""

from __future__ import annotations

from dataclasses import replace

from small_study import SMALL

from wiw.study import Job
from wiw.workers.in_process import InProcessRunner


def test_torch_has_one_thread_in_a_worker(tmp_path):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        runner = InProcessRunner(tmp_path, replace(SMALL, tasks=("ignav",)))
        runner.run(Job("ignav", "fake@fake", runner.episode_ids("ignav", 1)[0]))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
