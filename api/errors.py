"""How an error becomes an answer: RFC 9457 problem documents that name no person, secret, host or statement.

ReportsError                (resources.errors)
├── Refused                 this API's own; each knows its status, its title and what the caller can do
│   ├── Unauthenticated     401  no token, or one that is not taken
│   ├── Forbidden           403  not the caller's, whether it exists or not
│   ├── NotFound            404  the caller may see it, and it does not exist
│   ├── NotAcceptable       406  no form of the answer that the caller takes (api.export.formats)
│   ├── NotJson             415  a body in another format
│   ├── Invalid             422  parameters or fields, named
│   ├── KeysUnavailable     503  tokens cannot be verified at the moment
│   └── RefreshAway         503  Dagster does not answer, or does not do what it is asked
├── WarehouseUnavailable    503  ClickHouse does not answer, or not in time
├── NotPublished            503  nothing to read yet
└── any other               500
"""

from __future__ import annotations

import logging
import re
import traceback
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import msgspec
from litestar import Request, Response
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.types import ExceptionHandlersMap, Message, Scope

from resources.errors import NotPublished, ReportsError, WarehouseUnavailable

PROBLEM_JSON = "application/problem+json"

_log = logging.getLogger("api")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class FieldProblem(msgspec.Struct, frozen=True):
    """What is wrong with one parameter, or one field of a body."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] = []


class Refused(ReportsError):
    """A request that this API refuses; the message is for the caller."""

    status: ClassVar[int]
    kind: ClassVar[str]
    title: ClassVar[str]
    headers: ClassVar[Mapping[str, str]] = {}
    errors: tuple[FieldProblem, ...] = ()


class Unauthenticated(Refused):
    """There is no token, or it is not taken."""

    status, kind, title = 401, "unauthenticated", "Who is asking is not known"

    def __init__(self, detail: str, *, presented: bool = True) -> None:
        """`presented` says whether there was a token at all (RFC 6750, section 3.1)."""
        super().__init__(detail)
        self.challenge = 'Bearer error="invalid_token"' if presented else "Bearer"


class Forbidden(Refused):
    """What was asked for is not the caller's, whether it exists or not."""

    status, kind, title = 403, "forbidden", "Not yours to read"


class NotFound(Refused):
    """The caller may see it, and it does not exist."""

    status, kind, title = 404, "not-found", "Not found"


class NotJson(Refused):
    """The body is not said to be JSON."""

    status, kind, title = 415, "not-json", "The body is in another format"


class Invalid(Refused):
    """A parameter, or a field of the body, cannot be used."""

    status, kind, title = 422, "invalid-request", "The request cannot be used"

    def __init__(self, *errors: FieldProblem) -> None:
        """One `FieldProblem` for every parameter or field that is wrong."""
        super().__init__("Mend what is named in errors.")
        self.errors = errors


class KeysUnavailable(Refused):
    """The issuer's keys are not known, so no token can be verified."""

    status, kind, title = 503, "keys-unavailable", "Tokens cannot be verified at the moment"
    headers: ClassVar = {"Retry-After": "30"}


class RefreshAway(Refused):
    """Nothing can be built at the moment, nor can be said how far it is; reports stay as they are."""

    status, kind, title = 503, "refresh-away", "Refreshing is away"
    headers: ClassVar = {"Retry-After": "10"}


class ReportsAway(Refused):
    """What a caller is told of a `WarehouseUnavailable`."""

    status, kind, title = 503, "reports-away", "Reports are away"
    headers: ClassVar = {"Retry-After": "2"}


class NothingYet(Refused):
    """What a caller is told of a `NotPublished`."""

    status, kind, title = 503, "not-published", "Nothing is published yet"
    headers: ClassVar = {"Retry-After": "30"}


def exception_handlers() -> ExceptionHandlersMap:
    """Every way in which a request can fail, and the answer to it."""
    return {
        Refused: _refused,
        WarehouseUnavailable: _away,
        NotPublished: _unpublished,
        HTTPException: _framework,
        Exception: _failed,
    }


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """Answers of these statuses, for the OpenAPI document: problems, but for a 304."""
    return {
        status: ResponseSpec(
            Problem if status >= 400 else None,
            generate_examples=False,
            description=HTTPStatus(status).phrase,
            media_type=PROBLEM_JSON,
        )
        for status in statuses
    }


async def mark_response(message: Message, scope: Scope) -> None:
    """Every response names its request, and is not to be guessed at by a browser."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        headers["X-Request-Id"] = request_id(scope)
        headers["X-Content-Type-Options"] = "nosniff"


def request_id(scope: Scope) -> str:
    """The name of this request: the one that the caller gave it, where that is short and plain, or a new one."""
    if "request_id" not in scope["state"]:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        scope["state"]["request_id"] = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    return str(scope["state"]["request_id"])


def _refused(request: Request[Any, Any, Any], error: Refused) -> Response[Problem]:
    headers = dict(error.headers)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = error.challenge
    problem = Problem(
        type=f"urn:bionicpro:problem:{error.kind}",
        title=error.title,
        status=error.status,
        detail=str(error),
        request_id=request_id(request.scope),
        errors=list(error.errors),
    )
    return _response(problem, headers)


def _framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Litestar's own refusals; its texts may quote the request, so they stay out."""
    if isinstance(error, ValidationException):
        return _refused(request, Invalid(*_field_problems(request, error)))
    if error.status_code >= 500:
        return _failed(request, error)
    return _response(_plain(request, error.status_code), dict(error.headers or {}))


def _away(request: Request[Any, Any, Any], _: WarehouseUnavailable) -> Response[Problem]:
    return _refused(request, ReportsAway("Reports cannot be read at the moment; try again shortly."))


def _unpublished(request: Request[Any, Any, Any], _: NotPublished) -> Response[Problem]:
    return _refused(request, NothingYet("No report has been published yet; try again later."))


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    # Types and places only: a message may quote a person or a statement.
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    place = traceback.extract_tb(error.__traceback__)[-1]
    _log.error("request %s failed: %s at %s:%s", request_id(request.scope), name, place.filename, place.lineno)
    return _response(_plain(request, 500), {})


def _plain(request: Request[Any, Any, Any], status: int) -> Problem:
    phrase = HTTPStatus(status).phrase
    detail = "This is our fault; it is logged under the request id." if status >= 500 else f"{phrase}."
    return Problem(type="about:blank", title=phrase, status=status, detail=detail, request_id=request_id(request.scope))


def _response(problem: Problem, headers: Mapping[str, str]) -> Response[Problem]:
    headers = {"Cache-Control": "no-store", **headers}
    return Response(problem, status_code=problem.status, media_type=PROBLEM_JSON, headers=headers)


def _field_problems(request: Request[Any, Any, Any], error: ValidationException) -> list[FieldProblem]:
    definitions = request.route_handler.parsed_fn_signature.parameters.items()
    kwargs = {name: definition.kwarg_definition for name, definition in definitions}
    names = {name: kwarg.name for name, kwarg in kwargs.items() if isinstance(kwarg, QueryParameter)}
    found = [part for part in error.extra or [] if isinstance(part, dict)]
    # Bodies are read by ourselves: all that the framework ever misses of them is that there is one.
    return [
        FieldProblem("body", "Is missing")
        if part["key"] == "data"
        else FieldProblem(names.get(part["key"]) or str(part["key"]), str(part["message"]))
        for part in found
    ]
