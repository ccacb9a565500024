"""The application: settings in, routes out. `reports-api` (stack/serve_api.py) has granian serve `create_app`."""

from __future__ import annotations

import gc
import os
from typing import Any, cast

from litestar import Litestar, Response, Router
from litestar.datastructures import ResponseHeader, State
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.types import ASGIApp, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

from api import aggregates, events, health, refresh, reports, totals
from api.auth import PUBLIC, Authentication, TokenCheck, keys_are_late
from api.compression import Compressed
from api.deadline import Deadline
from api.docs import PlainPage
from api.errors import exception_handlers
from api.freshness import Clock, utc_now
from api.keys import Keys, read_keys
from api.limits import Shedding
from api.pages import routes as pages
from api.rate import Shares, Sharing
from api.reads import CONNECTIONS, Reads
from api.refreshes import Refreshes
from api.remembered import Remembering
from api.tokens import Tokens
from api.watch import gauges
from api.watch.upkeep import Upkeep
from api.watch.watching import Watching
from resources.reader import as_reader
from resources.settings import Settings, read_settings

WAIT_SECONDS = 1.8
"""How long a caller waits for the warehouse before the answer is a 503."""
DAGSTER_WAIT_SECONDS = 1.5
"""The same for Dagster."""

_OWN_STYLE_ONLY = "default-src 'none'; style-src 'unsafe-inline'"


class Served(Litestar):
    """The application with the layers before it, which requests come through and the server's own events do not."""

    layers: ASGIApp

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Answer, through the layers."""
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
        else:
            await self.layers(scope, cast("Receive", receive), cast("Send", send))

    async def inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, behind the layers."""
        await super().__call__(scope, receive, send)


def create_app() -> Litestar:
    """The application as the environment sets it. Raises `SettingsError`."""
    app = build_app(read_settings(os.environ))
    # All that is there now stays: looking through it for garbage again and again would hold up requests for 60 ms.
    gc.collect()
    gc.freeze()
    return app


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
    # Apart from the others: whoever sends tokens of keys that nobody knows occupies no thread that reports are read by.
    fetching = Deadline(seconds=wait_s, threads=2, late=keys_are_late)
    reads = Reads(settings, deadline, now)
    refreshes = Refreshes(settings, wait_s=dagster_wait_s)
    tokens = Tokens(keys, remembered_s=settings.reports_cache_ttl)
    app = Served(
        route_handlers=[part.routes for part in (reports, events, totals, aggregates, pages, refresh, health)],
        dependencies={
            "reads": Provide(lambda: reads, sync_to_thread=False),
            "refreshes": Provide(lambda: refreshes, sync_to_thread=False),
        },
        middleware=[
            DefineMiddleware(Authentication, check=TokenCheck(settings), keys=keys, tokens=tokens, deadline=fetching),
            *_sharing(settings),
        ],
        exception_handlers=exception_handlers(),
        on_startup=[reads.follower.start],
        on_shutdown=[reads.close, refreshes.close, fetching.close],
        openapi_config=_openapi(),
        state=State({"reads": reads}),
        logging_config=None,
        request_max_body_size=65_536,
    )
    remembering = _put_layers(app, settings, reads, deadline, keys, tokens)
    app.state["remembered"] = remembering
    return app


def _put_layers(  # noqa: PLR0913, PLR0917 - each layer has its own
    app: Served, settings: Settings, reads: Reads, deadline: Deadline, keys: Keys, tokens: Tokens
) -> Remembering:
    """Put the layers before the application, the outermost last; the one that remembers is returned."""
    shedding = Shedding(Compressed(app.inside))
    remembering = Remembering(
        shedding, tokens=tokens, generations=reads.generations, seconds=settings.reports_cache_ttl
    )
    upkeep = Upkeep(as_reader(settings), reads.follower, reads.judge.now)
    told = [
        gauges.keys(keys),
        gauges.publications(reads.follower),
        gauges.windows(reads.judge),
        upkeep.readings,
        gauges.memories({"responses": remembering.stats, "bodies": reads.bodies.stats}),
        gauges.connections(lambda: (reads.pool.size - reads.pool.idle, reads.pool.idle)),
        gauges.numbers(
            {
                "reports_waiting_requests": lambda: deadline.waiting,
                "reports_shed_requests_total": lambda: shedding.shed + deadline.shed,
            }
        ),
    ]
    watching = Watching(remembering, settings, [route.path_format for route in app.routes], told)
    app.on_startup.append(watching.start)
    app.on_shutdown += [watching.stop, upkeep.close]
    app.layers = watching.layer
    return remembering


def _sharing(settings: Settings) -> list[DefineMiddleware]:
    limit = settings.reports_rate_limit
    return [DefineMiddleware(Sharing, shares=Shares(limit))] if limit else []


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
            Tag(name="Pages", description="The same for people: without a script, in English and Russian."),
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
