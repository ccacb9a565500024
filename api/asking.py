"""What all routes to figures have in common: who asks, and that nothing asked is silently ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Reference,
    RequestBody,
)
from litestar.params import QueryParameter

from api.auth import Caller
from api.edition import Asked
from api.errors import FieldProblem, Invalid
from api.examples import EXAMPLES

AskedBy = Request[Caller, None, Any]

DAY = {"one_of": None, "type": "string", "format": "date"}
"""In the OpenAPI document: a parameter that may be left out is not one that may be null."""


@dataclass
class DataOperation(Operation):
    """A route with examples, whose mistaken parameters are a 422, where the framework documents a 400."""

    def __post_init__(self) -> None:
        """Take the 400 out, and put the examples of its bodies in."""
        responses = self.responses or {}
        responses.pop("400", None)
        for part in (self.request_body, responses.get("200"), responses.get("202"), responses.get("422")):
            content = part.content if isinstance(part, RequestBody | OpenAPIResponse) else None
            for media in (content or {}).values():
                _illustrate(media)


def _illustrate(media: OpenAPIMediaType) -> None:
    # While the document is made, a reference holds the module too: api_schemas_UserReports.
    name = media.schema.ref.rpartition("_")[2] if isinstance(media.schema, Reference) else ""
    if name in EXAMPLES:
        media.examples = {name: Example(value=EXAMPLES[name])}


def known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: nothing in a query string is silently ignored. Raises `Invalid`."""
    definitions = handler.parsed_fn_signature.parameters.items()
    kwargs = {name: definition.kwarg_definition for name, definition in definitions}
    known = {kwarg.name or name for name, kwarg in kwargs.items() if isinstance(kwarg, QueryParameter)}
    given = connection.query_params.dict()
    unknown = [FieldProblem(name, "Is no parameter of this route") for name in given.keys() - known]
    repeated = [FieldProblem(name, "Comes more than once") for name in given.keys() & known if len(given[name]) > 1]
    # The framework reads the word null as nothing given.
    null = [FieldProblem(name, "Is empty") for name in given.keys() & known if given[name][0].lower() in ("", "null")]
    if problems := unknown + repeated + null:
        raise Invalid(*sorted(problems, key=lambda problem: problem.field))


def asked(request: AskedBy) -> Asked:
    """Who asks, and what that caller holds already."""
    return Asked(caller=request.user, held=request.headers.get("if-none-match", ""))
