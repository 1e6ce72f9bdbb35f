"""The table as an environment whose state can be saved and restored."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wiw_core.arm import ARM, target_of
from wiw_core.contracts import Task
from wiw_core.decisions import EpisodeResult, Transition
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.observation import Episode, Observation, Projection, Rgb, SceneObject
from wiw_core.plans import Action, ActionSpec, Plan, check_plan
from wiw_core.tasks.manipulation import OBJECT_CENTROIDS
from wiw_env_bridge.tabletop import episodes, judging
from wiw_env_bridge.tabletop.cameras import CAMERAS, TableRenderer, check_size
from wiw_env_bridge.tabletop.judging import TASKS
from wiw_env_bridge.tabletop.table import Outcome, Pace, Table, TableState, never

FRAME_SIZE = 256
"""Height and width of an imagined front view unless another size is asked for."""


@dataclass(frozen=True)
class _OpenEpisode:
    record: episodes.TableRecord
    task: Task
    table: Table
    views: tuple[str, ...]


@dataclass(frozen=True)
class _Count:
    """What has happened since the episode began; ``ended``: the plan goes no further."""

    step: int = 0
    path_m: float = 0.0
    collisions: int = 0
    failures: int = 0
    done: bool = False
    ended: bool = False

    def after(self, outcome: Outcome, done: bool) -> _Count:
        failed = outcome.code is not ErrorCode.OK
        return _Count(
            self.step + 1,
            self.path_m + outcome.path_m,
            self.collisions + outcome.collided,
            self.failures + failed,
            done,
            ended=done or failed or outcome.stopped,
        )


@dataclass(frozen=True)
class Snapshot:
    """An opaque state of one episode."""

    episode_id: str
    table: TableState
    count: _Count


class TabletopEnvironment:
    """A 7-DoF arm at a table: push buttons, slide a block, put a ring on a peg, stack cups.

    ``base_link`` is the table's frame: the floor below its origin is z = 0, the table top z = 0.75.
    :meth:`hold` may be called from any thread at any time: the arm stops where it is, within a few
    milliseconds. The rest may be called from any thread, by one caller at a time.

    An action that has no solution (``IK_FAILED``) or whose straight line breaks (``NO_PATH``) moves
    nothing, counts as a failure and ends the plan. An arm that presses too hard on something stops
    there: that counts as a collision, and the plan goes on from where the arm is.

    Parameters
    ----------
    image_size : int
        Height and width of the images in pixels.
    views : sequence of str
        Cameras to draw, of :data:`wiw_env_bridge.tabletop.cameras.CAMERAS`; empty for what the task
        asks for.
    centroids : bool
        Tell where objects are, under names without meaning, as the paper's protocol does.
    speed : float
        Simulated seconds per second of the clock; 0 moves as fast as it computes.
    """

    name = "tabletop"
    frame_projection = Projection.PERSPECTIVE
    frame_hw = (FRAME_SIZE, FRAME_SIZE)

    def __init__(
        self,
        image_size: int = 500,
        views: Sequence[str] = (),
        centroids: bool = True,
        speed: float = 0.0,
    ) -> None:
        check_size(image_size)
        for view in views:
            if view not in CAMERAS:
                raise unknown_name(ErrorCode.BAD_PARAMETER, "view", view, CAMERAS)
        if not (math.isfinite(speed) and (speed == 0.0 or 0.01 <= speed <= 100.0)):
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The arm cannot move at {speed} times its speed.",
                "Use 0.01 to 100, or 0 for as fast as it computes.",
            )
        self._image_size, self._views = image_size, tuple(views)
        self._centroids, self._speed = centroids, speed
        self._renderer = TableRenderer(max(image_size, FRAME_SIZE))
        self._open: _OpenEpisode | None = None
        self._count = _Count()
        self._halt = threading.Event()

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """Tool poses, continuous or discretised."""
        return ARM

    @property
    def table(self) -> Table:
        """The open episode's table and its true state, for experts; raises ``NO_EPISODE``."""
        return self._episode().table

    def tasks(self) -> Sequence[str]:
        """Return the four manipulation tasks."""
        return tuple(TASKS)

    def episode_ids(self, task: str, split: str = "val", limit: int = 0) -> Sequence[str]:
        """Return ids in evaluation order."""
        return judging.episode_ids(task, split, limit)

    def reset(self, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
        """Begin an episode; see :class:`wiw_core.contracts.Environment`."""
        record = judging.find(task, episode_id)
        self._open = None
        table = Table(record.layout())
        self._renderer.open(table)
        views = self._views or tuple(TASKS[task].views)
        self._open = _OpenEpisode(record, TASKS[task], table, views)
        self._count = _Count(done=table.decided())
        return self._public(self._open), self.observe(), self._count.done

    def observe(self) -> Observation:
        """Return what the robot sees and feels now; raises ``NO_EPISODE``."""
        episode = self._episode()
        table = episode.table
        return Observation(
            episode.record.id,
            self._count.step,
            self._renderer.views(episode.views, self._image_size),
            stamp_s=time.time(),
            joints=table.joints,
            tool_pose=table.tool_pose(),
            gripper=table.gripper,
            objects=_anonymous(table) if self._centroids else (),
        )

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute a plan; :meth:`hold` ends it at once, after yielding what has really happened."""
        episode = self._episode()
        check_plan(plan, self.actions)
        for action in plan.actions:
            target_of(action)
        if self._count.done:
            raise WiwError(ErrorCode.NO_EPISODE, "The episode is decided.", "Finish it.")
        self._halt.clear()
        return self._execute(episode, plan, observe)

    def finish(
        self,
        decisions: int,
        answer: str = "",
        confidence: float = math.nan,
        fault: ErrorCode = ErrorCode.OK,
        message: str = "",
    ) -> EpisodeResult:
        """Close the open episode and judge it."""
        episode = self._episode()
        self.hold()
        self._open = None
        count = self._count
        result = judging.result(
            episode.record, episode.table, count.done, decisions, ErrorCode(fault), message
        )
        return replace(
            result,
            actions=count.step,
            collisions=count.collisions,
            path_m=count.path_m,
            answer=answer,
            confidence=confidence,
            failures=count.failures,
        )

    def hold(self) -> None:
        """Stop all motion now; from any thread."""
        self._halt.set()

    def snapshot(self) -> Snapshot:
        """Return the state of the open episode."""
        episode = self._episode()
        return Snapshot(episode.record.id, episode.table.snapshot(), self._count)

    def restore(self, state: Snapshot) -> None:
        """Return to a snapshot of the open episode; else raises ``ENVIRONMENT_MISMATCH``."""
        episode = self._episode()
        if state.episode_id != episode.record.id:
            raise WiwError(
                ErrorCode.ENVIRONMENT_MISMATCH,
                f"The snapshot is of episode '{state.episode_id}', which is not open.",
            )
        episode.table.restore(state.table)
        self._count = state.count

    def moment(self) -> tuple[str, int]:
        """Return the open episode and how many actions were executed in it."""
        return self._episode().record.id, self._count.step

    def imagine_action(self, action: Action) -> None:
        """Move the state, and nothing else, as an action would: at once.

        Nothing moves any more once a plan would have ended: after a failed action, or the goal.
        """
        if not self._count.ended:
            self._perform(self._episode(), action, never)

    def imagine_frame(self, height: int, width: int) -> Rgb:
        """Return the front view at the present state, (height, width, 3)."""
        self._episode()
        return self._renderer.picture("front", height, width)

    def value(self) -> float:
        """Return the true progress to the goal, 0 to 1."""
        return self._episode().table.progress()

    def close(self) -> None:
        """Stop and free the renderer; idempotent."""
        self.hold()
        self._open = None
        self._renderer.close()

    def _episode(self) -> _OpenEpisode:
        if self._open is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset first.")
        return self._open

    def _public(self, episode: _OpenEpisode) -> Episode:
        privileges = (OBJECT_CENTROIDS, "oracle_stop") if self._centroids else ("oracle_stop",)
        return judging.public(episode.record, episode.table.scene, privileges)

    def _execute(self, episode: _OpenEpisode, plan: Plan, observe: bool) -> Iterator[Transition]:
        self._count = replace(self._count, ended=False)
        for index, action in enumerate(plan.actions):
            if self._halt.is_set() or self._open is not episode:
                return
            outcome = self._perform(episode, action, self._pace())
            last = index == len(plan) - 1 or self._count.ended or self._halt.is_set()
            if last:  # this plan is over, the next one may be imagined
                self._count = replace(self._count, ended=self._count.done)
            yield Transition(
                observation=self.observe() if observe or last else None,
                path_m=outcome.path_m,
                collided=outcome.collided,
                done=self._count.done,
                code=outcome.code,
            )
            if last:
                return

    def _perform(self, episode: _OpenEpisode, action: Action, pace: Pace) -> Outcome:
        outcome = episode.table.move(*target_of(action), pace)
        self._count = self._count.after(outcome, episode.table.decided())
        return outcome

    def _pace(self) -> Pace:
        """Return what keeps simulated and real time together, and tells when to hold."""
        began, elapsed = time.monotonic(), 0.0

        def wait(seconds: float) -> bool:
            nonlocal elapsed
            elapsed += seconds
            ahead = began + elapsed / self._speed - time.monotonic() if self._speed else 0.0
            return self._halt.wait(ahead) if ahead > 0.0 else self._halt.is_set()

        return wait


def _anonymous(table: Table) -> tuple[SceneObject, ...]:
    """Return the centroids under names without meaning, in order of y, as the paper does."""
    places = sorted(table.centroids(), key=lambda place: (place[1], place[0]))
    return tuple(SceneObject(f"object {k}", *place) for k, place in enumerate(places, start=1))
