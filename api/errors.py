"""How an error becomes an answer: RFC 9457 problem documents that name no person, secret, host or statement.

ReportsError                (resources.errors)
├── Refused                 this API's own; each knows its status, its title and what the caller can do
│   ├── BodyBroken          400  the body did not come whole (api.limits)
│   ├── Unauthenticated     401  no token, or one that is not taken
│   ├── Forbidden           403  not the caller's, whether it exists or not
│   ├── NotFound            404  the caller may see it, and it does not exist
│   ├── NotAcceptable       406  no form of the answer that the caller takes (api.export.formats)
│   ├── BodyLate            408  the body did not come in time (api.limits)
│   ├── Gone                410  what was published then is not retained any more
│   ├── TargetTooLong       414  path and query (api.limits)
│   ├── NotJson             415  a body in another format
│   ├── Invalid             422  parameters or fields, named
│   ├── TooOften            429  the caller asks more than its share (api.rate)
│   ├── HeadersTooLarge     431  too many of them, or too long (api.limits)
│   ├── Overloaded          503  more is asked at once than can be answered in time (api.deadline)
│   ├── KeysUnavailable     503  tokens cannot be verified at the moment
│   └── RefreshAway         503  Dagster does not answer, or does not do what it is asked
├── WarehouseUnavailable    503  ClickHouse does not answer, or not in time; of a cluster, one of its servers
├── NotPublished            503  nothing to read yet
└── any other               500
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.types import ExceptionHandlersMap, HTTPScope, Scope, Send
from litestar.types.asgi_types import HTTPResponseBodyEvent, HTTPResponseStartEvent

from api.watch.logs import place_of
from resources.errors import NotPublished, ReportsError, ShardUnavailable, WarehouseUnavailable

PROBLEM_JSON = "application/problem+json"

_ANY_WITH_TOKEN = (414, 429, 431, 503)
_ANY_WITH_BODY = (408, 413)

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

    def said(self) -> dict[str, str]:
        """Headers of the answer."""
        return {"Cache-Control": "no-store", **self.headers}


class Unauthenticated(Refused):
    """There is no token, or it is not taken."""

    status, kind, title = 401, "unauthenticated", "Who is asking is not known"

    def __init__(self, detail: str, *, presented: bool = True) -> None:
        """`presented` says whether there was a token at all (RFC 6750, section 3.1)."""
        super().__init__(detail)
        self._challenge = 'Bearer error="invalid_token"' if presented else "Bearer"

    def said(self) -> dict[str, str]:
        """Headers of the answer, with the challenge."""
        return {**super().said(), "WWW-Authenticate": self._challenge}


class Forbidden(Refused):
    """What was asked for is not the caller's, whether it exists or not."""

    status, kind, title = 403, "forbidden", "Not yours to read"


class NotFound(Refused):
    """The caller may see it, and it does not exist."""

    status, kind, title = 404, "not-found", "Not found"


class Gone(Refused):
    """What was published then is not retained any more."""

    status, kind, title = 410, "gone", "Retained no more"

    def __init__(self) -> None:
        """Say how to read what is published now."""
        super().__init__(
            "What this was read from then is not retained any more. Ask without as_of for what is published now."
        )


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
    """Answers of these statuses, for the OpenAPI document: problems, but for a 304. What any request that needs a
    token can be refused with, and any that has a body, comes along.
    """
    always = (*_ANY_WITH_TOKEN * (401 in statuses), *_ANY_WITH_BODY * (415 in statuses))
    return {
        status: ResponseSpec(
            Problem if status >= 400 else None,
            generate_examples=False,
            description=HTTPStatus(status).phrase,
            media_type=PROBLEM_JSON,
        )
        for status in sorted({*statuses, *always})
    }


def request_id(scope: Scope) -> str:
    """The name of this request: the one that the caller gave it, where that is short and plain, or a new one."""
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        given = ""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value.decode("latin-1")
                break
        state["request_id"] = given if given and _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()
    return str(state["request_id"])


async def send_problem(scope: HTTPScope, send: Send, error: Refused) -> None:
    """Answer with what `error` says, from outside of the framework: the document and headers that it has inside."""
    await _send(scope, send, _problem(scope, error), error.said())


async def send_failure(scope: HTTPScope, send: Send) -> None:
    """Answer that it is our fault, from outside of the framework."""
    await _send(scope, send, _plain(scope, 500), {"Cache-Control": "no-store"})


async def _send(scope: HTTPScope, send: Send, problem: Problem, headers: Mapping[str, str]) -> None:
    body = msgspec.json.encode(problem)
    named = {**headers, "Content-Type": PROBLEM_JSON, "Content-Length": str(len(body))}
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    shown = b"" if scope["method"] == "HEAD" else body
    await send(HTTPResponseStartEvent(type="http.response.start", status=problem.status, headers=encoded))
    await send(HTTPResponseBodyEvent(type="http.response.body", body=shown, more_body=False))


def _refused(request: Request[Any, Any, Any], error: Refused) -> Response[Problem]:
    return _response(_problem(request.scope, error), error.said())


def _problem(scope: Scope, error: Refused) -> Problem:
    return Problem(
        type=f"urn:bionicpro:problem:{error.kind}",
        title=error.title,
        status=error.status,
        detail=str(error),
        request_id=request_id(scope),
        errors=list(error.errors),
    )


def _framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Litestar's own refusals; its texts may quote the request, so they stay out."""
    if isinstance(error, ValidationException):
        return _refused(request, Invalid(*_field_problems(request, error)))
    if error.status_code >= 500:
        return _failed(request, error)
    return _response(_plain(request.scope, error.status_code), dict(error.headers or {}))


def _away(request: Request[Any, Any, Any], error: WarehouseUnavailable) -> Response[Problem]:
    if isinstance(error, ShardUnavailable):
        return _refused(request, ReportsAway("The server that holds these reports is away; try again shortly."))
    return _refused(request, ReportsAway("Reports cannot be read at the moment; try again shortly."))


def _unpublished(request: Request[Any, Any, Any], _: NotPublished) -> Response[Problem]:
    return _refused(request, NothingYet("No report has been published yet; try again later."))


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    log_failure(request.scope, error)
    return _response(_plain(request.scope, 500), {})


def log_failure(scope: Scope, error: BaseException) -> None:
    """Leave the type and place of an error in the log, and no more: a message may quote a person or a statement."""
    known = {"request_id": request_id(scope)}
    _log.error("request %s failed: %s", known["request_id"], place_of(error), extra={"known": known})


def _plain(scope: Scope, status: int) -> Problem:
    phrase = HTTPStatus(status).phrase
    detail = "This is our fault; it is logged under the request id." if status >= 500 else f"{phrase}."
    return Problem(type="about:blank", title=phrase, status=status, detail=detail, request_id=request_id(scope))


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
