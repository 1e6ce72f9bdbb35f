"""Measuring models of navigation: who knows is told from who does not."""

import json
import math

import numpy as np
import pytest
from measured_rooms import (
    HELD_OUT,
    HearsAlwaysForward,
    KnowsTheRoom,
    MixesUpTurns,
    OnlyTurns,
    StandsStill,
    write_walks,
)

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.rollouts import Rollout
from wiw_learn.measure import Settings, measure

SETTINGS = Settings(cases=20, horizon=5, plans=4, films=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_walks(tmp_path_factory.mktemp("walks"))


@pytest.fixture(scope="module")
def report(data):
    models = {"knows": KnowsTheRoom(0.9), "blind": HearsAlwaysForward(), "mixes": MixesUpTurns()}
    controls = {"still": StandsStill(), "turns": OnlyTurns()}
    return measure(models, data, SETTINGS, controls=controls)


def value(report, row, metric):
    return report.row(row).estimate(metric).value.estimate


def test_who_knows_the_room_is_perfect(report):
    assert value(report, "knows", "action_choice") == 1.0
    assert value(report, "knows", "heading_choice") == 1.0
    assert value(report, "knows", "action_rank") == 1.0
    assert value(report, "knows", "future_choice") == 1.0
    assert value(report, "knows", "place_error_m") == 0.0
    assert value(report, "knows", "heading_error_deg") == 0.0
    assert value(report, "knows", "sharpness") == pytest.approx(1.0, abs=0.01)


def test_who_does_not_hear_the_actions_is_at_chance_however_sharp(report):
    assert value(report, "blind", "sharpness") == pytest.approx(1.0, abs=0.1)
    for metric in ("action_choice", "heading_choice"):
        assert value(report, "blind", metric) == pytest.approx(1 / SETTINGS.plans)
    assert value(report, "blind", "action_gap_db") == 0.0
    assert value(report, "blind", "diversity") == 0.0


def test_who_stands_still_is_at_chance_and_never_in_the_future(report):
    assert value(report, "still", "action_choice") == pytest.approx(1 / SETTINGS.plans)
    assert value(report, "still", "future_choice") == 0.0
    assert value(report, "still", "place_error_m") > 0.1


def test_turning_alone_does_not_help_among_plans_of_the_same_heading(report):
    assert value(report, "turns", "heading_choice") == pytest.approx(1 / SETTINGS.plans)
    assert value(report, "turns", "action_choice") > 1 / SETTINGS.plans


def test_who_mixes_up_turns_does_not_follow_the_actions(report):
    assert value(report, "mixes", "action_choice") < 0.6
    assert value(report, "mixes", "heading_error_deg") > 10.0


def test_frames_dealt_out_by_lot_lose_the_control(report):
    gap = report.difference("knows", "knows, shuffled", "action_choice").value
    assert gap.low > 0.3
    for metric in ("action_choice", "heading_choice"):
        assert abs(value(report, "knows, shuffled", metric) - 1 / SETTINGS.plans) < 0.1
    assert value(report, "knows, shuffled", "action_gap_db") < 3.0
    assert value(report, "knows", "action_gap_db") > 15.0


def test_differences_are_paired_and_have_intervals(report):
    gap = report.difference("knows", "still", "psnr_db")
    assert gap.n == SETTINGS.cases and gap.scenes == len(HELD_OUT)
    direct = value(report, "knows", "psnr_db") - value(report, "still", "psnr_db")
    assert gap.value.estimate == pytest.approx(direct)
    assert gap.value.low <= gap.value.estimate <= gap.value.high
    assert report.pairs()[:2] == [("knows", "blind"), ("knows", "mixes")]
    assert ("knows", "blind, shuffled") not in report.pairs()


def test_every_frame_has_its_place_on_the_curve(report):
    curve = report.row("still").curve("psnr_db")
    assert len(curve) == SETTINGS.horizon and curve[0].n == SETTINGS.cases
    assert curve[0].value.estimate > curve[-1].value.estimate


def test_a_confidence_is_held_against_the_share_of_right_pixels(report):
    assert value(report, "knows", "calibration_error") == pytest.approx(0.1, abs=0.02)
    (part,) = report.row("knows").reliability()
    assert part.count == SETTINGS.cases * SETTINGS.horizon
    assert report.row("blind").estimate("calibration_error").n == 0


def test_what_needs_weights_is_unavailable_and_has_no_number(report):
    assert "--lpips" in report.unavailable["lpips"]
    assert "lpips" in report.shown() and math.isnan(value(report, "knows", "lpips"))


def test_a_perceptual_distance_that_is_given_is_measured(data):
    found = measure(
        {"knows": KnowsTheRoom()},
        data,
        Settings(cases=4, films=0),
        perceptual=lambda a, b: np.full(len(a), 0.25),
    )
    assert value(found, "knows", "lpips") == 0.25 and not found.unavailable


def test_the_same_measurement_gives_the_same_numbers(data, report):
    again = measure({"knows": KnowsTheRoom(0.9)}, data, SETTINGS)
    mine, theirs = (r.to_json()["rows"]["knows"]["by_case"] for r in (report, again))
    assert mine == theirs
    assert again.cases == report.cases


def test_another_seed_draws_other_cases(data, report):
    other = measure({"knows": KnowsTheRoom()}, data, Settings(20, 5, 4, seed=1, films=0))
    assert other.cases != report.cases


def test_numbers_are_plain_json(report):
    content = json.loads(json.dumps(report.to_json(), allow_nan=False))
    row = content["rows"]["knows"]
    assert row["metrics"]["action_choice"] == {
        "estimate": 1.0,
        "low": 1.0,
        "high": 1.0,
        "n": row["metrics"]["action_choice"]["n"],
        "scenes": len(HELD_OUT),
    }
    assert len(row["by_case"]["psnr_db"]) == SETTINGS.cases
    assert content["metrics"]["psnr_db"]["unit"] == "dB"
    assert row["seconds"]["seconds_per_frame"]["p95"] > 0.0


def test_films_show_the_truth_beside_every_model(report):
    assert len(report.films) == SETTINGS.films
    film = report.films[0]
    assert film.real.shape[0] == SETTINGS.horizon == len(film.plans[0])
    assert np.array_equal(film.imagined["knows"], film.real)
    assert set(film.imagined) == {"knows", "blind", "mixes", "still", "turns"}
    assert film.ends["still"].shape[0] == len(film.plans)


def test_scenes_that_models_were_trained_on_are_not_even_read(tmp_path):
    data = write_walks(tmp_path, (2001, 2002, 2009))
    for scene in (2001, 2002):
        (tmp_path / f"{scene}.npz").write_bytes(b"broken")
    found = measure({"knows": KnowsTheRoom()}, data, Settings(cases=3, films=0))
    assert set(found.row("knows").scenes) == {2009}


def test_data_that_nothing_is_trained_on_is_measured_whole(tmp_path):
    data = write_walks(tmp_path, (2001, 2002))
    settings = Settings(cases=4, films=0, held_out=False)
    assert set(measure({"m": KnowsTheRoom()}, data, settings).row("m").scenes) == {2001, 2002}


@pytest.mark.parametrize(
    ("made", "settings", "words"),
    [
        ({"scenes": (2001, 2002)}, {}, "held-out"),
        ({"split": "val"}, {}, "val"),
        ({"kind": "weather"}, {}, "weather"),
        ({}, {"cases": 400}, "places to begin"),
    ],
)
def test_data_that_cannot_be_measured_on_is_refused(tmp_path, made, settings, words):
    data = write_walks(tmp_path, **made)
    with pytest.raises(WiwError) as caught:
        measure({"knows": KnowsTheRoom()}, data, Settings(**{"cases": 2, **settings}))
    assert caught.value.code == ErrorCode.BAD_PARAMETER and words in str(caught.value)


def test_settings_that_mean_nothing_are_refused():
    for name in ("cases", "horizon", "plans"):
        with pytest.raises(WiwError):
            Settings(**{name: 0})


def test_a_model_gets_as_much_memory_as_it_asks_for(data):
    class Remembers(KnowsTheRoom):
        context = 3

    model = Remembers()
    measure({"m": model}, data, Settings(cases=6, films=0))
    sizes = {len(request.observations) for request in model.asked}
    assert sizes <= {1, 2, 3} and 3 in sizes
    for request in model.asked:
        steps = [observation.step for observation in request.observations]
        assert steps == list(range(steps[0], steps[-1] + 1))


def test_a_rollout_that_failed_is_an_error_not_a_number(data):
    class Fails(KnowsTheRoom):
        def rollout(self, request):
            for rollout in super().rollout(request):
                yield Rollout(
                    rollout.plan_index,
                    rollout.frames,
                    rollout.frame_indices,
                    code=ErrorCode.OUT_OF_MEMORY,
                    message="too little memory",
                )

    with pytest.raises(WiwError, match="too little memory") as caught:
        measure({"fails": Fails()}, data, Settings(cases=2, films=0))
    assert caught.value.code == ErrorCode.OUT_OF_MEMORY


def test_progress_is_told_case_by_case(data):
    told = []
    measure(
        {"m": KnowsTheRoom()},
        data,
        Settings(cases=3, films=0),
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
