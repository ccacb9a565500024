"""What every request leaves behind: a name, a line, a count, a span."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from litestar.types import Message, Receive, Scope, Send
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.watch.logs import JsonLines, TextLines, chosen, configuration
from api.watch.observed import MOST_LINES_PER_SECOND, BrokenOff, Observed
from api.watch.routes import Routes
from api.watch.tally import Tally
from api.watch.tracing import Tracing, tracing
from api.watch.watching import Watching
from resources.settings import Settings
from tests.api.conftest import Client

ROUTES = Routes(["/reports/{user_id}", "/reports/all", "/report"])
NAMED = "given-by-the-caller"


def scope(path: str = "/reports/4711", method: str = "GET", *headers: tuple[bytes, bytes]) -> Any:
    """A request as a server hands it on."""
    return {"type": "http", "method": method, "path": path, "query_string": b"secret=1", "headers": [*headers]}


def answering(status: int, *pieces: bytes, error: Exception | None = None) -> Any:
    """An application that answers in these pieces, and may fail after them."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        if status:
            await send({"type": "http.response.start", "status": status, "headers": [(b"etag", b"x")]})
        for place, piece in enumerate(pieces, 1):
            more = place < len(pieces) or error is not None
            await send({"type": "http.response.body", "body": piece, "more_body": more})
        if error is not None:
            raise error

    return app


def asked(layer: Observed, request: Any) -> list[Any]:
    """What a layer sends for a request."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(layer(request, receive, send))
    return sent


def counted(tally: Tally) -> dict[tuple[str, ...], float]:
    """The requests that a tally has, by method, route and status."""
    return {
        reading.labels: reading.values[0]
        for reading in tally.readings()
        if reading.meter == "reports_http_requests_total"
    }


@pytest.mark.parametrize("path", ["/health/live", "/nowhere", "/reports/7", "/metrics"])
def test_every_response_has_a_name_and_is_not_to_be_guessed_at(away: Client, path: str) -> None:
    first, second = away.get(path), away.get(path, headers={"X-Request-Id": NAMED})

    assert [answer.headers.get_list("X-Content-Type-Options") for answer in (first, second)] == [["nosniff"]] * 2
    assert second.headers.get_list("X-Request-Id") == [NAMED]
    assert first.headers["X-Request-Id"] != away.get(path).headers["X-Request-Id"]


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 65, b"<script>", "ж".encode()])
def test_a_name_that_is_not_short_and_plain_is_not_taken_over(given: bytes) -> None:
    layer = Observed(answering(200, b""), routes=ROUTES, tally=Tally())

    start = asked(layer, scope("/report", "GET", (b"x-request-id", given)))[0]

    [name] = [value for header, value in start["headers"] if header == b"x-request-id"]
    assert (len(name), name.strip(b"0123456789abcdef")) == (32, b"")


def test_the_headers_of_the_layer_beneath_stay_as_they_are() -> None:
    kept = [(b"etag", b"x")]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": kept})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    layer = Observed(app, routes=ROUTES, tally=Tally())
    names = [asked(layer, scope())[0]["headers"] for _ in range(2)]

    assert kept == [(b"etag", b"x")]
    assert [len(headers) for headers in names] == [3, 3]


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/reports/4711", "/reports/{user_id}"),
        ("/reports/4711/", "/reports/{user_id}"),
        ("/reports/all", "/reports/all"),
        ("/report/", "/report"),
        ("/reports/", "unknown"),
        ("/reports/4711/more", "unknown"),
        ("/wp-admin", "unknown"),
        ("/", "unknown"),
    ],
)
def test_a_request_is_counted_by_its_route_and_never_by_its_path(path: str, route: str) -> None:
    tally = Tally()

    asked(Observed(answering(204), routes=ROUTES, tally=tally), scope(path))

    assert counted(tally) == {("GET", route, "204"): 1}


def test_methods_that_somebody_made_up_are_counted_as_one() -> None:
    tally = Tally()
    layer = Observed(answering(405, b""), routes=ROUTES, tally=tally)

    for method in ("GET", "BREW", "STEEP", "BREW"):
        asked(layer, scope("/report", method))

    assert counted(tally) == {("GET", "/report", "405"): 1, ("other", "/report", "405"): 3}


def test_bytes_and_durations_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    layer = Observed(answering(200, b"abc", b"de"), routes=ROUTES, tally=tally)

    asked(layer, scope())
    asked(layer, scope())

    found = {reading.meter: [*reading.values] for reading in tally.readings() if reading.labels[:1] == ("GET",)}
    assert found["reports_http_response_bytes_total"] == [10]
    assert sum(found["reports_http_request_duration_seconds"][1:]) == 2
    assert [record for record in caplog.records if record.name == "api.requests"] == []


def test_an_application_that_fails_before_it_answers_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    layer = Observed(answering(0, error=ValueError("Ada's secret")), routes=ROUTES, tally=tally)

    start, body = asked(layer, scope("/reports/4711", "GET", (b"x-request-id", NAMED.encode())))

    assert (start["status"], json.loads(body["body"])["request_id"]) == (500, NAMED)
    assert counted(tally) == {("GET", "/reports/{user_id}", "500"): 1}
    assert f"request {NAMED} failed: builtins.ValueError at {__file__}:" in caplog.text
    assert [word for word in ("Ada", "4711", "secret") if word in caplog.text] == []


def test_an_answer_that_fails_in_its_midst_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    layer = Observed(answering(200, b"half", error=ValueError("Ada's secret")), routes=ROUTES, tally=tally)

    with pytest.raises(BrokenOff) as raised:
        asked(layer, scope())

    broken = [reading for reading in tally.readings() if reading.meter == "reports_http_responses_broken_off_total"]
    assert [(reading.labels, reading.values) for reading in broken] == [(("/reports/{user_id}",), (1,))]
    assert (raised.value.args, raised.value.__cause__, raised.value.__suppress_context__) == ((), None, True)
    assert "Ada" not in caplog.text


def test_whoever_leaves_before_an_answer_is_counted_as_such() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise asyncio.CancelledError

    tally = Tally()
    with pytest.raises(asyncio.CancelledError):
        asked(Observed(app, routes=ROUTES, tally=tally), scope())

    assert counted(tally) == {("GET", "/reports/{user_id}", "499"): 1}
    assert [r.values for r in tally.readings() if r.meter == "reports_http_requests_in_progress"] == [(0,)]


@pytest.mark.parametrize(
    ("status", "log_all", "level"),
    [(200, False, None), (304, False, None), (200, True, "INFO"), (401, False, "INFO"), (503, False, "ERROR")],
)
def test_what_is_refused_or_fails_leaves_a_line_and_all_else_on_request(
    caplog: pytest.LogCaptureFixture, status: int, log_all: bool, level: str | None
) -> None:
    caplog.set_level("INFO", "api.requests")

    asked(Observed(answering(status, b"abc"), routes=ROUTES, tally=Tally(), log_all=log_all), scope())

    lines = [record for record in caplog.records if record.name == "api.requests"]
    assert [record.levelname for record in lines] == ([level] if level else [])


def test_a_line_says_what_an_operator_needs_and_names_nobody() -> None:
    logger, lines = logging.getLogger("api.requests"), StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    request = scope("/reports/4711", "GET", (b"x-request-id", NAMED.encode()), (b"authorization", b"Bearer abc.def"))
    try:
        asked(Observed(answering(503, b"abc"), routes=ROUTES, tally=Tally()), request)
    finally:
        logger.removeHandler(handler)

    line = json.loads(lines.getvalue())
    assert line.pop("time").endswith("Z")
    ms = line.pop("ms")
    assert line == {
        "level": "error",
        "logger": "api.requests",
        "message": f"GET /reports/{{user_id}} 503 in {ms} ms",
        "request_id": NAMED,
        "method": "GET",
        "route": "/reports/{user_id}",
        "status": 503,
        "bytes": 3,
    }


def test_lines_of_an_attack_are_bounded_and_the_rest_is_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "api.requests")
    now = 1000.0
    monkeypatch.setattr("api.watch.observed.perf_counter", lambda: now)
    layer = Observed(answering(401, b""), routes=ROUTES, tally=Tally())

    for _ in range(MOST_LINES_PER_SECOND + 7):
        asked(layer, scope())
    now += 1
    asked(layer, scope())

    lines: list[Any] = [record for record in caplog.records if record.name == "api.requests"]
    assert len(lines) == MOST_LINES_PER_SECOND + 1
    assert [line.known.get("left_out") for line in lines[-2:]] == [None, 7]


def failing() -> logging.LogRecord:
    """A record of an error whose message says too much, as granian writes one."""
    try:
        raise ValueError("Ada's secret")
    except ValueError:
        record = logging.LogRecord("_granian", logging.ERROR, __file__, 1, "It failed\nTraceback: %s", ("Ada",), None)
        record.exc_info = sys.exc_info()
        return record


def test_no_line_holds_a_stack_or_the_message_of_an_error() -> None:
    line = json.loads(JsonLines().format(failing()))
    text = TextLines().format(failing())

    assert (line["logger"], line["message"]) == ("granian", "It failed")
    assert line["error"].startswith(f"builtins.ValueError at {__file__}:")
    assert (text.count("\n"), "Ada" in text, "ValueError" in text) == (0, False, True)


def test_lines_are_json_unless_a_person_reads_them() -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    found = [chosen(setting, stream) for setting in ("auto", "json", "text") for stream in (Terminal(), StringIO())]

    assert found == ["text", "json", "json", "json", "text", "text"]
    formatters = [configuration(form)["formatters"]["line"]["()"] for form in ("json", "text")]
    assert formatters == ["api.watch.logs.JsonLines", "api.watch.logs.TextLines"]


def test_a_request_is_a_span_with_its_route_status_and_name() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    layer = Observed(answering(503, b""), routes=ROUTES, tally=Tally(), tracing=Tracing(provider))
    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    asked(layer, scope("/reports/4711", "GET", (b"x-request-id", NAMED.encode()), (b"traceparent", parent)))

    [span] = exporter.get_finished_spans()
    assert (span.name, span.kind.name) == ("GET /reports/{user_id}", "SERVER")
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/reports/{user_id}",
        "http.response.status_code": 503,
        "error.type": "503",
        "reports.request_id": NAMED,
    }
    assert span.parent is not None
    assert f"{span.parent.trace_id:x}" == "af7651916cd43dd8448eb211c80319c"


TRACED = Settings(otel_exporter_otlp_endpoint="http://127.0.0.1:9")


def watched(settings: Settings) -> Watching:
    return Watching(answering(200, b""), settings, ["/report"], [])


def test_traces_are_made_where_the_standard_variables_say_so() -> None:
    plain, traced = watched(Settings()), watched(TRACED)

    for watching in (plain, traced):
        watching.start()
        watching.stop()

    assert plain.layer.tracing is None
    assert isinstance(traced.layer.tracing, Tracing)


@pytest.mark.parametrize(("given", "name"), [({}, "bionicpro-reports"), ({"OTEL_SERVICE_NAME": "mine"}, "mine")])
def test_spans_bear_the_name_of_the_service(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], name: str, finished: Callable[[Tracing], Tracing]
) -> None:
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)

    made = finished(tracing(TRACED))

    assert made.provider.resource.attributes["service.name"] == name


@pytest.fixture
def finished(request: pytest.FixtureRequest) -> Callable[[Tracing], Tracing]:
    """Close a tracing when the test ends."""

    def closed(made: Tracing) -> Tracing:
        request.addfinalizer(made.close)
        return made

    return closed


def test_a_missing_package_is_named_and_the_api_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "api.watch.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    watching = watched(TRACED)

    watching.start()
    watching.stop()

    assert watching.layer.tracing is None
    assert "no traces are sent" in caplog.text
    assert "bionicpro-reports[otel]" in caplog.text
