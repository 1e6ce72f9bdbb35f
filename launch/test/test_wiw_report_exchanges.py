"""What a language model was asked and said stands in the report, as text and nothing else."""

from __future__ import annotations

import html

from made_up_study import made_up_study

from wiw.report import write_report
from wiw_core.decisions import (
    Decision,
    DecisionKind,
    EpisodeResult,
    EpisodeStatus,
    Exchange,
)
from wiw_core.errors import ErrorCode
from wiw_core.observation import Episode, Observation
from wiw_core.plans import navigation_plan
from wiw_core.records import JsonlRecorder

HOSTILE = '<script>alert("the robot is mine")</script>'


def test_an_episode_page_shows_every_exchange_and_runs_nothing_of_it(tmp_path):
    study = made_up_study(tmp_path / "run", ("ignav",), ("warp",), 1, faults=0.0)
    (episode_id,) = study.episodes["ignav"]
    recorder = JsonlRecorder(study.folder / "ignav" / "warp")
    seen, plan = Observation(episode_id, 0, ()), navigation_plan(["forward"])
    said = (
        Exchange(
            "propose", "a-model at a-host", 1, 3, 0.25, ErrorCode.UNPARSABLE, "no JSON", HOSTILE
        ),
        Exchange("propose", "a-model at a-host", 2, 3, 0.5, reply="x" * 5000),
    )
    recorder.begin(Episode("ignav", episode_id, 1, "scene", "val", 20), seen)
    recorder.decision(Decision(DecisionKind.ACT, plan, 1, 0, transcript=said), plan, seen)
    recorder.undecided([Exchange("revise", "a-model at a-host", reply="no plan of yours")])
    recorder.end(EpisodeResult("ignav", episode_id, 1, EpisodeStatus.FAILURE, False, decisions=1))

    write_report(study)
    (path,) = study.folder.glob("episodes/ignav/*.html")
    page = path.read_text(encoding="utf-8")
    assert "a-model at a-host" in page and "3002 UNPARSABLE" in page and "no JSON" in page
    assert "asked for the decision that failed" in page and "no plan of yours" in page
    assert HOSTILE not in page and html.unescape(page).count(HOSTILE) == 1
    assert "x" * 600 + "…" in page and "x" * 601 not in page
