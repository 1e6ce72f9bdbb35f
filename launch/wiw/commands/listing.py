"""The tables of ``wiw list``."""

from __future__ import annotations

from rich.table import Table

from wiw import inventory
from wiw.inventory import Item


def table(section: str, details: bool) -> Table:
    """Return the table of one section; world models have their sheets in it if ``details``."""
    sheets = details and section == "models"
    shown = Table(title=section, title_justify="left", title_style="bold", box=None, pad_edge=False)
    shown.add_column("name", style="cyan", no_wrap=True)
    shown.add_column("what it is", min_width=28)
    for heading in inventory.MODEL_COLUMNS if sheets else ("from",):
        shown.add_column(heading, style="dim")
    for item in inventory.section(section):
        shown.add_row(item.name, _said(item), *(item.columns if sheets else (item.origin,)))
    return shown


def _said(item: Item) -> str:
    """Return what it is, and why it cannot be used here, if so."""
    if not item.problem:
        return item.summary
    return f"{item.summary} [red]Not usable here:[/red] {item.problem}".strip()
