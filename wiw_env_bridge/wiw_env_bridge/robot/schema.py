"""Settings declared once, with text, unit and range, and read from a mapping with every problem.

A section is a frozen dataclass whose fields are made by :func:`setting`. Allowed types: ``bool``,
``int``, ``float``, ``str``, ``tuple[float, ...]``, ``tuple[str, ...]``, another section, and
``Mapping[str, Section]``. A section may have a method ``problems() -> list[str]`` for what concerns
several of its fields. No rclpy here.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

S = TypeVar("S")
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True)
class About:
    """What a setting means and may be; ``low`` and ``high`` inclusive, ``above`` exclusive."""

    text: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: Sequence[str] = ()
    length: int | None = None

    def number(self, value: float) -> str:
        """Return why the number is refused, or ""."""
        unit = f" {self.unit}" if self.unit else ""
        if not math.isfinite(value):
            return f"must be finite, got {value}"
        if self.above is not None and not value > self.above:
            return f"must be above {self.above:g}{unit}, got {value:g}"
        if self.low is not None and value < self.low:
            return f"must be at least {self.low:g}{unit}, got {value:g}"
        if self.high is not None and value > self.high:
            return f"must be at most {self.high:g}{unit}, got {value:g}"
        return ""


def setting(
    text: str,
    default: Any = MISSING,
    *,
    factory: Any = MISSING,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: Sequence[str] = (),
    length: int | None = None,
) -> Any:
    """Declare one field of a section; without a default it must be given.

    Parameters
    ----------
    text : str
        One sentence of what it does.
    factory : callable, optional
        Makes the default: for a section within a section, or a mapping.
    unit : str
        "m", "s", "rad"; empty for a pure number or text.
    low, high, above : float, optional
        Limits of a number, or of each number of a tuple: inclusive, inclusive, exclusive.
    choices : sequence of str
        The only texts allowed.
    length : int, optional
        How many entries a tuple has, unless it is empty.
    """
    about = About(text, unit, low, high, above, tuple(choices), length)
    if factory is not MISSING:
        return field(default_factory=factory, metadata={"about": about})
    return field(default=default, metadata={"about": about})


def read(section: type[S], given: object, where: str = "") -> tuple[S | None, list[str]]:
    """Return the section that a mapping describes, and every problem; None if there is any.

    Parameters
    ----------
    where : str
        Name of the section in the file, for the sentences.
    """
    if not isinstance(given, Mapping):
        return None, [f"'{where or 'the profile'}' must be a mapping, got {_shown(given)}"]
    problems: list[str] = []
    values: dict[str, Any] = {}
    known = {f.name: f for f in _settings(section)}
    hints = get_type_hints(section)
    prefix = f"{where}." if where else ""
    for key in given:
        if key not in known:
            problems.append(_unknown(f"{prefix}{key}", str(key), known))
    for name, spec in known.items():
        path = f"{prefix}{name}"
        if name not in given:
            if spec.default is MISSING and spec.default_factory is MISSING:
                problems.append(f"'{path}' is missing: {spec.metadata['about'].text}")
            continue
        values[name], found = _value(hints[name], spec.metadata["about"], given[name], path)
        problems += found
    if problems:
        return None, problems
    made = section(**values)
    problems = [f"'{where or 'profile'}': {p}" for p in getattr(made, "problems", list)()]
    return (None if problems else made), problems


def table(section: type[Any], where: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yield (name, default, unit, text) of every setting, depth first: for a page or ``--help``."""
    hints = get_type_hints(section)
    for spec in _settings(section):
        about: About = spec.metadata["about"]
        path = f"{where}.{spec.name}" if where else spec.name
        kind = hints[spec.name]
        inner = get_args(kind)[1] if get_origin(kind) in (dict, Mapping, _MAPPING) else kind
        if is_dataclass(inner) and isinstance(inner, type):
            yield path, "", "", about.text
            yield from table(inner, path if inner is kind else f"{path}.NAME")
            continue
        default = "required" if spec.default is MISSING else _shown(spec.default)
        choices = f" One of: {', '.join(c or 'empty' for c in about.choices)}." * bool(
            about.choices
        )
        yield path, default, about.unit, about.text + choices


_MAPPING = get_origin(Mapping[str, int])


def _settings(section: type[Any]) -> list[Field[Any]]:
    return [f for f in fields(section) if "about" in f.metadata]


def _value(kind: Any, about: About, given: object, path: str) -> tuple[Any, list[str]]:
    if is_dataclass(kind) and isinstance(kind, type):
        return read(kind, given, path)
    origin = get_origin(kind)
    if origin is _MAPPING or origin is dict:
        return _sections(get_args(kind)[1], given, path)
    if origin is tuple:
        return _tuple(get_args(kind)[0], about, given, path)
    value, problem = _scalar(kind, about, given)
    return value, [f"'{path}' {problem}"] if problem else []


def _sections(kind: Any, given: object, path: str) -> tuple[dict[str, Any], list[str]]:
    if not isinstance(given, Mapping):
        return {}, [f"'{path}' must be a mapping of names, got {_shown(given)}"]
    made, problems = {}, []
    for name, inner in given.items():
        made[str(name)], found = read(kind, inner, f"{path}.{name}")
        problems += found
    return made, problems


def _tuple(kind: type, about: About, given: object, path: str) -> tuple[Any, list[str]]:
    if not isinstance(given, (list, tuple)):
        return (), [f"'{path}' must be a list, got {_shown(given)}"]
    problems = []
    if given and about.length is not None and len(given) != about.length:
        problems.append(f"'{path}' must have {about.length} entries, got {len(given)}")
    values = []
    for index, entry in enumerate(given):
        value, problem = _scalar(kind, about, entry)
        values.append(value)
        if problem:
            problems.append(f"'{path}[{index}]' {problem}")
    return tuple(values), problems


def _scalar(kind: type, about: About, given: object) -> tuple[Any, str]:
    if kind is float and type(given) is int:
        given = float(given)
    if type(given) is not kind:
        return None, f"must be {_KINDS[kind]}, got {_shown(given)}"
    if isinstance(given, (int, float)) and kind is not bool:
        return given, about.number(given)
    if about.choices and given not in about.choices:
        return given, f"is '{given}'; one of {', '.join(c or 'empty' for c in about.choices)}"
    return given, ""


def _unknown(path: str, key: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}"
    return f"'{path}' is not a setting; {hint}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
