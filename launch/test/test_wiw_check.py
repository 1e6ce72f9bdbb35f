"""``wiw check`` and ``wiw list`` tell an author what a plugin lacks."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from wiw import checking, inventory
from wiw.commands.listing import table
from wiw_core.errors import ErrorCode, WiwError
from wiw_learn import weights

FORGETFUL = """
from wiw_core.fakes.world_model import FakeWorldModel

class Forgetful(FakeWorldModel):
    def rollout(self, request):
        yield from super().rollout(request.__class__(
            observations=request.observations, plans=request.plans, frames=request.frames,
            generation=request.generation, last_frame_only=request.last_frame_only))
"""


@pytest.mark.parametrize(
    ("kind", "name"),
    [("model", "copy"), ("model", "arm"), ("proposer", "heuristic"), ("reviser", "place")],
)
def test_a_sound_plugin_keeps_every_promise(kind: str, name: str) -> None:
    outcomes = list(checking.check(kind, name))
    assert outcomes and not any(outcome.broken for outcome in outcomes)


@pytest.mark.parametrize(("kind", "name"), [("env", "fake"), ("task", "ignav")])
def test_environments_and_tasks_are_checked_too(kind: str, name: str) -> None:
    assert [outcome.broken for outcome in checking.check(kind, name)] == [""]


TALKATIVE = """
import numpy as np
from dataclasses import dataclass, replace
from wiw_core.fakes.world_model import FakeWorldModel

@dataclass
class Unused:
    x: int = 0

class Crowded(FakeWorldModel):
    def rollout(self, request):
        for made in super().rollout(request):
            if request.plans[made.plan_index].names[0] == "forward":
                made = replace(made, frames=made.frames // len(request.plans))
            yield made

class Crashing(FakeWorldModel):
    def rollout(self, request):
        yield from [][3]

class Deaf(FakeWorldModel):
    def rollout(self, request):
        cancelled = request.cancelled()
        yield from super().rollout(replace(request, cancelled=lambda: cancelled))
"""


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Crowded", "a plan alone and among others"),
        ("Crashing", "IndexError"),
        ("Deaf", "after its model has asked once"),
    ],
)
def test_what_only_shows_now_and_then_is_found(name: str, word: str, tmp_path: Path) -> None:
    file = tmp_path / "talkative.py"
    file.write_text(TALKATIVE)
    (broken, *_) = checking.check("model", f"{file}:{name}")
    assert word in broken.broken


def test_a_parameter_that_a_plugin_does_not_take_is_said(tmp_path: Path) -> None:
    file = tmp_path / "talkative.py"
    file.write_text(TALKATIVE)
    with pytest.raises(WiwError, match="no_such_thing"):
        list(checking.check("model", f"{file}:Deaf", ["no_such_thing=3"]))


def test_the_broken_promise_is_named_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "forgetful.py"
    file.write_text(FORGETFUL)
    (broken, *_) = checking.check("model", f"{file}:Forgetful")
    assert "CANCELLED" in broken.broken and "the fake room" in broken.where


@pytest.mark.parametrize(
    ("kind", "name", "word"),
    [
        ("modle", "copy", "model"),
        ("model", "no_such_file.py:Model", "FILE.py:CLASS"),
        ("model", "cpoy", "copy"),
    ],
)
def test_what_cannot_be_found_is_said(kind: str, name: str, word: str) -> None:
    with pytest.raises(WiwError) as raised:
        list(checking.check(kind, name))
    assert word in str(raised.value)


def test_every_world_model_says_what_it_needs_before_it_is_loaded() -> None:
    items = {item.name: item for item in inventory.section("models")}
    for name, item in items.items():
        if name not in inventory.OTHERS and item.origin != "built in":
            assert item.sheet is not None, f"{name} has no sheet"
            assert all(item.columns), name
    for name in inventory.OTHERS:
        assert "not loaded" in items[name].problem


def test_the_table_of_models_shows_licence_and_why_not(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(weights, "shelf", lambda package: tmp_path)
    console = Console(width=200, record=True, file=StringIO())
    console.print(table("models", details=True))
    text = console.export_text()
    assert "Apache-2.0" in text and "wiw train warp --ship" in text


def test_unknown_kinds_have_a_code() -> None:
    with pytest.raises(WiwError) as raised:
        list(checking.check("robot", "x"))
    assert raised.value.code is ErrorCode.BAD_PARAMETER
