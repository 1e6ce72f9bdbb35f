"""Promises of a robot's profile: one file, every problem at once, nothing guessed."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.profile import FOLDER, RobotProfile, load_profile, parse_profile
from wiw_env_bridge.robot.schema import table
from wiw_env_bridge.robot.sections import Timing


def least(**changes: Any) -> dict[str, Any]:
    return {
        "name": "r",
        "kind": "base",
        "referee": {"kind": "simulated"},
        "cameras": {"front": {"image": "image", "info": "info"}},
        **changes,
    }


def refusal(given: object) -> str:
    with pytest.raises(WiwError) as caught:
        parse_profile(given)
    assert caught.value.code is ErrorCode.BAD_PARAMETER
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_profile_is_found_by_its_bare_name(path: Path) -> None:
    assert load_profile(path.stem).name == path.stem


def test_the_defaults_are_those_of_a_first_slow_run() -> None:
    profile = parse_profile(least())
    assert profile.base.speed_m_s == 0.1
    assert (profile.timing.settle_s, profile.timing.image_age_s) == (0.3, 0.5)
    assert (profile.timing.server_wait_s, profile.timing.accept_s) == (5.0, 2.0)
    assert profile.timing.result_s(2.0) == pytest.approx(2.0 * 1.5 + 2.0)


def test_all_problems_are_told_at_once_with_the_nearest_name() -> None:
    said = refusal(
        least(
            kind="bse",
            timing={"setle_s": 1.0, "accept_s": -1.0, "image_age_s": math.nan},
            cameras={"front": {"image": 3, "info": "i"}},
            base={"speed_m_s": True, "interface": "nav3"},
        )
    )
    assert "7 problem(s)" in said
    for part in (
        "'kind' is 'bse'; one of base, arm",
        "'timing.setle_s' is not a setting; did you mean 'settle_s'?",
        "'timing.accept_s' must be above 0 s, got -1",
        "'timing.image_age_s' must be finite, got nan",
        "'cameras.front.image' must be a text, got 3",
        "'base.speed_m_s' must be a number, got True",
        "'base.interface' is 'nav3'; one of auto, nav2, cmd_vel",
    ):
        assert part in said


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan, "1", None, True])
@pytest.mark.parametrize("name", [f.name for f in fields(Timing)])
def test_no_timeout_is_zero_negative_infinite_or_no_number(name: str, value: Any) -> None:
    assert f"timing.{name}" in refusal(least(timing={name: value}))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"cameras": {}}, "names no camera"),
        ({"cameras": {"a": {"image": "x"}}}, "a perspective camera needs 'info'"),
        ({"referee": {"kind": "pose"}}, "needs 'episodes'"),
        ({"base": {"speed_m_s": 0.5}}, "above 'limits.speed_m_s'"),
        ({"panorama": {"turning": "rear"}}, "not a perspective camera"),
        ({"panorama": {"turning": "front", "turns": 5}}, "'turns' must be 4, 8 or 16"),
        (
            {"cameras": {"a": {"image": "x", "info": "i", "extrinsic": [0, 0, 0, 0, 0, 0, 2]}}},
            "has not norm 1",
        ),
        ({"cameras": {"a": {"image": "x", "info": "i", "extrinsic": [0, 1]}}}, "7 entries"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], part: str) -> None:
    assert part in refusal(least(**changes))


@pytest.mark.parametrize("given", [None, [], "text", 3])
def test_what_is_no_mapping_is_refused(given: object) -> None:
    assert "must be a mapping" in refusal(given)


def test_an_unknown_profile_suggests_the_nearest_and_a_bad_file_says_why(tmp_path: Path) -> None:
    with pytest.raises(WiwError, match="simulated_base"):
        load_profile("simulated_bsae")
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [")
    with pytest.raises(WiwError, match="cannot be read"):
        load_profile(str(bad))
    with pytest.raises(WiwError, match="cannot be read"):
        load_profile(str(tmp_path / "absent.yaml"))


def test_a_file_of_ones_own_remembers_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(least()))
    assert load_profile(str(path)).folder == tmp_path


def test_the_table_documents_every_setting() -> None:
    rows = {name: text for name, _, _, text in table(RobotProfile)}
    assert all(rows.values())

    def names(section: Any, where: str) -> set[str]:
        found = set()
        for f in fields(section):
            if "about" not in f.metadata:
                continue
            value = getattr(section, f.name)
            if f.name == "cameras":
                found |= names(value["front"], "cameras.NAME.")
            elif is_dataclass(value):
                found |= names(value, f"{where}{f.name}.")
            else:
                found.add(f"{where}{f.name}")
        return found

    assert names(parse_profile(least()), "") <= set(rows)
