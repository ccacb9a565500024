"""The forms in which an answer can be had, and which of them a caller asks for.

Refused                     (api.errors)
├── Invalid                 422  `format=` names no format
└── NotAcceptable           406  no format that `Accept` takes
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from api.errors import FieldProblem, Invalid, Refused


class Format(Enum):
    """A form of an answer, by the word for it in `format=`; the first is preferred where a caller takes several."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        """As in `Accept` and `Content-Type`."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.PDF: "application/pdf",
}
_WORDS = ", ".join(form.value for form in Format)
_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


class NotAcceptable(Refused):
    """There is no form of the answer that the caller takes."""

    status, kind, title = 406, "not-acceptable", "Not to be had in this form"


class _Range(msgspec.Struct, frozen=True):
    media: str
    quality: float

    def reach(self, media_type: str) -> int:
        """How closely this range names a media type; 0 where it does not."""
        kind = media_type.partition("/")[0]
        return {media_type: 3, f"{kind}/*": 2, "*/*": 1}.get(self.media, 0)


def chosen(format_parameter: str | None, accept: str) -> Format:
    """The format that a caller asks for: by `format=`, else by `Accept`, else JSON.

    Raises `Invalid` for an unknown `format=`, `NotAcceptable` where `Accept` takes none.
    """
    if format_parameter is not None:
        return _named(format_parameter)
    if not accept.strip():
        return Format.JSON
    ranges = [found for part in accept.split(",") if (found := _range(part))]
    # `max` keeps the first of equals, which is the preferred one.
    best = max(Format, key=lambda form: _quality(ranges, form))
    if not _quality(ranges, best):
        raise NotAcceptable(f"Ask for one of these with `format=`: {_WORDS}.")
    return best


def _named(word: str) -> Format:
    try:
        return Format(word)
    except ValueError:
        raise Invalid(FieldProblem("format", f"Is none of {_WORDS}")) from None


def _range(part: str) -> _Range | None:
    """A media range (RFC 9110, section 12.5.1), without parameters but its weight; `None` where it is malformed."""
    media, *parameters = (word.strip().lower() for word in part.split(";"))
    weights = [word.removeprefix("q=") for word in parameters if word.startswith("q=")] or ["1"]
    return _Range(media, float(weights[0])) if _QUALITY.fullmatch(weights[0]) else None


def _quality(ranges: list[_Range], form: Format) -> float:
    """How much a caller likes a format: the weight of the range that names it most closely."""
    reaches = [(found.reach(form.media_type), found.quality) for found in ranges]
    return max((pair for pair in reaches if pair[0]), default=(0, 0.0))[1]
