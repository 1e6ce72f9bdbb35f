"""The report of made-up studies: many episodes, faults, gaps, odd names."""

from __future__ import annotations

import re
import shlex

import pytest
import typer
from made_up_study import made_up_study
from report_page_reader import PageReader

from wiw import results
from wiw.cli import app
from wiw.columns import COLUMNS
from wiw.report import facts, plots, sections, strips, words, write_report
from wiw.study import Settings, Study
from wiw_core.decisions import EpisodeResult, EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.statistics import wilson

TASKS, ARMS, EPISODES = ("ignav", "push_buttons"), ("none", "warp", "oracle"), 12
PHONE_PX = 364
"""Width that a plot has on a phone 390 pixels wide."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "run"
    return made_up_study(folder, TASKS, ARMS, EPISODES, seed=3, faults=0.2)


@pytest.fixture(scope="module")
def rows(study):
    return results.tabulate(results.read_records(study))


@pytest.fixture(scope="module")
def page(study):
    return PageReader(write_report(study))


def test_matrix_has_a_cell_for_every_episode_and_arm_that_leads_to_its_page(study, page):
    cells = [link for link in page.links if link.startswith("episodes/") and "#" in link]
    assert len(cells) == len(TASKS) * EPISODES * len(ARMS)
    for link in cells:
        file, anchor = page.target(link)
        assert f'id="{anchor}"' in file.read_text(encoding="utf-8")


def test_a_cell_tells_its_outcome_by_sign_and_by_colour(study, page):
    shown = [(kind, text) for kind, text in page.cells if kind in words.SIGNS]
    assert {kind for kind, _ in shown} == {"success", "failure", "fault"}
    assert all(text.startswith(words.SIGNS[kind]) for kind, text in shown)
    assert all(text == "! 2001" for kind, text in shown if kind == "fault")


def test_pages_of_long_episodes_stay_small(study, page):
    sizes = [path.stat().st_size for path in study.folder.glob("episodes/*/*.html")]
    assert len(sizes) == len(TASKS) * EPISODES and max(sizes) < 200_000


def test_fault_table_has_both_denominators(rows):
    grid = sections.fault_table(rows)
    row = next(r for r in rows if r.faults)
    cells = next(c for c in grid.rows if c[0] == f"{row.task} / {row.arm}")
    whole = row.summary.n - row.faults
    won = round(row.summary.success.estimate * whole)
    assert cells[2] == f"{row.faults} of {EPISODES}"
    assert cells[3] == f"{results.interval(wilson(won, whole))} of {whole}"
    assert cells[4] == f"{results.interval(wilson(won, EPISODES))} of {EPISODES}"


def test_privileges_and_every_column_are_explained(page):
    assert "oracle_stop" in page.text and words.PRIVILEGES["oracle_stop"] in page.text
    headings = re.findall(r'<th scope="col">([^<]+)</th>', page.html.split("Every episode")[0])
    assert len(headings) > 10
    explained = {column.heading for column in COLUMNS} | {"level"}
    for heading in headings:
        assert heading in explained or heading in words.STAGES


def test_seed_versions_and_command_are_on_the_page(study, page):
    command = "wiw eval --task ignav --task push_buttons --arm none --arm warp --arm oracle"
    assert command in page.text and "--seed 3" in page.text
    assert re.search(r"\d+ episodes: source \S+", page.text)


def test_command_runs_the_same_settings_again(tmp_path):
    settings = Settings(
        *(("ignav", "ar"), ("none", "copy"), 7),
        seed=5,
        split="train",
        in_process=True,
        policies=("default", "wide=heuristic::candidates=8"),
        episodes_of=("ar=3",),
    )
    given = shlex.split(facts.command(Study(tmp_path / "my study", settings)))
    command = typer.main.get_command(app).commands["eval"]
    parsed = command.make_context("eval", given[2:]).params
    assert tuple(parsed["task"]) == settings.tasks and tuple(parsed["arm"]) == settings.arms
    assert parsed["seed"] == 5 and parsed["split"] == "train" and parsed["in_process"] is True
    assert tuple(parsed["policy"]) == settings.policies
    assert tuple(map(str, parsed["episodes"])) == ("7", "ar=3")
    assert parsed["out"].name == "my study"


def test_tasks_of_a_family_are_also_shown_together(tmp_path):
    tasks = ("push_buttons", "stack_cups")
    study = made_up_study(tmp_path / "run", tasks, ("none", "warp"), 4, faults=0.0)
    page = PageReader(write_report(study))
    assert "The tasks push_buttons, stack_cups together" in page.text
    assert re.findall(r'<th scope="row">warp</th><td>(\d+)</td>', page.html)[:3] == ["4", "4", "8"]
    assert "#manipulation" in page.links


def test_a_task_with_open_answers_is_shown_by_its_score(tmp_path):
    study = made_up_study(tmp_path / "run", ("aeqa",), ("none", "warp"), 8, faults=0.0)
    page = PageReader(write_report(study))
    assert "Answer score of each arm" in page.text
    shown = {(kind, text) for kind, text in page.cells if kind in words.SIGNS}
    assert ("success", "✓ 100") in shown and ("failure", "✗ 0") in shown
    assert any(kind == "part" and text in ("◐ 25", "◐ 50", "◐ 75") for kind, text in shown)
    episode = PageReader(next(study.folder.glob("episodes/aeqa/*.html")))
    assert "of 100" in episode.text and "“the red vase”" in episode.text


def test_an_arm_without_episodes_leaves_gaps_and_no_numbers(tmp_path):
    study = made_up_study(tmp_path / "run", ("ignav",), ("none", "warp"), 3, faults=0.0)
    for path in (study.folder / "ignav" / "warp").iterdir():
        path.unlink()
    page = PageReader(write_report(study))
    assert len([kind for kind, _ in page.cells if kind in words.SIGNS]) == 3
    assert "nan" not in page.text.lower().split()


def test_a_study_without_any_episode_has_a_page(tmp_path):
    study = made_up_study(tmp_path / "run", ("ignav",), ("none",), 0)
    assert "No episode has been run." in PageReader(write_report(study)).text


def test_episodes_of_all_faults_have_no_success_but_both_rates(tmp_path):
    study = made_up_study(tmp_path / "run", ("ignav",), ("none", "warp"), 4, faults=1.0)
    text = PageReader(write_report(study)).text
    assert "– of 0" in text and f"{results.interval(wilson(0, 4))} of 4" in text


def test_odd_names_reach_their_pages(tmp_path):
    study = made_up_study(tmp_path / "run", ("ignav",), ("none",), 2, faults=0.0)
    old, new = study.episodes["ignav"][0], "a b/c%20 ü<&>"
    study.episodes["ignav"][0] = new
    record = study.folder / "ignav" / "none" / f"{old}.jsonl"
    text = record.read_text(encoding="utf-8").replace(old, new)
    record.rename(record.with_name("a b%2Fc%2520 %C3%BC%3C%26%3E.jsonl")).write_text(
        text, encoding="utf-8"
    )
    page = PageReader(write_report(study))
    assert new in page.text
    for path in [page.path, *study.folder.glob("episodes/*/*.html")]:
        found = PageReader(path)
        for link in found.links:
            assert found.target(link)[0].is_file(), link


def test_text_in_plots_is_legible_on_a_phone(rows):
    mine = [row for row in rows if row.task == "ignav"]
    drawn = [plots.outcome(mine), plots.differences(mine), plots.cost(mine), plots.stages(mine)]
    for plot in drawn:
        width = float(re.search(r'viewBox="0 0 ([\d.]+) ', plot.svg)[1])
        sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", plot.svg)]
        assert sizes and min(sizes) * PHONE_PX / width >= 11


def test_a_plot_says_what_it_shows_to_who_cannot_see_it(rows):
    plot = plots.outcome([row for row in rows if row.task == "ignav"])
    assert plot.svg.startswith('<svg role="img" aria-label="success rate of each arm')


def test_plots_take_the_colour_of_the_page(rows):
    plot = plots.outcome([row for row in rows if row.task == "ignav"])
    assert plots.INK not in plot.svg and "currentColor" in plot.svg
    assert "#000000" not in plot.svg


def test_nothing_is_compared_without_the_baseline(tmp_path):
    study = made_up_study(tmp_path / "run", ("ignav",), ("warp", "oracle"), 3)
    alone = results.tabulate(results.read_records(study))
    assert plots.differences(alone) is None
    assert "Nothing can be compared yet" in PageReader(write_report(study)).text


def test_levels_are_shown_from_easy_to_hard(study, page):
    found = [page.text.index(level) for level in ("easy", "medium", "hard")]
    assert found == sorted(found)


def test_a_partly_right_answer_is_neither_a_success_nor_a_failure():
    def ended(status, success, score):
        return words.outcome(EpisodeResult("aeqa", "e", 0, status, success, score=score))

    assert ended(EpisodeStatus.SUCCESS, True, 100.0) == "success"
    assert ended(EpisodeStatus.FAILURE, False, 50.0) == "part"
    assert ended(EpisodeStatus.FAILURE, False, 0.0) == "failure"
    assert ended(EpisodeStatus.FAILURE, False, float("nan")) == "failure"
    assert ended(EpisodeStatus.ABORTED_USER, False, 0.0) == "user"


def test_the_film_on_the_first_page_is_of_a_model_then_of_the_oracle():
    turn = strips.Turn(
        *(0, "act", (), 0, ""), (strips.Frame(1, "data:,"),), (), (), *(0, "", None, "")
    )
    films = {
        (arm, "e"): strips.Film("ignav", arm, "e", "success", None, "", (turn,), 1)
        for arm in ("copy", "oracle", "warp")
    }
    settings = Settings(("ignav",), ("copy", "oracle", "warp"), 1)
    assert sections.featured(films, settings).arm == "warp"
    del films["warp", "e"]
    assert sections.featured(films, settings).arm == "oracle"
    assert sections.featured({}, settings) is None


def test_long_names_are_shortened_at_both_ends_and_stay_apart():
    names = [f"a-registered-world-model-with-a-long-name-{size}" for size in ("2b", "14b")]
    shortened = [words.short(name) for name in names]
    assert all(len(name) <= words.LABEL_CHARACTERS for name in shortened)
    assert len(set(shortened)) == 2 and words.short("warp") == "warp"


def test_a_page_that_cannot_be_written_says_so(tmp_path):
    study = made_up_study(tmp_path / "run", ("ignav",), ("none",), 1)
    (study.folder / "episodes").write_text("a file where the folder should be")
    with pytest.raises(WiwError) as caught:
        write_report(study)
    assert caught.value.code is ErrorCode.RECORDING_FAILED
