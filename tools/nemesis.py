"""Run many short episodes on the simulated base, each struck by a random fault, and check each.

    python tools/nemesis.py --episodes 200 --seed 0 --out nemesis.json

Starts the simulated robot, its bridge, a fake world model and a fake policy as processes of their
own, in a ROS domain of their own; nothing else on the machine is touched. Interrupted, it goes on
where it was. Exit code 0 if no promise was broken. See ``docs/safety.md``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from nemesis import PLANNER, Nemesis, read, summary, written
from robot_graph import RobotGraph
from strikes import STRIKES

from wiw_ros.testing import own_domain


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON of the run")
    parser.add_argument(
        "--only", action="append", default=[], choices=sorted(STRIKES), help="draw from these"
    )
    parser.add_argument(
        "--interface",
        choices=("nav2", "cmd_vel"),
        default="nav2",
        help="how the bridge drives the base",
    )
    parser.add_argument("--logs", type=Path, help="keep what the nodes print in this folder")
    options = parser.parse_args()
    names = [name for name in STRIKES if not options.only or name in options.only]
    rows = read(options.out, options.seed, names)
    folder = options.logs or Path(tempfile.mkdtemp(prefix="nemesis-"))
    folder.mkdir(parents=True, exist_ok=True)
    with own_domain() as domain:

        def new_graph() -> RobotGraph:
            graph = RobotGraph(domain, folder, PLANNER, base={"interface": options.interface})
            graph.start_all()
            return graph

        nemesis = Nemesis(new_graph, options.seed, names)
        try:
            for number in range(len(rows), options.episodes):
                row = nemesis.episode(number)
                rows.append(row)
                written(options.out, rows, options.seed, names)
                print(
                    f"{number}: {row['strike']} -> {row.get('code', 'none')},"
                    f" held in {row.get('hold_s', float('nan')):.2f} s {row['violations'] or ''}",
                    flush=True,
                )
        finally:
            nemesis.close()
    broken = summary(rows)["violations"]
    print(f"{len(rows)} episodes; broken promises: {broken or 'none'}")
    raise SystemExit(bool(broken))


if __name__ == "__main__":
    main()
