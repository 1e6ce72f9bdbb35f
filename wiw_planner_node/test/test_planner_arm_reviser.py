"""What choosing by a picture of the table promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planner_arm_tables import (
    Box,
    arm_context,
    block,
    button,
    cup,
    hand,
    picture,
    ring,
    spokes,
    table_view,
    tile,
    with_goal,
)

from wiw_core.arm import tool_pose
from wiw_core.contracts import DecisionContext
from wiw_core.decisions import Candidate, Decision
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose3
from wiw_core.observation import Projection, Rgb
from wiw_core.plans import Plan
from wiw_core.rollouts import Rollout
from wiw_planner_node.revisers.arm import ArmReviser

BUTTONS = {"orange": (0.15, -0.2), "green": (0.3, 0.0), "navy": (0.12, 0.15)}
TILES = {"green": (0.38, 0.0), "blue": (0.2, 0.17), "magenta": (0.05, 0.0), "yellow": (0.2, -0.17)}
CUPS = {"red": (0.12, -0.15), "green": (0.3, 0.0), "blue": (0.15, 0.18)}
SPOKES = ("red", "green", "blue")


def reach(k: int) -> Plan:
    return Plan((tool_pose(Pose3(0.2, 0.01 * k, 1.0, 1.0, 0.0, 0.0, 0.0), True),), f"plan {k}")


def dreamt(*frames: Rgb, values: tuple[float, ...] = ()) -> list[Candidate]:
    flat = Projection.PERSPECTIVE
    given = [np.array([v], np.float32) for v in values] or [None] * len(frames)
    return [
        Candidate(reach(k), Rollout(k, frame[None], (1,), flat, value=value))
        for k, (frame, value) in enumerate(zip(frames, given))
    ]


def decided(context: DecisionContext, candidates: list[Candidate], **options) -> Decision:
    reviser = ArmReviser(**options)
    reviser.reset(context.episode)
    assert reviser.glance(context) is None
    return reviser.revise(context, candidates)


def buttons(lit: str = "") -> list[Box]:
    return [box for c, place in BUTTONS.items() for box in button(*place, c, lit=c == lit)]


def tiles() -> list[Box]:
    return [box for colour, place in TILES.items() for box in tile(*place, colour)]


def cups(moved: dict[str, tuple[str, int]] | None = None) -> list[Box]:
    """Return the cups; each of ``moved`` stands in another one, above that many."""
    boxes = []
    for colour, place in CUPS.items():
        below, level = (moved or {}).get(colour, (colour, 0))
        boxes += cup(*(CUPS[below] if level else place), colour, level)
    return boxes


@pytest.mark.parametrize("named", list(BUTTONS))
@pytest.mark.parametrize("size", [128, 256])
def test_it_takes_the_plan_that_pushes_the_named_button(named: str, size: int) -> None:
    context = arm_context("push", named, view=table_view(buttons(), 256))
    frames = [picture(buttons(lit), size=size) for lit in ("", *BUTTONS)]
    decision = decided(context, dreamt(*frames))
    assert decision.chosen == 1 + list(BUTTONS).index(named)
    scores = [c.score for c in decision.candidates]
    assert all(s < scores[0] for k, s in enumerate(scores) if k not in (0, decision.chosen)), (
        "to push a wrong button is worse than to push none"
    )


def test_a_white_hand_before_a_button_is_no_pushed_button() -> None:
    context = arm_context("push", "orange", view=table_view(buttons(), 256))
    x, y = BUTTONS["orange"]
    before = picture(buttons(), hand(x + 0.08, y, 0.76), size=256)
    decision = decided(context, dreamt(before, picture(buttons("orange"), size=256)))
    assert decision.chosen == 1
    assert decision.candidates[0].score < 0.5 * decision.candidates[1].score


@pytest.mark.parametrize("named", list(TILES))
def test_it_takes_the_plan_that_brings_the_block_nearest_to_the_named_square(named: str) -> None:
    context = arm_context("slide", named, view=table_view(tiles() + block(0.21, 0.0), 256))
    x, y = TILES[named]
    frames = [picture(tiles(), block(*place)) for place in TILES.values()]
    frames += [picture(tiles(), block(0.21, 0.0)), picture(tiles(), block(x, y + 0.03))]
    decision = decided(context, dreamt(*frames))
    assert decision.chosen == list(TILES).index(named)
    scores = [c.score for c in decision.candidates]
    assert scores[5] == sorted(scores)[-2], "3 cm beside it is second best"
    assert scores[5] == pytest.approx(scores[decision.chosen] - 0.03, abs=0.015)


def test_a_block_that_is_nowhere_to_be_seen_is_not_judged() -> None:
    context = arm_context("slide", "blue", view=table_view(tiles() + block(0.21, 0.0), 256))
    decision = decided(context, dreamt(picture(tiles()), picture(tiles(), block(0.05, 0.0))))
    assert decision.chosen == 1
    assert math.isnan(decision.candidates[0].score) and "nan" in decision.candidates[0].reason


@pytest.mark.parametrize(("named", "order"), [("red", (0, 1, 2)), ("green", (1, 0, 2))])
def test_it_takes_the_plan_that_puts_the_ring_on_the_named_spoke(
    named: str, order: tuple[int, ...]
) -> None:
    context = arm_context("peg", named, view=table_view(spokes(*SPOKES) + ring(0.1, 0.1), 256))
    on = [picture(spokes(*SPOKES), ring(0.3, y, 0.786), size=256) for y in (-0.14, 0.0, 0.14)]
    lying = picture(spokes(*SPOKES), ring(0.1, 0.1), size=256)
    scores = [c.score for c in decided(context, dreamt(*on, lying)).candidates]
    assert np.argmax(scores) == order[0]
    assert scores[order[2]] <= scores[order[1]] + 0.02, "the farther spoke is no better"
    assert scores[3] == min(scores), "a ring that lies about is the farthest from the goal"


def test_a_ring_on_top_of_the_named_spoke_is_nearly_there() -> None:
    context = arm_context("peg", "green", view=table_view(spokes(*SPOKES) + ring(0.1, 0.1), 256))
    places = ((0.0, 0.786), (0.0, 0.866), (-0.14, 0.786))
    frames = [picture(spokes(*SPOKES), ring(0.3, y, z), size=256) for y, z in places]
    scores = [c.score for c in decided(context, dreamt(*frames)).candidates]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 3


def test_it_takes_the_plan_that_stacks_a_cup_on_the_named_one() -> None:
    context = arm_context("cups", "green", view=table_view(cups(), 256))
    moves = [{}, {"red": ("blue", 1)}, {"green": ("red", 1)}, {"blue": ("green", 1)}]
    frames = [picture(cups(move), size=256) for move in moves]
    decision = decided(context, dreamt(*frames))
    assert decision.chosen == 3
    both = picture(cups({"blue": ("green", 1), "red": ("green", 2)}), size=256)
    assert decided(context, dreamt(*frames, both)).chosen == 4


def test_it_remembers_where_things_were_before_anything_moved() -> None:
    first = arm_context("slide", "yellow", view=table_view(tiles() + block(0.21, 0.0), 256))
    reviser = ArmReviser()
    reviser.reset(first.episode)
    reviser.glance(first)
    hidden = [box for box in tiles() if box.colour != "yellow"] + block(*TILES["blue"])
    later = arm_context("slide", "yellow", view=table_view(hidden, 256), index=1)
    reviser.glance(later)
    near = picture(hidden[:-1], block(*TILES["yellow"]))
    decision = reviser.revise(later, dreamt(picture(hidden), near))
    assert decision.chosen == 1


@pytest.mark.parametrize("family", ["push", "slide", "peg", "cups"])
def test_a_model_that_shows_what_is_now_leaves_the_choice_to_the_proposer(family: str) -> None:
    boxes = {
        "push": buttons(),
        "slide": tiles() + block(0.21, 0.0),
        "peg": spokes(*SPOKES) + ring(0.1, 0.1),
        "cups": cups(),
    }[family]
    context = arm_context(family, "green", view=table_view(boxes, 256))
    assert decided(context, dreamt(*[picture(boxes)] * 3)).chosen == 0


def test_without_rollouts_it_takes_the_first_plan() -> None:
    context = arm_context("push", "green", view=table_view(buttons(), 256))
    decision = decided(context, [Candidate(reach(k)) for k in range(3)])
    assert decision.chosen == 0 and decision.prefix_length == 1


def test_by_value_it_needs_no_eyes() -> None:
    context = with_goal(arm_context("push", "green"), "do something else")
    frames = [picture(buttons())] * 3
    decision = decided(context, dreamt(*frames, values=(0.1, 0.9, 0.3)), score_by="value")
    assert decision.chosen == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("push the octarine button", ErrorCode.UNPARSABLE),
        ("push the yellow button", ErrorCode.BAD_IMAGE),
        ("open the drawer", ErrorCode.UNPARSABLE),
    ],
)
def test_a_goal_that_it_cannot_read_or_see_is_a_clear_error(text: str, code: ErrorCode) -> None:
    context = with_goal(arm_context("push", "green", view=table_view(buttons(), 256)), text)
    with pytest.raises(WiwError) as caught:
        decided(context, dreamt(picture(buttons())))
    assert caught.value.code is code


def test_panoramas_and_missing_resets_are_refused() -> None:
    context = arm_context("push", "green", view=table_view(buttons(), 256))
    wide = Rollout(0, np.zeros((1, 32, 64, 3), np.uint8), (1,), Projection.EQUIRECTANGULAR)
    with pytest.raises(WiwError) as caught:
        decided(context, [Candidate(reach(0), wide)])
    assert caught.value.code is ErrorCode.BAD_IMAGE
    with pytest.raises(WiwError) as caught:
        ArmReviser().revise(context, dreamt(picture(buttons())))
    assert caught.value.code is ErrorCode.NO_EPISODE
    with pytest.raises(WiwError) as caught:
        ArmReviser(score_by="guess")
    assert caught.value.code is ErrorCode.BAD_PARAMETER
