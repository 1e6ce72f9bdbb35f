"""Reads a page of a report: checks that its tags nest, gathers images, links, ids and text."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

VOID = {"meta", "link", "img", "br", "hr", "input"}


class PageReader(HTMLParser):
    """The page in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.html = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.images: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.cells: list[tuple[str, str]] = []
        self.text = ""
        self._cell = ""
        self.feed(self.html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []
        if tag == "img":
            self.images.append(values["src"])
            assert values["alt"]
        if tag == "a":
            self.links.append(values["href"])
            self._cell = values.get("class", "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []

    def handle_endtag(self, tag):
        self._cell = "" if tag == "a" else self._cell
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self._cell:
            self.cells.append((self._cell, data))

    def target(self, link: str) -> tuple[Path, str]:
        """Return the file and the anchor that a link leads to."""
        file, _, anchor = link.partition("#")
        return (self.path.parent / unquote(file)).resolve() if file else self.path, anchor
