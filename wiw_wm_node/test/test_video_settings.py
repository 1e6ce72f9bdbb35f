"""Parameters of video models, where weights are looked for, and what the catalogue says."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from video_fakes import FakeFamily, FakeVideo

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.parameters import key_values
from wiw_wm_node.video import hub, loading
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.svd import SvdModel
from wiw_wm_node.video.svd_action import SvdActionModel

REPOSITORY = "somebody/something"


def refused(call: Any, code: ErrorCode = ErrorCode.BAD_PARAMETER) -> str:
    with pytest.raises(WiwError) as caught:
        call()
    assert caught.value.code is code
    return str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": True},
        {"steps": 2.5},
        {"guidance": float("nan")},
        {"guidance": "3"},
        {"fps": float("inf")},
        {"frames": 1},
        {"height": 8},
        {"batch": 0},
        {"dtype": "float8"},
        {"view": "panoramic"},
        {"noise": "random"},
        {"offload": "disk"},
        {"quantise": "int4"},
        {"step_cache": "taylor"},
        {"weights": ""},
        {"weights": 3},
        {"view": "panorama", "width": 40},
    ],
)
def test_a_bad_value_is_refused_before_anything_is_loaded(wrong: dict[str, Any]) -> None:
    refused(lambda: Settings(**{"weights": "a/b", **wrong}))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"height": 20}, "multiple of 16"),
        ({"stepz": 3}, "does not take 'stepz'"),
    ],
)
def test_what_the_family_cannot_do_is_refused(
    tmp_path: Path, wrong: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(lambda: FakeVideo(weights=str(tmp_path), **wrong))


@pytest.mark.parametrize(
    ("model", "wrong", "sentence"),
    [
        (SvdModel, {"step_cache": "first_block"}, "'svd' has no option 'step_cache'"),
        (SvdModel, {"compile": True}, "'svd' has no option 'compile'"),
        (SvdModel, {"lora": "x"}, "'svd' has no option 'lora'"),
        (SvdModel, {"motion_bucket": 256}, "outside [0, 255]"),
        (SvdActionModel, {"frames": 25}, "13 actions need 14 frames, not 25"),
        (SvdActionModel, {"width": 64}, "a multiple of 128"),
        (SvdActionModel, {"control": "text"}, "The control 'text' is none of"),
    ],
)
def test_an_option_that_a_family_lacks_is_not_ignored(
    model: Any, wrong: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(lambda: model(weights="tiny", **wrong))


def test_parameters_are_read_in_the_type_of_the_familys_defaults() -> None:
    texts = ["steps=4", "guidance=1", "download=true", "unet=/x", "motion_bucket=10"]
    read = key_values(texts, "model_parameters", SvdActionModel)
    assert read == {
        "steps": 4,
        "guidance": 1.0,
        "download": True,
        "unet": "/x",
        "motion_bucket": 10,
    }
    assert inspect.signature(SvdActionModel).parameters["width"].default == 1024


def test_absent_weights_are_told_with_the_command_that_fetches_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    sentence = refused(lambda: SvdModel(hub_revision="v2"), ErrorCode.MODEL_UNAVAILABLE)
    assert "hf download stabilityai/stable-video-diffusion-img2vid --revision v2" in sentence
    assert "hf download" in SvdModel.sheet.missing()


def test_the_cache_is_read_as_the_hubs_own_client_reads_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import try_to_load_from_cache

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = tmp_path / "models--somebody--something"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "snapshots" / commit / "model_index.json").write_text("{}")
    found = hub.cached(REPOSITORY)
    assert found is not None and found == hub.cached(REPOSITORY, commit)
    assert hub.cached(REPOSITORY, "other") is None
    theirs = try_to_load_from_cache(REPOSITORY, "model_index.json", cache_dir=tmp_path)
    assert Path(str(theirs)) == found / "model_index.json"
    located = hub.located(Settings(weights=REPOSITORY), "fake_video")
    assert located == (found, commit[:12])


def test_weights_are_fetched_only_when_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import diffusers

    asked: list[Any] = []

    def fetch(repository: str, **given: Any) -> str:
        asked.append((repository, given["revision"]))
        if repository != REPOSITORY:
            raise OSError("the network is down")
        return str(tmp_path / "0123456789abcdef")

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", fetch)
    refused(lambda: hub.located(Settings(weights=REPOSITORY), "x"), ErrorCode.MODEL_UNAVAILABLE)
    assert asked == []
    told = Settings(weights=REPOSITORY, download=True, hub_revision="v2")
    assert hub.located(told, "x") == (tmp_path / "0123456789abcdef", "0123456789ab")
    assert asked == [(REPOSITORY, "v2")]
    other = Settings(weights="a/b", download=True)
    sentence = refused(lambda: hub.located(other, "x"), ErrorCode.MODEL_UNAVAILABLE)
    assert "could not be fetched: the network is down" in sentence


def test_a_folder_that_is_no_pipeline_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{ not json")
    model = SvdModel(weights=str(tmp_path))
    sentence = refused(model.load, ErrorCode.MODEL_UNAVAILABLE)
    assert "holds no weights that 'svd' can load" in sentence and "\n" not in sentence


def test_a_revision_changes_with_the_weights_and_with_what_is_added(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "a.safetensors").write_bytes(b"1")
    (tmp_path / "lora.safetensors").write_bytes(b"2")

    def revision(**changes: Any) -> str:
        settings = Settings(weights=str(tmp_path / "base"), **changes)
        return loading.revision_of(FakeFamily(), settings)

    plain = revision()
    assert plain == revision() and plain.startswith("folder-")
    assert revision(lora=str(tmp_path / "lora.safetensors")).startswith(f"{plain}+")
    (tmp_path / "base" / "a.safetensors").write_bytes(b"11")
    assert revision() != plain
    refused(lambda: revision(lora="nowhere"), ErrorCode.MODEL_UNAVAILABLE)


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_here_is_told(device: str) -> None:
    refused(lambda: loading.device_of(Settings(weights="a/b", device=device)))


def test_the_sheet_says_what_the_model_costs_without_loading_it() -> None:
    sheet = SvdActionModel.sheet
    assert (sheet.controls, sheet.height, sheet.width, sheet.frames) == (
        ("lowlevel",),
        576,
        1024,
        14,
    )
    assert sheet.memory_gib > 0 and not sheet.measured and "Stability" in sheet.licence


def test_weights_of_equal_size_have_their_own_revision(tmp_path: Path) -> None:
    digests = set()
    for name, content in (("a", b"one"), ("b", b"two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lora.safetensors").write_bytes(content)
        digests.add(hub.file_digest(tmp_path / name / "lora.safetensors"))
    assert len(digests) == 2
