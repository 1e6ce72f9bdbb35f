"""Message definitions: what makes a recording readable where its types are not installed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from wiw_core.errors import ErrorCode, WiwError

_BETWEEN = "=" * 80
"""Separates a definition from those that it uses, in MCAP's schema encoding ``ros2msg``."""


@cache
def installed(kind: str) -> str:
    """Return the definition of ``package/msg/Name`` and of every type that it uses.

    It is what is installed here, comments and all, from ``share/<package>/msg``.

    Raises
    ------
    WiwError
        ``INTERFACE_MISSING`` if a package is not installed, or has no such message.
    """
    texts, left = {}, [kind]
    while left:
        now = left.pop(0)
        if now not in texts:
            texts[now] = _file(now).read_text("utf-8").rstrip("\n") + "\n"
            left += _used(texts[now], now)
    own = texts.pop(kind)
    return own + "".join(
        f"\n{_BETWEEN}\nMSG: {name.replace('/msg/', '/')}\n{text}" for name, text in texts.items()
    )


@cache
def digest(kind: str, definition: str) -> str:
    """Return the hash by which ROS 2 tells versions of a type apart, ``RIHS01_...``.

    Parameters
    ----------
    definition : str
        As of :func:`installed`.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if the definition cannot be read.
    """
    from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore

    try:
        store = get_typestore(Stores.EMPTY)
        types = get_types_from_msg(definition, kind)
        store.register({name: type_ for name, type_ in types.items() if not _built_in(name)})
        return store.hash_rihs01(kind)
    except (TypesysError, KeyError) as error:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT, f"The definition of '{kind}' cannot be read: {error}."
        ) from error


def _used(text: str, name: str) -> list[str]:
    """Return the message types of a definition's fields."""
    from rosbags.typesys import get_types_from_msg

    fields = get_types_from_msg(text, name)[name][1]
    return [kind for _, field in fields for kind in _named(field)]


def _named(field: Any) -> list[str]:
    """Return the message types in a field's description: ``(kind, name)``, ``(kind, (of, n))``."""
    from rosbags.interfaces import Nodetype

    kind, content = field
    if kind is Nodetype.NAME:
        return [content]
    return _named(content[0]) if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE) else []


def _built_in(name: str) -> bool:
    """Whether rosbags knows the type from the start, and refuses to be told of it."""
    return name in ("builtin_interfaces/msg/Time", "builtin_interfaces/msg/Duration")


def _file(kind: str) -> Path:
    from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

    package, _, rest = kind.partition("/")
    try:
        path = Path(get_package_share_directory(package), f"{rest}.msg")
    except PackageNotFoundError:
        path = Path()
    if not path.is_file():
        raise WiwError(
            ErrorCode.INTERFACE_MISSING,
            f"The definition of '{kind}' is not installed here.",
            f"Install ros-jazzy-{package.replace('_', '-')}.",
        )
    return path
