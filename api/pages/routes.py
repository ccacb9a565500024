"""Routes to pages. What they refuse is refused as elsewhere, with a problem document."""

from __future__ import annotations

from typing import Annotated

from litestar import MediaType, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.asking import AskedBy, AsOfText, CustomerWord, DataOperation, FirstDay, LastDay, known_parameters
from api.auth import MANAGER, PUBLIC, only_for
from api.customers import customer_key
from api.edition import Asked
from api.errors import documented
from api.pages.dashboard import dashboard_page
from api.pages.language import LANGUAGES, Language, language
from api.pages.rendering import Shown, style
from api.pages.report import report_page
from api.published import LONGEST_PERIOD_DAYS, SHOWN_DAYS
from api.reads import Reads
from api.snapshots import read_as_of

LanguageWord = Annotated[
    str | None,
    QueryParameter(
        name="lang",
        description="The language of the page; else what `Accept-Language` asks for",
        schema_extra={"one_of": None, "type": "string", "enum": list(LANGUAGES)},
    ),
]

_OWN_STYLE_ONLY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""No script, no style but ours, no address but this one, and in nobody's frame."""


@get(
    "/dashboard",
    summary="Page of the deals, what the staff did, and the marts",
    description=(
        f"The aggregates as tables and charts, and how far each mart reaches. For the role `{MANAGER}`. The period is"
        f" that of what the staff did: without one, the last {SHOWN_DAYS} published days; {LONGEST_PERIOD_DAYS} days"
        " at most."
    ),
    media_type=MediaType.HTML,
    operation_class=DataOperation,
    response_description="The page",
    responses=documented(401, 403, 422, 503),
    guards=[only_for(MANAGER), known_parameters],
)
async def dashboard(
    request: AskedBy,
    reads: NamedDependency[Reads],
    since: FirstDay = None,
    until: LastDay = None,
    lang: LanguageWord = None,
) -> Response[str]:
    """The dashboard."""
    shown = Shown(_language(request, lang), {"from": since, "to": until, "lang": lang})
    return _page(shown, await reads.answer(dashboard_page, Asked(request.user), shown, since, until))


@get(
    "/reports/{user_id:str}/view",
    summary="Page of the reports of a user over a period",
    description=(
        "What `GET /reports/{user_id}` answers, to the same callers, as tables and charts."
        f" Without a period: the last {SHOWN_DAYS} published days. A period has {LONGEST_PERIOD_DAYS} days at most."
    ),
    media_type=MediaType.HTML,
    operation_class=DataOperation,
    response_description="The page",
    responses=documented(401, 403, 404, 410, 422, 503),
    guards=[known_parameters],
)
async def view(  # noqa: PLR0913, PLR0917 - each is a parameter of the route
    request: AskedBy,
    reads: NamedDependency[Reads],
    user_id: CustomerWord,
    since: FirstDay = None,
    until: LastDay = None,
    as_of: AsOfText = None,
    lang: LanguageWord = None,
) -> Response[str]:
    """A report with charts."""
    shown = Shown(_language(request, lang), {"from": since, "to": until, "as_of": as_of, "lang": lang})
    asked = Asked(request.user, as_of=read_as_of(as_of) if as_of else None)
    return _page(shown, await reads.answer(report_page, asked, shown, customer_key(user_id), since, until))


@get("/dashboard/page.css", media_type=MediaType.CSS, opt={PUBLIC: True}, include_in_schema=False)
async def page_style() -> Response[bytes]:
    """The style of the pages, which says nothing of anybody."""
    return Response(style(), media_type=MediaType.CSS, headers={"Cache-Control": "public, max-age=300"})


def _language(request: AskedBy, lang: str | None) -> Language:
    return language(lang, ", ".join(request.headers.getall("accept-language", [])))


def _page(shown: Shown, text: str) -> Response[str]:
    """The page, of which nobody keeps a copy: it is somebody's, and it is of now."""
    return Response(
        text,
        media_type=MediaType.HTML,
        headers={
            "Cache-Control": "private, no-store",
            "Content-Language": shown.language.code,
            "Content-Security-Policy": _OWN_STYLE_ONLY,
            "Referrer-Policy": "no-referrer",
            "Vary": "Authorization, Accept-Encoding, Accept-Language",
        },
    )


routes = Router("/", route_handlers=[dashboard, view, page_style], tags=["Pages"])
