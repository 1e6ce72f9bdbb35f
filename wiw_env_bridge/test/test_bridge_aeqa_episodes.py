"""Question-answering episodes: balanced, so that nobody gets far by guessing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.judging import Truth, score_of
from wiw_core.judging.matcher import Matcher
from wiw_env_bridge.episodes import format_episodes, load_episodes, parse_episodes
from wiw_env_bridge.episodes.making.aeqa import LEVELS_M
from wiw_env_bridge.mujoco.apartment import lay_out
from wiw_env_bridge.mujoco.goals.question import QuestionGoal
from wiw_env_bridge.mujoco.questions import CATEGORIES, templates

SPLITS = ("val", "train")


def episodes_of(split):
    return [r for r in load_episodes("aeqa") if r.split == split]


def blind_score(records):
    """Return the mean score of the best answer that is given to all of these, unseen."""
    truths = [Truth(r.question, r.answers, r.partial) for r in records]
    guesses = {a for t in truths for a in (*t.answers, *t.partial)}
    judge = Matcher()
    scores = [sum(score_of(judge.grade(t, g)) for t in truths) / len(truths) for g in guesses]
    return max(scores)


@pytest.mark.parametrize("split", SPLITS)
def test_categories_are_even_and_each_is_asked_at_every_level(split):
    records = episodes_of(split)
    counts = Counter(r.category for r in records)
    assert set(counts) == set(CATEGORIES)
    assert max(counts.values()) - min(counts.values()) <= 3
    levels = Counter((r.category, r.difficulty) for r in records)
    for category, count in counts.items():
        for level in LEVELS_M:
            assert count / 3 - 2 <= levels[category, level] <= count / 3 + 2


@pytest.mark.parametrize("split", SPLITS)
def test_an_apartment_is_asked_questions_of_several_categories(split):
    scenes = {}
    for record in episodes_of(split):
        scenes.setdefault(record.scene, []).append(record.category)
    assert all(len(set(c)) == len(c) for c in scenes.values())


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("category", CATEGORIES)
def test_no_answer_is_a_good_guess(split, category):
    assert blind_score([r for r in episodes_of(split) if r.category == category]) <= 27.0


def test_levels_are_the_metres_to_where_the_evidence_shows():
    for record in load_episodes("aeqa"):
        low, high = LEVELS_M[record.difficulty]
        # Levels go by the grid's metres, which are a little more than the true ones.
        assert 0.95 * low - 0.05 <= record.shortest_m < high


def test_no_question_is_asked_twice_in_an_apartment():
    asked = Counter((r.scene, r.question) for r in load_episodes("aeqa"))
    assert set(asked.values()) == {1}


def test_a_sample_of_answers_is_what_the_apartment_says():
    for record in load_episodes("aeqa")[::24]:
        layout = lay_out(record.scene)
        [asked] = [q for q in templates.ask(layout) if q.text == record.question]
        assert (asked.answers, asked.partial, asked.key) == (
            record.answers,
            record.partial,
            record.evidence,
        )
        goals = [layout.grid.distances_to(*place) for place in record.places]
        nearest = min(g.metres(record.start.x_m, record.start.y_m) for g in goals)
        assert record.shortest_m == pytest.approx(nearest, abs=0.02)


def test_what_is_written_of_a_question_is_read_back():
    records = list(load_episodes("aeqa")[:2])
    assert parse_episodes(format_episodes("aeqa", 1, "1", records)) == tuple(records)


@pytest.mark.parametrize(
    "change",
    [{"answers": ("elephant",)}, {"question": "Why?"}, {"places": ((0.0, 0.0),)}, {"scene": 7}],
)
def test_an_episode_that_does_not_fit_its_apartment_is_refused(change):
    record = replace(load_episodes("aeqa")[0], **change)
    with pytest.raises(WiwError) as caught:
        QuestionGoal(record, lay_out(record.scene), None, detections=True)
    assert caught.value.code is ErrorCode.ENVIRONMENT_FAILED
