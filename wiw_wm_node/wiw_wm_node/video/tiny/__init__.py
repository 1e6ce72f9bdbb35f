"""Tiny untrained pipelines of every video family: **fakes** that prove plumbing and nothing else.

Each is a real pipeline of the library, with the real classes and the real compression factors,
built offline from a configuration with seeded random weights. What it imagines means nothing.
``weights=tiny`` makes a video model load one from a folder, the way it loads real weights.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from wiw_core.errors import ErrorCode, WiwError, unknown_name

REVISION = "tiny-random"
FAMILIES = {
    "svd": "svd",
    "ltx": "ltx",
    "ltx2": "ltx",
    "hunyuan": "hunyuan",
    "hunyuan15": "hunyuan",
    "wan21": "wan",
    "wan22_5b": "wan",
    "wan22_a14b": "wan",
    "cosmos2": "cosmos",
    "cosmos25": "cosmos",
}
"""Family to the module that builds it, by a function of the family's name."""
SMALL: dict[str, Any] = {"weights": "tiny", "height": 64, "width": 64, "frames": 9, "steps": 2}
"""Parameters that make any video model here answer in a fraction of a second on one CPU core.

A model of one frame per action needs ``actions=8`` beside them.
"""
_SEED = 20251018


def build(family: str) -> Any:
    """Return a tiny pipeline, always with the same weights, on the CPU, in float32.

    Parameters
    ----------
    family : str
        One of :data:`FAMILIES`.

    Raises
    ------
    WiwError
        ``UNKNOWN_MODEL``; ``MODEL_UNAVAILABLE`` without diffusers and transformers.
    """
    if family not in FAMILIES:
        raise unknown_name(ErrorCode.UNKNOWN_MODEL, "tiny pipeline", family, FAMILIES)
    try:
        import torch

        make = getattr(importlib.import_module(f"{__name__}.{FAMILIES[family]}"), family)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            pipe = make()
    except ImportError as error:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"The tiny pipeline '{family}' cannot be built: {error}.",
            "pip install -r requirements-extras.txt",
        ) from error
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval().requires_grad_(False)
    return pipe


def folder(family: str) -> str:
    """Return the path of a saved tiny pipeline, built and saved the first time.

    It lies in the user's cache folder (``XDG_CACHE_HOME``), under a name that changes with the
    code that builds it and with the libraries' versions. Safe when several processes ask at once.
    """
    place = _cache() / f"{family}-{_digest()}"
    if not place.is_dir():
        pipe = build(family)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{family}-", dir=place.parent))
        try:
            pipe.save_pretrained(draft)
            os.replace(draft, place)
        except OSError:
            if not place.is_dir():  # else: another process was first, with the same bytes
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return str(place)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "wiw" / "tiny"


def _digest() -> str:
    """Return 12 hex digits of this package's source and the libraries' versions."""
    found = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        found.update(source.read_bytes())
    for library in ("diffusers", "transformers", "torch"):
        try:
            found.update(metadata.version(library).encode())
        except metadata.PackageNotFoundError:
            found.update(b"-")  # building it will say so
    return found.hexdigest()[:12]
