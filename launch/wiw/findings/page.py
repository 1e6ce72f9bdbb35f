"""What a study leaves: ``study.html``, ``study.json``, and ``study.md`` with its pictures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from wiw.files import write_bytes, write_json, write_text
from wiw.findings.claims import Finding
from wiw.findings.plan import SHIPPED, Plan
from wiw.report.facts import hardware
from wiw.results import plain
from wiw_core.provenance import provenance

SCHEMA = 1
PAGE, DOCUMENT, NUMBERS, IMAGES = "study.html", "study.md", "study.json", "images/study"


@dataclass(frozen=True)
class Made:
    """How a study came to be.

    Attributes
    ----------
    name : str
        Of the plan, as given to the command.
    wall_s, training_s : float
        Seconds of the closed loop and the measures, and of training, over all sittings.
    """

    name: str
    out: Path
    wall_s: float
    training_s: float

    @property
    def command(self) -> str:
        """The command that makes the study again."""
        words = ["wiw", "study", *([] if self.name == SHIPPED else ["--plan", self.name])]
        return shlex.join([*words, "--out", str(self.out)])


def write(folder: Path, plan: Plan, findings: Sequence[Finding], made: Made) -> Path:
    """Write the page, the numbers and the document into a folder; return the page.

    Raises
    ------
    WiwError
        ``RECORDING_FAILED``.
    """
    facts = _provenance(plan, made)
    shown: dict[str, Any] = {
        "findings": findings,
        "about": _about(plan),
        "command": made.command,
        "provenance": facts,
    }
    write_text(folder / PAGE, _templates(True).get_template("study.html.j2").render(**shown))
    write_json(folder / NUMBERS, plain(_numbers(plan, findings, made, facts)))
    write_document(folder, findings, shown, made)
    return folder / PAGE


def write_document(
    folder: Path, findings: Sequence[Finding], shown: Mapping[str, Any], made: Made
) -> None:
    """Write ``study.md`` and its pictures."""
    text = (
        _templates(False).get_template("study.md.j2").render(**shown, images=IMAGES, out=made.out)
    )
    write_text(folder / DOCUMENT, text)
    for finding in findings:
        for plot in finding.plots:
            write_bytes(folder / IMAGES / f"{plot.name}.png", plot.png)


def copy_document(folder: Path, docs: Path) -> None:
    """Copy ``study.md`` and its pictures from a study into a folder of documents."""
    for old in (docs / IMAGES).glob("*.png"):
        old.unlink()
    for path in (folder / DOCUMENT, *sorted((folder / IMAGES).glob("*.png"))):
        write_bytes(docs / path.relative_to(folder), path.read_bytes())


@lru_cache(maxsize=2)
def _templates(escaped: bool) -> Environment:
    return Environment(
        loader=ChoiceLoader(
            [PackageLoader("wiw.findings", "templates"), PackageLoader("wiw.report", "templates")]
        ),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _about(plan: Plan) -> str:
    tasks = ", ".join(f"{task} {count}" for task, count in plan.episodes.items())
    each = ", ".join(f"{task} {count}" for task, count in plan.checkpoint_episodes.items())
    thinking = ", ".join(f"{p.task} {p.episodes}" for p in plan.thinking)
    return (
        f"A reduced, seeded size (seed {plan.seed}, the first {plan.split} episodes of each task,"
        f" the same ones for every row): (a) and (b) {tasks or 'not tried'}; (c) and (e)"
        f" {len(plan.checkpoints)} checkpoints, each {each or 'not tried'}; (d)"
        f" {thinking or 'not tried'} per row."
    )


def _provenance(plan: Plan, made: Made) -> dict[str, str]:
    known, machine = provenance(), hardware()
    versions = ", ".join(f"{name} {version}" for name, version in known["versions"].items())
    return {
        "time": f"{made.wall_s / 60:.0f} min of closed loops and measures, and"
        f" {made.training_s / 60:.0f} min of training",
        "machine": f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB",
        "seed": str(plan.seed),
        "source": str(known["git"]),
        "versions": versions,
    }


def _numbers(
    plan: Plan, findings: Sequence[Finding], made: Made, facts: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "command": made.command,
        "provenance": dict(facts),
        "plan": asdict(plan),
        "findings": {
            finding.letter: {
                "title": finding.title,
                "paper": finding.paper,
                "claims": [
                    {**asdict(claim), "verdict": claim.verdict.name, "sentence": claim.sentence}
                    for claim in finding.claims
                ],
                "tables": [asdict(table) for table in finding.tables],
                **finding.numbers,
            }
            for finding in findings
        },
    }
