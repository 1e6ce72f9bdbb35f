"""What the default answerer knows of homes in general: rooms, what tells them, what things are for.

It is common sense about homes, not knowledge of any one home.
"""

from __future__ import annotations

SMALL = ("ball", "cube", "cylinder", "mug", "vase")
"""Nouns of small objects, which questions also call just "object"."""
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")

ROOM_SIGNS: dict[str, dict[str, float]] = {
    "living room": {"sofa": 1.0, "tv": 1.0},
    "kitchen": {"fridge": 1.0, "stove": 1.0, "counter": 1.0},
    "bedroom": {"bed": 1.0},
    "bathroom": {"toilet": 1.0, "sink": 1.0, "bathtub": 1.0},
    "study": {"desk": 1.0},
    "dining room": {"table": 0.4},
}
"""Per room, the furniture that tells it and how surely: a table may be in a living room too."""

TOPS = ("table", "desk", "cabinet", "counter")
"""Furniture that small things stand on."""

FOOTPRINT_M: dict[str, float] = {
    "bathtub": 0.6,
    "bed": 0.9,
    "cabinet": 0.4,
    "chair": 0.22,
    "counter": 0.55,
    "desk": 0.5,
    "fridge": 0.35,
    "lamp": 0.18,
    "plant": 0.2,
    "shelf": 0.3,
    "sink": 0.27,
    "sofa": 0.7,
    "stove": 0.32,
    "table": 0.55,
    "toilet": 0.27,
    "tv": 0.4,
}
"""How far a piece of furniture usually reaches from its middle, metres."""

USES: tuple[tuple[str, str], ...] = (
    (r"\bdrink\b", "mug"),
    (r"\bflowers\b", "vase"),
    (r"\b(catch|throw)\b", "ball"),
    (r"\b(read|book)\b", "shelf"),
    (r"\bwater the plants\b", "plant"),
    (r"\b(dark|lamp)\b", "lamp"),
    (r"\b(sit|chair)\b", "chair"),
    (r"\b(put something into|cabinet)\b", "cabinet"),
)
"""What a thing is used for, as patterns; the first that fits counts."""
