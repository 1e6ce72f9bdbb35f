"""The report of a small study made with fakes: whole, self-contained, and its pictures decode."""

from __future__ import annotations

import base64
import json
import re

import cv2
import numpy as np
import pytest
from report_page_reader import PageReader

from wiw.evaluate import evaluate
from wiw.report import strips, write_report
from wiw.study import Settings, Study
from wiw_core.errors import ErrorCode, WiwError

SETTINGS = Settings(
    ("ignav",),
    ("none", "fake"),
    episodes=2,
    environment="fake",
    in_process=True,
    film=1,
    policies=("fake",),
)


class _Silent:
    def begin(self, jobs):
        pass

    def ended(self, job, outcome):
        pass


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    study = Study.open(tmp_path_factory.mktemp("report") / "run", SETTINGS)
    evaluate(study, 1, _Silent())
    study_fault = study.jobs()[1]
    (study.records(study_fault) / f"{study_fault.episode_id}.jsonl").unlink()
    study.record_fault(study_fault, WiwError(ErrorCode.WM_DIED, "It died <b>badly</b>."))
    yield study
    study.close()


@pytest.fixture(scope="module")
def page(study):
    return PageReader(write_report(study))


@pytest.fixture(scope="module")
def pages(study, page):
    """The first page and those of the episodes."""
    return [page, *map(PageReader, sorted(study.folder.glob("episodes/*/*.html")))]


def test_every_episode_has_a_page(pages):
    assert len(pages) == 1 + 2


def test_pages_are_well_formed(pages):
    for page in pages:
        assert page.open == []


def test_every_picture_is_inside_its_page_and_decodes(pages):
    assert pages[0].images and pages[1].images
    for source in {source for page in pages for source in page.images}:
        data = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"), validate=True)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None and picture.size > 0


def test_pages_fetch_nothing_and_run_nothing(pages):
    for page in pages:
        assert "<script" not in page.html
        outside = r"(?:src|href)=\"(?:https?:)?//[^\"]*\"|@import|url\(http"
        assert re.findall(outside, page.html) == []


def test_every_link_leads_to_a_file_and_an_anchor_that_exist(pages):
    for page in pages:
        assert page.links
        for link in page.links:
            file, anchor = page.target(link)
            assert file.is_file(), link
            if anchor:
                assert anchor in PageReader(file).ids, link


def test_no_id_stands_twice_on_a_page(pages):
    for page in pages:
        assert len(page.ids) == len(set(page.ids))


def test_pages_show_imagined_beside_real(pages):
    for page in pages[:2]:
        assert "imagined after 1" in page.text and "real after 1" in page.text


def test_a_long_plan_is_shown_by_evenly_spaced_frames_and_its_last():
    frames = tuple(strips.Frame(k, "data:,") for k in range(1, 15))
    turn = strips.Turn(0, "act", ("forward",) * 14, 14, "", frames, frames[:5], (), 0, "", None, "")
    assert [after for after, _, _ in turn.columns] == [2, 4, 6, 8, 10, 12, 14]
    assert [real is not None for _, _, real in turn.columns] == [True, True] + [False] * 5


def test_faults_are_shown_with_code_and_sentence_and_escaped(pages):
    assert "2001 WM_DIED" in pages[0].text
    assert sum("It died <b>badly</b>." in page.text for page in pages) == 2


def test_same_numbers_stand_in_the_json(study, page):
    report = json.loads((study.folder / "report.json").read_text())
    assert {row["arm"] for row in report["rows"]} == {"none@fake", "fake@fake"}
    assert report["faults"][0]["code"] == "2001 WM_DIED"
    assert report["hardware"]["cores"] >= 1
    for row in report["rows"]:
        assert f"{row['summary']['success']['estimate']:.2f} [" in page.text


def test_a_report_made_twice_is_the_same(study, page, pages):
    before = [p.html for p in pages]
    write_report(study)
    assert [p.path.read_text(encoding="utf-8") for p in pages] == before


def test_a_broken_film_is_named(study, page):
    film = next(study.folder.glob("*/*/film/*/film.json"))
    before = film.read_text()
    film.write_text("{")
    with pytest.raises(WiwError, match="film") as caught:
        write_report(study)
    film.write_text(before)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT
