"""A fake pipeline that draws what it was asked for, so that tests can read it off the frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wiw_core.fakes.environment import FakeEnvironment
from wiw_core.observation import Observation
from wiw_core.plans import navigation_plan
from wiw_core.rollouts import RolloutRequest
from wiw_wm_node.video.adapter import Batch, Family
from wiw_wm_node.video.model import VideoModel
from wiw_wm_node.video.settings import Settings

STEPS = 4
SIZE = {"height": 16, "width": 32}


class FakePipe:
    """A fake: notes the batches it is given, and does what ``fault`` says to each."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}
        self.batches: list[Batch] = []
        self.steps = 0
        self.freed = 0
        self.fault: Callable[[FakePipe, Batch], None] = lambda pipe, batch: None
        self.spoil: Callable[[torch.Tensor], None] = lambda clips: None

    def set_progress_bar_config(self, **kwargs: Any) -> None:
        pass

    def to(self, device: Any) -> None:
        pass

    def maybe_free_model_hooks(self) -> None:
        self.freed += 1


class FakeFamily(Family):
    """A fake: native frame k of a clip is its given frame, with k in the first row's red."""

    name = "fake_video"
    pipeline = "FakePipe"
    defaults = Settings(weights="nobody/fake", steps=STEPS, frames=14, batch=4, **SIZE)
    licence = "none"
    remembered = ()
    controls = ("text",)

    def load(self, folder: Path, dtype: Any, settings: Settings) -> Any:
        return FakePipe()

    def generate(self, pipe: Any, batch: Batch) -> torch.Tensor:
        pipe.batches.append(batch)
        pipe.fault(pipe, batch)
        latents = torch.zeros(len(batch), 1)
        for step in range(batch.settings.steps):
            pipe.steps += 1
            batch.on_step(pipe, step, None, {"latents": latents})
        given = torch.stack([torch.from_numpy(np.array(image)) for image in batch.images])
        clips = given.permute(0, 3, 1, 2)[:, None].repeat(1, batch.settings.frames, 1, 1, 1) / 255.0
        for frame in range(batch.settings.frames):
            clips[:, frame, 0, 0, :] = frame / 255.0
        pipe.spoil(clips)
        return clips


class SingleFamily(FakeFamily):
    """A fake that takes one candidate at a time."""

    batched = False


class FakeVideo(VideoModel):
    """A fake video model."""

    family = FakeFamily()


class SingleVideo(VideoModel):
    """A fake video model of a pipeline for one candidate."""

    family = SingleFamily()


def seen() -> Observation:
    """Return what the fake room shows."""
    return FakeEnvironment().reset("ignav", "val_000")[1]


def asking(*plans: list[str], **changes: Any) -> RolloutRequest:
    """Return a request for every frame of these navigation plans."""
    made = tuple(navigation_plan(names) for names in plans)
    given: dict[str, Any] = {"frames": tuple(len(plan) for plan in made), **changes}
    return RolloutRequest(observations=(seen(),), plans=made, **given)


def native(frames: np.ndarray) -> list[int]:
    """Return the native frame that each of a fake's frames says it is."""
    return [int(frame[0, 0, 0]) for frame in frames]
