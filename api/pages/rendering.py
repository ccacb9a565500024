"""Templates become pages; whatever a template is given is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.edition import Answer
from api.export.formats import Format
from api.pages.language import LANGUAGES, Language

_HERE = Path(__file__).parent

_Body = TypeVar("_Body")


class Shown(msgspec.Struct, frozen=True):
    """How a page is asked for, beside what is on it."""

    language: Language
    asked: dict[str, object]
    """The parameters; its links go on asking for them."""

    def query(self, **changes: object) -> str:
        """The query string with these changes; `None` leaves one out."""
        given = {name: value for name, value in (self.asked | changes).items() if value is not None}
        return "?" + urlencode(given)


def figures_of(answer: Answer[Any], kind: type[_Body]) -> _Body:
    """The body of a JSON answer, read back: what a page shows and what the route beside it answers are one."""
    return msgspec.json.decode(answer.content, type=kind)


def render(template: str, shown: Shown, **found: Any) -> str:
    """The page that `template` makes of what was `found`."""
    page = _templates().get_template(f"{template}.html")
    forms = [form.value for form in Format]
    return page.render(found, say=shown.language, shown=shown, languages=LANGUAGES, forms=forms)


@cache
def style() -> bytes:
    """The style of all pages."""
    return (_HERE / "page.css").read_bytes()


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
