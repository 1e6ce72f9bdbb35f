"""The metrics, each against numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch
from measured_rooms import HEIGHT, START, WIDTH
from torchmetrics.functional.image import peak_signal_noise_ratio

from wiw_core.cameras.panorama import roll_yaw
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes import room
from wiw_core.geometry import Pose2
from wiw_core.plans import TURN_RAD, camera_path, navigation_plan
from wiw_learn.lpips import Lpips
from wiw_learn.measure import images, objects, paths, places
from wiw_learn.measure.calibration import expected_error, reliability, spearman
from wiw_learn.measure.choice import credit, errors_to, rank
from wiw_learn.measure.intervals import mean_by_scene, statistic_by_scene
from wiw_learn.measure.navigation import other_plans


def flat(level: int, size=(8, 8)) -> np.ndarray:
    return np.full((*size, 3), level, np.uint8)


def noise(seed: int, size=(32, 48)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def test_psnr_of_an_error_of_ten_levels_everywhere():
    assert images.psnr(flat(100), flat(110)) == pytest.approx(10 * math.log10(255**2 / 100))


def test_psnr_is_that_of_torchmetrics():
    a, b = noise(0), noise(1)
    theirs = peak_signal_noise_ratio(
        torch.from_numpy(a).float(), torch.from_numpy(b).float(), data_range=255.0
    )
    assert images.psnr(a, b) == pytest.approx(float(theirs), abs=1e-4)


def test_equal_pictures_have_the_greatest_psnr_and_an_empty_mask_has_none():
    assert images.psnr(noise(0), noise(0)) == images.MAX_PSNR_DB
    assert math.isnan(images.psnr(flat(0), flat(1), np.zeros((8, 8), bool)))


def test_only_pixels_in_the_mask_count():
    a, b = flat(100), flat(100)
    b[:4] = 120
    half = np.zeros((8, 8), bool)
    half[:4] = True
    assert images.psnr(a, b, half) == pytest.approx(10 * math.log10(255**2 / 400))
    assert images.psnr(a, b, ~half) == images.MAX_PSNR_DB


def test_ssim_is_one_for_equal_pictures_and_low_for_noise():
    same, other = images.ssim(np.stack([noise(0)] * 2), np.stack([noise(0), noise(1)]))
    assert same == pytest.approx(1.0) and abs(other) < 0.1


def test_sharpness_is_the_mean_laplacian():
    image = flat(0, (5, 5))
    image[2, 2] = 100
    # Inside the border: -4 x 100 in the middle, 100 at its four neighbours, 0 at the corners.
    assert images.sharpness(image) == pytest.approx(800 / 9)
    assert images.sharpness(flat(77)) == 0.0


def test_shrinking_averages_over_areas():
    image = flat(0, (2, 2))
    image[0, 0] = 100
    assert images.resized(image[None], (1, 1))[0, 0, 0].tolist() == [25, 25, 25]


def test_a_tie_shares_the_credit_whatever_the_order():
    assert credit([5, 7, 9]) == 1.0 and credit([7, 5, 9]) == 0.0
    assert credit([5, 5, 9]) == credit([5, 9, 5]) == 0.5
    assert credit([5] * 4) == 0.25
    assert rank([5, 7, 9]) == 1.0 and rank([9, 7, 5]) == 3.0 and rank([5] * 4) == 2.5


def test_errors_of_equal_pictures_are_exactly_equal():
    first, again, other = errors_to(noise(0), np.stack([noise(1), noise(1), noise(2)]))
    assert first == again != other


def test_a_path_at_another_pace_is_near_in_warped_time_only():
    slow = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    fast = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    assert paths.rms(slow, fast) == pytest.approx(math.sqrt(2 / 4))
    assert paths.dtw(slow, fast) == 0.0 and paths.frechet(slow, fast) == 0.0


def test_a_shifted_path_is_as_far_as_it_is_shifted():
    path = np.array([[0.0, 0.0], [3.0, 0.0], [6.0, 0.0]])
    moved = path + np.array([0.0, 0.5])
    for distance in (paths.rms, paths.dtw, paths.frechet):
        assert distance(path, moved) == pytest.approx(0.5)


def test_the_leash_is_as_long_as_the_worst_place():
    path = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    bent = np.array([[0.0, 0.0], [1.0, 3.0], [2.0, 0.0]])
    assert paths.frechet(path, bent) == pytest.approx(3.0)
    assert paths.dtw(path, bent) == pytest.approx(1.0)


def test_calibration_error_is_the_weighted_gap_of_the_bins():
    pairs = np.array([[0.95, 0.75], [0.95, 0.75], [0.15, 0.35], [0.15, 0.15]])
    # Two frames claim 0.95 and are right in 0.75; two claim 0.15 and are right in 0.25 on average.
    assert expected_error(pairs) == pytest.approx(0.5 * 0.2 + 0.5 * 0.1)
    assert [(part.count, part.low) for part in reliability(pairs)] == [(2, 0.1), (2, 0.9)]
    assert expected_error(np.array([[1.0, 1.0], [0.3, 0.3]])) == pytest.approx(0.0)


def test_rank_correlation_takes_ties_and_gives_up_on_a_constant():
    rising = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 90.0]])
    assert spearman(rising) == pytest.approx(1.0)
    assert spearman(rising * [1, -1]) == pytest.approx(-1.0)
    assert math.isnan(spearman(np.array([[1.0, 10.0], [1.0, 20.0]])))


def test_a_mean_says_on_how_many_cases_and_scenes_it_rests():
    found = mean_by_scene([1.0, 3.0, math.nan, 8.0], [1, 1, 2, 3])
    assert (found.value.estimate, found.n, found.scenes) == (4.0, 3, 2)
    # Two scenes: any resample has 1 and 3, or 8, or all three.
    assert (found.value.low, found.value.high) == (2.0, 8.0)


def test_one_scene_or_none_gives_no_interval():
    alone = mean_by_scene([1.0, 3.0], [7, 7])
    assert alone.value.estimate == 2.0 and math.isnan(alone.value.low)
    nothing = mean_by_scene([math.nan], [7])
    assert nothing.n == 0 and math.isnan(nothing.value.estimate)


def test_cases_of_one_scene_do_not_narrow_the_interval():
    few = mean_by_scene([0.0, 1.0, 0.0, 1.0], [0, 1, 2, 3])
    copies = mean_by_scene([0.0, 1.0, 0.0, 1.0] * 10, [0, 1, 2, 3] * 10)
    assert copies.value == few.value and copies.n == 40


def test_a_statistic_is_resampled_by_scene():
    rows = np.array([[0.9, 0.9], [0.9, 0.9], [0.9, 0.5]])
    found = statistic_by_scene(rows, [0, 0, 1], expected_error)
    assert found.value.estimate == pytest.approx(0.4 / 3)
    assert (found.value.low, found.value.high) == (pytest.approx(0.0), pytest.approx(0.4))


def test_values_without_a_scene_each_are_refused():
    with pytest.raises(WiwError) as caught:
        mean_by_scene([1.0], [1, 2])
    assert caught.value.code == ErrorCode.BAD_PARAMETER


def test_the_turn_of_a_panorama_is_recovered():
    view = room.panorama(START, HEIGHT, WIDTH).rgb
    turned = np.asarray(roll_yaw(view, 2 * TURN_RAD), np.uint8)
    known = places.Panoramas(view[None])
    assert places.heading_error(turned, known) == pytest.approx(45.0)
    assert known.find(turned) == (0, pytest.approx(2 * TURN_RAD))
    assert places.heading_error(view, known) == 0.0


def test_the_place_of_a_panorama_is_recovered_at_any_heading():
    poses = [START * Pose2(0.2 * k, 0.0, 0.0) for k in range(5)]
    known = places.Panoramas(np.stack([room.panorama(p, HEIGHT, WIDTH).rgb for p in poses]))
    seen = room.panorama(poses[3] * Pose2(0.0, 0.0, 3 * TURN_RAD), HEIGHT, WIDTH).rgb
    assert known.find(seen) == (3, pytest.approx(3 * TURN_RAD))


def test_an_open_room_is_seen_from_anywhere_in_it():
    here, there = START, START * Pose2(0.4, 0.2, 1.0)
    depth = room.panorama(there, HEIGHT, WIDTH).depth
    memory = [(room.panorama(here, HEIGHT, WIDTH).depth, here)]
    seen, unseen = places.seen_before(depth, there, memory)
    assert seen.mean() > 0.99 and not (seen & unseen).any()


def test_what_stood_behind_something_was_not_seen():
    now = np.full((HEIGHT, WIDTH), 3.0)
    before = now.copy()
    before[:, : WIDTH // 2] = 1.0  # a near thing hid the left half
    unknown = now.copy()
    unknown[0] = 0.0
    seen, unseen = places.seen_before(unknown, Pose2(), [(before, Pose2())])
    assert not seen[1:, 2 : WIDTH // 2 - 2].any() and unseen[1:, 2 : WIDTH // 2 - 2].all()
    assert seen[1:, WIDTH // 2 + 2 : -2].all()
    assert not seen[0].any() and not unseen[0].any()


def test_other_plans_are_as_long_and_end_elsewhere():
    done = navigation_plan(["forward", "turn_left", "forward", "turn_right", "forward"])
    plans = other_plans(done, 5, np.random.default_rng(0))
    ends = [camera_path(plan)[-1] for plan in (done, *plans)]
    assert len(plans) == 5 and {len(plan) for plan in plans} == {5}
    assert len({(round(p.x_m, 3), round(p.y_m, 3), round(p.yaw_rad, 3)) for p in ends}) == 6


def test_plans_of_the_same_heading_differ_in_place_alone():
    done = navigation_plan(["turn_left", "forward", "forward", "turn_left", "forward"])
    plans = other_plans(done, 4, np.random.default_rng(0), same_heading=True)
    ends = [camera_path(plan)[-1] for plan in (done, *plans)]
    assert len(plans) == 4
    assert all(end.yaw_rad == pytest.approx(2 * TURN_RAD) for end in ends)
    assert all(a.distance_m(b) > 0.1 for k, a in enumerate(ends) for b in ends[:k])


def test_a_plan_of_turns_alone_has_no_other_of_the_same_heading():
    turns = navigation_plan(["turn_left"] * 4)
    assert other_plans(turns, 5, np.random.default_rng(0), same_heading=True) == []


def disc(place, colour=(200, 30, 30), size=100, radius=5) -> np.ndarray:
    image = flat(120, (size, size))
    rows, columns = np.indices((size, size))
    image[np.hypot(columns - place[0], rows - place[1]) <= radius] = colour
    return image


def test_an_object_is_as_far_off_as_it_was_drawn():
    real, imagined = disc((50, 40)), disc((53, 44))
    colour = objects.colour_at(real, np.array([50.0, 40.0]))
    assert colour.tolist() == [200, 30, 30]
    off, found, there = objects.object_error(imagined, real, colour, np.array([50.0, 40.0]))
    assert off == pytest.approx(0.05)
    assert found == pytest.approx([53, 44]) and there == pytest.approx([50, 40])


def test_a_lost_object_counts_as_the_whole_window():
    real, colour = disc((50, 40)), np.array([200, 30, 30], np.int16)
    off, found, _ = objects.object_error(flat(120, (100, 100)), real, colour, np.array([50.0, 40]))
    assert off == objects.WINDOW and np.isnan(found).all()


def test_an_object_that_the_truth_does_not_show_is_not_judged():
    nothing, colour = flat(120, (100, 100)), np.array([200, 30, 30], np.int16)
    off, _, _ = objects.object_error(disc((50, 40)), nothing, colour, np.array([50.0, 40.0]))
    assert math.isnan(off)
    assert objects.colour_at(nothing, np.array([50.0, 40.0])) is None


def test_a_ring_is_known_by_its_own_colour():
    ring = disc((50, 40), radius=4)
    rows, columns = np.indices((100, 100))
    ring[np.hypot(columns - 50, rows - 40) <= 2] = 120  # the table shows through
    assert objects.colour_at(ring, np.array([50.0, 40.0])).tolist() == [200, 30, 30]


def test_the_tool_is_found_where_it_was_drawn():
    real, moved = noise(3, (80, 80)) // 8, noise(4, (80, 80)) // 8
    tool = noise(5, (21, 21))
    real[30:51, 30:51] = tool
    moved[34:55, 27:48] = tool  # 4 down, 3 to the left
    assert objects.tool_error(moved, real, np.array([40.0, 40.0])) == pytest.approx(5 / 80)
    assert objects.tool_error(real, real, np.array([40.0, 40.0])) == 0.0
    assert math.isnan(objects.tool_error(real, flat(9, (80, 80)), np.array([40.0, 40.0])))


def test_a_point_ahead_is_seen_in_the_middle():
    k = np.array([[50.0, 0.0, 31.5], [0.0, 50.0, 31.5], [0.0, 0.0, 1.0]])
    mount = np.eye(4)
    mount[:3, 3] = [1.0, 2.0, 3.0]
    pixel, depth = objects.pixel_of(np.array([1.0, 2.0, 5.0]), k, mount)
    assert pixel == pytest.approx([31.5, 31.5]) and depth == pytest.approx(2.0)


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory):
    generator = torch.Generator().manual_seed(0)
    shapes = {
        0: (64, 3, 11),
        3: (192, 64, 5),
        6: (384, 192, 3),
        8: (256, 384, 3),
        10: (256, 256, 3),
    }
    state = {}
    for number, (wide, deep, side) in shapes.items():
        weight = torch.randn(wide, deep, side, side, generator=generator)
        state[f"features.{number}.weight"] = weight / math.sqrt(deep * side * side)
        state[f"features.{number}.bias"] = torch.zeros(wide)
    path = tmp_path_factory.mktemp("alexnet") / "random.pth"
    torch.save(state, path)
    return path


def test_lpips_is_zero_for_equal_pictures_and_grows_with_the_damage(alexnet):
    lpips, image = Lpips(str(alexnet)), noise(0, (64, 64))
    little = image.copy()
    little[20:28, 20:28] = 0
    same, some, much = lpips(np.stack([image] * 3), np.stack([image, little, noise(1, (64, 64))]))
    assert same == 0.0 and 0.0 < some < much


def test_a_file_that_is_not_alexnet_is_refused(tmp_path):
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    codes = {"other.pth": ErrorCode.RECORD_CORRUPT, "missing.pth": ErrorCode.MODEL_UNAVAILABLE}
    for name, code in codes.items():
        with pytest.raises(WiwError) as caught:
            Lpips(str(tmp_path / name))
        assert caught.value.code == code
