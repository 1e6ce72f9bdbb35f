"""Kill ``wiw eval`` with SIGKILL at random moments, resume it, and compare the table.

    python tools/kill_eval.py --out /tmp/killed -- --in-process --task ignav --task push_buttons \\
        --arm none --arm copy --episodes 3

The words after ``--`` are those of ``wiw eval``. Every other time all that the command has started
is killed with it, else the command alone. Exit code 0 if the table is that of a run without kills.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wiw_core.records import read_episode

TIMES = {"seconds", "seconds_by_stage"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the two studies")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("words", nargs="+", help="what 'wiw eval' is given")
    options = parser.parse_args()
    same = survives(options.words, options.out, options.kills, options.seed, print)
    print("the tables are the same" if same else "the tables DIFFER")
    raise SystemExit(not same)


def survives(words: Sequence[str], folder: Path, kills: int, seed: int, say: Any = None) -> bool:
    """Return whether runs that were killed so often end with the table of one that was not.

    A run that ends before its kill comes is compared, and the next one begun: every kill hits.
    """
    say = say or (lambda text: None)
    start = time.monotonic()
    finish(words, folder / "whole")
    lasted = time.monotonic() - start
    say(f"uninterrupted: {lasted:.1f} s")
    rng, hits, runs = np.random.default_rng(seed), 0, [folder / "killed_1"]
    while hits < kills:
        process, moment = begun(words, runs[-1]), float(rng.uniform(0.0, lasted / 2))
        try:
            process.wait(timeout=moment)
            runs.append(folder / f"killed_{len(runs) + 1}")
            continue
        except subprocess.TimeoutExpired:
            hits, everybody = hits + 1, hits % 2 == 1
            killed(process, everybody)
        done = list(runs[-1].glob("*/*/*.jsonl"))
        for path in done:
            read_episode(path)  # a file of that name is always whole
        what = "with all its workers" if everybody else "alone"
        say(f"{hits}: killed {what} after {moment:.1f} s; {runs[-1].name} has {len(done)} episodes")
    finish(words, runs[-1])
    whole = table(folder / "whole")
    return all(table(run) == whole for run in runs)


def begun(words: Sequence[str], out: Path) -> subprocess.Popen[bytes]:
    """Start ``wiw eval``."""
    command = [sys.executable, "-m", "wiw", "eval", *words, "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(words: Sequence[str], out: Path) -> None:
    """Run ``wiw eval`` to its end; raises if it fails."""
    process = begun(words, out)
    said = process.communicate()[1].decode()
    if process.returncode != 0:
        raise RuntimeError(f"wiw eval ended with exit code {process.returncode}: {said}")


def killed(process: subprocess.Popen[bytes], everybody: bool) -> None:
    """Kill the command, or it and all that it has started, at once."""
    workers = family(process.pid) if everybody else []
    process.kill()
    for pid in workers:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()


def family(pid: int) -> list[int]:
    """Return the descendants of a process."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:  # it has just ended
            continue
        for child in map(int, children):
            found += [child, *family(child)]
    return found


def table(out: Path) -> object:
    """Return what a study has found, without what depends on the clock."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if k not in TIMES}
        return [timeless(v) for v in value] if isinstance(value, list) else value

    return timeless(json.loads((out / "results.json").read_text()))


if __name__ == "__main__":
    main()
