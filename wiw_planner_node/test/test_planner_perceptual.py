"""What comparing imagined frames with the goal photo promises, by colours and by LPIPS."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from wiw_core.cameras import panorama, pinhole
from wiw_core.conformance import check_reviser, example_context
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.fakes.world_model import FakeWorldModel
from wiw_core.observation import Projection, Rgb, View
from wiw_core.plans import TURN_RAD, navigation_plan
from wiw_core.rollouts import Rollout
from wiw_core.tasks.ignav import ImageGoalNavigation
from wiw_planner_node.perception.frontal import Extent, ahead, cut
from wiw_planner_node.perception.likeness import LpipsMetric
from wiw_planner_node.revisers.perceptual import PerceptualReviser

FOV_RAD = math.pi / 2
SHAPES = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))
NUMBERS = (0, 3, 6, 8, 10)
PLANS = [navigation_plan([name]) for name in ("forward", "turn_left", "turn_right")]


def surroundings(seed: int) -> Rgb:
    """A panorama of coloured blobs, different for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (512, 288), interpolation=cv2.INTER_CUBIC), np.uint8)


def front(rgb: Rgb, yaw_rad: float = 0.0, size: tuple[int, int] = (256, 256)) -> Rgb:
    """What a level camera with a horizontal field of view of 90 degrees sees."""
    maps = panorama.perspective_map(*size, FOV_RAD, yaw_rad, (288, 512))
    return np.asarray(cv2.remap(rgb, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.uint8)


def goal_context(photo: Rgb | None) -> DecisionContext:
    context, view = in_the_fake_room(), None
    if photo is not None:
        view = View("goal", photo, intrinsics=pinhole.intrinsics(*photo.shape[:2], FOV_RAD))
    return replace(context, episode=replace(context.episode, goal_view=view))


def in_the_fake_room() -> DecisionContext:
    return example_context(FakeEnvironment(), ImageGoalNavigation())


def dreamt(projection: Projection, *films: list[Rgb]) -> list[Candidate]:
    return [
        Candidate(
            navigation_plan(["forward"] * len(film), f"{k}"),
            Rollout(k, np.stack(film), tuple(range(1, len(film) + 1)), projection),
        )
        for k, film in enumerate(films)
    ]


def scores(reviser: PerceptualReviser, photo: Rgb, candidates: list[Candidate]) -> list[float]:
    context = goal_context(photo)
    reviser.reset(context.episode)
    decision = reviser.revise(context, candidates)
    found = [c.score for c in decision.candidates]
    assert decision.chosen == int(np.argmax(found))
    return found


@pytest.fixture(scope="session")
def lpips_weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Random weights of the right names and shapes: a fake; real ones do not ship."""
    folder = tmp_path_factory.mktemp("lpips")
    generator = torch.Generator().manual_seed(0)
    backbone, heads = {}, {}
    for k, (number, (out, into, side)) in enumerate(zip(NUMBERS, SHAPES)):
        size = (out, into, side, side)
        scale = math.sqrt(2.0 / (into * side * side))
        backbone[f"features.{number}.weight"] = torch.randn(size, generator=generator) * scale
        backbone[f"features.{number}.bias"] = torch.zeros(out)
        heads[f"lin{k}.model.1.weight"] = torch.rand((1, out, 1, 1), generator=generator) / out
    backbone["classifier.6.weight"] = torch.zeros(2, 2)  # as in the real file, and not used
    save_file(backbone, folder / "alexnet.safetensors")
    torch.save(heads, folder / "alex.pth")
    return {"backbone": str(folder / "alexnet.safetensors"), "heads": str(folder / "alex.pth")}


@pytest.mark.parametrize("size", [(256, 256), (144, 256), (90, 160)])
def test_the_plan_that_looks_like_the_photo_is_taken_from_perspective_frames(
    size: tuple[int, int],
) -> None:
    photo = front(surroundings(1))
    films = [[front(surroundings(k), size=size)] * 2 for k in (2, 1, 3)]
    found = scores(PerceptualReviser(), photo, dreamt(Projection.PERSPECTIVE, *films))
    assert found[1] > 0.97 > max(found[0], found[2]), found


def test_of_a_panorama_only_the_part_ahead_counts() -> None:
    photo = front(surroundings(1))
    turned = np.roll(surroundings(1), 128, axis=1)  # the same place, looked at another way
    films = [[turned], [surroundings(1)]]
    found = scores(PerceptualReviser(), photo, dreamt(Projection.EQUIRECTANGULAR, *films))
    assert found[1] > 0.97 > found[0]


def test_panorama_and_perspective_frames_of_one_place_score_alike() -> None:
    photo = front(surroundings(1), TURN_RAD)
    round_about = dreamt(Projection.EQUIRECTANGULAR, [surroundings(1)])
    in_front = dreamt(Projection.PERSPECTIVE, [front(surroundings(1))])
    one, other = (scores(PerceptualReviser(), photo, c)[0] for c in (round_about, in_front))
    assert one == pytest.approx(other, abs=0.01)


def test_a_wide_frame_is_compared_with_the_part_of_the_photo_that_it_shows() -> None:
    photo = front(surroundings(1))
    photo[:40] = photo[-40:] = 0  # above and below what a frame of 16:9 shows
    wide = dreamt(Projection.PERSPECTIVE, [front(surroundings(1), size=(144, 256))])
    assert scores(PerceptualReviser(), photo, wide)[0] > 0.97
    square = dreamt(Projection.PERSPECTIVE, [front(surroundings(1))])
    assert scores(PerceptualReviser(), photo, square)[0] < 0.9


def test_a_wider_camera_is_cut_to_the_photos_field_of_view() -> None:
    maps = panorama.perspective_map(256, 256, math.radians(120.0), 0.0, (288, 512))
    wider = cv2.remap(surroundings(1), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    film = dreamt(Projection.PERSPECTIVE, [np.asarray(wider, np.uint8)])
    photo = front(surroundings(1))
    told = scores(PerceptualReviser(fov_deg=120.0), photo, film)[0]
    assert told > 0.97 and told > scores(PerceptualReviser(), photo, film)[0]


def test_a_score_is_the_mean_over_frames_the_last_repeated_to_the_longest_plan() -> None:
    photo, there, away = (front(surroundings(k)) for k in (1, 1, 2))
    films = [[there], [away], [there, away, away]]
    a, b, mixed = scores(PerceptualReviser(), photo, dreamt(Projection.PERSPECTIVE, *films))
    assert mixed == pytest.approx((a + 2.0 * b) / 3.0)
    assert a == pytest.approx(1.0, abs=1e-6)


def test_it_keeps_the_contract_of_a_reviser(lpips_weights: dict[str, str]) -> None:
    for reviser in (PerceptualReviser(), PerceptualReviser("lpips", **lpips_weights)):
        check_reviser(reviser, in_the_fake_room, FakeWorldModel())


def test_a_robot_that_must_stop_by_itself_and_a_task_without_a_photo_are_refused() -> None:
    context = goal_context(front(surroundings(1)))
    for episode, code in (
        (replace(context.episode, privileges=()), ErrorCode.BAD_PARAMETER),
        (replace(context.episode, goal_view=None), ErrorCode.BAD_IMAGE),
    ):
        with pytest.raises(WiwError) as caught:
            PerceptualReviser().reset(episode)
        assert caught.value.code is code
    with pytest.raises(WiwError) as caught:
        PerceptualReviser().revise(context, dreamt(Projection.PERSPECTIVE, [surroundings(1)]))
    assert caught.value.code is ErrorCode.NO_EPISODE


@pytest.mark.parametrize("fov_deg", [0.0, 180.0, math.nan])
def test_a_field_of_view_that_no_camera_has_is_refused(fov_deg: float) -> None:
    with pytest.raises(WiwError) as caught:
        PerceptualReviser(fov_deg=fov_deg)
    assert caught.value.code is ErrorCode.BAD_PARAMETER


def test_cutting_keeps_what_both_cameras_show() -> None:
    wide, tall = Extent.of((144, 256), FOV_RAD), Extent.of((256, 256), math.radians(60.0))
    both = wide.common(tall)
    assert both.across == pytest.approx(math.tan(math.radians(30.0)))
    assert both.upright == pytest.approx(wide.upright)
    seen = front(surroundings(4), size=(144, 256))
    mine = cut(seen, wide, both, (64, 66)).astype(int)
    direct = ahead(surroundings(4), both, (64, 66)).astype(int)
    assert np.abs(mine - direct).mean() < 6.0


# LPIPS ------------------------------------------------------------------------------------------


def test_lpips_is_zero_to_itself_symmetric_and_grows_with_noise(
    lpips_weights: dict[str, str],
) -> None:
    metric, rng = LpipsMetric(**lpips_weights), np.random.default_rng(0)
    picture = front(surroundings(1), size=(96, 96))
    noisy = [
        np.clip(picture + rng.normal(0.0, sigma, picture.shape), 0, 255).astype(np.uint8)
        for sigma in (8.0, 64.0)
    ]
    here, little, much = (metric.features(p) for p in (picture, *noisy))
    assert metric.distance(here, here) == 0.0
    assert metric.distance(here, metric.features(picture.copy())) == 0.0
    assert 0.0 < metric.distance(here, little) < metric.distance(here, much)
    assert metric.distance(here, much) == metric.distance(much, here)


def test_lpips_computes_what_its_description_says(lpips_weights: dict[str, str]) -> None:
    """Against the same five layers built from torch's modules and plain loops over channels."""
    from safetensors.torch import load_file

    weights, heads = load_file(lpips_weights["backbone"]), torch.load(lpips_weights["heads"])
    layers: list[torch.nn.Module] = []
    for number, (out, into, side), stride, pad in zip(
        NUMBERS, SHAPES, (4, 1, 1, 1, 1), (2, 2, 1, 1, 1)
    ):
        if number in (3, 6):
            layers.append(torch.nn.MaxPool2d(kernel_size=3, stride=2))
        layer = torch.nn.Conv2d(into, out, side, stride, pad)
        layer.load_state_dict({p: weights[f"features.{number}.{p}"] for p in ("weight", "bias")})
        layers += [layer, torch.nn.ReLU()]
    assert [str(k) for k, m in enumerate(layers) if isinstance(m, torch.nn.Conv2d)] == [
        str(n) for n in NUMBERS
    ], "the layers stand where torchvision numbers them"

    def taps(rgb: Rgb) -> list[np.ndarray]:
        x = torch.from_numpy(rgb.transpose(2, 0, 1).astype(np.float32))[None] / 127.5 - 1.0
        for c, (shift, scale) in enumerate(zip((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450))):
            x[:, c] = (x[:, c] - shift) / scale
        found = []
        for layer in layers:
            x = layer(x)
            if isinstance(layer, torch.nn.ReLU):
                found.append(x[0].detach().double().numpy())
        return found

    a, b = (front(surroundings(k), size=(80, 112)) for k in (1, 2))
    expected = 0.0
    for k, (x, y) in enumerate(zip(taps(a), taps(b))):
        x, y = (t / np.linalg.norm(t, axis=0, keepdims=True).clip(1e-10) for t in (x, y))
        head = heads[f"lin{k}.model.1.weight"].double().numpy().ravel()
        expected += float(np.mean(np.tensordot(head, (x - y) ** 2, axes=1)))
    metric = LpipsMetric(**lpips_weights)
    assert metric.distance(metric.features(a), metric.features(b)) == pytest.approx(
        expected, rel=1e-4
    )


def test_lpips_chooses_the_plan_that_looks_like_the_photo(lpips_weights: dict[str, str]) -> None:
    photo = front(surroundings(1))
    films = [[front(surroundings(k))] for k in (2, 1)]
    found = scores(
        PerceptualReviser("lpips", **lpips_weights), photo, dreamt(Projection.PERSPECTIVE, *films)
    )
    assert found[1] == 1.0 > found[0]


def broken(weights: dict[str, str], folder: Path, what: str) -> dict[str, str]:
    heads = torch.load(weights["heads"])
    path = folder / "other.pth"
    if what == "absent":
        return {**weights, "heads": str(folder / "nowhere.pth")}
    if what == "not given":
        return {**weights, "backbone": ""}
    if what == "no weights":
        path.write_bytes(b"an error page")
    elif what == "a list":
        torch.save([1, 2], path)
    else:
        key = "lin2.model.1.weight"
        heads[key] = {
            "negative": -heads[key],
            "nan": heads[key] * math.nan,
            "shape": heads[key][:, :5],
        }.get(what, heads[key])
        if what == "key":
            del heads[key]
        torch.save(heads, path)
    return {**weights, "heads": str(path)}


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("absent", ErrorCode.MODEL_UNAVAILABLE),
        ("not given", ErrorCode.MODEL_UNAVAILABLE),
        ("no weights", ErrorCode.RECORD_CORRUPT),
        ("a list", ErrorCode.RECORD_CORRUPT),
        ("negative", ErrorCode.RECORD_CORRUPT),
        ("nan", ErrorCode.RECORD_CORRUPT),
        ("shape", ErrorCode.RECORD_CORRUPT),
        ("key", ErrorCode.RECORD_CORRUPT),
    ],
)
def test_lpips_without_its_weights_says_what_to_do(
    what: str, code: ErrorCode, lpips_weights: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(WiwError) as caught:
        PerceptualReviser("lpips", **broken(lpips_weights, tmp_path, what))
    assert caught.value.code is code
    assert "alexnet-owt-7be5be79.pth" in str(caught.value)


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(WiwError, match="Did you mean 'lpips'"):
        PerceptualReviser("lpisp")
