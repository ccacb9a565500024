"""OpenTelemetry traces: a span for each request, sent where the standard variables say. It needs the extra `otel`."""

from __future__ import annotations

from litestar.types import HTTPScope
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as OpenSpan
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from api.watch.tally import METHODS
from resources.settings import Settings

SERVICE = "bionicpro-reports"


class Span:
    """One traced request."""

    def __init__(self, span: OpenSpan, method: str) -> None:
        """Use `Tracing.begin` instead."""
        self._span = span
        self._method = method

    def end(self, route: str, status: int) -> None:
        """It was answered; the span is named by route, and says no more than the log."""
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_attribute("error.type", str(status))
        self._span.end()


class Tracing:
    """Makes spans, as children of the caller's where it names one (`traceparent`)."""

    def __init__(self, provider: TracerProvider) -> None:
        """Trace with `provider`."""
        self.provider = provider
        self._tracer = provider.get_tracer(SERVICE)
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, scope: HTTPScope, request_id: str) -> Span:
        """The span of a request that begins now."""
        named = [(name, value) for name, value in scope["headers"] if name in (b"traceparent", b"tracestate")]
        parent = self._propagator.extract({name.decode("latin-1"): value.decode("latin-1") for name, value in named})
        method = scope["method"] if scope["method"] in METHODS else "other"
        attributes = {"http.request.method": method, "reports.request_id": request_id}
        span = self._tracer.start_span(method, context=parent, kind=SpanKind.SERVER, attributes=attributes)
        return Span(span, method)

    def close(self) -> None:
        """Send what is not sent yet."""
        self.provider.shutdown()


def tracing(settings: Settings) -> Tracing:
    """Traces as the standard variables want them; a name in them (`OTEL_SERVICE_NAME`) wins over ours."""
    # Given, because to the library a variable that is empty counts as set.
    everything = settings.otel_exporter_otlp_endpoint.rstrip("/") + "/v1/traces"
    endpoint = settings.otel_exporter_otlp_traces_endpoint or everything
    found = Resource.create()
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: SERVICE}))
    provider = TracerProvider(resource=found)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider)
