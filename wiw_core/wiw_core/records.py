"""Records that survive a crash: JSON Lines, one file per episode.

The first line is of kind ``episode``, then one ``decision`` each, the last one is of kind
``result``. Before it, ``undecided`` may say what was asked for a decision that came to nothing. The
file is called ``<id>.jsonl.partial`` until it is complete and on disk, then ``<id>.jsonl``: a file
of that name is always whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote, unquote

from wiw_core import record_format as form
from wiw_core.decisions import Decision, EpisodeResult, Exchange
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Plan
from wiw_core.provenance import provenance
from wiw_core.record_format import DecisionRecord, EpisodeRecord

__all__ = [
    "DecisionRecord",
    "EpisodeRecord",
    "JsonlRecorder",
    "finished",
    "provenance",
    "read_episode",
    "record_path",
]

SUFFIX = ".jsonl"
PARTIAL = ".partial"


def record_path(folder: Path | str, episode_id: str) -> Path:
    """Return where the complete record of an episode lies; ids are percent-encoded."""
    return Path(folder) / (quote(episode_id, safe=" ") + SUFFIX)


def finished(folder: Path | str) -> list[str]:
    """Return the ids of the episodes whose record is complete, sorted."""
    return sorted(unquote(p.name[: -len(SUFFIX)]) for p in Path(folder).glob(f"*{SUFFIX}"))


class JsonlRecorder:
    """Writes one record per episode into a folder; a :class:`wiw_core.contracts.Recorder`.

    What a killed run left behind, ``<id>.jsonl.partial``, is kept as ``<id>.jsonl.attemptN`` when
    the episode is run again.

    Parameters
    ----------
    folder : path
        Made when the first episode begins.
    config : mapping, optional
        Plain values that say how the run was set up; ``seed`` among them.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the config is not plain; each method: ``RECORDING_FAILED``.
    """

    def __init__(self, folder: Path | str, config: Mapping[str, Any] | None = None) -> None:
        self._folder = Path(folder)
        try:
            self._provenance = provenance(form.plain(config or {}))
        except TypeError as error:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"The config cannot be written as JSON: {error}."
            ) from error
        self._final: Path | None = None
        self._file: TextIO | None = None

    def begin(self, episode: Episode, observation: Observation) -> None:
        """Open the record of an episode."""
        self._abandon()
        final = record_path(self._folder, episode.id)
        partial = _partial(final)
        with _disk(partial):
            self._folder.mkdir(parents=True, exist_ok=True)
            if partial.exists():
                partial.rename(_next_attempt(final))
            self._file = partial.open("w", encoding="utf-8")
        self._final = final
        self._write(form.episode_line(episode, self._provenance))

    def decision(self, decision: Decision, executed: Plan, observation: Observation) -> None:
        """Append a decision; it survives the death of this process."""
        self._write(form.decision_line(decision, executed, observation))

    def undecided(self, transcript: Sequence[Exchange]) -> None:
        """Append what was asked for a decision that came to nothing."""
        self._write(form.undecided_line(transcript))

    def end(self, result: EpisodeResult) -> None:
        """Complete the record; it survives the death of this machine."""
        self._write(form.result_line(result))
        if self._final is None or self._file is None:
            raise _no_record()
        partial, final = _partial(self._final), self._final
        with _disk(partial):
            os.fsync(self._file.fileno())
            self._abandon()
            os.replace(partial, final)
            _sync_folder(self._folder)

    def _write(self, line: form.Json) -> None:
        if self._file is None or self._final is None:
            raise _no_record()
        try:
            with _disk(_partial(self._final)):
                self._file.write(form.dumps(line))
                self._file.flush()
        except WiwError:
            self._abandon()  # the line may be torn: this record must never get its final name
            raise

    def _abandon(self) -> None:
        file, self._file, self._final = self._file, None, None
        if file is not None:
            try:
                file.close()
            except OSError:  # what could not be flushed has been reported by the write before
                pass


def read_episode(path: Path | str) -> EpisodeRecord:
    """Read a record.

    Only a file that was never completed (``.partial``, ``.attemptN``) may lack its result and may
    end in a torn line, which is left out.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT``, naming file and line; ``RECORDING_FAILED`` if it cannot be read at all.
    """
    path = Path(path)
    with _disk(path):
        lines = path.read_bytes().split(b"\n")
    complete = path.name.endswith(SUFFIX)
    torn = lines.pop()  # empty if the last line ends in a newline
    if torn and complete:
        raise _corrupt(path, len(lines) + 1, "the last line is torn")
    header, decisions, result = None, [], None
    undecided: tuple[Exchange, ...] = ()
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line)
            kind = fields["kind"]
            if (kind == "episode") != (number == 1) or result is not None:
                raise ValueError(f"a line of kind '{kind}' is out of place")
            if kind == "episode":
                header = form.parse_episode(fields)
            elif kind == "decision":
                decisions.append(form.parse_decision(fields))
            elif kind == "undecided":
                undecided = form.parse_undecided(fields)
            elif kind == "result":
                result = form.parse_result(fields)
            else:
                raise ValueError(f"kind '{kind}' is unknown")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _corrupt(path, number, f"{type(error).__name__}: {error}") from error
    if header is None:
        raise _corrupt(path, 1, "there is no episode line")
    if complete and result is None:
        raise _corrupt(path, len(lines), "there is no result line")
    return EpisodeRecord(*header, tuple(decisions), result, undecided)


def _partial(final: Path) -> Path:
    return final.with_name(final.name + PARTIAL)


def _next_attempt(final: Path) -> Path:
    number = 1
    while (path := final.with_name(f"{final.name}.attempt{number}")).exists():
        number += 1
    return path


def _sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WiwError(
            ErrorCode.RECORDING_FAILED,
            f"The record '{path}' cannot be accessed: {error.strerror or error}.",
            "Check the folder, its permissions and the space left.",
        ) from error


def _no_record() -> WiwError:
    return WiwError(ErrorCode.RECORDING_FAILED, "No record is open.", "Call begin() first.")


def _corrupt(path: Path, line: int, reason: str) -> WiwError:
    return WiwError(
        ErrorCode.RECORD_CORRUPT,
        f"The record '{path}' is corrupt at line {line}: {reason}.",
        "Delete it and run the episode again.",
    )
