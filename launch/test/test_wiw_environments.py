"""``wiw list envs`` says whether an environment can be used here, and why not."""

from __future__ import annotations

import pytest

from wiw import inventory


def problems() -> dict[str, str]:
    return {item.name: item.problem for item in inventory.section("envs")}


@pytest.mark.parametrize("name", ["habitat", "rlbench"])
def test_a_simulator_that_is_not_here_says_what_is_missing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"WIW_{name.upper()}_PYTHON"
    monkeypatch.delenv(variable, raising=False)
    assert f"docs/{name}.md" in problems()[name]
    monkeypatch.setenv(variable, "/no/such/python")
    assert "/no/such/python" in problems()[name]


def test_an_interpreter_that_has_it_makes_it_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIW_HABITAT_PYTHON", "/bin/sh")
    assert problems()["habitat"] == ""


def test_what_needs_nothing_can_be_used() -> None:
    assert all(not problems()[name] for name in ("mujoco", "tabletop", "fake", "remote"))
