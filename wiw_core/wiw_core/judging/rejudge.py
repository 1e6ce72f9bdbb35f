"""Judging recorded answers again, by any judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.judging import WORST, Judge, Truth, score_of
from wiw_core.metrics import is_fault
from wiw_core.record_format import EpisodeRecord


@dataclass(frozen=True)
class Verdict:
    """One recorded answer and its grade.

    Attributes
    ----------
    before : float
        The score that the environment gave, 0 to 100.
    """

    episode_id: str
    answer: str
    sigma: int
    before: float

    @property
    def score(self) -> float:
        """The score that the grade stands for, 0 to 100."""
        return score_of(self.sigma)


def rejudge(
    records: Iterable[EpisodeRecord], truths: Mapping[str, Truth], judge: Judge
) -> Iterator[Verdict]:
    """Yield a verdict per complete record, as they come; no answer is sigma 1, unasked.

    A record that ended in a fault is left out: it proves nothing.

    Raises
    ------
    WiwError
        ``UNKNOWN_EPISODE`` for a record without a truth; whatever the judge raises, at once.
    """
    for record in records:
        result = record.result
        if result is None or is_fault(result):
            continue
        truth = truths.get(result.episode_id)
        if truth is None:
            raise WiwError(
                ErrorCode.UNKNOWN_EPISODE,
                f"There is no accepted answer to episode '{result.episode_id}'.",
                "Its episode file is of another version, or its task has no open answers.",
            )
        sigma = judge.grade(truth, result.answer) if result.answer.strip() else WORST
        yield Verdict(result.episode_id, result.answer, sigma, result.score)
