"""The episodes of a recording: how each began, its turns, what was imagined, how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wiw.recording.definitions import digest, installed
from wiw.recording.node import message_class
from wiw.recording.reading import Message, messages
from wiw_core.decisions import EpisodeResult
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.rollouts import Rollout
from wiw_ros import convert

BEGUN = "wiw_msgs/msg/EpisodeBegun"
TURN = "wiw_msgs/msg/Turn"
IMAGINED = "wiw_msgs/msg/Imagined"
RESULT = "wiw_msgs/msg/EpisodeResult"
OPEN = 2
"""Episodes of a planner that may still get messages: topics are not received in step."""


@dataclass
class RecordedEpisode:
    """One episode, as its planner told it.

    Attributes
    ----------
    planner : str
        Fully qualified name.
    begun : Begun
    began_s : float
        ROS time.
    turns : dict of int
        By the decision's index.
    imagined : dict of (int, int)
        Rollouts by index of the decision and of the candidate; empty if they were not recorded.
    result : EpisodeResult or None
        None if the recording ended before the episode.
    first : bool
        It is the first that is heard of this planner.
    """

    planner: str
    begun: convert.Begun
    began_s: float
    turns: dict[int, convert.Turn] = field(default_factory=dict)
    imagined: dict[tuple[int, int], Rollout] = field(default_factory=dict)
    result: EpisodeResult | None = None
    first: bool = False

    @property
    def id(self) -> str:
        """The episode's id."""
        return self.begun.episode.id

    @property
    def late(self) -> bool:
        """Whether it had begun before the recording did.

        A planner says the newest beginning and the newest result to whoever comes late.
        """
        return self.first and 0 not in self.turns

    @property
    def together(self) -> list[convert.Turn]:
        """The turns from the first one to the first that is missing, in order."""
        count = next(k for k in range(len(self.turns) + 1) if k not in self.turns)
        return [self.turns[k] for k in range(count)]

    @property
    def missing(self) -> int:
        """How many finished turns the recording lacks.

        A decision that ended in a fault is none: it has no turn. Nor has :attr:`late` any.
        """
        if self.late:
            return 0
        known = max(self.turns, default=-1) + 1
        if self.result is not None and self.result.code is ErrorCode.OK:
            known = max(known, self.result.decisions)
        return known - len(self.turns)


def recorded_episodes(path: Path, *, imagination: bool = False) -> Iterator[RecordedEpisode]:
    """Yield the episodes of a recording, those of several planners too, as they end.

    Parameters
    ----------
    imagination : bool
        Read the rollouts too, if they were recorded; they are large.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if it cannot be read, holds no episode, or was made with other message
        definitions than those installed here; what a malformed message raises.
    """
    kinds = {BEGUN, TURN, RESULT, *([IMAGINED] if imagination else [])}
    names = ("/episode", "/turn", "/result", "/imagined")
    opened: dict[str, list[RecordedEpisode]] = {}
    heard: set[str] = set()
    for message in messages(path, lambda topic: topic.endswith(names)):
        if message.kind not in kinds:
            continue
        planner, decoded = message.topic.rpartition("/")[0], decode(message)
        known = opened.setdefault(planner, [])
        if message.kind == BEGUN:
            began_s = convert.stamp_from_msg(decoded.header.stamp)
            begun = convert.begun_from_msg(decoded)
            known.append(RecordedEpisode(planner, begun, began_s, first=planner not in heard))
            heard.add(planner)
            if len(known) > OPEN:
                yield known.pop(0)
        elif message.kind == RESULT:
            _end(known, convert.result_from_msg(decoded))
        else:
            _add(known, message.kind, decoded)
    if not heard:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"The recording '{path}' holds no episode.",
            "Record the planner's topics episode, turn and result: wiw record does.",
        )
    for known in opened.values():
        yield from known


def decode(message: Message) -> Any:
    """Return the message itself; raises ``RECORD_CORRUPT`` if its type is not the one here."""
    from rclpy.serialization import deserialize_message

    if message.definition:
        ours = digest(message.kind, installed(message.kind))
        if digest(message.kind, message.definition) != ours:
            raise WiwError(
                ErrorCode.RECORD_CORRUPT,
                f"'{message.topic}' was recorded with another definition of '{message.kind}'.",
                "Use the version of WIW that recorded it.",
            )
    try:
        return deserialize_message(message.data, message_class(message.kind))
    except RuntimeError as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT, f"A message on '{message.topic}' cannot be read: {error}."
        ) from error


def _add(known: list[RecordedEpisode], kind: str, message: Any) -> None:
    """Give a turn or a rollout to the episode it is of; before its beginning, to none."""
    said_s = convert.stamp_from_msg(message.header.stamp)
    for episode in reversed(known):
        if episode.id == message.episode_id and episode.began_s <= said_s:
            if kind == TURN:
                turn = convert.turn_from_msg(message)
                episode.turns[turn.decision.index] = turn
            else:
                _, index, rollout = convert.imagined_from_msg(message)
                episode.imagined[index, rollout.plan_index] = rollout
            return


def _end(known: list[RecordedEpisode], result: EpisodeResult) -> None:
    for episode in known:
        if episode.id == result.episode_id and episode.result is None:
            episode.result = result
            return
