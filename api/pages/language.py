"""The language of a page: its words, and how it writes figures, days and instants."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Context, Decimal, localcontext
from functools import cache
from pathlib import Path

import msgspec
from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import format_decimal, format_percent

from api.errors import FieldProblem, Invalid
from api.export.cells import in_utc

LANGUAGES = ("en", "ru")
"""The first is taken where a reader likes none of them better."""
NOTHING = "\u2013"
"""In place of a figure that there is none of."""

_WORDS = Path(__file__).parent / "words"
_RANGE = re.compile(r"\s*([a-z]{2,8}|\*)[a-z0-9-]*\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?", re.ASCII)
_MOST_BYTES = 1024
_MOST_DIGITS = 60


class Language(msgspec.Struct, frozen=True):
    """One of `LANGUAGES`."""

    code: str
    words: Mapping[str, str]

    def __call__(self, word: str) -> str:
        """What is said for a word of ours. Raises `KeyError`."""
        return self.words[word]

    def count(self, value: int | None) -> str:
        """A whole number."""
        return NOTHING if value is None else format_decimal(value, locale=self.code)

    def real(self, value: float | None) -> str:
        """A number, to its second digit."""
        return NOTHING if value is None else format_decimal(value, "#,##0.00", locale=self.code)

    def mark(self, value: float) -> str:
        """A number on an axis."""
        return format_decimal(value, "#,##0.##", locale=self.code)

    def share(self, value: float | None) -> str:
        """A part of 1 as per cent, to its first digit."""
        if value is None:
            return NOTHING
        whole = Locale(self.code).percent_formats[None].pattern
        return format_percent(value, whole.replace("##0", "##0.0"), locale=self.code)

    def money(self, value: Decimal | None) -> str:
        """An amount, to its second digit, of however many before."""
        if value is None:
            return NOTHING
        with localcontext(Context(prec=_MOST_DIGITS)):
            return format_decimal(value, "#,##0.00", locale=self.code)

    def day(self, value: date) -> str:
        """A day."""
        return format_date(value, "medium", locale=self.code)

    def short_day(self, value: date) -> str:
        """A day beside others of its year."""
        return format_skeleton("MMMd", value, locale=self.code)

    def instant(self, value: datetime | None) -> str:
        """An instant, in UTC and saying so."""
        if value is None:
            return NOTHING
        return format_datetime(in_utc(value), "medium", tzinfo=UTC, locale=self.code) + " UTC"


def language(wanted: str | None, accepted: str) -> Language:
    """The language that is `wanted`, else the one that a reader likes best (`Accept-Language`). Raises `Invalid`."""
    if wanted is None:
        return _spoken(_liked(accepted))
    if wanted not in LANGUAGES:
        raise Invalid(FieldProblem("lang", f"Is none of {', '.join(LANGUAGES)}"))
    return _spoken(wanted)


def _liked(accepted: str) -> str:
    """By RFC 9110, section 12.5.4; what is no language there is passed over, and so is what goes on for too long."""
    found = map(_RANGE.fullmatch, accepted.lower().split(",") if len(accepted) <= _MOST_BYTES else [])
    qualities: dict[str, float] = {}
    for part in filter(None, found):
        qualities.setdefault(part[1], float(part[2] or 1))
    # `max` keeps the first of equals.
    return max(LANGUAGES, key=lambda code: qualities.get(code, qualities.get("*", 0.0)))


@cache
def _spoken(code: str) -> Language:
    return Language(code, tomllib.loads((_WORDS / f"{code}.toml").read_text(encoding="utf-8")))
