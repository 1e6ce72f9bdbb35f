"""Messages of policy servers: MessagePack with NumPy arrays, as OpenPI servers speak it.

An array is a map with the binary keys ``__ndarray__`` (true), ``data`` (its bytes in C order),
``dtype`` (NumPy's short name, such as ``<f4``) and ``shape``; a NumPy scalar one with
``__npgeneric__``, ``data`` and ``dtype``. Only numbers and truth values are read: no objects, so
nothing that a server sends is ever run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from wiw_core.errors import ErrorCode, WiwError

_ARRAY, _SCALAR = b"__ndarray__", b"__npgeneric__"
_KINDS = "biuf"
"""Truth values, whole numbers with and without sign, floating point."""
_DTYPE = re.compile(rf"[<>|=]?[{_KINDS}][0-9]{{1,2}}")
_MAX_AXES = 8
INSTALL = "Install it: pip install -r requirements-extras.txt."


def pack(message: Mapping[str, Any]) -> bytes:
    """Return the bytes of a message of text, numbers, maps, lists and arrays.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` for anything else in it; ``VLM_UNAVAILABLE`` without msgpack.
    """
    try:
        return bytes(_msgpack().packb(dict(message), default=_plain))
    except (TypeError, ValueError, OverflowError) as error:
        raise WiwError(ErrorCode.BAD_PARAMETER, f"A message cannot be sent: {error}.") from error


def unpack(data: bytes) -> dict[str, Any]:
    """Return the message of these bytes, its arrays read-only.

    Raises
    ------
    WiwError
        ``UNPARSABLE`` for what is no such message; ``VLM_UNAVAILABLE`` without msgpack.
    """
    msgpack = _msgpack()
    try:
        message = msgpack.unpackb(data, object_hook=_value, raw=False)
    except (ArithmeticError, KeyError, TypeError, ValueError, msgpack.UnpackException) as error:
        raise WiwError(
            ErrorCode.UNPARSABLE, f"The policy server's message cannot be read: {error}."
        ) from error
    if not isinstance(message, dict) or not all(isinstance(key, str) for key in message):
        raise WiwError(
            ErrorCode.UNPARSABLE, "The policy server's message is no map with names as its keys."
        )
    return message


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in _KINDS:
        raise TypeError(f"an array of {value.dtype}")
    if isinstance(value, np.ndarray):
        held = np.ascontiguousarray(value)
        return {
            _ARRAY: True,
            b"data": held.tobytes(),
            b"dtype": held.dtype.str,
            b"shape": list(value.shape),
        }
    if isinstance(value, np.generic):
        return {_SCALAR: True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"a {type(value).__name__}")


def _value(found: dict[Any, Any]) -> Any:
    if _ARRAY in found:
        return _array(found)
    if _SCALAR in found:
        if not isinstance(found[b"data"], (bool, int, float)):
            raise ValueError("a number is none")
        return _dtype(found).type(found[b"data"])
    return found


def _array(found: dict[Any, Any]) -> np.ndarray[Any, Any]:
    dtype, shape, data = _dtype(found), found[b"shape"], found[b"data"]
    sides = shape if isinstance(shape, (list, tuple)) else [shape]
    if len(sides) > _MAX_AXES or not all(type(s) is int and s >= 0 for s in sides):
        raise ValueError(f"an array has the shape {shape!r}")
    if not isinstance(data, bytes) or len(data) != math.prod(sides) * dtype.itemsize:
        raise ValueError(f"an array of shape {shape!r} and type {dtype} has other bytes")
    return np.frombuffer(data, dtype).reshape(sides)


def _dtype(found: dict[Any, Any]) -> np.dtype[Any]:
    name = found[b"dtype"]
    text = name.decode("ascii") if isinstance(name, bytes) else name
    if not isinstance(text, str) or _DTYPE.fullmatch(text) is None:
        raise ValueError("an array is of no type that is read")
    return np.dtype(text)


def _msgpack() -> Any:
    try:
        import msgpack
    except ImportError as error:
        raise WiwError(
            ErrorCode.VLM_UNAVAILABLE, "Policy servers need the package msgpack.", INSTALL
        ) from error
    return msgpack
