"""What a finding claims, and what the numbers say of it: the sentence follows the test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from wiw.pooling import Records
from wiw.results import difference
from wiw.rows import ALPHA, DIGITS, Difference
from wiw.texts import interval
from wiw_core.contracts import Metric
from wiw_core.statistics import Interval, holm


class Verdict(Enum):
    """Of one claim, in words."""

    HOLDS = "reproduces"
    OPPOSITE = "does not reproduce: the opposite is seen"
    OPEN = "does not reproduce at this size: the numbers do not tell"
    MISSING = "was not tried"


@dataclass(frozen=True)
class Claim:
    """One thing that the paper would have us see.

    Attributes
    ----------
    text : str
        The claim, as a clause: "warp beats no world model in ignav".
    evidence : str
        The numbers, in words.
    p, adjusted : float
        Of the test, where there is one, alone and adjusted for all claims of the finding (Holm).
    """

    text: str
    verdict: Verdict
    evidence: str
    p: float = math.nan
    adjusted: float = math.nan

    @property
    def sentence(self) -> str:
        """What the page says."""
        return f"{self.text}: {self.verdict.value} ({self.evidence})."


@dataclass(frozen=True)
class Table:
    """A table as text, and its caption; the first column holds labels."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Finding:
    """One of the five.

    Attributes
    ----------
    letter : str
        ``a`` to ``e``.
    paper : str
        What the paper found, in a sentence.
    notes : tuple of str
        What a reader must know to read the numbers.
    plots : tuple
        Of :class:`wiw.findings.plots.Drawing`.
    numbers : mapping
        The same as plain values, for the JSON file.
    """

    letter: str
    title: str
    paper: str
    claims: tuple[Claim, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)


def better(text: str, mine: Records, others: Records, metric: Metric) -> tuple[Claim, Difference]:
    """Return the claim that ``mine`` beats ``others`` on the same episodes, not adjusted yet."""
    found = difference(mine, others, metric)
    return _of(text, found, metric), found


def _of(text: str, found: Difference, metric: Metric) -> Claim:
    if not found.pairs:
        return Claim(text, Verdict.MISSING, "no pair of episodes")
    value = interval(found.value, sign=True, digits=DIGITS[metric])
    evidence = f"paired difference {value} on {found.pairs} episodes"
    return Claim(text, _verdict(found.value.estimate, found.p), evidence, found.p)


def _verdict(estimate: float, p: float) -> Verdict:
    if not p < ALPHA:
        return Verdict.OPEN
    return Verdict.HOLDS if estimate > 0 else Verdict.OPPOSITE


def adjusted(claims: Sequence[tuple[Claim, Difference]]) -> tuple[Claim, ...]:
    """Return the claims with p adjusted for all of them (Holm), and verdicts to match."""
    ps = holm([claim.p for claim, _ in claims])
    return tuple(
        claim
        if math.isnan(claim.p)
        else replace(
            claim,
            verdict=_verdict(found.value.estimate, p),
            evidence=f"{claim.evidence}, adjusted p {_p(p)}",
            adjusted=p,
        )
        for (claim, found), p in zip(claims, ps)
    )


def positive(text: str, value: Interval, what: str) -> Claim:
    """Return the claim that a number is above zero, judged by its 95 % interval."""
    if not (math.isfinite(value.low) and math.isfinite(value.high)):
        return Claim(text, Verdict.MISSING, f"{what} is not defined here")
    verdict = Verdict.OPEN
    if value.low > 0:
        verdict = Verdict.HOLDS
    elif value.high < 0:
        verdict = Verdict.OPPOSITE
    return Claim(text, verdict, f"{what} {interval(value, sign=True)}")


def missing(text: str, why: str) -> Claim:
    """Return the claim that could not be tried."""
    return Claim(text, Verdict.MISSING, why)


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "below 0.001"
