"""Reading what a language model replied: size, depth, JSON, schema, in this order, or not at all.

Nothing is repaired: to repair a reply is to guess an action. Nothing is executed either; a reply is
data that has passed a schema of ours, whatever it says.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from wiw_core.errors import ErrorCode, WiwError

Json = dict[str, Any]

MAX_CHARS = 32_768
"""Of a reply that is to be JSON."""
MAX_DEPTH = 12
_MAX_DIGITS = 18
_MAX_REASON = 300
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)


def obj(fields: Json) -> Json:
    """Return the schema of an object with exactly these fields."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def text(max_chars: int = 2000) -> Json:
    """Return the schema of a text."""
    return {"type": "string", "maxLength": max_chars}


def whole(low: int, high: int) -> Json:
    """Return the schema of a whole number in [low, high]."""
    return {"type": "integer", "minimum": low, "maximum": high}


def enum(values: Sequence[str]) -> Json:
    """Return the schema of one of these texts."""
    return {"type": "string", "enum": list(values)}


def items(of: Json, low: int, high: int) -> Json:
    """Return the schema of a list of ``low`` to ``high`` such values."""
    return {"type": "array", "items": of, "minItems": low, "maxItems": high}


def parse(reply: str, schema: Json) -> Any:
    """Return the JSON value of a reply that fits a schema, its texts :func:`clean`.

    The reply is JSON and nothing else, or holds exactly one fenced block of it.

    Raises
    ------
    ValueError
        Why not, in one sentence that can be said back.
    """
    value = parse_json(_only_json(reply), MAX_CHARS)
    check(value, schema)
    return _cleaned(value)


def parse_json(reply: str, max_chars: int) -> Any:
    """Return the value of strict JSON: finite numbers, no key twice, :data:`MAX_DEPTH` at most.

    Raises
    ------
    ValueError
        Why not, in one sentence.
    """
    if len(reply) > max_chars:
        raise ValueError(f"The reply has {len(reply)} characters; at most {max_chars} are read.")
    if _depth(reply) > MAX_DEPTH:
        raise ValueError(f"The reply is nested deeper than {MAX_DEPTH} levels.")
    try:
        return json.loads(
            reply,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_distinct,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"The reply is not JSON: {error}.") from None


def check(value: Any, schema: Json) -> None:
    """Raise ``ValueError``, naming the place, unless a value fits a JSON schema (2020-12).

    Raises
    ------
    WiwError
        ``VLM_UNAVAILABLE`` if the package ``jsonschema`` is missing.
    """
    for error in _validator()(schema).iter_errors(value):
        place = "/".join(str(part) for part in error.absolute_path)
        where = f"'{place[:80]}' does not fit: " if place else "It does not fit: "
        raise ValueError(f"{where}{error.message[:_MAX_REASON]}.")


def clean(value: str) -> str:
    """Return a text that any record and message can hold: no control or half characters."""
    paired = value.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in paired)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(v) for v in value]
    if isinstance(value, dict):
        return {key: _cleaned(v) for key, v in value.items()}
    return value


def _only_json(reply: str) -> str:
    if len(reply) > MAX_CHARS or reply.lstrip().startswith(("{", "[")):
        return reply
    blocks: list[str] = _FENCED.findall(reply)
    if len(blocks) != 1:
        raise ValueError("The reply is not one JSON object and nothing else.")
    return blocks[0]


def _depth(reply: str) -> int:
    """Return how deep brackets are nested, those in texts apart."""
    deepest = depth = 0
    inside = escaped = False
    for character in reply:
        if inside:
            inside = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"The reply holds {name}, which is not a number.")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("The reply holds a number too great to be one.")
    return value


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"The reply holds a number of {len(digits)} digits.")
    return int(digits)


def _distinct(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("The reply gives a key twice.")
    return found


@cache
def _validator() -> Any:
    """Return the validator class; to it 3.0 is no whole number."""
    try:
        from jsonschema import Draft202012Validator, validators
    except ImportError as error:
        raise WiwError(
            ErrorCode.VLM_UNAVAILABLE,
            "Reading the replies of a language model needs the package 'jsonschema'.",
            "pip install -r requirements-extras.txt",
        ) from error

    def is_whole(_: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", is_whole)
    return validators.extend(Draft202012Validator, type_checker=checker)
