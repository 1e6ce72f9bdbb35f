"""The grid: policies, numbers of episodes, environments, and arms that cannot serve a task."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wiw import arms, policies, serving
from wiw.grid import counts
from wiw.policies import PolicyChoice, parse
from wiw.settings import Settings, arm_of, sibling
from wiw.study import Study
from wiw.tasks import definition
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection
from wiw_core.rollouts import ModelInfo

SETTINGS = Settings(("ignav", "ar"), ("none", "copy"), episodes=9, environment="fake")


def opened(folder, settings: Settings) -> Study:
    """Open a study whose tasks have 50 episodes, and whose arms all serve."""
    study = Study.open(folder, settings)
    for task in settings.tasks:
        ids = [f"{task}{i:02d}" for i in range(50)][: settings.count(task)]
        study.set_grid(task, ids, dict.fromkeys(settings.arms, ""))
    return study


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("default", PolicyChoice()),
        ("heuristic", PolicyChoice("heuristic", proposer="heuristic")),
        ("place", PolicyChoice("place", reviser="place")),
        ("fake", PolicyChoice("fake", proposer="fake", reviser="fake")),
        ("mine=heuristic:place", PolicyChoice("mine", "heuristic", "place")),
        ("wide=::candidates=8", PolicyChoice("wide", candidates=8)),
        ("half=::consult_share=0.5", PolicyChoice("half", consult_share=0.5)),
        (
            "b=fake::proposer.size=3,reviser.score_by=value,horizon=2",
            PolicyChoice("b", "fake", "", {"size": "3"}, {"score_by": "value"}, horizon=2),
        ),
    ],
)
def test_a_policy_is_read_as_the_help_says(text, choice):
    assert parse(text) == choice


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("heuristics", "heuristic"),
        ("a=heuristics:place", "heuristic"),
        ("a=:plaze", "place"),
        ("a=heuristic", "no ':'"),
        ("../a=heuristic:place", "its name"),
        ("a=::candidates=0", "whole number"),
        ("a=::candidates", "key=value"),
        ("a=::consult_share=1.5", "0 to 1"),
        ("a=::consult_share=nan", "0 to 1"),
        ("a=::speed=3", "no option"),
        ("default=heuristic:place", "own policy"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused_in_words(text, near):
    with pytest.raises(WiwError, match=near):
        parse(text)


def test_parameters_are_read_as_the_planner_reads_them():
    assert policies.typed({"size": "3", "share": "0.5", "deep": "true"}) == {
        "size": 3,
        "share": 0.5,
        "deep": True,
    }


def test_every_arm_meets_every_policy_on_the_same_episodes(tmp_path):
    study = opened(tmp_path, replace(SETTINGS, policies=("default", "wide=::candidates=8")))
    rows = ["none", "copy", "none@wide", "copy@wide"]
    assert study.rows("ignav") == rows
    by_row = {row: [j.episode_id for j in study.jobs() if j.arm == row] for row in rows}
    assert len(set(map(tuple, by_row.values()))) == 1 and len(study.jobs()) == 2 * 4 * 9
    assert study.settings.policy_of("copy@wide").candidates == 8
    assert (arm_of("copy@wide"), sibling("copy@wide", "none")) == ("copy", "none@wide")


def test_a_policy_cannot_change_under_its_name(tmp_path):
    before = replace(SETTINGS, policies=("wide=::candidates=8",))
    opened(tmp_path, before).close()
    with pytest.raises(WiwError, match="policy 'wide'"):
        Study.open(tmp_path, replace(SETTINGS, policies=("wide=::candidates=9",)))
    grown = Study.open(tmp_path, replace(SETTINGS, policies=("wide=::candidates=8", "default")))
    assert grown.rows("ignav") == ["none@wide", "copy@wide", "none", "copy"]


def test_an_arm_is_a_name_or_a_name_for_one_with_parameters(tmp_path):
    mine = arms.parse("mine=warp:context=1,fill=push_pull")
    assert (mine.name, mine.model, mine.control) == ("mine", "warp", False)
    assert mine.model_parameters == {"context": "1", "fill": "push_pull"}
    assert "context 1" in mine.text and arms.parse("warp").model_parameters == {}
    settings = replace(SETTINGS, arms=("none", "mine=copy:"), policies=("default", "fake"))
    study = Study.open(tmp_path, settings)
    assert study.unasked("ignav") == settings.arms
    study.set_grid("ignav", list("abcdefghi"), {"none": "", "mine": ""})
    assert study.rows("ignav") == ["none", "mine", "none@fake", "mine@fake"]
    assert study.unasked("ignav") == () and settings.arm_of("mine@fake").model == "copy"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("mine=worp:context=1", "warp"),
        ("warp=copy:", "another arm's"),
        ("../x=warp:", "its name"),
        ("mine=warp:context", "key=value"),
        ("mine=oracle:x=1", "no parameters"),
    ],
)
def test_an_arm_that_cannot_be_read_is_refused_in_words(text, near):
    with pytest.raises(WiwError, match=near):
        arms.parse(text)


def test_an_arm_cannot_change_under_its_name_nor_two_have_one(tmp_path):
    opened(tmp_path, replace(SETTINGS, arms=("none", "copy"))).close()
    Study.open(tmp_path / "mine", replace(SETTINGS, arms=("mine=warp:context=1",))).close()
    with pytest.raises(WiwError, match="arm 'mine'"):
        Study.open(tmp_path / "mine", replace(SETTINGS, arms=("mine=warp:context=2",)))
    with pytest.raises(WiwError, match="same name"):
        replace(SETTINGS, arms=("a=warp:", "a=copy:")).check()


def test_a_model_is_made_with_the_parameters_of_its_arm_or_says_what_is_wrong():
    made = serving.make_model("warp", {"context": "2"})
    assert made.info.context == 2
    with pytest.raises(WiwError, match="context"):
        serving.make_model("warp", {"context": "two"})
    with pytest.raises(WiwError, match="contekst"):
        serving.make_model("warp", {"contekst": "2"})


def test_two_policies_of_one_name_are_refused():
    with pytest.raises(WiwError, match="same name"):
        replace(SETTINGS, policies=("a=heuristic:", "a=fake:")).check()


def test_a_family_or_a_task_may_have_another_number_of_episodes(tmp_path):
    settings = replace(
        SETTINGS,
        tasks=("ignav", "push_buttons", "stack_cups"),
        episodes_of=("manipulation=5", "stack_cups=3"),
    )
    assert [settings.count(task) for task in settings.tasks] == [9, 5, 3]
    study = opened(tmp_path, settings)
    assert len(study.jobs()) == 2 * (9 + 5 + 3)
    with pytest.raises(WiwError, match="manipulation"):
        replace(settings, episodes_of=("manipulatoin=5",)).check()
    with pytest.raises(WiwError, match="NAME=NUMBER"):
        replace(settings, episodes_of=("manipulation=some",)).check()


def test_numbers_of_episodes_are_one_for_all_and_some_by_name():
    assert counts(["100", "manipulation=50"]) == (100, ("manipulation=50",))
    for texts in (["manipulation=50"], ["4", "5"], ["many"], []):
        with pytest.raises(WiwError) as caught:
            counts(texts)
        assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_each_task_runs_in_its_own_environment_and_changes_are_few(tmp_path, monkeypatch):
    monkeypatch.setattr(Settings, "check", lambda self: None)  # whatever is installed here
    settings = replace(SETTINGS, tasks=("ignav", "push_buttons", "ar"), environment="")
    assert settings.environment_of("push_buttons") == "tabletop"
    assert settings.environment_of("ar") == "mujoco"
    jobs = opened(tmp_path, settings).jobs()
    used = [settings.environment_of(job.task) for job in jobs]
    assert sum(a != b for a, b in zip(used, used[1:])) == 1
    assert replace(settings, environment="fake").environment_of("ar") == "fake"


def test_a_model_of_panoramas_has_no_row_where_there_is_none_and_the_study_says_so(tmp_path):
    navigation, table = definition("ignav"), definition("push_buttons")
    warp = ModelInfo("warp", projection=Projection.EQUIRECTANGULAR)
    arm = ModelInfo("arm", controls=("tool_poses",), projection=Projection.PERSPECTIVE)
    copy = ModelInfo("copy", projection=None)
    assert serving.mismatch(navigation, warp) == "" and "panorama" in serving.mismatch(table, warp)
    assert serving.mismatch(table, arm) == "" and "arm" in serving.mismatch(navigation, arm)
    assert serving.mismatch(table, copy) == serving.mismatch(navigation, copy) == ""
    body = ModelInfo("body", controls=("body_delta",), projection=Projection.PERSPECTIVE)
    assert serving.mismatch(navigation, body) == "" and "body" in serving.mismatch(table, body)

    study = opened(tmp_path, SETTINGS)
    study.set_grid("ar", study.episodes["ar"], {"copy": serving.mismatch(table, warp)})
    assert study.rows("ar") == ["none"] and study.rows("ignav") == ["none", "copy"]
    assert {job.arm for job in study.jobs() if job.task == "ar"} == {"none"}
    (said,) = study.left_out()
    assert said.startswith("ar: no row for copy: 'warp' imagines panoramas")


def test_heavy_weights_are_loaded_before_the_first_request_and_not_for_a_question(monkeypatch):
    class Heavy:
        info, loads = ModelInfo("heavy"), 0

        def load(self):
            self.loads += 1

        def close(self):
            pass

    heavy = Heavy()
    monkeypatch.setattr(serving, "make_model", lambda model, parameters: heavy)
    assert serving.model_info("heavy", (("some", "thing"),)) == heavy.info and not heavy.loads
    assert serving.loaded_model("heavy", {}) is heavy and heavy.loads == 1


def test_the_shipped_models_are_asked_what_they_can_serve():
    assert serving.serves("push_buttons", ("none", "copy", "warp", "oracle")) == {
        "none": "",
        "copy": "",
        "warp": "'warp' imagines panoramas, and this task has none",
        "oracle": "",
    }
