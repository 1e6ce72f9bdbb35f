"""Clips that have been paid for: asked for again, they are not made again."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from pathlib import Path

_SUFFIX = ".mp4"


class Shelf:
    """Keeps encoded clips by what they were made from: in memory, and in a folder if one is given.

    The service does not repeat itself, so this is what makes an equal request give equal frames:
    within the process from memory, across processes from the folder.

    Parameters
    ----------
    limit_bytes : int
        Memory for clips; those asked for longest ago go first. The newest one always stays.
    folder : Path, optional
        Where clips also lie as files; it is made if need be, and never emptied.
    """

    def __init__(self, limit_bytes: int, folder: Path | None = None) -> None:
        self._limit, self._folder = limit_bytes, folder
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> bytes | None:
        """Return the clip made before under this key, or None."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if self._folder is not None and (self._folder / (key + _SUFFIX)).is_file():
            clip = (self._folder / (key + _SUFFIX)).read_bytes()
            self._remember(key, clip)
            return clip
        return None

    def put(self, key: str, clip: bytes) -> None:
        """Keep a clip; a file appears whole or not at all."""
        self._remember(key, clip)
        if self._folder is not None:
            part = self._folder / f".{key}.{os.getpid()}"
            part.write_bytes(clip)
            part.replace(self._folder / (key + _SUFFIX))

    def _remember(self, key: str, clip: bytes) -> None:
        self._kept[key] = clip
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._limit:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget what is in memory; files stay."""
        self._kept.clear()


def key_of(*parts: object) -> str:
    """Return a file name for what a clip is made from: bytes as they are, all else as text."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()
