"""Parameters declared once, with range, unit and text, and checked together at configure."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from wiw_core.errors import ErrorCode, WiwError, unknown_name

_TYPES = {
    bool: (Parameter.Type.BOOL, "true or false"),
    int: (Parameter.Type.INTEGER, "a whole number"),
    float: (Parameter.Type.DOUBLE, "a number"),
    str: (Parameter.Type.STRING, "a text"),
    list: (Parameter.Type.STRING_ARRAY, "a list of texts"),
}
NODE_OPTIONS = {
    "automatically_declare_parameters_from_overrides": True,  # so that none is dropped unseen
    "allow_undeclared_parameters": True,  # so that setting one is refused with its nearest name
}
_ROS_OWN = ("use_sim_time", "start_type_description_service", "qos_overrides.")


@dataclass(frozen=True)
class Param:
    """One parameter of a node.

    Attributes
    ----------
    default : bool, int, float, str or list of str
        Its type is the parameter's type.
    text : str
        What it does, for ``ros2 param describe``.
    unit : str
        "m", "s", "px"; empty for a pure number or text.
    low, high : float, optional
        Inclusive limits of a number.
    choices : sequence of str, optional
        The only texts allowed.
    read_only : bool
        Fixed at start-up.
    """

    name: str
    default: Any
    text: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: Sequence[str] | None = None
    read_only: bool = False

    @property
    def ros_type(self) -> Parameter.Type:
        """The ROS type of the default."""
        return _TYPES[type(self.default)][0]

    def descriptor(self) -> ParameterDescriptor:
        """Return what ``ros2 param describe`` shows."""
        unit = f" [{self.unit}]" if self.unit else ""
        descriptor = ParameterDescriptor(
            description=self.text + unit,
            read_only=self.read_only,
            additional_constraints=f"One of: {', '.join(self.choices)}." if self.choices else "",
        )
        if self.low is not None or self.high is not None:
            low = -math.inf if self.low is None else self.low
            high = math.inf if self.high is None else self.high
            if isinstance(self.default, float):
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=float(low), to_value=float(high))
                ]
            else:
                top = 2**63 - 1
                low, high = max(low, -top), min(high, top)
                descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        return descriptor

    def check(self, value: Any) -> Any:
        """Return the value in the default's type; raises ``ValueError`` saying why it cannot be."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if kind is list and isinstance(value, (list, tuple)) and not value:
            return []  # ROS gives an empty list no element type
        if Parameter.Type.from_parameter_value(value) is not self.ros_type:
            raise ValueError(f"'{self.name}' must be {_TYPES[kind][1]}, got {value!r}")
        if kind is float and not math.isfinite(value):
            raise ValueError(f"'{self.name}' must be finite, got {value}")
        low, high = self.low, self.high
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(f"'{self.name}' = {value} is outside {self._range()}")
        if self.choices is not None and value not in self.choices:
            raise ValueError(f"'{self.name}' = '{value}' is not one of {', '.join(self.choices)}")
        return list(value) if kind is list else value

    def _range(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.high is None:
            return f"{self.low} and more{unit}"
        if self.low is None:
            return f"{self.high} and less{unit}"
        return f"[{self.low}, {self.high}]{unit}"


class Parameters:
    """The declared parameters of one node.

    A bad value given at start-up does not stop the node from starting: it is kept aside, and
    :meth:`read` reports it, so the node stays up, says why, and can be given a better one.

    Parameters
    ----------
    node : rclpy.node.Node
        Created with :data:`NODE_OPTIONS`.
    params : sequence of Param
    locked : callable, optional
        Returns why no value may change now, or "".
    """

    def __init__(
        self, node: Node, params: Sequence[Param], locked: Callable[[], str] = lambda: ""
    ) -> None:
        self._node, self._locked = node, locked
        self._params = {param.name: param for param in params}
        self._bad: dict[str, str] = {}
        given = {
            name: value.value
            for name, value in node.get_parameters_by_prefix("").items()
            if not name.startswith(_ROS_OWN)
        }
        for name in given:
            node.undeclare_parameter(name)
        for param in params:
            self._declare(param, given.pop(param.name, param.default))
        for name in given:
            self._bad[name] = self._unknown(name)
        node.add_on_set_parameters_callback(self._may_set)
        node.add_post_set_parameters_callback(self._was_set)

    def read(self) -> dict[str, Any]:
        """Return every value by name.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` naming every problem at once.
        """
        if self._bad:
            raise WiwError(ErrorCode.BAD_PARAMETER, "; ".join(self._bad.values()) + ".")
        return {
            name: param.check(self._node.get_parameter(name).value)
            for name, param in self._params.items()
        }

    def _unknown(self, name: str) -> str:
        error = unknown_name(ErrorCode.BAD_PARAMETER, "parameter", name, self._params)
        return str(error).rstrip(".")

    def _declare(self, param: Param, given: Any) -> None:
        value = param.default
        try:
            value = param.check(given)
        except ValueError as problem:
            self._bad[param.name] = str(problem)
        if not isinstance(value, list):
            self._node.declare_parameter(
                param.name, value, param.descriptor(), ignore_override=True
            )
            return
        # By type, then by value: ROS cannot tell the type of an empty list.
        self._node.declare_parameter(param.name, param.ros_type, param.descriptor())
        self._node.set_parameters([Parameter(param.name, param.ros_type, value)])

    def _may_set(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            param = self._params.get(parameter.name)
            if param is None and self._node.has_parameter(parameter.name):
                continue  # ROS's own
            reason = self._locked()
            try:
                if param is None:
                    raise ValueError(self._unknown(parameter.name))
                param.check(parameter.value)
            except ValueError as problem:
                reason = str(problem)
            if reason:
                return SetParametersResult(successful=False, reason=f"{reason}.")
        return SetParametersResult(successful=True)

    def _was_set(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            self._bad.pop(parameter.name, None)


def key_values(
    entries: Sequence[str], name: str, factory: Callable[..., Any] | None = None
) -> dict[str, Any]:
    """Return ``{"size": 64}`` of ``["size=64"]``: how a plugin's own parameters are given.

    Parameters
    ----------
    name : str
        The parameter that holds the entries, for error messages.
    factory : callable, optional
        The plugin: a value is read in the type of its default, a tuple as texts between commas.
        Without one, or without a default, it is a flag, a whole number, a number or a text,
        whichever fits first.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if an entry is not ``key=value``, repeats a key, or does not fit.
    """
    defaults = _defaults(factory)
    values: dict[str, Any] = {}
    for entry in entries:
        key, equals, text = (part.strip() for part in entry.partition("="))
        if not equals or not key.isidentifier():
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"'{entry}' in '{name}' is not of the form key=value."
            )
        if key in values:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"'{name}' gives '{key}' twice.")
        default = defaults.get(key)
        kinds = (bool, int, float, str) if type(default) not in _READERS else (type(default),)
        values[key] = _read(text, kinds, f"'{key}' in '{name}'")
    return values


def _defaults(factory: Callable[..., Any] | None) -> dict[str, Any]:
    if factory is None:
        return {}
    return {n: p.default for n, p in inspect.signature(factory).parameters.items()}


def _read(text: str, kinds: Sequence[type], what: str) -> Any:
    for kind in kinds:
        try:
            value = _READERS[kind](text)
        except (ValueError, KeyError):
            continue
        if kind is float and not math.isfinite(value):
            raise WiwError(ErrorCode.BAD_PARAMETER, f"{what} must be finite, got {text}.")
        return value
    wanted = _TYPES[kinds[0]][1]
    raise WiwError(ErrorCode.BAD_PARAMETER, f"{what} must be {wanted}, got '{text}'.")


_READERS: dict[type, Callable[[str], Any]] = {
    bool: lambda text: {"true": True, "false": False}[text.lower()],
    int: int,
    float: float,
    str: str,
    tuple: lambda text: tuple(part.strip() for part in text.split(",") if part.strip()),
}
