"""The application: settings in, routes out.

granian --interface asgi --factory api.app:create_app
"""

from __future__ import annotations

import os
from typing import Any

from litestar import Litestar, Response, Router
from litestar.datastructures import ResponseHeader, State
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag

from api import aggregates, events, health, refresh, reports, totals
from api.answers import CONNECTIONS, Reads
from api.auth import PUBLIC, Authentication, TokenCheck
from api.deadline import Deadline
from api.docs import PlainPage
from api.errors import exception_handlers, mark_response
from api.freshness import Clock, utc_now
from api.keys import read_keys
from api.refreshes import Refreshes
from resources.settings import Settings, read_settings

WAIT_SECONDS = 1.8
"""How long a caller waits for the warehouse before the answer is a 503."""
DAGSTER_WAIT_SECONDS = 1.5
"""The same for Dagster."""

_OWN_STYLE_ONLY = "default-src 'none'; style-src 'unsafe-inline'"


def create_app() -> Litestar:
    """The application as the environment sets it. Raises `SettingsError`."""
    return build_app(read_settings(os.environ))


def build_app(
    settings: Settings,
    *,
    wait_s: float = WAIT_SECONDS,
    dagster_wait_s: float = DAGSTER_WAIT_SECONDS,
    now: Clock = utc_now,
) -> Litestar:
    """The application; it opens nothing before it starts. `now` tells how fresh answers are. Raises `SettingsError`."""
    keys = read_keys(settings)
    deadline = Deadline(seconds=wait_s, threads=CONNECTIONS)
    reads = Reads(settings, deadline, now)
    refreshes = Refreshes(settings, wait_s=dagster_wait_s)
    return Litestar(
        route_handlers=[reports.routes, events.routes, totals.routes, aggregates.routes, refresh.routes, health.routes],
        dependencies={
            "reads": Provide(lambda: reads, sync_to_thread=False),
            "refreshes": Provide(lambda: refreshes, sync_to_thread=False),
        },
        middleware=[DefineMiddleware(Authentication, check=TokenCheck(settings), keys=keys, deadline=deadline)],
        exception_handlers=exception_handlers(),
        before_send=[mark_response],
        on_startup=[reads.follower.start],
        on_shutdown=[reads.close, refreshes.close],
        openapi_config=_openapi(),
        state=State({"reads": reads}),
        logging_config=None,
        request_max_body_size=65_536,
    )


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="BionicPRO Reports",
        version="1",
        description="What wearers of bionic prostheses did, by hour, day and period. Days and hours are UTC.",
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        security=[{"bearer": []}],
        tags=[
            Tag(name="Reports", description="What a caller may read."),
            Tag(name="Aggregates", description="Numbers over all customers, for managers."),
            Tag(name="Operation", description="For whoever has marts built."),
            Tag(name="Health", description="For whoever watches over the service."),
        ],
        render_plugins=[PlainPage(path="/")],
        openapi_router=Router(
            "/schema",
            route_handlers=[],
            after_request=_problem_for_a_missing_page,
            include_in_schema=False,
            opt={PUBLIC: True},
            response_headers=[ResponseHeader(name="Content-Security-Policy", value=_OWN_STYLE_ONLY)],
        ),
    )


async def _problem_for_a_missing_page(response: Response[Any]) -> Response[Any]:
    if response.status_code == 404:
        raise NotFoundException
    return response
