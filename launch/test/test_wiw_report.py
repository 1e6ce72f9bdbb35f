"""The report of a small study made with fakes: whole, self-contained, and its pictures decode."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from wiw.evaluate import evaluate
from wiw.report import write_report
from wiw.study import Settings, Study
from wiw_core.errors import ErrorCode, WiwError

SETTINGS = Settings(
    ("ignav",),
    ("none", "fake"),
    episodes=2,
    environment="fake",
    in_process=True,
    film=1,
    proposer="fake",
    reviser="fake",
)
VOID = {"meta", "link", "img", "br", "hr", "input", "path", "use", "circle", "line", "rect"}


class _Silent:
    def begin(self, jobs):
        pass

    def ended(self, job, outcome):
        pass


class _Page(HTMLParser):
    """Checks that tags nest, and gathers images, links and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "img":
            self.images.append(values["src"])
            assert values["alt"]
        if tag == "a":
            self.links.append(values["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    study = Study.open(tmp_path_factory.mktemp("report") / "run", SETTINGS)
    evaluate(study, 1, _Silent())
    study_fault = study.jobs()[1]
    (study.records(study_fault) / f"{study_fault.episode_id}.jsonl").unlink()
    study.record_fault(study_fault, WiwError(ErrorCode.WM_DIED, "It died <b>badly</b>."))
    return study


@pytest.fixture(scope="module")
def page(study):
    parsed = _Page()
    parsed.feed(write_report(study).read_text(encoding="utf-8"))
    return parsed


def test_page_is_well_formed(page):
    assert page.open == []


def test_every_picture_is_inside_the_page_and_decodes(page):
    assert page.images
    for source in page.images:
        data = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"), validate=True)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None and picture.size > 0


def test_page_fetches_nothing(study, page):
    html = (study.folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in html
    outside = re.findall(r"(?:src|href)=\"(?:https?:)?//[^\"]*\"|@import|url\(http", html)
    assert outside == []


def test_links_lead_to_the_records(study, page):
    assert page.links
    for link in page.links:
        assert (study.folder / link).is_file()


def test_page_shows_imagined_beside_real(page):
    assert "imagined after 1" in page.text and "real after 1" in page.text


def test_faults_are_shown_with_code_and_sentence_and_escaped(page):
    assert "2001 WM_DIED" in page.text
    assert "It died <b>badly</b>." in page.text


def test_same_numbers_stand_in_the_json(study, page):
    report = json.loads((study.folder / "report.json").read_text())
    assert {row["arm"] for row in report["rows"]} == {"none", "fake"}
    assert report["faults"][0]["code"] == "2001 WM_DIED"
    assert report["hardware"]["cores"] >= 1
    for row in report["rows"]:
        assert f"{row['summary']['success']['estimate']:.2f} [" in page.text


def test_a_broken_film_is_named(study):
    film = next(study.folder.glob("*/*/film/*/film.json"))
    before = film.read_text()
    film.write_text("{")
    with pytest.raises(WiwError, match="film") as caught:
        write_report(study)
    film.write_text(before)
    assert caught.value.code is ErrorCode.RECORD_CORRUPT
