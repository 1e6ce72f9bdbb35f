"""Our prompts: text files with named gaps, and how others' words are put into them."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from string import Template

from wiw_planner_node.vlm.schema import clean

MAX_QUOTED = 500
"""Characters of a goal, a question or a label that a prompt holds."""
_GAP = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def prompt(name: str, **values: object) -> str:
    """Return the prompt ``vlm/prompts/<name>.txt`` with its gaps (``$name``) filled.

    Raises
    ------
    KeyError
        If the values are not exactly those that it has gaps for.
    """
    written = _written(name)
    gaps = {braced or bare for braced, bare in _GAP.findall(written)}
    if gaps != set(values):
        raise KeyError(f"The prompt '{name}' has the gaps {sorted(gaps)}, not {sorted(values)}")
    return Template(written).substitute({key: str(value) for key, value in values.items()})


def quoted(words: str) -> str:
    """Return others' words as data: in quotation marks, on one line, cut, nothing hidden.

    What a goal text, a label or a question says is never an instruction; the prompts say so, and
    what is done with the reply does not depend on it.
    """
    return json.dumps(" ".join(clean(words).split())[:MAX_QUOTED], ensure_ascii=False)


@cache
def _written(name: str) -> str:
    path = files(__package__).joinpath("prompts").joinpath(f"{name}.txt")
    return path.read_text(encoding="utf-8").strip()
