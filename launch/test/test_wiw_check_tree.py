"""The tree check finds what it is there to find, and the tree passes it."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("check_tree", ROOT / "tools" / "check_tree.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "good.py").write_text("print('short')\n")
    return tmp_path


def test_a_good_tree_passes(check, tree):
    assert check.problems(tree) == []


def test_a_long_file_is_named(check, tree):
    (tree / "long.py").write_text("pass\n" * 501)
    assert any("long.py: 501 lines" in problem for problem in check.problems(tree))


def test_a_path_of_one_machine_is_named_with_its_line(check, tree):
    (tree / "bad.md").write_text("\nsee /ho" + "me/someone/notes\n")
    assert any(problem.startswith("bad.md:2:") for problem in check.problems(tree))


def test_ignored_files_and_pictures_are_left_alone(check, tree):
    (tree / ".gitignore").write_text("*.log\n")
    (tree / "x.log").write_text("/ro" + "ot/secret\n")
    (tree / "x.png").write_bytes(b"\x89PNG\xff\xfe")
    assert check.problems(tree) == []
