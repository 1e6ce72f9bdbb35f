"""Habitat-Sim as an environment whose state can be saved; this runs in the worker."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wiw_core.cameras.boxes import target_box
from wiw_core.contracts import Task
from wiw_core.decisions import EpisodeResult, Transition, episode_status
from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_core.geometry import Pose2
from wiw_core.observation import Episode, Observation, Projection, Rgb, View
from wiw_core.plans import NAVIGATION, Action, ActionSpec, Plan, check_plan, navigation_plan
from wiw_env_bridge.habitat.draw import draw_ignav
from wiw_env_bridge.habitat.episodes import Record, read_aeqa, read_ar, read_ignav
from wiw_env_bridge.habitat.goals import TASKS, VARIANTS, Goal, Scene, make_goal
from wiw_env_bridge.habitat.rig import VIEWS, Eyes, Rig
from wiw_env_bridge.habitat.scenes import find_configuration, find_scene
from wiw_env_bridge.habitat.stage import Place, Settings, Stage, load_habitat_sim

FRAME_HW = (288, 512)
"""Size of an imagined panorama unless another is asked for, or the robot's is smaller."""


@dataclass(frozen=True)
class _State:
    place: Place
    step: int = 0
    path_m: float = 0.0
    collisions: int = 0
    done: bool = False


@dataclass(frozen=True)
class Snapshot:
    """An opaque state of one episode."""

    episode_id: str
    state: _State


@dataclass(frozen=True)
class _Open:
    task: Task
    record: Record
    goal: Goal
    views: tuple[str, ...]
    start: Pose2
    shortest_m: float


class HabitatWorld:
    """Habitat-Sim, for the tasks whose episode files are given.

    :meth:`hold` may be called from any thread; the rest by one caller at a time. An action takes no
    time: it is done, or not begun. Every other parameter is as in
    :class:`wiw_env_bridge.habitat.plugin.HabitatEnvironment`.

    Raises
    ------
    WiwError
        ``INTERFACE_MISSING`` without Habitat-Sim; ``BAD_PARAMETER``; ``RECORD_CORRUPT`` for an
        episode file.
    """

    name = "habitat"
    frame_projection = Projection.EQUIRECTANGULAR

    def __init__(
        self,
        scenes: str = "",
        dataset: str = "",
        ar: str = "",
        ignav: str = "",
        ignav_images: str = "",
        aeqa: str = "",
        aeqa_lengths: str = "",
        scene: str = "",
        drawn: int = 0,
        panorama_height: int = 576,
        panorama_width: int = 1024,
        front_size: int = 512,
        face_size: int = 512,
        views: Sequence[str] = (),
        gpu: int = 0,
        seed: int = 42,
        sliding: bool = True,
    ) -> None:
        load_habitat_sim()
        self._views = tuple(views)
        self._rig = Rig(
            self._views or VIEWS, (panorama_height, panorama_width), front_size, face_size
        )
        smaller = panorama_height < FRAME_HW[0] or panorama_width < FRAME_HW[1]
        self.frame_hw = (panorama_height, panorama_width) if smaller else FRAME_HW
        self._settings = Settings(gpu, seed, sliding)
        self._scenes, self._dataset = Path(scenes or "data/scene_datasets"), dataset
        self._images = Path(ignav_images) if ignav_images else None
        self._records: dict[str, dict[str, Record]] = {}
        for task, path, read in (
            ("ar", ar, read_ar),
            ("ignav", ignav, read_ignav),
            ("aeqa", aeqa, lambda p: read_aeqa(p, Path(aeqa_lengths) if aeqa_lengths else None)),
        ):
            if path:
                self._records[task] = {record.id: record for record in read(Path(path))}
        if scene:
            if ignav or drawn < 1:
                raise WiwError(
                    ErrorCode.BAD_PARAMETER,
                    f"{drawn} episodes cannot be drawn in '{scene}'.",
                    "Give drawn=, 1 or more, and no episode file of the same task.",
                )
            # With a camera, though none is looked through: else Habitat loads no geometry, and
            # cannot make the navigation mesh anew for this agent.
            bare = Rig(("front",), front_size=16)
            drawing = draw_ignav(Path(scene), dataset, drawn, bare, self._settings)
            self._records["ignav"] = {record.id: record for record in drawing}
        if not self._records:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                "Habitat has no episodes.",
                "Give an episode file, ar=, ignav= or aeqa=, or a scene= to draw some in.",
            )
        self._stage: Stage | None = None
        self._staged: tuple[str, Rig] | None = None
        self._eyes = Eyes(self._rig)
        self._open: _Open | None = None
        self._state: _State | None = None
        self._halt = threading.Event()

    @property
    def actions(self) -> Mapping[str, ActionSpec]:
        """The navigation primitives."""
        return NAVIGATION

    def tasks(self) -> Sequence[str]:
        """Return the tasks that episodes were given for."""
        return tuple(name for name in TASKS if VARIANTS.get(name, name) in self._records)

    def episode_ids(self, task: str, split: str = "val", limit: int = 0) -> Sequence[str]:
        """Return ids in the order of the file; all of them are of the split ``val``."""
        ids = list(self._of(task)) if split == "val" else []
        return tuple(ids[:limit] if limit else ids)

    def reset(self, task: str, episode_id: str) -> tuple[Episode, Observation, bool]:
        """Begin an episode; see :class:`wiw_core.contracts.Environment`."""
        records = self._of(task)
        if episode_id not in records:
            raise unknown_name(ErrorCode.UNKNOWN_EPISODE, "episode", episode_id, records)
        self._open = None
        record, definition = records[episode_id], TASKS[task]
        views = self._views or tuple(definition.views)
        stage = self._set_up(record, views, semantic=VARIANTS.get(task, task) == "ar")
        if not stage.is_navigable(record.start.position):
            raise WiwError(
                ErrorCode.ENVIRONMENT_FAILED,
                f"Nobody can stand where episode '{episode_id}' begins.",
                "The scene, or its navigation mesh, is not the one the episodes were made for.",
            )
        stage.put(record.start)
        goal = make_goal(definition, record, Scene(stage, self._eyes, self._images))
        self._open = _Open(definition, record, goal, views, stage.place.pose, goal.shortest_m())
        self._state = _State(stage.place, done=goal.reached())
        return goal.episode(), self.observe(), self._state.done

    def observe(self) -> Observation:
        """Return what the robot sees where it stands; raises ``NO_EPISODE``."""
        opened, state, stage = self._now()
        raw = stage.look()
        return Observation(
            opened.record.id,
            state.step,
            tuple(self._view(raw, name, opened.goal.boxed(state.step)) for name in opened.views),
            opened.start.inverse() * state.place.pose,
            time.time(),
        )

    def act(self, plan: Plan, *, observe: bool = True) -> Iterator[Transition]:
        """Execute a plan; :meth:`hold` ends it before the next action."""
        opened, state, _ = self._now()
        check_plan(plan, self.actions)
        if state.done:
            raise WiwError(ErrorCode.NO_EPISODE, "The episode is decided.", "Finish it.")
        self._halt.clear()
        return self._execute(opened, plan, observe)

    def finish(
        self,
        decisions: int,
        answer: str = "",
        confidence: float = math.nan,
        fault: ErrorCode = ErrorCode.OK,
        message: str = "",
    ) -> EpisodeResult:
        """Close the open episode and judge it."""
        opened, state, _ = self._now()
        self.hold()
        goal, record, fault = opened.goal, opened.record, ErrorCode(fault)
        spent = decisions >= opened.task.budget or 0 < goal.max_actions <= state.step
        success = fault is ErrorCode.OK and goal.succeeded(answer)
        truncated = spent and goal.wants_more(answer)
        result = EpisodeResult(
            task=opened.task.name,
            episode_id=record.id,
            seed=record.seed,
            status=episode_status(success, fault, truncated),
            success=success,
            code=fault,
            message=message,
            decisions=decisions,
            actions=state.step,
            collisions=state.collisions,
            path_m=state.path_m,
            shortest_m=opened.shortest_m,
            shortest_actions=record.steps,
            final_distance_m=goal.distance_m(),
            answer=answer,
            confidence=confidence,
            score=goal.score(answer),
        )
        self._open = None
        return result

    def hold(self) -> None:
        """Stop all motion now; from any thread."""
        self._halt.set()

    def snapshot(self) -> Snapshot:
        """Return the state of the open episode."""
        opened, state, _ = self._now()
        return Snapshot(opened.record.id, state)

    def restore(self, state: Snapshot) -> None:
        """Return to a snapshot of the open episode; else raises ``ENVIRONMENT_MISMATCH``."""
        opened, _, stage = self._now()
        if state.episode_id != opened.record.id:
            raise WiwError(
                ErrorCode.ENVIRONMENT_MISMATCH,
                f"The snapshot is of episode '{state.episode_id}', which is not open.",
            )
        stage.put(state.state.place)
        self._state = state.state

    def moment(self) -> tuple[str, int]:
        """Return the open episode and how many actions were executed in it."""
        opened, state, _ = self._now()
        return opened.record.id, state.step

    def imagine_action(self, action: Action) -> None:
        """Move the state, and nothing else, as an action would: at once, past the oracle stop."""
        self._move(action)

    def imagine_frame(self, height: int, width: int) -> Rgb:
        """Return the panorama at the present state, (height, width, 3)."""
        _, _, stage = self._now()
        if "panorama" not in self._eyes.rig.views:
            raise WiwError(
                ErrorCode.PANORAMA_REQUIRED,
                "Habitat was set up without a panorama.",
                "Leave views= empty, or name panorama in it.",
            )
        return self._eyes.frame(stage.look(), height, width)

    def value(self) -> float:
        """Return the true value of the present state."""
        return self._now()[0].goal.value()

    def advise(self, length: int) -> Plan:
        """Return what Habitat's follower would do next towards the goal; empty within its radius.

        Raises
        ------
        WiwError
            ``NO_PATH``; ``UNKNOWN_TASK`` for a task without a goal place.
        """
        opened, _, stage = self._now()
        goal = opened.record.goal
        if goal is None:
            raise WiwError(ErrorCode.UNKNOWN_TASK, f"'{opened.task.name}' has no goal place.")
        if opened.goal.distance_m() <= opened.record.radius_m:
            return Plan(())
        return navigation_plan(stage.route(goal.position, opened.record.radius_m)[:length])

    def close(self) -> None:
        """Stop and free the scene; idempotent."""
        self.hold()
        self._open = None
        self._strike()

    # Parts ----------------------------------------------------------------------------------------

    def _of(self, task: str) -> dict[str, Record]:
        if task not in self.tasks():
            raise unknown_name(ErrorCode.UNKNOWN_TASK, "task", task, self.tasks())
        return self._records[VARIANTS.get(task, task)]

    def _now(self) -> tuple[_Open, _State, Stage]:
        if self._open is None or self._state is None or self._stage is None:
            raise WiwError(ErrorCode.NO_EPISODE, "No episode is open.", "Reset first.")
        return self._open, self._state, self._stage

    def _set_up(self, record: Record, views: tuple[str, ...], semantic: bool) -> Stage:
        """Return the record's scene with these cameras; the one that is open, if it has them."""
        # A goal without a published image is photographed with the front camera.
        photo = record.goal is not None and self._images is None
        needed = {*views, *(("front",) if photo else ())}
        cameras = tuple(view for view in VIEWS if view in needed)
        rig = replace(self._rig, views=cameras, semantic=semantic)
        if self._stage is None or self._staged != (record.scene, rig):
            self._strike()
            scene = find_scene(self._scenes, record.scene)
            dataset = self._dataset or find_configuration(self._scenes, scene)
            self._stage = Stage(scene, dataset, rig, self._settings)
            self._staged = record.scene, rig
            if self._eyes.rig != rig:
                self._eyes = Eyes(rig)
        return self._stage

    def _strike(self) -> None:
        stage, self._stage, self._staged = self._stage, None, None
        if stage is not None:
            stage.close()

    def _execute(self, opened: _Open, plan: Plan, observe: bool) -> Iterator[Transition]:
        for index, action in enumerate(plan.actions):
            if self._halt.is_set() or self._open is not opened:
                return
            metres, collided = self._move(action)
            _, state, _ = self._now()
            done = opened.goal.reached() or 0 < opened.goal.max_actions <= state.step
            self._state = replace(state, done=done)
            last = index == len(plan) - 1 or done or self._halt.is_set()
            yield Transition(self.observe() if observe or last else None, metres, collided, done)
            if last:
                return

    def _move(self, action: Action) -> tuple[float, bool]:
        _, state, stage = self._now()
        metres, collided = stage.move(action.name)
        self._state = replace(
            state,
            place=stage.place,
            step=state.step + 1,
            path_m=state.path_m + metres,
            collisions=state.collisions + int(collided),
        )
        return metres, collided

    def _view(self, raw: Mapping[str, object], name: str, target: int) -> View:
        look = self._eyes.front(raw) if name == "front" else self._eyes.panorama(raw)
        box = None
        if target >= 0 and look.labels is not None:
            box = target_box(look.labels == target, wraps=name == "panorama")
        return self._eyes.view(name, look, box)
