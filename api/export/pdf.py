"""PDF: one A4 page, set by typst from `page.typ`. What it says goes in as JSON, so no text is ever taken for markup."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from api.export.document import Document
from api.export.page import page

_TEMPLATE = Path(__file__).with_name("page.typ")
_UNDATED = datetime(1980, 1, 1, tzinfo=UTC)

_REMEMBERED_PAGES = 10

_setting = threading.Lock()


def pdf_chunks(document: Document) -> Iterator[bytes]:
    """The page, whole. The same document makes the same file, whenever it is set."""
    made_at = document.publication.published_at if document.publication else _UNDATED
    inputs = {"page": msgspec.json.encode(page(document)).decode()}
    with _setting:
        compiler = _compiler()
        content = compiler.compile(_TEMPLATE, format="pdf", sys_inputs=inputs, timestamp=made_at.replace(microsecond=0))
        _forget(compiler)
    yield content


@cache
def _compiler() -> Any:
    """The one compiler of this process, not for several threads at once: each new one would leave 0.1 MB behind."""
    import typst  # noqa: PLC0415

    fonts = typst.Fonts(include_system_fonts=False)
    return typst.Compiler(_TEMPLATE, root=_TEMPLATE.parent, font_paths=fonts)


def _forget(compiler: Any) -> None:
    """Let empty pages take the place of what typst remembers: 20 MB a page, with all that is said on it."""
    for _ in range(_REMEMBERED_PAGES):
        compiler.compile(b"", format="pdf", sys_inputs=None)
