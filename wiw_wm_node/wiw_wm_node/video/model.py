"""The world model around a video pipeline: which frames are exact, and which are generated."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from wiw_core.catalogue import ModelSheet
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_wm_node import views
from wiw_wm_node.video.adapter import Family
from wiw_wm_node.video.answer import Answer, projection
from wiw_wm_node.video.batches import Batches, free
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.timing import alignment

if TYPE_CHECKING:
    from wiw_wm_node.video.engine import Engine


class VideoModel:
    """A world model around one :class:`~wiw_wm_node.video.adapter.Family`: name it in ``family``.

    Frames of a plan's leading turns are the real panorama, turned exactly; plans that only turn
    need no model at all. The others are generated, as many at once as memory allows, the same clip
    never twice; what nobody looks at does not come back. Nothing heavy is loaded before
    :meth:`load` or the first rollout.

    Parameters
    ----------
    **parameters
        The fields of :class:`~wiw_wm_node.video.settings.Settings`, or of the family's own kind of
        them; their defaults are the family's.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER``; ``MODEL_UNAVAILABLE`` if weights or packages are missing.
    """

    family: ClassVar[Family]
    sheet: ClassVar[ModelSheet]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.sheet = cls.family.sheet()
        cls.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=getattr(cls.family.defaults, field.name),
                    annotation=type(field.default),
                )
                for field in fields(cls.family.defaults)
            ]
        )

    def __init__(self, **parameters: Any) -> None:
        family = self.family
        known = {field.name for field in fields(family.defaults)}
        unknown = sorted(set(parameters) - known)
        if unknown:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                f"The world model '{family.name}' does not take '{unknown[0]}'.",
                f"It takes: {', '.join(sorted(known))}.",
            )
        self.settings = replace(family.defaults, **parameters)
        family.check(self.settings)
        from wiw_wm_node.video.loading import revision_of

        self._info = _info(family, self.settings, revision_of(family, self.settings))
        self.batches = Batches(self.settings.batch if family.batched else 1)
        self.engine: Engine | None = None

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        return self._info

    @property
    def levels(self) -> int:
        """Most uint8 levels by which a pixel of a plan alone may differ from it among others.

        It is the conformance suite's tolerance: candidates of a batch are rounded otherwise.
        """
        return 0 if self.batches.limit == 1 else 1

    def load(self) -> None:
        """Load the weights, if that has not been done; raises as ``Engine`` does."""
        if self.engine is None:
            from wiw_wm_node.video.engine import Engine

            self.engine = Engine(self.family, self.settings)

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan: first those that need no model, then batch by batch.

        A clip that cannot be used is a rollout without frames whose code is ``INVALID_FRAMES`` or
        ``OUT_OF_MEMORY``; the other plans are not harmed.

        Raises
        ------
        WiwError
            ``PANORAMA_REQUIRED``, ``TOO_LARGE`` for an arm's plan longer than the clip,
            ``UNKNOWN_ACTION`` for a plan that the model cannot be told; ``CANCELLED`` and
            ``DEADLINE_EXCEEDED``.
        """
        views.keep_going(request)
        answer = Answer(request, self.settings, self.info)
        for index in answer.exact:
            views.keep_going(request)
            yield answer.turned(index)
        if not answer.jobs:
            return
        self.load()
        engine = self.engine
        assert engine is not None
        for outcome in self.batches.run(
            answer.jobs, lambda some: engine.make(some, answer.start, request)
        ):
            film = outcome.error or outcome.made
            assert film is not None, "a batch ends with a film or an error"
            seconds = outcome.seconds
            for index in outcome.job.plans:
                yield answer.imagined(index, film, seconds, self.batches.note)
                seconds = 0.0  # the first plan of a shared clip has paid for it

    def close(self) -> None:
        """Free the weights; idempotent."""
        if self.engine is not None:
            self.engine = None
            free()


def _info(family: Family, settings: Settings, revision: str) -> ModelInfo:
    return ModelInfo(
        family.name,
        revision=revision,
        licence=family.licence,
        controls=family.controls_of(settings),
        projection=projection(settings),
        height=settings.height,
        width=settings.width,
        needs_panorama=settings.panoramic,
        alignment=f"{alignment(settings.actions, settings.frames)}; leading turns are"
        f" exact, and beyond {settings.actions} further actions the last frame is held",
    )
