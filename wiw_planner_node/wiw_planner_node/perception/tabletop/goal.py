"""What a manipulation goal in words asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wiw_core.errors import ErrorCode, WiwError

FORMS = {
    "push": "push the {} button",
    "slide": "slide the block to the {} target",
    "peg": "put the ring on the {} spoke",
    "cups": "stack the other cups on top of the {} cup",
}
"""The four families of goals, and how each is said."""


@dataclass(frozen=True)
class ArmGoal:
    """A family of :data:`FORMS` and the colour that names the object meant."""

    family: str
    colour: str


def read_goal(text: str) -> ArmGoal:
    """Return what the words ask for.

    Raises
    ------
    WiwError
        ``UNPARSABLE`` if they have none of the four forms.
    """
    for family, form in FORMS.items():
        found = re.fullmatch(form.format("([a-z ]+)"), text.strip().lower().rstrip("."))
        if found:
            return ArmGoal(family, found[1])
    forms = "', '".join(form.format("COLOUR") for form in FORMS.values())
    raise WiwError(
        ErrorCode.UNPARSABLE,
        f"The goal '{text}' is none that the arm's policy understands.",
        f"It knows '{forms}'.",
    )
