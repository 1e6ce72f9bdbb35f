"""The tiny untrained pipelines: always the same, saved once, and honest about what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video import tiny
from wiw_wm_node.video.tiny import parts

QUICK = ("ltx", "hunyuan", "wan21", "wan22_5b", "cosmos25")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def weights(pipe: Any) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value
        for name, part in pipe.components.items()
        if isinstance(part, torch.nn.Module)
        for key, value in part.state_dict().items()
    }


@pytest.mark.parametrize("family", QUICK)
def test_a_family_is_always_built_with_the_same_weights(family: str) -> None:
    torch.manual_seed(1)
    one = weights(tiny.build(family))
    before = torch.get_rng_state()
    other = weights(tiny.build(family))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert torch.equal(torch.get_rng_state(), before)  # nobody else's chance is touched


def test_a_folder_is_made_once_and_lies_in_the_users_cache(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(tiny.folder("wan21"))
    assert folder.parent == cache / "wiw" / "tiny" and (folder / "model_index.json").is_file()
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]  # no draft is left over

    def never(family: str) -> Any:
        raise AssertionError("built again")

    monkeypatch.setattr(tiny, "build", never)
    assert tiny.folder("wan21") == str(folder)
    monkeypatch.setattr(tiny, "_digest", lambda: "another")
    with pytest.raises(AssertionError, match="built again"):  # other code, another folder
        tiny.folder("wan21")


def test_two_processes_that_make_a_folder_at_once_both_get_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = tiny.build

    def slowly(family: str) -> Any:
        monkeypatch.setattr(tiny, "build", build)
        tiny.folder(family)  # meanwhile, another process
        return build(family)

    monkeypatch.setattr(tiny, "build", slowly)
    folder = Path(tiny.folder("wan21"))
    assert (folder / "model_index.json").is_file()
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_a_saved_pipeline_comes_back_as_it_was(cache: Path) -> None:
    from wiw_wm_node.video.cosmos import Cosmos25
    from wiw_wm_node.video.wan import Wan22Ti2v

    for family in (Wan22Ti2v(), Cosmos25()):
        settings = family.defaults.__class__(weights="tiny")
        back = weights(family.load(Path(tiny.folder(family.name)), torch.float32, settings))
        made = weights(tiny.build(family.name))
        assert back.keys() == made.keys()
        assert all(torch.equal(back[key], made[key]) for key in made)


def test_an_unknown_family_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(WiwError, match="wan21") as caught:
        tiny.build("wan_21")
    assert caught.value.code is ErrorCode.UNKNOWN_MODEL


def test_the_tokenizer_spells_any_text_and_keeps_our_prompts_short() -> None:
    words = parts.tokenizer(("<image>",))
    for text in ("Move forward 0.2 m, then turn left.", "Größe: 5 µm ☃", "a\n\tb"):
        assert words.decode(words(text).input_ids) == text
    prompt = "First-person view of a robot moving through a still indoor scene. The camera"
    assert len(words(prompt).input_ids) <= 25
    assert words("<image>").input_ids == [words.convert_tokens_to_ids("<image>")]
    assert len(set(words.get_vocab().values())) == len(words)


def test_the_fake_guardrail_says_what_it_is() -> None:
    from wiw_wm_node.video.tiny.cosmos import FakeGuardrail

    assert "fake" in (FakeGuardrail.__doc__ or "").lower()
    assert tiny.REVISION == "tiny-random" and "fakes" in (tiny.__doc__ or "")
