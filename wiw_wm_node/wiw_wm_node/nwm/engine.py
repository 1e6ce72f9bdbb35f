"""The work of NWM: the tree of plans, level by level, from looks to frames."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Union

import numpy as np
import torch
from torch import nn

from wiw_core.action_api.lowlevel import body_deltas
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Observation, Projection, Rgb
from wiw_core.plans import Plan
from wiw_core.rollouts import Rollout, RolloutRequest
from wiw_wm_node import views
from wiw_wm_node.nwm.codec import Codec
from wiw_wm_node.nwm.network import CDiT
from wiw_wm_node.nwm.predictor import Job, Predictor
from wiw_wm_node.nwm.sampling import Sampler
from wiw_wm_node.nwm.settings import CONTEXT
from wiw_wm_node.nwm.tree import Level, Prefix, heading_of, levels
from wiw_wm_node.video.loading import device_of, dtype_of
from wiw_wm_node.video.noise import seed_of
from wiw_wm_node.video.settings import Settings
from wiw_wm_node.video.start import Start

Made = Union[torch.Tensor, WiwError]
"""What became of a beginning of a plan: the latents of its last four frames, or its failure."""
_MEMO_BYTES = 64 * 2**20


class Engine:
    """A loaded network and VAE, where they shall run.

    Parameters
    ----------
    vae : diffusers.AutoencoderKL
    settings : Settings
        Of them: size, field of view, batch, device and dtype.
    looks : int
        Real looks in the context.
    exact_turns : bool
        Whether leading turns are turns of the panorama.

    Attributes
    ----------
    codec : Codec
    predictor : Predictor

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a device that is not there.
    """

    def __init__(
        self,
        network: CDiT,
        vae: Any,
        sampler: Sampler,
        settings: Settings,
        looks: int = CONTEXT,
        exact_turns: bool = True,
    ) -> None:
        for module in (network, vae):
            nn.Module.to(module, device_of(settings), dtype_of(settings))
        self._settings, self._looks, self._exact_turns = settings, looks, exact_turns
        self.codec = Codec(vae, _MEMO_BYTES)
        self.predictor = Predictor(network, sampler, settings.batch)

    def rollouts(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan; see :meth:`wiw_wm_node.nwm.model.NwmModel.rollout`."""
        begun = time.monotonic()
        wanted = [views.frames_wanted(request, index) for index in range(len(request.plans))]
        moves = _moves(request.plans)
        present = Start(request.now, self._settings, "nwm")
        grown: dict[Prefix, Made] = {(): self._context(request.observations)}
        frames: dict[Prefix, Rgb | WiwError] = {}
        for level in levels(request.plans, request.frames):
            grown |= self._grown(level, grown, moves, present, request)
            for plan, indices in zip(request.plans, wanted):
                prefix = plan.actions[: level.depth]
                if level.depth in indices and prefix not in frames:
                    views.keep_going(request)
                    frames[prefix] = self._frame(prefix, grown[prefix], present)
            for index in level.ending:
                made = [frames[request.plans[index].actions[:k]] for k in wanted[index]]
                end = time.monotonic()
                yield self._rollout(request, index, made, end - begun)
                begun = end

    def _context(self, observations: Sequence[Observation]) -> torch.Tensor:
        """Return the (4, C, h, w) latents of the last looks, oldest first."""
        looks = [Start(o, self._settings, "nwm").frame() for o in observations[-self._looks :]]
        looks = [looks[0]] * (CONTEXT - len(looks)) + looks
        return torch.stack([self.codec.encode(look) for look in looks])

    def _grown(
        self,
        level: Level,
        before: dict[Prefix, Made],
        moves: dict[str, tuple[float, float, float]],
        present: Start,
        request: RolloutRequest,
    ) -> dict[Prefix, Made]:
        """Return what becomes of the level's prefixes, given what became of those before them."""
        made: dict[Prefix, Made] = {}
        jobs: dict[Prefix, Job] = {}
        for prefix in level.prefixes:
            parent = before[prefix[:-1]]
            if isinstance(parent, WiwError):
                made[prefix] = parent
            elif heading := self._turned(prefix, present):
                latent = self.codec.encode(present.frame(heading))
                made[prefix] = torch.cat([parent[1:], latent[None]])
            else:
                jobs[prefix] = Job(parent, moves[prefix[-1].name])
        outcomes = self.predictor.frames(
            list(jobs.values()),
            self._seed(request, level.depth),
            partial(views.keep_going, request),
        )
        for (prefix, job), outcome in zip(jobs.items(), outcomes):
            if outcome.made is not None:
                made[prefix] = torch.cat([job.context[1:], outcome.made[None]])
            elif outcome.error is not None:
                made[prefix] = outcome.error
        return made

    def _turned(self, prefix: Prefix, present: Start) -> int:
        """Return the turns to the left that lead to a frame that is exact; 0 if it is imagined."""
        return heading_of(prefix) if self._exact_turns and present.turns else 0

    def _frame(self, prefix: Prefix, made: Made, present: Start) -> Rgb | WiwError:
        if isinstance(made, WiwError):
            return made
        if heading := self._turned(prefix, present):
            return present.frame(heading)
        try:
            return self.codec.decode(made[-1])
        except WiwError as error:
            return error

    def _rollout(
        self, request: RolloutRequest, index: int, made: list[Rgb | WiwError], seconds: float
    ) -> Rollout:
        size = self._settings.size
        problem = next((one for one in made if isinstance(one, WiwError)), None)
        frames = [one for one in made if not isinstance(one, WiwError)]
        return Rollout(
            plan_index=index,
            frames=np.zeros((0, *size, 3), np.uint8) if problem else np.stack(frames),
            frame_indices=() if problem else request.frame_indices(index),
            projection=Projection.PERSPECTIVE,
            generation=request.generation,
            seconds=seconds,
            code=problem.code if problem else ErrorCode.OK,
            message=str(problem) if problem else self.predictor.batches.note,
        )

    def _seed(self, request: RolloutRequest, depth: int) -> int:
        """Return the seed of all frames that many actions ahead."""
        return seed_of(request, str(depth).encode())


def _moves(plans: Sequence[Plan]) -> dict[str, tuple[float, float, float]]:
    """Return NWM's input for each action of the plans, by the action's name."""
    return {
        name: (float(dx), float(dy), float(dyaw))
        for plan in plans
        for name, (dx, dy, dyaw) in zip(plan.names, body_deltas(plan))
    }
