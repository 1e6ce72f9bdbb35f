"""The envelope of a chat completion: its text, and how likely its first token was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wiw_planner_node.vlm import schema

_TEXT = {"type": ["string", "null"]}
_ENVELOPE: schema.Json = {
    "type": "object",
    "required": ["choices"],
    "properties": {
        "choices": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "message": {
                        "type": "object",
                        "properties": {"content": _TEXT, "refusal": _TEXT},
                    },
                    "finish_reason": _TEXT,
                },
            },
        }
    },
}
_FIRST_TOKEN: schema.Json = {
    "type": "object",
    "required": ["content"],
    "properties": {
        "content": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["top_logprobs"],
                "properties": {
                    "top_logprobs": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 64,
                        "items": {
                            "type": "object",
                            "required": ["token", "logprob"],
                            "properties": {
                                "token": {"type": "string"},
                                "logprob": {"type": "number", "maximum": 1e-3},
                            },
                        },
                    }
                },
            },
        }
    },
}
_MORE_THAN_ONE = 1.01
"""Probabilities that sum to more are none; what is above 1 by rounding is not refused."""


@dataclass(frozen=True)
class Reply:
    """What a model said, as it came; ``first``: what its server tells of the first token."""

    text: str
    first: Any = None

    def probabilities(self, letters: Sequence[str]) -> tuple[float, ...]:
        """Return how likely each letter is as the first token, as far as the server tells.

        They sum to 1 at most: what the model would rather have said is not shared out.

        Raises
        ------
        ValueError
            If the server tells nothing, nonsense, or of none of the letters.
        """
        if self.first is None:
            raise ValueError("The server gives no logprobs.")
        schema.check(self.first, _FIRST_TOKEN)
        found = dict.fromkeys(letters, 0.0)
        for entry in self.first["content"][0]["top_logprobs"]:
            letter = entry["token"].strip()
            if letter in found:
                found[letter] += math.exp(min(0.0, entry["logprob"]))
        total = sum(found.values())
        if not 0.0 < total <= _MORE_THAN_ONE:
            raise ValueError(f"The probabilities of the letters sum to {total:.3g}.")
        scale = 1.0 / max(1.0, total)
        return tuple(found[letter] * scale for letter in letters)


def envelope(body: str, max_chars: int) -> Reply:
    """Return the first choice of a chat completion.

    Raises
    ------
    ValueError
        Why there is none, in one sentence.
    """
    value = schema.parse_json(body, max_chars)
    schema.check(value, _ENVELOPE)
    choice = value["choices"][0]
    message = choice["message"]
    if message.get("refusal"):
        raise ValueError(f"The model refuses: {schema.clean(message['refusal'])[:200]}")
    return Reply(message.get("content") or "", choice.get("logprobs"))
