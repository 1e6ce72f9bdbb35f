"""An encoded clip: fetched within limits, and decoded to the frames that are wanted."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from urllib.parse import urlsplit

import numpy as np

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Rgb

LOOPBACK = ("127.0.0.1", "::1", "localhost")
MAX_FRAMES = 1200
"""Frames of a clip: 20 s at 60 per second."""
MAX_SIDE = 4096
_CHUNK = 65536


def check_url(url: str, hosts: Collection[str]) -> None:
    """Refuse an address that is not HTTPS, or of a host that is not in the list.

    A host in the list stands for its subdomains too. HTTP is taken from this machine alone, and
    only if it is in the list.

    Raises
    ------
    WiwError
        ``INVALID_FRAMES``.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        host = ""
    known = any(host == name or host.endswith(f".{name}") for name in hosts)
    if not host or not known:
        raise _bad(
            f"The service offers a clip at the host '{host[:80]}', which is not allowed",
            "Add it to the parameter hosts if you trust it.",
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise _bad("The service offers a clip that is not sent over HTTPS")


def fetch(
    url: str,
    hosts: Collection[str],
    max_bytes: int,
    timeout_s: float,
    check: Callable[[], None],
) -> bytes:
    """Return the clip at ``url``; no redirect is followed, and no key is sent.

    Parameters
    ----------
    timeout_s : float
        Longest silence to wait for.
    check : callable
        Called between chunks; raises to stop.

    Raises
    ------
    WiwError
        ``INVALID_FRAMES`` for an address, type or size that is not allowed;
        ``WM_UNRESPONSIVE`` if the host does not answer, or not with the clip.
    """
    import httpx

    check_url(url, hosts)
    clip = bytearray()
    try:
        with httpx.stream("GET", url, timeout=timeout_s) as answer:
            if answer.is_redirect:
                raise _bad("The clip's host sends on to another address")
            if answer.status_code != httpx.codes.OK:
                raise WiwError(
                    ErrorCode.WM_UNRESPONSIVE, f"The clip's host answers {answer.status_code}."
                )
            kind = answer.headers.get("content-type", "").split(";")[0].strip()
            if not kind.startswith("video/"):
                raise _bad(f"The clip is sent as '{kind[:40]}', not as a video")
            for chunk in answer.iter_bytes(_CHUNK):
                check()
                clip += chunk
                if len(clip) > max_bytes:
                    raise _bad(f"The clip is larger than {max_bytes / 2**20:g} MiB")
    except httpx.HTTPError as error:
        raise WiwError(
            ErrorCode.WM_UNRESPONSIVE,
            f"The clip could not be fetched from its host: {type(error).__name__}.",
        ) from error
    return bytes(clip)


def count_frames(clip: bytes) -> int:
    """Return how many frames an encoded clip has, without decoding them.

    Raises
    ------
    WiwError
        ``INVALID_FRAMES`` if it is no video, has no frame, or is larger than a clip can be.
    """
    import av

    try:
        with av.open(io.BytesIO(clip), "r") as container:
            stream = container.streams.video[0]
            if not (0 < stream.width <= MAX_SIDE and 0 < stream.height <= MAX_SIDE):
                raise _bad(f"The clip's frames are {stream.width} x {stream.height} pixels")
            count = 0
            for packet in container.demux(stream):
                count += packet.size > 0
                if count > MAX_FRAMES:
                    raise _bad(f"The clip has more than {MAX_FRAMES} frames")
    except (av.FFmpegError, IndexError, EOFError) as error:
        raise _bad("The clip is no video that can be read") from error
    if not count:
        raise _bad("The clip has no frames")
    return count


def frames_of(clip: bytes, indices: Sequence[int]) -> list[Rgb]:
    """Return the (H, W, 3) uint8 frames of these indices, in their order.

    Raises
    ------
    WiwError
        ``INVALID_FRAMES`` if the clip ends before the last of them, or is damaged.
    """
    import av

    wanted = set(indices)
    found: dict[int, Rgb] = {}
    try:
        with av.open(io.BytesIO(clip), "r") as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted:
                    found[number] = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
                if number >= max(wanted):
                    break
    except (av.FFmpegError, IndexError, EOFError) as error:
        raise _bad("The clip is damaged") from error
    if len(found) < len(wanted):
        raise _bad(f"The clip ends before its frame {max(wanted)}")
    return [found[index] for index in indices]


def _bad(sentence: str, hint: str = "") -> WiwError:
    return WiwError(ErrorCode.INVALID_FRAMES, f"{sentence}.", hint)
