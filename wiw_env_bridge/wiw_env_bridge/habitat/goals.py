"""What each task asks in Habitat: the public episode, and the privileged stop and judgement."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from wiw_core.cameras import panorama, pinhole
from wiw_core.cameras.sampling import bilinear
from wiw_core.contracts import Task
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.judging import BEST, Truth, score_of
from wiw_core.judging.matcher import Matcher
from wiw_core.observation import Episode, Rgb, View
from wiw_core.tasks.aeqa import ActiveQuestionAnswering
from wiw_core.tasks.ar import TARGET_BOX, ActiveRecognition, UnboxedRecognition
from wiw_core.tasks.ignav import ORACLE_STOP, ImageGoalNavigation, SelfStopNavigation
from wiw_env_bridge.habitat.episodes import LABELS, Record
from wiw_env_bridge.habitat.rig import FOV_DEG, Eyes
from wiw_env_bridge.habitat.stage import Stage

QUESTION = "What is the object in the box?"
AEQA_PRIMITIVES = 250
"""Primitive actions per question (arXiv 2510.18135, appendix B.3)."""
MAX_IMAGE_BYTES = 64 * 2**20
VARIANTS = {"ar_unboxed": "ar", "ignav_self_stop": "ignav"}
"""Tasks that are solved on the very episodes, ids included, of another one."""
TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        ActiveRecognition(),
        UnboxedRecognition(),
        ImageGoalNavigation(),
        SelfStopNavigation(),
        ActiveQuestionAnswering(primitives=AEQA_PRIMITIVES),
    )
}


@dataclass(frozen=True)
class Scene:
    """What a goal may use: the stage, its eyes, and the zip of goal images, if there is one."""

    stage: Stage
    eyes: Eyes
    images: Path | None


class Goal(Protocol):
    """A task's goal in one episode."""

    max_actions: int
    """Primitives after which the episode ends by itself; 0: none."""

    def episode(self) -> Episode:
        """Return what a policy is told."""
        ...

    def boxed(self, step: int) -> int:
        """Return the number of the object whose box is shown after ``step`` actions; -1: none."""
        ...

    def reached(self) -> bool:
        """Tell whether the environment ends the episode here."""
        ...

    def succeeded(self, answer: str) -> bool:
        """Tell whether it is solved, ending here with this answer."""
        ...

    def wants_more(self, answer: str) -> bool:
        """Tell whether a failure at the end of the budget is for want of more."""
        ...

    def distance_m(self) -> float:
        """Return geodesic metres to the goal; NaN without a place."""
        ...

    def shortest_m(self) -> float:
        """Return the metres of the shortest, or the reference, route from the start."""
        ...

    def value(self) -> float:
        """Return the true value of the present state; higher is better."""
        ...

    def score(self, answer: str) -> float:
        """Return the score of an open answer, 0 to 100; NaN: the task has none."""
        ...


def make_goal(task: Task, record: Record, scene: Scene) -> Goal:
    """Return the goal of an episode in the scene that is open."""
    if isinstance(task, ActiveRecognition):
        return ObjectGoal(task, record, scene)
    if isinstance(task, ImageGoalNavigation):
        return PlaceGoal(task, record, scene)
    return QuestionGoal(task, record, scene)


class _Plain:
    """What most goals have none of."""

    max_actions = 0

    def __init__(self, task: Task, record: Record, scene: Scene) -> None:
        self._task, self._record, self._scene = task, record, scene

    def episode(self) -> Episode:
        record = self._record
        return Episode(
            task=self._task.name,
            id=record.id,
            seed=record.seed,
            scene=Path(record.scene).stem.split(".")[0],
            split="val",
            budget=self._task.budget,
            privileges=tuple(getattr(self._task, "privileges", ())),
            difficulty=record.difficulty,
        )

    def boxed(self, step: int) -> int:
        return -1

    def reached(self) -> bool:
        return False

    def wants_more(self, answer: str) -> bool:
        return False

    def distance_m(self) -> float:
        return math.nan

    def shortest_m(self) -> float:
        return math.nan

    def score(self, answer: str) -> float:
        return math.nan


class ObjectGoal(_Plain):
    """Active recognition: name the object in the box."""

    def episode(self) -> Episode:
        """Return the question and the closed set of answers."""
        return replace(super().episode(), goal_text=QUESTION, labels=LABELS)

    def boxed(self, step: int) -> int:
        """Return the object, as long as the task shows its box."""
        shown = step == 0 or TARGET_BOX in getattr(self._task, "privileges", ())
        return self._record.target if shown else -1

    def succeeded(self, answer: str) -> bool:
        """Tell whether the answer is the object's category."""
        return answer == self._record.label

    def value(self) -> float:
        """Return the share of the panorama's pixels that show the object."""
        labels = self._scene.eyes.panorama(self._scene.stage.look()).labels
        assert labels is not None  # recognition is staged with them
        return float(np.mean(labels == self._record.target))


class PlaceGoal(_Plain):
    """Image-goal navigation: be within the radius of where the goal image was taken."""

    def __init__(self, task: Task, record: Record, scene: Scene) -> None:
        super().__init__(task, record, scene)
        if record.goal is None:
            raise WiwError(ErrorCode.RECORD_CORRUPT, f"Episode '{record.id}' has no goal.")
        self._goal = record.goal
        self._shortest_m = scene.stage.metres(record.start.position, self._goal.position)

    def episode(self) -> Episode:
        """Return the goal view: the published image, or what the camera sees at the goal."""
        if self._scene.images is not None:
            rgb = _published(self._scene.images, self._record, self._scene.eyes.rig.front_size)
            k = pinhole.intrinsics(rgb.shape[0], rgb.shape[1], math.radians(FOV_DEG))
            view = View("goal", rgb, intrinsics=k)
        else:
            here = self._scene.stage.place
            self._scene.stage.put(self._goal)
            look = self._scene.eyes.front(self._scene.stage.look())
            self._scene.stage.put(here)
            view = replace(self._scene.eyes.view("front", look, None), name="goal", depth=None)
        return replace(super().episode(), goal_view=view)

    def reached(self) -> bool:
        """Tell whether the oracle stop applies here, if the task has one."""
        return ORACLE_STOP in getattr(self._task, "privileges", ()) and self._near()

    def succeeded(self, answer: str) -> bool:
        """Tell whether the robot is within the radius, geodesically; its heading does not count."""
        return self._near()

    def wants_more(self, answer: str) -> bool:
        """Return True: more decisions might have led there."""
        return True

    def distance_m(self) -> float:
        """Return geodesic metres to the goal."""
        return self._scene.stage.metres(self._scene.stage.place.position, self._goal.position)

    def shortest_m(self) -> float:
        """Return geodesic metres from the start to the goal."""
        return self._shortest_m

    def value(self) -> float:
        """Return minus the geodesic metres to the goal."""
        return -self.distance_m()

    def _near(self) -> bool:
        return self.distance_m() <= self._record.radius_m


class QuestionGoal(_Plain):
    """Question answering: answer an open question about the home."""

    max_actions = AEQA_PRIMITIVES

    def __init__(self, task: Task, record: Record, scene: Scene) -> None:
        super().__init__(task, record, scene)
        self._truth, self._judge = Truth(record.question, record.answers), Matcher()

    def episode(self) -> Episode:
        """Return the question; the answer is open."""
        return replace(super().episode(), goal_text=self._record.question)

    def succeeded(self, answer: str) -> bool:
        """Tell whether the answer is fully right."""
        return self.score(answer) == score_of(BEST)

    def wants_more(self, answer: str) -> bool:
        """Tell whether nothing was answered."""
        return not answer

    def shortest_m(self) -> float:
        """Return the metres of the reference route; NaN if the user gave no file of them."""
        return self._record.reference_m

    def value(self) -> float:
        """Return 0: nobody has said where the answer can be seen."""
        return 0.0

    def score(self, answer: str) -> float:
        """Return the matcher's score; records can be judged again by a language model."""
        return score_of(self._judge.grade(self._truth, answer))


def _published(images: Path, record: Record, size: int) -> Rgb:
    """Return the front of the goal panorama, (size, size, 3), as the released solver crops it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise WiwError(
            ErrorCode.INTERFACE_MISSING,
            "The goal images cannot be read without Pillow.",
            "pip install pillow in the worker's interpreter.",
        ) from error
    try:
        with zipfile.ZipFile(images) as archive:
            if archive.getinfo(record.image).file_size > MAX_IMAGE_BYTES:
                raise ValueError("it is too large")
            data = archive.read(record.image)
        with Image.open(io.BytesIO(data)) as image:
            pano = np.asarray(image.convert("RGB"))
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"The goal image '{record.image}' cannot be read from '{images}': {error}.",
        ) from error
    maps = panorama.perspective_map(size, size, math.radians(FOV_DEG), 0.0, pano.shape[:2])
    return np.asarray(bilinear(pano, *maps, wrap=True), np.uint8)
