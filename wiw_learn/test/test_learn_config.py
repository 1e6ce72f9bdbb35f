"""Configs: read, changed on the command line, refused with the nearest name."""

from __future__ import annotations

import pytest
import tiny_training as tiny
import yaml

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.training.config import config_names, load_config, make_config

TEXT = yaml.safe_dump(
    {
        "name": "tiny",
        "recipe": "tiny",
        "package": "wiw_learn",
        "data": {"kind": "navigation", "scenes": 4},
        "batch": 8,
        "steps": 20,
        "learning_rate": 0.01,
        "options": {"width": 8},
    }
)


def written(folder, text=TEXT) -> str:
    path = folder / "tiny.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_is_read_and_what_it_leaves_out_has_a_default(tmp_path):
    config = load_config(written(tmp_path))
    assert (config.name, config.steps, config.options) == ("tiny", 20, {"width": 8})
    assert (config.ema, config.mixed_precision, config.train_scenes) == (0.0, "no", 0)


def test_changes_reach_into_options_and_data(tmp_path):
    config = load_config(
        written(tmp_path),
        ["steps=7", "options.width=16", "options.depth=2", "learning_rate=1e-4", "data.scenes=9"],
    )
    assert config.steps == 7 and config.learning_rate == 1e-4
    assert config.options == {"width": 16, "depth": 2}
    assert config.data_settings == {"kind": "navigation", "scenes": 9}


def test_the_folder_of_the_data_is_its_kind_or_its_own_name(tmp_path):
    assert load_config(written(tmp_path)).data_name == "navigation"
    named = load_config(written(tmp_path), ["data.folder=many"])
    assert named.data_name == "many" and "folder" not in named.data_settings


def test_yaml_s_bare_no_is_full_precision(tmp_path):
    assert load_config(written(tmp_path, TEXT + "mixed_precision: no\n")).mixed_precision == "no"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["step=7"], "Did you mean 'steps'"),
        (["steps"], "key=value"),
        (["steps=many"], "steps is 'many'"),
        (["steps=1.5"], "steps is 1.5"),
        (["steps=true"], "steps is True"),
        (["batch=0"], "batch is 0, not between 1"),
        (["learning_rate=.nan"], "learning_rate is nan"),
        (["ema=1"], "ema is 1"),
        (["mixed_precision=fp8"], "no, bf16"),
        (["options=3"], "options holds no keys"),
        (["steps.more=3"], "holds no keys"),
        (["data={}"], "names no kind"),
        (["name=''"], "name is empty"),
        (["steps=[1"], "not YAML"),
    ],
)
def test_a_key_or_value_that_does_not_fit_is_refused(tmp_path, changes, words):
    with pytest.raises(WiwError, match=words.replace("[", r"\[")) as refused:
        load_config(written(tmp_path), changes)
    assert refused.value.code is ErrorCode.BAD_PARAMETER


def test_what_is_missing_is_named():
    with pytest.raises(WiwError, match=r"lacks .*'batch'"):
        make_config({"name": "x", "recipe": "x", "package": "x", "data": {"kind": "arm"}})


def test_a_file_that_is_no_config_is_refused(tmp_path):
    for text, words in (("[1, 2]", "holds no keys"), ("a: [", "not YAML")):
        with pytest.raises(WiwError, match=words):
            load_config(written(tmp_path, text))
    with pytest.raises(WiwError, match="cannot be read"):
        load_config(str(tmp_path / "nowhere.yaml"))
    with pytest.raises(WiwError, match="no config named 'nowhere'"):
        load_config("nowhere")


@pytest.mark.parametrize("name", config_names())
def test_every_config_that_ships_can_be_read_and_is_named_as_its_file(name):
    assert load_config(name).name == name


def test_a_config_and_its_json_are_the_same():
    config = tiny.config(options={"width": 4})
    assert make_config(config.to_json()) == config
