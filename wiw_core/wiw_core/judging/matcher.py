"""A judge that compares words: repeatable to the bit, and free."""

from __future__ import annotations

from wiw_core.judging import BEST, WORST, Truth
from wiw_core.judging.words import UNDECIDED, content

PARTIAL = 3
_ONE_TOO_MANY = {BEST: PARTIAL, PARTIAL: 2}


class Matcher:
    """Compares words with the accepted answers: the same grade every time, and free.

    The first rule that applies decides; words are :func:`content` words.

    Words of the question are no part of an answer unless an accepted one has them: "the vase in the
    bedroom is red" answers "red". Nor are numbers where none is asked for: "the red one".

    * no words, alternatives ("red or blue") or a denial: 1;
    * the words of an accepted answer: 5; of a partial one: 3;
    * one word more than an accepted answer: 3, than a partial one: 2 (naming two colours is worth
      no more than choosing one of them);
    * anything else: 1. A number is right or wrong: were one off worth something, "2" would be a
      good guess for any small number.
    """

    name = "matcher"

    def grade(self, truth: Truth, answer: str) -> int:
        """Return sigma, 1 to 5."""
        accepted = [frozenset(content(a)) for a in truth.answers]
        partial = [frozenset(content(a)) for a in truth.partial]
        given = content(answer)
        if not UNDECIDED.isdisjoint(given):
            return WORST
        known = frozenset().union(*accepted, *partial)
        idle = set(content(truth.question)) - known
        counts = any(word.isdigit() for word in known)
        words = frozenset(w for w in given if w not in idle and (counts or not w.isdigit()))
        for sigma, options in ((BEST, accepted), (PARTIAL, partial)):
            if words in options:
                return sigma
        for sigma, options in ((BEST, accepted), (PARTIAL, partial)):
            if any(option < words and len(words) == len(option) + 1 for option in options):
                return _ONE_TOO_MANY[sigma]
        return WORST
