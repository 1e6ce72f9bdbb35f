"""Episode after episode under random faults, with every promise of :mod:`invariants` checked.

``python tools/nemesis.py --help``. One number gives every fault, amount and moment; a run that was
interrupted goes on where it was.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from robot_graph import Episode, NeverDrove, RobotGraph
from strikes import STRIKES, Struck

from wiw_core.errors import ErrorCode, describe

RESULT_S = 45.0
"""Longest wait for the result of an episode; without one by then its promise is broken."""
LATEST_S = 4.0
"""The strike falls within so many seconds of the first motion: in motion, or in thought."""
PLANNER = {
    "proposer": "heuristic",
    "horizon": 2,
    "execute": 2,
    "reviser_parameters": ["stop_after=3"],
}
"""Three decisions of two actions, forward or turning: motion and thought take turns."""

Row = dict[str, Any]


class Nemesis:
    """Runs struck episodes on a graph and tells of each as plain data.

    Parameters
    ----------
    new_graph : callable
        Starts a graph and returns it; again after one that could not go on.
    names : sequence of str
        The strikes to draw from, of :data:`strikes.STRIKES`.
    """

    def __init__(
        self, new_graph: Callable[[], RobotGraph], seed: int, names: Sequence[str] = ()
    ) -> None:
        self._new_graph, self._seed = new_graph, seed
        self._names = tuple(names) or tuple(STRIKES)
        self._graph: RobotGraph | None = None
        self._orphan: Episode | None = None
        self._idle = False

    def close(self) -> None:
        """End the graph."""
        if self._graph is not None:
            self._graph.close()
            self._graph = self._orphan = None

    def episode(self, number: int) -> Row:
        """Run one episode, strike it, and return what happened; never raises for a fault.

        An episode may refuse to begin, with a code and a sentence; the one after it may not. The
        promise that the robot works again is "R".
        """
        rng = np.random.default_rng([self._seed, number])
        name = self._names[int(rng.integers(len(self._names)))]
        delay_s = float(rng.uniform(0.0, LATEST_S))
        row: Row = {
            "episode": number,
            "seed": [self._seed, number],
            "strike": name,
            "delay_s": round(delay_s, 3),
            "load": round(os.getloadavg()[0], 2),
        }
        start, idle = time.monotonic(), self._idle
        self._idle = False
        try:
            self._run(row, name, delay_s, rng)
        except NeverDrove as error:
            self._idle = True
            row["code"], row["why"] = describe(error.ended.code), error.ended.message
            self._bury_orphan()
            row["violations"] = self._found()
            if idle:
                row["violations"] += [["R", f"two episodes in a row: {error}"]]
                self.close()
        except Exception as error:  # noqa: BLE001 - a broken promise whatever it is; the run goes on
            row["violations"] = [["R", f"{type(error).__name__}: {error}"]]
            self.close()
        row["seconds"] = round(time.monotonic() - start, 1)
        return row

    def _run(self, row: Row, name: str, delay_s: float, rng: np.random.Generator) -> None:
        graph = self._graph = self._graph or self._new_graph()
        kind = STRIKES[name]
        episode = graph.driving()
        self._bury_orphan()
        moment = time.monotonic() + delay_s
        graph.probe.until(
            lambda: time.monotonic() >= moment or episode.has_ended, delay_s + 1.0, "the moment"
        )
        row["moving"] = graph.watcher.moving
        row["over"] = episode.has_ended
        fault = graph.watcher.fault(name, None)
        struck = kind.strike(graph, episode, rng)
        row["amount"] = round(struck.amount, 3)
        row["code"], row["hold_s"] = self._outcome(graph, episode, struck, fault, kind.hold_s)
        struck.heal()
        # An orphan is closed when the next episode begins: until then its trace is kept.
        row["stalls_s"] = round(graph.watcher.stalls_s(fault.t), 3)
        row["violations"] = [] if self._orphan is not None else self._found()

    def _found(self) -> list[list[str]]:
        """Return the broken promises, and begin a new trace."""
        assert self._graph is not None
        found = self._graph.watcher.violations()
        self._graph.watcher.forget()
        return [[v.rule, v.sentence] for v in found]

    def _outcome(
        self, graph: RobotGraph, episode: Episode, struck: Struck, fault: Any, hold_s: float
    ) -> tuple[str, float]:
        """Wait for the end; require the hold of an episode that the strike has ended."""
        if struck.planner_is_gone and not episode.has_ended:
            self._orphan = episode
            graph.watcher.require(fault, hold_s)
            graph.probe.until(lambda: graph.watcher.newest_s > 1.0, 10.0, "no more commands")
            return "none: the planner is gone", round(graph.watcher.hold_s(fault), 3)
        ended = episode.end(fault, RESULT_S)
        if ended.code != ErrorCode.OK:
            graph.watcher.require(fault, hold_s)
        return describe(ended.code), round(ended.hold_s, 3)

    def _bury_orphan(self) -> None:
        """Note how the bridge closed the episode of a planner that is no more."""
        orphan, self._orphan = self._orphan, None
        if orphan is not None:
            orphan.closed_by_bridge()


def summary(rows: Sequence[Row]) -> Row:
    """Return counts, codes and the times to hold of every kind of strike.

    Times to hold are of episodes that the strike has ended, and that it met in motion.
    """
    strikes: dict[str, Any] = {}
    for name in sorted({row["strike"] for row in rows}):
        of_kind = [row for row in rows if row["strike"] == name]
        ended = [r for r in of_kind if "hold_s" in r and r["code"] != describe(ErrorCode.OK)]
        holds = [row["hold_s"] for row in ended if row["moving"]]
        strikes[name] = {
            "episodes": len(of_kind),
            "codes": dict(Counter(row.get("code", "none") for row in of_kind)),
            "allowed_s": round(STRIKES[name].hold_s, 2),
            "hold_s": _distribution(holds),
        }
    found = [v for row in rows for v in row["violations"]]
    return {
        "episodes": len(rows),
        "struck": sum("hold_s" in row for row in rows),
        "struck_in_motion": sum(bool(row.get("moving")) for row in rows),
        "violations": dict(Counter(rule for rule, _ in found)),
        "strikes": strikes,
    }


def _distribution(values: Sequence[float]) -> Mapping[str, float]:
    if not values:
        return {"n": 0}
    return {
        "n": len(values),
        "p50": round(float(np.percentile(values, 50)), 3),
        "p95": round(float(np.percentile(values, 95)), 3),
        "max": round(max(values), 3),
    }


def written(path: Path, rows: Sequence[Row], seed: int, names: Sequence[str]) -> None:
    """Write the run so far; what is at ``path`` is always whole."""
    told = {"seed": seed, "strikes": list(names), "summary": summary(rows), "episodes": list(rows)}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(told, indent=1) + "\n")
    partial.replace(path)


def read(path: Path, seed: int, names: Sequence[str]) -> list[Row]:
    """Return the episodes of an interrupted run; none if there is no file.

    Raises
    ------
    ValueError
        If the file is of another seed or of other strikes.
    """
    if not path.exists():
        return []
    told = json.loads(path.read_text())
    if (told["seed"], told["strikes"]) != (seed, list(names)):
        raise ValueError(f"'{path}' is of another run: seed {told['seed']}, {told['strikes']}.")
    return list(told["episodes"])
