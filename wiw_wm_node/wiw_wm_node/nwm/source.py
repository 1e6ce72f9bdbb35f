"""Where NWM's weights come from, and on what terms; imports nothing heavy."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video import hub

WEIGHTS = "facebook/nwm"
VAE = "stabilityai/sd-vae-ft-ema"
LICENCE = "CC BY-NC 4.0"
SUFFIXES = (".safetensors", ".pth", ".pt", ".pth.tar", ".ckpt", ".bin")
"""How names of checkpoints end."""


def check_terms(accepted: bool) -> None:
    """Raise ``MODEL_UNAVAILABLE`` unless the licence of the weights has been accepted."""
    if not accepted:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"NWM's weights are licensed {LICENCE}: not for commercial use.",
            "If your use is none, set accept_non_commercial=true.",
        )


def check_packages() -> None:
    """Raise ``MODEL_UNAVAILABLE`` if an optional package is not installed."""
    if find_spec("diffusers") is None:
        raise hub.needs_extras("diffusers")


def missing() -> str:
    """Return why NWM cannot be loaded here as it comes; empty if it can be tried."""
    if find_spec("diffusers") is None:
        return f"The package 'diffusers' is not installed: {hub.EXTRAS}."
    for name in (WEIGHTS, VAE):
        if hub.cached(name) is None:
            return f"'{name}' is not in the local cache: {hub.fetching(name)}."
    return (
        "Its weights are for non-commercial use: set accept_non_commercial=true if that is yours."
    )


def located(name: str, download: bool) -> Path:
    """Return the path of a file, a folder or a repository in the local cache.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if it is none of these, and may not or cannot be fetched.
    """
    given = Path(name).expanduser()
    if given.exists():
        return given.resolve()
    folder = hub.cached(name)
    if folder is None and download:
        folder = _fetched(name)
    if folder is None:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"'{name}' is no file or folder, and not in the local cache.",
            f"Run '{hub.fetching(name)}' or set download=true.",
        )
    return folder


def checkpoint_in(folder: Path) -> Path:
    """Return the one checkpoint file in a folder, or the path itself if it is a file.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if there is none, ``BAD_PARAMETER`` if there are several.
    """
    if folder.is_file():
        return folder
    found = sorted(p for p in folder.rglob("*") if p.is_file() and p.name.endswith(SUFFIXES))
    if not found:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"There is no NWM checkpoint in '{folder}'.",
            f"Name a file that ends in one of: {', '.join(SUFFIXES)}.",
        )
    if len(found) > 1:
        raise WiwError(
            ErrorCode.BAD_PARAMETER,
            f"There are {len(found)} checkpoints in '{folder}':"
            f" {', '.join(str(p.relative_to(folder)) for p in found)}.",
            "Name the file itself in the parameter weights.",
        )
    return found[0]


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name))
    except (OSError, ValueError) as error:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"'{name}' could not be fetched: {error}.",
            "Check the name, the network, and whether the licence has to be accepted first.",
        ) from error
