"""Questions about an apartment, made from where everything is, and what it takes to answer them."""

from __future__ import annotations

from dataclasses import dataclass

CATEGORIES = (
    "object recognition",
    "attribute recognition",
    "spatial understanding",
    "counting",
    "object localisation",
    "functional reasoning",
)
"""Of OpenEQA's, those that a home of primitives can ask about; counting is a kind of its own."""


@dataclass(frozen=True)
class Question:
    """A question about one apartment; only ``text`` is public.

    Attributes
    ----------
    form : str
        Which template it is of.
    answers : tuple of str
        Accepted answers, the shortest first.
    partial : tuple of str
        Answers that are right as far as they go.
    key : tuple of str
        Bodies that the answer is read off; the start shows none of them.
    evidence : tuple of tuples of str
        What a place must show: of each group, one body at least.
    """

    text: str
    category: str
    form: str
    answers: tuple[str, ...]
    key: tuple[str, ...]
    evidence: tuple[tuple[str, ...], ...]
    partial: tuple[str, ...] = ()
