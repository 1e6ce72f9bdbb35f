"""Versioned files of episodes: JSON Lines under a header that holds the hash of what follows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from wiw_core.errors import ErrorCode, WiwError

SCHEMA = "wiw-episodes"
VERSION = 2


def read_rows(text: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the task and the episodes of a file's text.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if it is of another version, was changed after it was written, or holds
        another number of episodes than it says.
    """
    head, _, body = text.partition("\n")
    try:
        header = json.loads(head)
        if header["schema"] != SCHEMA or header["version"] != VERSION:
            raise corrupt(f"is of schema {header['schema']} {header['version']}")
        if header["sha256"] != digest(body):
            raise corrupt("was changed after it was written")
        rows = [json.loads(line) for line in body.splitlines()]
        task, count = str(header["task"]), header["count"]
    except (ValueError, KeyError, TypeError) as error:
        raise corrupt(f"cannot be read ({type(error).__name__}: {error})") from error
    if len(rows) != count:
        raise corrupt(f"holds {len(rows)} episodes instead of {count}")
    return task, rows


def write_rows(task: str, seed: int, scenes: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a file's text: a header line, then one line per episode.

    Parameters
    ----------
    seed : int
        What everything in the file was drawn from.
    scenes : str
        Version of the code that builds the scenes.
    """
    lines = [json.dumps(row) + "\n" for row in rows]
    header = {
        "schema": SCHEMA,
        "version": VERSION,
        "task": task,
        "scenes": scenes,
        "seed": seed,
        "count": len(lines),
        "sha256": digest("".join(lines)),
    }
    return json.dumps(header) + "\n" + "".join(lines)


def digest(body: str) -> str:
    """Return the SHA-256 of what follows the header line."""
    return hashlib.sha256(body.encode("utf-8")).hexdigest()


def corrupt(what: str) -> WiwError:
    """Return the error for a file that is not what it should be."""
    return WiwError(
        ErrorCode.RECORD_CORRUPT,
        f"The episode file {what}.",
        "Restore it, or generate it anew: python -m wiw_env_bridge.episodes.generate; for the"
        " table's tasks: python -m wiw_env_bridge.tabletop.generate.",
    )
