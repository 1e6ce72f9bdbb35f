"""Where a pipeline's weights lie: the hub's local cache, read without importing the hub's client.

Layout of the cache: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

from wiw_core.errors import ErrorCode, WiwError
from wiw_wm_node.video.settings import TINY, Settings

_END_BYTES = 1 << 20
EXTRAS = "pip install -r requirements-extras.txt"
_NEEDED = ("diffusers", "transformers")


def cache_folder() -> Path:
    """Return the folder of the hub's cache, as its own client finds it."""
    home = os.environ.get("HF_HOME") or str(
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def cached(repository: str, revision: str = "") -> Path | None:
    """Return the folder of a repository's files in the local cache, or None.

    Parameters
    ----------
    revision : str
        Branch, tag or commit; empty: the main branch.
    """
    if not _is_repository(repository):
        return None
    folder = cache_folder() / f"models--{repository.replace('/', '--')}"
    name = revision or "main"
    reference = folder / "refs" / name
    commit = reference.read_text().strip() if reference.is_file() else name
    snapshot = folder / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None


def missing(repository: str, revision: str = "") -> str:
    """Return why a model with these weights cannot be loaded here; empty if it can be tried."""
    for package in _NEEDED:
        if find_spec(package) is None:
            return f"The package '{package}' is not installed: {EXTRAS}."
    if cached(repository, revision) is None:
        return f"Its weights are not in the local cache: {fetching(repository, revision)}."
    return ""


def fetching(repository: str, revision: str = "") -> str:
    """Return the command that fetches a repository."""
    return f"hf download {repository}" + (f" --revision {revision}" if revision else "")


def needs_extras(package: str) -> WiwError:
    """Return the error for an optional package that is not there."""
    return WiwError(
        ErrorCode.MODEL_UNAVAILABLE,
        f"Video models need the package '{package}', which is not installed.",
        f"{EXTRAS}.",
    )


def located(settings: Settings, family: str) -> tuple[Path, str]:
    """Return the folder of a family's pipeline and the revision of its weights; fetches nothing.

    The revision is the repository's commit, ``tiny-random``, or a digest of a folder's files.

    Raises
    ------
    WiwError
        ``MODEL_UNAVAILABLE`` if the weights are not on this machine, with the command that fetches
        them.
    """
    for package in _NEEDED:
        if find_spec(package) is None:
            raise needs_extras(package)
    if settings.weights == TINY:
        from wiw_wm_node.video import tiny

        return Path(tiny.folder(family)), "tiny-random"
    given = Path(settings.weights).expanduser()
    if given.is_dir():
        return given.resolve(), f"folder-{_digest(given)}"
    folder = cached(settings.weights, settings.hub_revision)
    if folder is None and settings.download and _is_repository(settings.weights):
        folder = _fetched(settings)
    if folder is None:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"The weights '{settings.weights}' are no folder and not in the local cache.",
            f"Run '{fetching(settings.weights, settings.hub_revision)}' or set download=true.",
        )
    return folder, folder.name[:12]


def file_digest(*paths: Path) -> str:
    """Return 12 hexadecimal digits of these files, and of those below.

    They hold their names, sizes and both ends: reading all of a large model would take minutes.
    """
    digest = hashlib.blake2b(digest_size=6)
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                size = file.stat().st_size
                digest.update(f"{file.relative_to(path.parent)} {size}\n".encode())
                with file.open("rb") as opened:
                    digest.update(opened.read(_END_BYTES))
                    opened.seek(max(0, size - _END_BYTES))
                    digest.update(opened.read(_END_BYTES))
    return digest.hexdigest()


def _digest(folder: Path) -> str:
    return file_digest(folder.resolve())


def _fetched(settings: Settings) -> Path:
    """Fetch what a pipeline needs of a repository: no other formats of the same weights."""
    from diffusers import DiffusionPipeline

    try:
        folder = DiffusionPipeline.download(
            settings.weights, revision=settings.hub_revision or None, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        raise WiwError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"The weights '{settings.weights}' could not be fetched: {error}.",
            "Check the name, the network, and whether the licence has to be accepted first.",
        ) from error
    return Path(folder)


def _is_repository(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(part and part.strip(".") for part in parts)
