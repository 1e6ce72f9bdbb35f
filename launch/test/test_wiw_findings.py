"""Findings of made-up evidence: sentences follow the tests, pages hold everything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_up_findings import EPISODES, PLAN, evidence, records
from report_page_reader import PageReader

from wiw.findings import claims, control, page, scaling, sittings, worth
from wiw.findings.claims import Verdict
from wiw.findings.evidence import matrix
from wiw.findings.plan import load, parse
from wiw_core.errors import WiwError
from wiw_core.statistics import Interval


def verdicts(finding):
    """Return the verdict of each claim by its text."""
    return {claim.text: claim.verdict for claim in finding.claims}


def answered(made):
    """Return the five findings."""
    asked = (worth.helps, worth.training, scaling.data, scaling.thinking, control.control)
    return [ask(made) for ask in asked]


@pytest.mark.parametrize(
    ("solved", "verdict", "word"),
    [
        (20, Verdict.HOLDS, "reproduces"),
        (6, Verdict.OPEN, "does not reproduce at this size"),
        (4, Verdict.OPEN, "does not reproduce at this size"),
    ],
)
def test_a_claim_is_said_to_hold_only_where_the_test_says_so(solved, verdict, word):
    finding = worth.helps(evidence({"warp": solved}))
    (claim,) = [c for c in finding.claims if "ignav" in c.text]
    assert claim.verdict is verdict and word in claim.sentence


def test_the_opposite_is_said_as_plainly():
    (claim, *_) = worth.helps(evidence({"none": 30, "warp": 10})).claims
    assert claim.verdict is Verdict.OPPOSITE and "the opposite is seen" in claim.sentence


def test_a_task_without_a_row_of_the_model_was_not_tried():
    found = verdicts(worth.helps(evidence()))
    assert found["A world model beats none in push_buttons"] is Verdict.MISSING


def test_several_claims_of_a_finding_are_adjusted_together():
    pair = claims.better("a", records("ignav", 10), records("ignav", 4), "success")
    (alone,), many = claims.adjusted([pair]), claims.adjusted([pair] * 5)
    assert alone.verdict is Verdict.HOLDS and alone.adjusted == pytest.approx(alone.p)
    assert {c.verdict for c in many} == {Verdict.OPEN} and many[0].adjusted == 5 * alone.p


def test_the_share_of_the_oracles_gain_is_printed():
    (table,) = worth.helps(evidence()).tables
    assert table.rows[0][-1] == "0.80"  # (20 - 4) / (24 - 4)
    (table,) = worth.helps(evidence({"oracle": 4})).tables
    assert table.rows[0][-1] == "–"


def test_more_scenes_and_more_plans_are_compared_end_against_end():
    said = list(verdicts(scaling.data(evidence())))
    assert said == [
        "warp fill=push_pull succeeds more often in ignav trained on 128 scenes than trained on"
        " 2 scenes"
    ]
    found = verdicts(scaling.thinking(evidence()))
    assert list(found) == [
        "warp succeeds more often in ignav at M = 8 than at M = 1",
        "warp succeeds more often in ignav at M = 8 than at M = 3",
        "warp succeeds more often in ignav asked in 100% of decisions than asked in 0% of"
        " decisions",
    ]


def test_thinking_runs_the_tasks_own_number_of_plans_once():
    plan = parse(PLAN)
    found = sittings.variants(plan, plan.thinking[0])
    assert found[3, 1.0] == "default"
    assert set(found) == {(3, 1.0), (1, 1.0), (2, 1.0), (5, 1.0), (8, 1.0), (3, 0), (3, 0.5)}
    fake = replace(plan, policy="fake")
    assert sittings.variants(fake, plan.thinking[0])[8, 1.0] == "m8=fake:fake:candidates=8"


def test_success_follows_a_measure_only_if_the_interval_is_above_zero():
    found = control.control(evidence())
    (follows, closer) = found.claims
    assert follows.verdict is Verdict.HOLDS and "Spearman" in follows.evidence
    assert closer.verdict is Verdict.OPEN
    made = evidence()
    against = {
        name: {**m, "heading_choice": Interval(-m["heading_choice"].estimate, 0, 0)}
        for name, m in made.measures.items()
    }
    assert control.control(replace(made, measures=against)).claims[0].verdict is Verdict.OPPOSITE


def test_a_measure_that_a_checkpoint_lacks_is_missing_and_not_guessed():
    made = evidence()
    partial = {name: m for name, m in made.measures.items() if name != "d10"}
    (claim, *_) = control.control(replace(made, measures=partial)).claims
    assert claim.verdict is Verdict.MISSING and "not measured" in claim.sentence


def test_episodes_with_a_fault_in_any_row_are_left_out_of_all():
    rows = [records("ignav", 10), records("ignav", 20, faults=5)]
    values, left_out = matrix("ignav", rows)
    assert values.shape == (2, EPISODES - 5) and left_out == 5
    assert values.sum(axis=1).tolist() == [10, 20]


def test_page_document_and_numbers_hold_every_finding(tmp_path):
    made = evidence()
    found = answered(made)
    page.write(tmp_path, made.plan, found, page.Made("reduced", Path("runs/study"), 60.0, 0.0))
    html = PageReader(tmp_path / "study.html").html
    text, numbers = (
        (tmp_path / "study.md").read_text(),
        json.loads((tmp_path / "study.json").read_text()),
    )
    assert list(numbers["findings"]) == list("abcde")
    for finding in found:
        for claim in finding.claims:
            assert claim.sentence in text
        for plot in finding.plots:
            assert (tmp_path / "images/study" / f"{plot.name}.png").read_bytes()[1:4] == b"PNG"
            assert f"images/study/{plot.name}.png" in text
    assert html.count("<svg") == sum(len(finding.plots) for finding in found)
    assert len({plot.name for finding in found for plot in finding.plots}) == html.count("<svg")
    docs = tmp_path / "docs"
    (docs / "images/study").mkdir(parents=True)
    (docs / "images/study/old.png").write_bytes(b"old")
    page.copy_document(tmp_path, docs)
    assert not (docs / "images/study/old.png").exists()
    assert (docs / "study.md").read_text() == text


def test_nothing_run_yet_makes_a_page_that_says_so(tmp_path):
    made = replace(evidence(), runs={}, measures={})
    found = answered(made)
    assert {c.verdict for f in found for c in f.claims} == {Verdict.MISSING}
    page.write(tmp_path, made.plan, found, page.Made("reduced", Path("runs/study"), 0.0, 0.0))


@pytest.mark.parametrize(
    ("change", "near"),
    [
        ({"episodez": {}}, "episodes"),
        ({"episodes": {"ignaw": 3}}, "ignav"),
        ({"episodes": {"ignav": 0}}, "below 1"),
        ({"models": ["worp"]}, "warp"),
        ({"against": [["warp"]]}, "pair"),
        ({"thinking": [{"task": "ignav"}]}, "lacks"),
        ({"checkpoints": [{"name": "a", "train": "depth"}]}, "model"),
        ({"checkpoints": PLAN["checkpoints"][:1] * 2}, "same name"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused_in_words(change, near):
    with pytest.raises(WiwError, match=near):
        parse({**PLAN, **change}).check()


def test_the_plan_that_ships_can_be_followed():
    plan = load()
    assert plan.episodes and plan.split == "val"
    with pytest.raises(WiwError, match="cannot be read"):
        load("nowhere.yaml")
