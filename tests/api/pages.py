"""Pages as a browser takes them apart, and their figures read back."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

_VOID = frozenset({"meta", "link", "input"})
_NOTHING = "\u2013"


class Page(HTMLParser):
    """The tables of a page by what stands over them, and whatever a browser would fetch, run or follow."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.texts: dict[str, list[str]] = {}
        """Texts by the element they are in."""
        self._open: list[str] = []
        self._caption = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "tr":
            self.tables[self._caption].append([])
        if tag in ("td", "th"):
            self.tables[self._caption][-1].append("")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, (tag, self._open)

    def handle_data(self, data: str) -> None:
        if text := data.strip():
            self.texts.setdefault(self._open[-1], []).append(text)
            if self._open[-1] == "caption":
                self._caption = text
                self.tables[text] = []
            elif {"td", "th"} & set(self._open):
                self.tables[self._caption][-1][-1] += text

    @property
    def language(self) -> str:
        """What the page says that it is written in."""
        return self.attributes("html")[0]["lang"]

    def attributes(self, tag: str) -> list[dict[str, str]]:
        """Those of each element of this name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def links(self) -> list[str]:
        """Where it leads."""
        return [attributes["href"] for attributes in self.attributes("a")]


def number(text: str, language: str) -> float | None:
    """The figure that a reader of this language sees; per cent as a part of 1."""
    if text == _NOTHING:
        return None
    plain = "".join(character for character in text if not character.isspace()).removesuffix("%")
    figure = float(plain.replace(",", ".") if language == "ru" else plain.replace(",", ""))
    return figure / 100 if text.endswith("%") else figure


def as_shown(name: str, figure: Any) -> Any:
    """A figure of the API to as many digits as pages show."""
    return None if figure is None else round(figure, 3 if name in ("error_rate", "myosignal_efficiency") else 2)
