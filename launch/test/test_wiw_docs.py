"""The pages say what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from wiw import robot_page
from wiw.checking import check

DOCS = Path(__file__).parents[2] / "docs"


def test_interface_page_is_what_the_nodes_offer():
    made = subprocess.run(
        [sys.executable, "-m", "wiw.interfaces"], capture_output=True, text=True, check=True
    )
    assert (DOCS / "interfaces.md").read_text() == made.stdout, (
        "run: python -m wiw.interfaces > docs/interfaces.md"
    )


def test_the_page_of_profiles_has_every_setting():
    made = robot_page.page().rstrip() + "\n"
    assert (DOCS / "robot-profile.md").read_text() == made, (
        "run: python -m wiw.robot_page > docs/robot-profile.md"
    )


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_example_world_model_is_a_world_model(tmp_path):
    text = (DOCS / "add-a-world-model.md").read_text()
    blocks = dict(re.findall(r"`([\w/.]+)`:\n\n```python\n(.*?)```", text, re.DOTALL))
    (tmp_path / "fog.py").write_text(blocks["my_models/fog.py"])
    outcomes = list(check("model", f"{tmp_path / 'fog.py'}:FogModel"))
    assert outcomes and not any(outcome.broken for outcome in outcomes)
    code = blocks["test/test_fog.py"].replace("my_models.fog", "fog")
    code += "\n\ntest_fog_is_a_world_model()\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
