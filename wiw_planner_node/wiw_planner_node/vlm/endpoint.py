"""Where a language model is served, and what may be sent there."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from wiw_core.errors import ErrorCode, WiwError

ENDPOINT_VARIABLE = "WIW_VLM_ENDPOINT"
"""Environment variable: the endpoint of every VLM policy that names none."""
MODEL_VARIABLE = "WIW_VLM_MODEL"
"""Environment variable: the same for the model."""
DEFAULT_MODEL = "Qwen/Qwen2.5-VL-72B-Instruct-AWQ"
"""The paper's (arXiv 2510.18135, appendix B.5)."""


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible endpoint that may be asked.

    Attributes
    ----------
    url : str
        Such as ``http://127.0.0.1:8000/v1``.
    key : str
        Bearer token; empty for none. Never shown.
    """

    url: str
    model: str
    key: str = ""

    @property
    def name(self) -> str:
        """Model and host: who sees the pictures."""
        return f"{self.model} at {urlsplit(self.url).netloc}"

    @property
    def local(self) -> bool:
        """It is on this machine."""
        return _is_loopback(urlsplit(self.url).hostname or "")

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"


def endpoint(
    url: str = "", model: str = "", key_env: str = "", send_images: bool = False
) -> Endpoint:
    """Return the endpoint of these parameters, or of the environment variables above.

    Parameters
    ----------
    key_env : str
        Name of the environment variable that holds the key; empty for none.
    send_images : bool
        Pictures may leave this machine. Without it only loopback endpoints are accepted.

    Raises
    ------
    WiwError
        ``VLM_UNAVAILABLE`` if none is named, or the key is not there; ``BAD_PARAMETER`` for what is
        no endpoint, for one elsewhere without ``send_images``, and for a key that would travel
        elsewhere in the clear.
    """
    url = (url or os.environ.get(ENDPOINT_VARIABLE, "")).rstrip("/")
    model = str(model or os.environ.get(MODEL_VARIABLE, "") or DEFAULT_MODEL)
    if not url:
        raise WiwError(
            ErrorCode.VLM_UNAVAILABLE,
            "No endpoint of a language model is named.",
            f"Set endpoint=http://127.0.0.1:8000/v1 or the variable {ENDPOINT_VARIABLE}.",
        )
    return checked(url, model, ("http", "https"), key_env, send_images)


def checked(
    url: str, name: str, schemes: tuple[str, str], key_env: str, send_images: bool
) -> Endpoint:
    """Return an endpoint that pictures may be sent to; raises as :func:`endpoint`.

    Parameters
    ----------
    name : str
        What is served there.
    schemes : (str, str)
        The one in the clear and the encrypted one.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # it is read, and may be refused, only here
    except ValueError as error:
        raise _bad(f"The endpoint '{url}' is no URL: {error}.") from error
    if parts.scheme not in schemes or not parts.hostname:
        raise _bad(f"The endpoint '{url}' is not of the form {schemes[0]}://host:port/path.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _bad("The endpoint holds more than scheme, host, port and path.", "Use key_env.")
    found = Endpoint(url, name, _key(key_env))
    if not found.local and not send_images:
        raise _bad(
            f"The endpoint {parts.netloc} is not on this machine, and pictures may not leave it.",
            "Set send_images=true to allow it.",
        )
    if not found.local and found.key and parts.scheme == schemes[0]:
        raise _bad(f"The key would travel to {parts.netloc} in the clear.", f"Use {schemes[1]}.")
    return found


def _key(variable: str) -> str:
    if not variable:
        return ""
    key = os.environ.get(variable, "")
    if not key:
        raise WiwError(
            ErrorCode.VLM_UNAVAILABLE,
            f"The environment variable '{variable}' holds no key.",
            "Set it, or leave key_env empty.",
        )
    return key


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, which may mean any machine
        return False


def _bad(message: str, hint: str = "") -> WiwError:
    return WiwError(ErrorCode.BAD_PARAMETER, message, hint)
