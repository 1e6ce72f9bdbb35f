"""From an answer to the words that matter in it."""

from __future__ import annotations

import re

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_SAME = {
    **{word: str(value) for value, word in enumerate(_NUMBERS)},
    **{"none": "0", "single": "1", "ground": "floor", "office": "study", "lounge": "living"},
    **{
        "turquoise": "cyan",
        "violet": "purple",
        "cup": "mug",
        "sphere": "ball",
        "restroom": "bathroom",
    },
    **{"box": "cube", "block": "cube", "couch": "sofa", "settee": "sofa", "houseplant": "plant"},
    **{"television": "tv", "screen": "tv", "refrigerator": "fridge", "oven": "stove"},
    **{"cooker": "stove", "tub": "bathtub", "bath": "bathtub", "basin": "sink"},
    **{"washbasin": "sink", "bookshelf": "shelf", "bookcase": "shelf", "shelve": "shelf"},
    **{"cupboard": "cabinet", "worktop": "counter", "countertop": "counter"},
}
_ARTICLES = ("a", "an", "the", "it", "its", "this", "that", "these", "there", "i", "you", "my")
_VERBS = ("is", "are", "was", "be", "can", "think", "see", "found", "stand", "standing", "lies")
_LINKS = ("in", "on", "at", "of", "to", "from", "by", "and", "which", "located", "probably")
_NOUNS = ("room", "colour", "color", "coloured", "colored", "object", "thing", "answer")
_IDLE = frozenset((*_ARTICLES, *_VERBS, *_LINKS, *_NOUNS, "piece", "furniture", "stands"))
"""Words that decide nothing here; no two rooms differ in the word 'room' alone."""
_OR = "or"
UNDECIDED = frozenset((_OR, "either", "not", "no", "nor", "never"))
"""Words of an answer that offers alternatives, denies, or declines."""


def content(text: str) -> list[str]:
    """Return the words of a text that matter, in order, in one form each.

    Lower case, no punctuation, numbers as digits, one word per synonym, singular; a slash is an
    "or".
    """
    words = re.findall(r"[a-z0-9]+", text.lower().replace("/", f" {_OR} ").replace("'", ""))
    return [_plain(word) for word in words if word not in _IDLE]


def _plain(word: str) -> str:
    if word in _SAME:
        return _SAME[word]
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        single = word[:-1]
        return _SAME.get(single, single)
    return word
