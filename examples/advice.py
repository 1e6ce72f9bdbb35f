"""A script that keeps control of its robot, and asks WIW for advice.

    wiw up env:=none simulate:=base        # planner and world model, a simulated robot, no bridge
    python examples/advice.py              # or --goal photo.png, on a robot of your own

It observes, asks ``planner_node/decide``, applies a rule of its own, and drives by Nav2.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from goals import photo, simulated
from parts import Advisor, Eyes, Wheels, running

from wiw_core.errors import WiwError, describe
from wiw_msgs.msg import Decision


def main() -> None:
    """Take a few advised decisions; exit code 1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("--goal", type=Path, help="picture of the place to go to")
    parser.add_argument("--decisions", type=int, default=5, help="greatest number of decisions")
    parser.add_argument("--leash", type=float, default=3.0, help="metres this robot may go away")
    options = parser.parse_args()
    try:
        run(options.goal, options.decisions, options.leash)
    except WiwError as error:
        sys.exit(f"{describe(error.code)}: {error}")


def run(goal: Path | None, decisions: int, leash_m: float) -> None:
    """Observe, ask, judge for oneself, drive; ``decisions`` times."""
    with running("advised_robot") as node:
        episode = photo(goal) if goal else simulated(node)
        eyes, wheels, advisor = Eyes(node), Wheels(node), Advisor(node, episode)
        start, step = eyes.place, 0
        for number in range(1, decisions + 1):
            advice = advisor.ask(eyes.observe(episode.id, step))
            names = [action.name for action in advice.plan.actions[: advice.prefix_length]]
            print(f"{number}: advised {' '.join(names) or kind(advice)} {why(advice)}")
            if advice.kind != Decision.ACT:
                break
            for name in names:
                # The owner's rule: the advice is taken only as far as the leash allows.
                if name == "forward" and math.dist(start, eyes.place) > leash_m:
                    print(f"   not followed: {leash_m:g} m from the start")
                    break
                if not wheels.execute(name):
                    print(f"   {name} was given up: something is in the way")
                    break
                step += 1
        x, y = eyes.place
        print(f"{step} actions, now at ({x:.2f}, {y:.2f}) m in odom")


def kind(advice: Decision) -> str:
    """Return what the advice is, where it is no plan."""
    return {Decision.ANSWER: f"answer '{advice.answer}'", Decision.STOP: "stop"}.get(
        advice.kind, "nothing"
    )


def why(advice: Decision) -> str:
    """Return how the chosen candidate compares with the others."""
    if not 0 <= advice.chosen < len(advice.candidates):
        return ""
    scores = [candidate.score for candidate in advice.candidates]
    return f"(score {scores[advice.chosen]:.2f}, best of {len(scores)})"


class _Raw(argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    main()
