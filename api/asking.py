"""What all routes to figures have in common: who asks, and that nothing asked is silently ignored."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import PathParameter, QueryParameter

from api.auth import Caller
from api.customers import KEY
from api.edition import Answer, Asked
from api.errors import FieldProblem, Invalid
from api.examples import EXAMPLES
from api.export.documents import document_of
from api.export.formats import Format, chosen
from api.export.response import file_response
from api.snapshots import AS_OF, read_as_of

_OF_ASKED = frozenset({"format", "sheet", "as_of"})
"""The parameters that `asked` takes, for every route that depends on it."""

AskedBy = Request[Caller, None, Any]

FormatWord = Annotated[
    str | None,
    QueryParameter(
        name="format",
        description="json, csv, xlsx, parquet or pdf; else what `Accept` asks for",
        schema_extra={"one_of": None, "type": "string", "enum": [form.value for form in Format]},
    ),
]
SheetName = Annotated[
    str | None,
    QueryParameter(
        name="sheet",
        description="Which table a CSV or Parquet file holds; else the first",
        schema_extra={"one_of": None, "type": "string"},
    ),
]
AsOfText = Annotated[
    str | None,
    QueryParameter(
        description=(
            "`publication.as_of` of an answer: it is read again, byte for byte, while what it was made from is retained"
            " (a day by default; then the answer is a 410)"
        ),
        schema_extra={"one_of": None, "type": "string", "pattern": f"^{AS_OF}$"},
    ),
]

DAY = {"one_of": None, "type": "string", "format": "date"}
"""In the OpenAPI document: a parameter that may be left out is not one that may be null."""


@dataclass
class DataOperation(Operation):
    """A route with examples, whose mistaken parameters are a 422, where the framework documents a 400."""

    def __post_init__(self) -> None:
        """Take the 400 out, and put the examples of its bodies in."""
        responses = self.responses or {}
        responses.pop("400", None)
        if any(isinstance(parameter, Parameter) and parameter.name == "format" for parameter in self.parameters or ()):
            _also_as_files(responses["200"])
        for part in (self.request_body, responses.get("200"), responses.get("202"), responses.get("422")):
            content = part.content if isinstance(part, RequestBody | OpenAPIResponse) else None
            for media in (content or {}).values():
                _illustrate(media)


def _also_as_files(answer: OpenAPIResponse | Reference) -> None:
    if isinstance(answer, OpenAPIResponse) and answer.content is not None:
        for form in set(Format) - {Format.JSON}:
            file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
            answer.content[form.media_type] = OpenAPIMediaType(schema=file)


def _illustrate(media: OpenAPIMediaType) -> None:
    # While the document is made, a reference holds the module too: api_schemas_UserReports.
    name = media.schema.ref.rpartition("_")[2] if isinstance(media.schema, Reference) else ""
    if name in EXAMPLES:
        media.examples = {name: Example(value=EXAMPLES[name])}


FirstDay = Annotated[
    dt.date | None, QueryParameter(name="from", description="First day (UTC), included", schema_extra=DAY)
]
LastDay = Annotated[dt.date | None, QueryParameter(name="to", description="Last day (UTC), included", schema_extra=DAY)]

CustomerWord = Annotated[
    str,
    PathParameter(description="The customer's number in the CRM, or UUID at Keycloak", schema_extra={"pattern": KEY}),
]


async def known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: nothing in a query string is silently ignored. Raises `Invalid`."""
    # A coroutine, because the framework would run a plain function in a thread.
    definitions = handler.parsed_fn_signature.parameters.items()
    kwargs = {name: definition.kwarg_definition for name, definition in definitions}
    known = _OF_ASKED if "asking" in handler.parsed_fn_signature.parameters else frozenset[str]()
    known |= {kwarg.name or name for name, kwarg in kwargs.items() if isinstance(kwarg, QueryParameter)}
    given = connection.query_params.dict()
    unknown = [FieldProblem(name, "Is no parameter of this route") for name in given.keys() - known]
    repeated = [FieldProblem(name, "Comes more than once") for name in given.keys() & known if len(given[name]) > 1]
    # The framework reads the word null as nothing given.
    null = [FieldProblem(name, "Is empty") for name in given.keys() & known if given[name][0].lower() in ("", "null")]
    if problems := unknown + repeated + null:
        raise Invalid(*sorted(problems, key=lambda problem: problem.field))


def asked(request: AskedBy, form: FormatWord = None, sheet: SheetName = None, as_of: AsOfText = None) -> Asked:
    """Who asks, what that caller holds already, which form is wanted, and as of when.

    Raises `Invalid`, `NotAcceptable`.
    """
    accept = ", ".join(request.headers.getall("accept", []))
    held = request.headers.get("if-none-match", "")
    return Asked(request.user, held, chosen(form, accept), sheet, read_as_of(as_of) if as_of else None)


ASKING = {"asking": Provide(asked, sync_to_thread=False)}
"""The dependency by which a route is told of them."""


async def in_form(asked: Asked, answer: Answer[Any]) -> Response[Any]:
    """The answer in the form that was asked for. Raises `Invalid` for a sheet that it does not have."""
    if asked.form is Format.JSON or answer.content is None:
        return answer
    return await file_response(document_of(answer.content), asked.form, answer.headers, asked.sheet)
