"""A page per episode: every arm side by side, where it went, and each decision it took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wiw import results
from wiw.files import write_text
from wiw.report import facts, maps, site, words
from wiw.report.strips import Film
from wiw.study import Study
from wiw_core.decisions import Exchange
from wiw_core.metrics import thinking_seconds
from wiw_core.record_format import DecisionRecord, EpisodeRecord

_REPLY = 600
"""Characters of what was said that stand on the page; the record has more."""


@dataclass(frozen=True)
class Line:
    """One decision as it stands on the page; scores and seconds as text."""

    index: int
    kind: str
    plan: str
    executed: int
    length: int
    answer: str
    confidence: str
    seconds: str
    frames: int
    degraded: bool
    candidates: tuple[dict[str, Any], ...]
    exchanges: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Card:
    """One arm of one episode."""

    arm: str
    anchor: str
    end: dict[str, Any]
    message: str
    facts: tuple[tuple[str, str], ...]
    maps: Sequence[tuple[str, str]]
    lines: tuple[Line, ...]
    undecided: tuple[dict[str, Any], ...]
    film: Film | None


def write_pages(
    study: Study,
    task: str,
    records: Mapping[str, results.Records],
    films: Mapping[tuple[str, str], Film],
) -> int:
    """Write the page of every episode of a task; return how many.

    Parameters
    ----------
    records : mapping
        By arm, then by episode.
    films : mapping
        By arm and episode.

    Raises
    ------
    WiwError
        ``RECORDING_FAILED``.
    """
    ids = [e for e in study.episodes.get(task, []) if any(e in mine for mine in records.values())]
    template = site.templates().get_template("episode.html.j2")
    for number, episode_id in enumerate(ids):
        ran = {arm: mine[episode_id] for arm, mine in records.items() if episode_id in mine}
        drawn = maps.draw_episode(ran)
        cards = [
            _card(arm, record, drawn[arm], films.get((arm, episode_id)))
            for arm, record in ran.items()
        ]
        html = template.render(
            task=task,
            section=site.anchor(task),
            episode=_told(ran),
            cards=cards,
            goal=next((card.film.goal for card in cards if card.film and card.film.goal), None),
            previous=ids[number - 1] if number else None,
            next=ids[number + 1] if number + 1 < len(ids) else None,
            filmed=any(card.film for card in cards),
            drawn=next((maps.LEGENDS[card.maps[0][0]] for card in cards if card.maps), ""),
        )
        write_text(study.folder / site.episode_file(task, episode_id), html)
    return len(ids)


def _told(ran: Mapping[str, EpisodeRecord]) -> Any:
    """Return the public side of the episode: of an arm that began it, if any did."""
    episodes = [record.episode for record in ran.values()]
    return next((episode for episode in episodes if episode.budget), episodes[0])


def _card(
    arm: str, record: EpisodeRecord, drawn: Sequence[tuple[str, str]], film: Film | None
) -> Card:
    assert record.result is not None
    return Card(
        arm,
        site.anchor(arm),
        facts.ending(record),
        record.result.message,
        tuple(_facts(record)),
        drawn,
        tuple(_line(step) for step in record.decisions),
        _exchanges(record.undecided),
        film,
    )


def _facts(record: EpisodeRecord) -> list[tuple[str, str]]:
    """Return what is known of the ending, only what applies."""
    result = record.result
    assert result is not None
    number = results.number
    found = [("decisions", f"{result.decisions}"), ("actions", f"{result.actions}")]
    if not math.isnan(result.path_m):
        found.append(("path", f"{number(result.path_m)} m"))
    if math.isfinite(result.shortest_m):
        found.append(("shortest way", f"{number(result.shortest_m)} m"))
    if math.isfinite(result.final_distance_m):
        found.append(("left to the goal", f"{number(result.final_distance_m)} m"))
    found.append(("collisions", f"{result.collisions}"))
    if result.failures:
        found.append(("actions that failed", f"{result.failures}"))
    if result.answer:
        sure = "" if math.isnan(result.confidence) else f", confidence {number(result.confidence)}"
        found.append(("answer", f"“{result.answer}”{sure}"))
    if not math.isnan(result.score):
        found.append(("score", f"{result.score:.0f} of 100"))
    thought = sum(thinking_seconds(step.decision) for step in record.decisions)
    found.append(("thinking", words.seconds(thought)))
    return found


def _line(step: DecisionRecord) -> Line:
    decision = step.decision
    return Line(
        index=decision.index,
        kind=decision.kind.name.lower(),
        plan=words.plan_words(decision.plan),
        executed=len(step.executed),
        length=len(decision.plan),
        answer=decision.answer,
        confidence="" if math.isnan(decision.confidence) else results.number(decision.confidence),
        seconds=words.seconds(thinking_seconds(decision)),
        frames=decision.frames_imagined,
        degraded=decision.degraded,
        candidates=tuple(
            {
                "plan": words.plan_words(candidate.plan),
                "score": f"{candidate.score:.4g}" if math.isfinite(candidate.score) else "–",
                "reason": candidate.reason,
                "code": words.trouble(candidate.code),
                "chosen": index == decision.chosen,
            }
            for index, candidate in enumerate(decision.candidates)
        ),
        exchanges=_exchanges(decision.transcript),
    )


def _exchanges(transcript: Iterable[Exchange]) -> tuple[dict[str, Any], ...]:
    """Return what other programs were asked and replied, cut to what a page can show."""
    return tuple(
        {
            "role": exchange.role,
            "server": exchange.server,
            "seconds": words.seconds(exchange.seconds),
            "trouble": words.trouble(exchange.code),
            "reason": exchange.reason[:_REPLY],
            "reply": exchange.reply[:_REPLY] + ("…" if len(exchange.reply) > _REPLY else ""),
        }
        for exchange in transcript
    )
