"""A document as the answer to a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

from litestar.response import Stream

from api.export.document import Document, file_name
from api.export.files import file_chunks
from api.export.formats import Format


async def file_response(
    document: Document, form: Format, headers: Mapping[str, str], sheet: str | None = None
) -> Stream:
    """The file, written by a thread while it is sent; `headers` are those that the JSON would have.

    Raises `Invalid`, and whatever goes wrong before the first piece: from then on, it can only break off.
    """
    chunks = file_chunks(document, form, sheet)
    first = await asyncio.to_thread(next, chunks, b"")
    named = {"Content-Disposition": f'attachment; filename="{file_name(document, form, sheet)}"'}
    return Stream(_pieces(first, chunks), media_type=form.media_type, headers={**headers, **named})


async def _pieces(first: bytes, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Not the iterator itself: the framework takes any ValueError of one for its end, and half a file for a whole one.
    piece: bytes | None = first
    while piece is not None:
        yield piece
        piece = await asyncio.to_thread(next, chunks, None)
