"""Runway's image-to-video service as a world model: a clip per plan, driven by words."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from wiw_core.catalogue import ModelSheet
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_wm_node import views
from wiw_wm_node.runway import clip, service
from wiw_wm_node.runway.credits import Credits
from wiw_wm_node.runway.job import Job
from wiw_wm_node.runway.request import ClipRequest, Terms
from wiw_wm_node.runway.service import Limits, Service, Ticket, Watch
from wiw_wm_node.runway.shelf import Shelf
from wiw_wm_node.video.settings import Settings

LICENCE = "Runway's terms of use (a paid service; nothing is loaded)"
HEIGHT = 480
_LOG = logging.getLogger(__name__)


def missing() -> str:
    """Return why the service cannot be used as it comes."""
    if find_spec("runwayml") is None:
        return f"The package 'runwayml' is not installed: {service.EXTRAS}."
    if not os.environ.get(service.SECRET):
        return f"There is no key in the environment variable {service.SECRET}."
    return "It sends pictures to a paid service: set send_images=true and max_credits."


class RunwayModel:
    """Runway Gen-4 Turbo through its official client: pictures leave the machine, each clip costs.

    The robot's view and the plan in words go to the service, which makes a clip; frames of the clip
    are taken at even spaces, one per action. Leading turns are exact turns of the panorama and cost
    nothing. An equal request (picture, words, seed) is served from the clips made before: the
    service itself does not repeat itself.

    Parameters
    ----------
    send_images : bool
        That camera pictures may be sent to the service. Without it the model refuses to load.
    max_credits : float
        Most credits that this run, the life of this object, may spend; nothing is asked for that
        could pass it.
    model : str
        The service's name of the model.
    ratio : str
        Shape of the clips, width to height.
    duration_s : int
        Length of a clip, 2 to 10 s.
    credits_per_second : float
        Expected price of a clip's second (5 for gen4_turbo in 2025); the price that the service
        names counts.
    height : int
        Of the frames sent and returned; their width follows from ``ratio``.
    actions : int
        Actions that a clip spans; a shorter plan goes on with ``forward`` (the paper has 13).
    fov_deg : float
        Horizontal field of view of the crop of a panorama.
    compress : bool
        Add equal actions in a row up in the text.
    poll_s, request_s, retries
        As :class:`wiw_wm_node.runway.service.Limits`.
    hosts : tuple of str
        Where clips may be fetched from, with subdomains.
    max_video_mib, memo_mib : int
        Largest clip that is fetched; memory for clips made before.
    folder : str
        Where clips are kept as files too, so that a run can be repeated without paying again.
    url : str
        Of the service; HTTPS, or a stub on this machine.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` without permission, client or key; ``BAD_PARAMETER``.
    """

    sheet: ClassVar[ModelSheet] = ModelSheet(
        controls=("text",),
        height=HEIGHT,
        width=HEIGHT,
        frames=121,  # 5 s at 24 per second
        licence=LICENCE,
        source="service of Runway AI, Inc.",
        missing=missing,
    )

    def __init__(
        self,
        send_images: bool = False,
        max_credits: float = 0.0,
        model: str = "gen4_turbo",
        ratio: str = "960:960",
        duration_s: int = 5,
        credits_per_second: float = 5.0,
        height: int = HEIGHT,
        actions: int = 13,
        fov_deg: float = 90.0,
        compress: bool = True,
        poll_s: float = 5.0,
        request_s: float = 10.0,
        retries: int = 3,
        hosts: tuple[str, ...] = ("cloudfront.net",),
        max_video_mib: int = 64,
        memo_mib: int = 256,
        folder: str = "",
        url: str = service.URL,
    ) -> None:
        if send_images is not True:
            raise WiwError(
                ErrorCode.MODEL_UNAVAILABLE,
                "Runway is a service: the robot's camera pictures would leave this machine.",
                "If everybody concerned agrees, set send_images=true.",
            )
        self._terms = Terms(model, ratio, duration_s, credits_per_second)
        self._settings = Settings(
            weights=model, height=height, width=self._terms.width(height), actions=actions,
            fov_deg=fov_deg, compress=compress, memo_mib=memo_mib,
        )  # fmt: skip
        if max_video_mib < 1 or not hosts:
            raise WiwError(
                ErrorCode.BAD_PARAMETER,
                "No clip could be fetched: max_video_mib must be 1 or more, and hosts not empty.",
            )
        self._hosts, self._max_bytes = frozenset(hosts), max_video_mib * 2**20
        self._shelf = Shelf(memo_mib * 2**20, Path(folder).expanduser() if folder else None)
        limits = Limits(retries, request_s, poll_s, min(1.0, poll_s))
        self.credits = Credits(max_credits)
        self._limits = limits
        self._service = Service(url, self.credits, limits)

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        actions, seconds = self._settings.actions, self._terms.duration_s
        return ModelInfo(
            "runway",
            revision=self._terms.model,
            licence=LICENCE,
            controls=self.sheet.controls,
            projection=Projection.PERSPECTIVE,
            height=self._settings.height,
            width=self._settings.width,
            max_frames=actions,
            alignment=(
                f"frame k is the view after action k, as far as {actions} actions take a clip of"
                f" {seconds} s (evenly spaced frames of it are taken); leading turns are exact"
            ),
        )

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan: first those that need no new clip, then as clips are made.

        A plan of which the service makes no clip, or none that can be used, has a rollout without
        frames that says why; the others go on. Tasks that nobody waits for any more are cancelled.

        Raises
        ------
        WiwError
            ``MODEL_UNAVAILABLE`` if not all new clips fit into what may be spent (none is asked for
            then), or the key is refused; ``BAD_PARAMETER``, ``CONTRACT_VIOLATION`` and
            ``WM_UNRESPONSIVE`` if the service fails; ``TOO_LARGE`` and ``UNKNOWN_ACTION`` for plans
            that cannot be told; ``CANCELLED``, ``DEADLINE_EXCEEDED``, at most ``request_s`` late.
        """
        watch = Watch(partial(views.keep_going, request), request.deadline_s)
        watch.check()
        job = Job(request, self._settings, self._terms)
        yield from job.exact()
        new = []
        for wish in job.wishes:
            watch.check()
            made = self._shelf.get(wish.key)
            if made is None:
                new.append(wish)
            else:
                yield from job.rollouts(wish, made, "made before")
        if new:
            yield from self._made(job, new, watch)

    def close(self) -> None:
        """Forget the clips in memory and say what was spent; idempotent."""
        self._shelf.clear()
        self._service.close()
        _LOG.info("Runway: %s", self.credits)

    def _made(self, job: Job, wishes: Sequence[ClipRequest], watch: Watch) -> Iterator[Rollout]:
        """Yield the rollouts of clips that must be paid for."""
        self.credits.check(len(wishes) * self._terms.price)
        open_tasks: list[tuple[ClipRequest, Ticket]] = []
        try:
            for wish in wishes:
                ticket = self._service.create(
                    watch, self._terms.price, **wish.arguments(self._terms)
                )
                open_tasks.append((wish, ticket))
            while open_tasks:
                watch.pause(self._limits.poll_s)
                for wish, ticket in tuple(open_tasks):
                    self._service.look(ticket, watch)
                    if not ticket.done:
                        continue
                    yield from job.rollouts(
                        wish, self._clip(wish, ticket, watch), str(self.credits)
                    )
                    open_tasks.remove((wish, ticket))
        finally:
            self._service.cancel(ticket for _, ticket in open_tasks if not ticket.done)

    def _clip(self, wish: ClipRequest, ticket: Ticket, watch: Watch) -> bytes | WiwError:
        """Return a clip that can be used, and keep it; or why there is none."""
        if ticket.problem is not None:
            return ticket.problem
        try:
            made = self._service.fetch(ticket, watch, self._hosts, self._max_bytes)
            clip.count_frames(made)
        except WiwError as error:
            if error.code in (ErrorCode.CANCELLED, ErrorCode.DEADLINE_EXCEEDED):
                raise
            return error
        self._shelf.put(wish.key, made)
        return made
