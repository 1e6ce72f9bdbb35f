"""Made-up evidence for findings: rows of episodes with a wanted number of successes."""

from __future__ import annotations

from wiw.findings.evidence import Evidence
from wiw.findings.plan import Plan, parse
from wiw.findings.sittings import CHECKPOINTS, TASKS, row_of, thinking_name, variants
from wiw.pooling import Records
from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode
from wiw_core.observation import Episode
from wiw_core.record_format import EpisodeRecord
from wiw_core.statistics import Interval

EPISODES = 40
PLAN = {
    "seed": 0,
    "episodes": {"ignav": EPISODES, "push_buttons": EPISODES},
    "models": ["warp"],
    "against": [["warp", "thin=warp:context=1"]],
    "thinking": [
        {"task": "ignav", "arm": "warp", "episodes": EPISODES, "candidates": [1, 2, 5, 8],
         "shares": [0, 0.5]},
    ],
    "checkpoints": [
        *(
            {"name": f"s{k}", "train": "depth", "model": "warp", "set": {"train_scenes": k},
             "with": {"fill": "push_pull"}}
            for k in (2, 8, 32, 128)
        ),
        *({"name": f"d{k}", "train": "direct", "model": "copy", "step": k} for k in (1, 10, 100)),
    ],
    "checkpoint_episodes": {"ignav": EPISODES},
    "controllability": {"heading_choice": "choice among plans of one heading"},
    "quality": {"sharpness": "sharpness over that of the true frames"},
}  # fmt: skip


def records(task: str, solved: int, faults: int = 0, n: int = EPISODES) -> Records:
    """Return ``n`` episodes, the first ``solved`` of them solved, the last ones faults."""
    made = {}
    for k in range(n):
        name, success = f"{task}-{k:03d}", k < solved
        fault = k >= n - faults
        status = EpisodeStatus.SUCCESS if success else EpisodeStatus.FAILURE
        code = ErrorCode.WM_DIED if fault else ErrorCode.OK
        result = EpisodeResult(
            task, name, k, EpisodeStatus.ABORTED_FAULT if fault else status, success, code
        )
        made[name] = EpisodeRecord(Episode(task, name, k, "", "val", 20), {}, (), result)
    return made


def evidence(solved: dict[str, int] | None = None, plan: Plan | None = None) -> Evidence:
    """Return evidence in which rows solve so many episodes; ``solved`` overrides by row."""
    plan = plan or parse(PLAN)
    wanted = {
        **{"none": 4, "copy": 4, "thin": 14, "warp": 20, "oracle": 24},
        **{"warp@m1": 4, "warp@m2": 12, "warp@m5": 24, "warp@m8": 25},
        **{"warp@share0": 4, "warp@share0.5": 13},
        **{"s2": 4, "s8": 10, "s32": 16, "s128": 19, "d1": 4, "d10": 6, "d100": 9},
        **(solved or {}),
    }
    tasks = {("ignav", row): records("ignav", wanted[row]) for row in
             ("none", "copy", "thin", "warp", "oracle")}  # fmt: skip
    table = {("push_buttons", row): records("push_buttons", wanted[row]) for row in
             ("none", "copy", "oracle")}  # fmt: skip
    checkpoints = {
        ("ignav", row): records("ignav", wanted[row])
        for row in ("none", "oracle", *(c.name for c in plan.checkpoints))
    }
    part = plan.thinking[0]
    levels = [row_of(plan, part.arm, policy) for policy in variants(plan, part).values()]
    thinking = {("ignav", row): records("ignav", wanted[row]) for row in levels}
    control = [0.2, 0.45, 0.6, 0.7, 0.2, 0.3, 0.35]
    looks = [1.0, 0.9, 1.1, 0.95, 0.2, 0.4, 1.2]
    measures = {
        c.name: {"heading_choice": Interval(a, a - 0.1, a + 0.1), "sharpness": Interval(b, b, b)}
        for c, a, b in zip(plan.checkpoints, control, looks)
    }
    runs = {TASKS: {**tasks, **table}, CHECKPOINTS: checkpoints, thinking_name(part): thinking}
    return Evidence(plan, runs, measures)
