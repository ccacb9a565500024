"""An edition: one caller's view of one question in certain builds. It has a tag, so that it need not be sent twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Generic, TypeVar

import msgspec
from litestar import Response

from api import schemas
from api.auth import Caller
from api.export.formats import Format
from api.published import newest, watermark
from api.snapshots import AsOf
from resources.freshness import State
from resources.publications import Publication

FORM = 4
"""Raised whenever the form of a body changes, so that tags of the form before match no more."""

_Body = TypeVar("_Body")


class Asked(msgspec.Struct, frozen=True):
    """Who asks, which editions that caller holds already (`If-None-Match`), in which form the answer is wanted, and as
    of which publication.
    """

    caller: Caller
    held: str = ""
    form: Format = Format.JSON
    sheet: str | None = None
    as_of: AsOf | None = None


def holds(held: str, etag: str) -> bool:
    """Whether `etag` is among the tags `held` (`If-None-Match`), compared weakly (RFC 9110, section 8.8.3.2)."""
    return etag.removeprefix("W/") in {tag.strip().removeprefix("W/") for tag in held.split(",")}


class Edition(msgspec.Struct, frozen=True):
    """What an answer is made from; its body is a function of these alone. Time only shows in it where it makes the
    state another, and that is another edition.
    """

    etag: str
    last_modified: datetime
    publication: schemas.Publication
    freshness: schemas.Freshness

    def held_by(self, asked: Asked) -> bool:
        """Whether the caller has this edition (RFC 9110, section 13.1.2)."""
        return holds(asked.held, self.etag)

    def headers(self) -> dict[str, str]:
        """For a body and for a 304 alike.

        The tag is a weak one: the same edition may be sent in several codings, and a file be written again otherwise
        (RFC 9110, section 8.8.1).
        """
        return {
            "ETag": f"W/{self.etag}",
            "Last-Modified": format_datetime(self.last_modified, usegmt=True),
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization, Accept, Accept-Encoding",
            "As-Of": self.publication.as_of,
        }


class Answer(Response[_Body], Generic[_Body]):
    """A body in its edition; `None` says that the caller holds it."""

    def __init__(self, edition: Edition, body: _Body | None) -> None:
        """200 with the body, or 304."""
        content: Any = body
        super().__init__(content, status_code=304 if body is None else 200, headers=edition.headers())


def edition(
    asked: Asked,
    state: State,
    beside: Sequence[Publication],
    parts: Sequence[Publication],
    question: str,
    *parameters: Any,
) -> Edition:
    """The edition of `question` with `parameters`, of these `parts` of a mart in such a `state` and of what is read
    `beside` them.

    Its publication is the newest of all that is read, so that what was published until then is what it was read from.
    The watermark is that of `parts`.
    """
    read = [*beside, *parts]
    last = newest(read)
    made_from = [part.build_id for part in read]
    wanted = [asked.form.value, asked.sheet, question, parameters]
    content = msgspec.json.encode([FORM, wanted, asked.caller.user_uuid, made_from, state])
    return Edition(
        etag=f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"',
        last_modified=last.published_at.astimezone(UTC),
        publication=_named(last, state),
        freshness=schemas.Freshness(watermark=watermark(list(parts)), state=state),
    )


def _named(publication: Publication, state: State) -> schemas.Publication:
    return schemas.Publication(
        id=str(publication.build_id),
        as_of=str(AsOf(publication.build_id, state)),
        published_at=publication.published_at,
        run_id=publication.run_id,
    )
