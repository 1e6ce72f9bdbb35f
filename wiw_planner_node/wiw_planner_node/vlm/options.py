"""The parameters that every policy with a language model takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from wiw_core.errors import ErrorCode, WiwError, unknown_name
from wiw_planner_node.vlm.endpoint import Endpoint, endpoint

STRUCTURED = ("auto", "schema", "prompt")
PICTURE_FORMATS = ("jpeg", "png")


@dataclass(frozen=True)
class ChatOptions:
    """How a language model is asked.

    Attributes
    ----------
    endpoint, model, key_env, send_images
        See :func:`wiw_planner_node.vlm.endpoint.endpoint`.
    temperature : float
        0 to 2; the paper's policies sample at 1.
    max_tokens : int
        Greatest length of a reply.
    deadline_s : float
        Seconds for all that this policy asks within one decision, retries included.
    request_s : float
        Seconds for one reply.
    tries : int
        How often a question is put until a reply can be used.
    structured : {"auto", "schema", "prompt"}
        Whether the server is given the JSON schema of a reply: ``auto`` until it refuses it,
        ``schema`` always, ``prompt`` never. The prompt says it in any case, and it is checked here
        in any case.
    picture_format : {"jpeg", "png"}
        How pictures travel.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for a value out of its range.
    """

    endpoint: str = ""
    model: str = ""
    key_env: str = ""
    send_images: bool = False
    temperature: float = 1.0
    max_tokens: int = 1024
    deadline_s: float = 120.0
    request_s: float = 60.0
    tries: int = 3
    structured: str = "auto"
    picture_format: str = "jpeg"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("temperature", 0.0, 2.0),
            ("max_tokens", 1, 32_768),
            ("deadline_s", 0.01, 3600.0),
            ("request_s", 0.01, 3600.0),
            ("tries", 1, 20),
        ):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and low <= value <= high):
                raise _bad(f"{name} is {value!r}; it must be {low:g} to {high:g}.")
        for name in ("max_tokens", "tries"):
            if not isinstance(getattr(self, name), int):
                raise _bad(f"{name} is {getattr(self, name)!r}; it must be a whole number.")
        if not isinstance(self.send_images, bool):
            raise _bad(f"send_images is {self.send_images!r}; it must be true or false.")
        for name, known in (("structured", STRUCTURED), ("picture_format", PICTURE_FORMATS)):
            if getattr(self, name) not in known:
                raise unknown_name(ErrorCode.BAD_PARAMETER, name, str(getattr(self, name)), known)

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> ChatOptions:
        """Return the options of these parameters; ``BAD_PARAMETER`` for a name it does not have."""
        known = [field.name for field in fields(cls)]
        for name in parameters:
            if name not in known:
                raise unknown_name(ErrorCode.BAD_PARAMETER, "parameter", name, known)
        return cls(**parameters)

    def where(self) -> Endpoint:
        """Return the endpoint; raises as :func:`wiw_planner_node.vlm.endpoint.endpoint`."""
        return endpoint(str(self.endpoint), str(self.model), str(self.key_env), self.send_images)


def _bad(message: str) -> WiwError:
    return WiwError(ErrorCode.BAD_PARAMETER, message)
