"""Charts as SVG, drawn here by pygal and looked after by the style of the page: no script, no style of their own.

Their figures are in a table beside them; to a screen reader each is one picture with a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import ceil
from typing import Any
from xml.etree.ElementTree import Element

import msgspec
from markupsafe import Markup

from api.export.cells import finite
from api.pages.language import Language
from api.published import LONGEST_PERIOD_DAYS

_WIDTH, _HEIGHT = 800, 240
_ROW_HEIGHT = 28
_MOST_ROWS = 40
"""More words than these are left to the table."""
_LABELS = 8
_MOST_MARKS = 7
_LONGEST_LABEL = 24
_FOR_SCRIPTS = frozenset({"style", "script", "desc", "title", "defs"})
"""Elements that only pygal's own script and style would make use of."""


class Chart(msgspec.Struct, frozen=True):
    """A picture; what names it has the id `{name}-chart`."""

    name: str
    svg: Markup


def bars_by_day(language: Language, name: str, heights: Mapping[date, float | None]) -> Chart | None:
    """A bar for each day; `None` where there is nothing to draw."""
    return _by_day("Bar", language, name, heights)


def line_by_day(
    language: Language, name: str, heights: Mapping[date, float | None], reach: tuple[int, int] | None = None
) -> Chart | None:
    """A line through the days, broken where there is nothing; `None` where there is nothing to draw."""
    return _by_day("Line", language, name, heights, range=reach, allow_interruptions=True, dots_size=2.5)


def bars_by_word(language: Language, name: str, lengths: Sequence[tuple[str, int]]) -> Chart | None:
    """A bar for each word, the first uppermost; `None` where there is nothing to draw, or too much."""
    if not 0 < len(lengths) <= _MOST_ROWS:
        return None
    return _chart(
        "HorizontalBar",
        language,
        name,
        [length for _, length in reversed(lengths)],
        # No XML has characters that cannot be printed.
        x_labels=["".join(filter(str.isprintable, word)) for word, _ in reversed(lengths)],
        truncate_label=_LONGEST_LABEL,
        height=60 + _ROW_HEIGHT * len(lengths),
    )


def _by_day(
    kind: str, language: Language, name: str, heights: Mapping[date, float | None], **options: Any
) -> Chart | None:
    drawn = {day: height for day, height in heights.items() if height is not None and finite(height) is not None}
    if not drawn:
        return None
    days = _axis(sorted(heights))
    said = language.short_day if days[0].year == days[-1].year else language.day
    return _chart(
        kind,
        language,
        name,
        [drawn.get(day) for day in days],
        x_labels=[said(day) for day in days],
        x_labels_major_every=ceil(len(days) / _LABELS),
        show_minor_x_labels=False,
        truncate_label=-1,
        **options,
    )


def _axis(days: Sequence[date]) -> list[date]:
    """Every day from the first to the last; of a longer time than a period may have, those that there are."""
    reach = (days[-1] - days[0]).days
    if reach >= LONGEST_PERIOD_DAYS:
        return list(days)
    return [days[0] + timedelta(days=number) for number in range(reach + 1)]


def _chart(kind: str, language: Language, name: str, values: Sequence[float | None], **options: Any) -> Chart:
    # It looks for its plug-ins when it is imported, which an API that is never asked for a page need not do.
    import pygal  # noqa: PLC0415

    drawn = getattr(pygal, kind)(
        **{"height": _HEIGHT} | options,
        width=_WIDTH,
        max_scale=_MOST_MARKS,
        css=[],
        js=[],
        margin=8,
        show_legend=False,
        show_x_guides=False,
        include_x_axis=True,
        disable_xml_declaration=True,
        no_prefix=True,
        value_formatter=language.mark,
    )
    drawn.add("", list(values))
    drawn.add_xml_filter(lambda root: _bare(root, name))
    return Chart(name, Markup(drawn.render(is_unicode=True)))  # noqa: S704 - every text in it was escaped by ElementTree


def _bare(root: Element, name: str) -> Element:
    """The picture alone."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in _FOR_SCRIPTS or _is_tooltip(child):
                parent.remove(child)
        for attribute in ("id", "style"):
            parent.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-chart")
    return root


def _is_tooltip(part: Element) -> bool:
    return "tooltip-overlay" in part.get("class", "")
