"""The numbers of NWM, and which of them may be chosen; imports nothing heavy."""

from __future__ import annotations

from wiw_core.errors import ErrorCode, WiwError, unknown_name

SIDE = 224
"""Height and width of its frames in pixels."""
TINY_SIDE = 64
"""The same of the tiny network."""
CONTEXT = 4
"""Frames that the next one is made from."""
TRAINED_STEPS = 1000
"""Steps of the diffusion that it was trained on."""
SCHEDULERS = {"ddim": "DDIMScheduler", "unipc": "UniPCMultistepScheduler", "ddpm": "DDPMScheduler"}
"""Samplers, and their classes in diffusers."""


def check(sampler: str, steps: int, looks: int) -> None:
    """Raise ``BAD_PARAMETER`` for a sampler, steps or looks that are not possible."""
    if sampler not in SCHEDULERS:
        raise unknown_name(ErrorCode.BAD_PARAMETER, "sampler", sampler, SCHEDULERS)
    for name, value, most in (("steps", steps, TRAINED_STEPS), ("looks", looks, CONTEXT)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"'{name}' is {value!r}; it must be 1 to {most}."
            )
