"""Constants."""

import enum


class ObjectType(enum.Enum):
    """Kinds of scene objects."""

    ALL = -2
    SHAPE = 0
    JOINT = 1


class RenderMode(enum.Enum):
    """Renderers."""

    OPENGL = 0
    OPENGL3 = 7
