"""Tells whoever listens what an episode consists of, as it happens: what ``wiw record`` keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node

from wiw_core.contracts import Recorder
from wiw_core.decisions import Decision, EpisodeResult, Exchange
from wiw_core.observation import Episode, Observation
from wiw_core.plans import Plan
from wiw_msgs.msg import EpisodeBegun, Imagined
from wiw_msgs.msg import EpisodeResult as EpisodeResultMsg
from wiw_msgs.msg import Turn as TurnMsg
from wiw_ros import convert, qos

Beginning = Callable[[Episode, Observation], convert.Begun]
"""Adds to an episode and its first observation what else its decisions depend on."""


class Teller:
    """The topics ``~/episode``, ``~/turn``, ``~/imagined`` and ``~/result`` of a planner.

    A message is made only while somebody listens. Advice (``~/decide``) is not told here: whoever
    asked for it has the observations.
    """

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()
        self._begun = node.create_publisher(EpisodeBegun, "~/episode", qos.LATCHED)
        self._turns = node.create_publisher(TurnMsg, "~/turn", qos.TURNS)
        self._imagined = node.create_publisher(Imagined, "~/imagined", qos.ROLLOUTS)
        self._results = node.create_publisher(EpisodeResultMsg, "~/result", qos.LATCHED)

    def episode(self, beginning: Beginning, recorder: Recorder | None) -> Recorder:
        """Return the recorder of one episode: it tells, and passes all on to ``recorder``."""
        return _Telling(self, beginning, recorder)

    def begun(self, begun: convert.Begun) -> None:
        """Tell that an episode has begun; kept for whoever comes late."""
        self._begun.publish(convert.begun_to_msg(begun, self._now()))

    def turn(self, turn: convert.Turn) -> None:
        """Tell what was imagined for a decision, then the whole turn."""
        now = self._now()
        if self._imagined.get_subscription_count():
            for place, candidate in enumerate(turn.decision.candidates):
                if candidate.rollout is not None:
                    self._imagined.publish(
                        convert.imagined_to_msg(
                            turn.episode_id, turn.decision, place, candidate.rollout, now
                        )
                    )
        if self._turns.get_subscription_count():
            self._turns.publish(convert.turn_to_msg(turn, now))

    def result(self, result: EpisodeResult) -> None:
        """Tell how an episode ended."""
        self._results.publish(convert.result_to_msg(result))

    def _now(self) -> Any:
        return self._clock.now().to_msg()


class _Telling:
    """A :class:`wiw_core.contracts.Recorder` of one episode."""

    def __init__(self, teller: Teller, beginning: Beginning, recorder: Recorder | None) -> None:
        self._teller, self._beginning, self._recorder = teller, beginning, recorder
        self._episode_id = ""

    def begin(self, episode: Episode, observation: Observation) -> None:
        if self._recorder is not None:
            self._recorder.begin(episode, observation)
        self._episode_id = episode.id
        self._teller.begun(self._beginning(episode, observation))

    def decision(self, decision: Decision, executed: Plan, observation: Observation) -> None:
        if self._recorder is not None:
            self._recorder.decision(decision, executed, observation)
        self._teller.turn(convert.Turn(self._episode_id, decision, executed, observation))

    def undecided(self, transcript: Sequence[Exchange]) -> None:
        if self._recorder is not None:
            self._recorder.undecided(transcript)

    def end(self, result: EpisodeResult) -> None:
        if self._recorder is not None:
            self._recorder.end(result)
        self._teller.result(result)
