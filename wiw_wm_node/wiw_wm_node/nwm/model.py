"""NWM as a world model: one perspective frame per action, each made from the four before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from wiw_core.catalogue import ModelSheet
from wiw_core.observation import Projection
from wiw_core.rollouts import ModelInfo, Rollout, RolloutRequest
from wiw_wm_node import views
from wiw_wm_node.nwm import source
from wiw_wm_node.nwm.settings import CONTEXT, SIDE, TINY_SIDE, check
from wiw_wm_node.video import hub
from wiw_wm_node.video.settings import TINY, Settings

if TYPE_CHECKING:
    from wiw_wm_node.nwm.engine import Engine


class NwmModel:
    """Navigation World Model: a 1 B diffusion transformer, one frame per action, non-commercial.

    Each action is a motion of the robot's body; the frame after it is made from the four frames
    before it, real or imagined. What plans begin with alike is imagined once, and frames of one
    depth are made in one batch from the same noise. Turns at the beginning of a plan, all in one
    direction, are turns of the real panorama (the paper's protocol).

    Parameters
    ----------
    weights : str
        A public repository's name, a folder, a checkpoint file (``.safetensors`` or a file that
        torch can read without running it), or ``tiny``: a random network for tests.
    vae : str
        A repository's name or folder of the Stable Diffusion VAE.
    key_map : str
        A corrected copy of ``nwm/keys.json``. Nobody here has seen the published checkpoint; where
        its names differ from the map, loading is refused with both lists.
    accept_non_commercial : bool
        That the licence of the weights, CC BY-NC 4.0, is kept; nothing is loaded without it.
    download : bool
        Fetch what is not in the local cache.
    sampler : str
        ``ddim``, ``unipc``, or ``ddpm``: the paper's, with ``steps=250``.
    steps : int
        Denoising steps per frame.
    looks : int
        Real looks in the context, 1 to 4. Without as many, the oldest one is repeated; 1 repeats
        the present one, as the paper does.
    exact_turns : bool
        Show leading turns by turning the real panorama; else they are imagined too.
    fov_deg : float
        Horizontal field of view of the crop of a panorama. A robot without a panorama gives the
        middle square of its first view.
    batch : int
        Most frames made at once; 1 makes a plan bit-exactly independent of the others, more makes
        it so up to rounding.
    device, dtype : str
        ``auto``: a GPU if there is one, in bfloat16; else the CPU in float32.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` without packages, weights or an accepted licence; ``RECORD_CORRUPT``
        if the checkpoint does not fit; ``BAD_PARAMETER``.
    """

    sheet: ClassVar[ModelSheet] = ModelSheet(
        controls=("body_delta",),
        height=SIDE,
        width=SIDE,
        memory_gib=4.0,  # 2.0 of weights in bfloat16, 0.2 of VAE, activations of 8 frames
        licence=source.LICENCE,
        source=source.WEIGHTS,
        missing=source.missing,
    )

    def __init__(
        self,
        weights: str = source.WEIGHTS,
        vae: str = source.VAE,
        key_map: str = "",
        accept_non_commercial: bool = False,
        download: bool = False,
        sampler: str = "ddim",
        steps: int = 25,
        looks: int = CONTEXT,
        exact_turns: bool = True,
        fov_deg: float = 90.0,
        batch: int = 8,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        check(sampler, steps, looks)
        side = TINY_SIDE if weights == TINY else SIDE
        self._settings = Settings(
            weights=weights, height=side, width=side, fov_deg=fov_deg, batch=batch, device=device,
            dtype=dtype,
        )  # fmt: skip
        source.check_packages()
        self._revision = "tiny-random"
        self._files: tuple[Path, Path, str] | None = None
        if weights != TINY:
            source.check_terms(accept_non_commercial)
            file = source.checkpoint_in(source.located(weights, download))
            self._files = file, source.located(vae, download), key_map
            self._revision = hub.file_digest(file)
        self._sampler, self._steps = sampler, steps
        self._looks, self._exact_turns = looks, exact_turns
        self.engine: Engine | None = None

    @property
    def info(self) -> ModelInfo:
        """What it accepts and returns."""
        return ModelInfo(
            "nwm",
            revision=self._revision,
            licence=source.LICENCE,
            controls=self.sheet.controls,
            projection=Projection.PERSPECTIVE,
            height=self._settings.height,
            width=self._settings.width,
            context=self._looks,
            alignment=(
                "frame k is the view after action k, made from the four frames before it;"
                f" up to {self._looks} of them are looks, the oldest repeated where there are fewer"
            ),
        )

    def load(self) -> None:
        """Load the weights, if that has not been done.

        Raises
        ------
        WiwError
            As :func:`wiw_wm_node.nwm.loading.load`; ``BAD_PARAMETER`` for a device that is not
            there.
        """
        if self.engine is None:
            from wiw_wm_node.nwm.engine import Engine
            from wiw_wm_node.nwm.loading import load
            from wiw_wm_node.nwm.sampling import Sampler
            from wiw_wm_node.nwm.tiny import tiny

            network, vae = tiny() if self._files is None else load(*self._files)
            sampler = Sampler(self._sampler, self._steps, network.outputs > network.channels)
            self.engine = Engine(
                network, vae, sampler, self._settings, self._looks, self._exact_turns
            )

    def rollout(self, request: RolloutRequest) -> Iterator[Rollout]:
        """Yield one rollout per plan, the shortest first.

        A plan whose frames are not finite numbers, or that does not fit into memory even alone, has
        a rollout that says so, without frames; the others go on.

        Raises
        ------
        WiwError
            ``UNKNOWN_ACTION`` for a plan that is no navigation; ``BAD_IMAGE`` without a view;
            ``CANCELLED`` or ``DEADLINE_EXCEEDED`` before the next denoising step.
        """
        views.keep_going(request)
        self.load()
        assert self.engine is not None
        yield from self.engine.rollouts(request)

    def close(self) -> None:
        """Free the weights; idempotent."""
        self.engine = None
