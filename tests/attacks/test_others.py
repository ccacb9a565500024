"""Another's reports, asked for in every way of writing who that is: refused, as if nobody were there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import pytest

from tests.attacks.crowd import ABSENT, Person, owners_named, uuid_of
from tests.attacks.wire import Heard, Server

Bearer = Callable[..., str]

ROUTES = ["/api/reports", "/api/reports/summary", "/api/reports/2026-07-01", "/api/reports/events"]


def written(number: int) -> Iterator[str]:
    """Ways of writing a customer in a path."""
    plain, subject = str(number), str(uuid_of(number))
    yield from (plain, subject, subject.upper(), subject.replace("-", ""), f"{{{subject}}}", f"urn:uuid:{subject}")
    yield from (f"0{plain}", f"00{plain}", f"+{plain}", f"-{plain}", f"{plain}.0", f"{plain}e0", f"0x{number:x}")
    yield from (f"0b{number:b}", f"0o{number:o}", f"{plain[0]}_{plain[1:]}", f"{plain},", f"{plain};x", f"{plain}n")
    yield from (
        f"%20{plain}",
        f"{plain}%20",
        f"{plain}%0a",
        f"{plain}%0d%0a",
        f"{plain}%00",
        f"%00{plain}",
        f"{plain}%09",
    )
    yield from ("".join(f"%{ord(digit):02x}" for digit in text) for text in (plain, subject))
    yield "".join(f"%25{ord(digit):02x}" for digit in plain)
    yield "".join(f"%EF%BC%9{digit}" for digit in plain)
    yield "".join(f"%D9%A{digit}" for digit in plain)
    yield from (
        f"{plain}/",
        f"{plain}//",
        f"/{plain}",
        f"./{plain}",
        f"x/../{plain}",
        f"x/%2e%2e/{plain}",
        f"{plain}/.",
    )
    yield from (f"x%2f..%2f{plain}", f"..%2freports%2f{plain}", f"x\\..\\{plain}", f"{plain}/..;/x", f"{plain}.json")
    yield from (f"{plain}..", f"{plain}#x", f"{plain}%23", f"{plain}%3f", f"{plain}?", f"{plain}%2f", f"{plain}%5c")
    yield from (
        f"[{plain}]",
        f"{plain}'--",
        f"{plain}%27%20OR%201=1",
        f"{plain}%20UNION%20SELECT%201",
        f"*{plain}",
        "*",
        "%",
    )
    yield from (
        str(number + 2**64),
        str(number + 2**32),
        str(number - 2**64),
        "1" * 19,
        "1" * 20,
        "1" * 300,
        "%ff",
        "%c0%ae",
    )
    yield from ("me", "self", "null", "undefined", "NaN", "true", "..", ".", "%2e%2e", "")


def is_refused(answer: Heard) -> bool:
    """Whether nothing of anybody's is in it."""
    return answer.status in {400, 403, 404, 405, 414, 422} and not owners_named(answer.body.decode())


@pytest.mark.parametrize("end", ["", "/view"])
def test_another_is_refused_however_they_are_written_and_as_if_they_were_not_there(
    served: Server, crowd: list[Person], bearer: Bearer, end: str
) -> None:
    ada, bob = bearer(crowd[0]), crowd[1]

    for existing, absent in zip(written(bob.number), written(ABSENT), strict=True):
        answers = [
            served.ask(f"/reports/{wanted}{end}", ada, "X-Request-Id: same", *more)
            for wanted in (existing, absent)
            for more in ([], ["If-None-Match: *"], ["Accept: text/csv", "Accept-Encoding: gzip"])
        ]

        assert all(map(is_refused, answers)), existing
        assert [answer.told for answer in answers[:3]] == [answer.told for answer in answers[3:]], existing


def test_a_reader_too_is_shown_only_who_is_named_plainly(served: Server, crowd: list[Person], bearer: Bearer) -> None:
    reader = bearer(crowd[0], "reports-reader")
    found = {way: served.ask(f"/reports/{way}", reader) for way in written(crowd[1].number)}

    shown = {way for way, answer in found.items() if answer.status == 200}
    plain, subject = str(crowd[1].number), str(crowd[1].uuid)
    # A server takes `#` for the end of a target, and slashes too many for one.
    meant = {way: unquote(re.split("[?#]", way)[0]).strip("/") for way in shown}
    assert set(meant.values()) <= {plain, subject, subject.upper()}
    assert {plain, subject} <= shown
    assert all(owners_named(found[way].body.decode()) == {crowd[1].number} for way in shown)
    assert all(is_refused(found[way]) for way in found.keys() - shown)


@pytest.mark.parametrize(
    "method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "POST", "get", "GETX", "PROPFIND", "X" * 30]
)
def test_another_method_shows_nothing_and_tells_nothing(
    served: Server, crowd: list[Person], bearer: Bearer, method: str
) -> None:
    secret = "X-Canary: canary-of-the-request"
    answers = [
        served.ask(f"/reports/{wanted}", bearer(crowd[0]), "X-Request-Id: same", secret, method=method)
        for wanted in (crowd[1].number, ABSENT, crowd[0].number)
    ]

    assert {answer.status for answer in answers} <= {204, 400, 405}
    assert all(not owners_named(answer.body.decode()) and b"canary" not in answer.body for answer in answers)
    assert answers[0].told == answers[1].told == answers[2].told


def test_which_methods_a_route_has_is_told_to_anyone_and_nothing_else(served: Server) -> None:
    document = json.loads(served.ask("/schema/openapi.json").body)

    for path in document["paths"]:
        answer = served.ask(re.sub("{.*}", "1013", path), method="OPTIONS")
        assert (answer.status, answer.body) == (204, b""), path
        assert set(answer.headers["allow"].split(", ")) == {"OPTIONS", *map(str.upper, document["paths"][path])}


@pytest.mark.parametrize(
    "header",
    [
        *(
            f"{name}: /reports/1013"
            for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Uri")
        ),
        *(f"{name}: 1013" for name in ("X-User-Id", "X-Remote-User", "Remote-User", "X-Auth-Request-User", "X-User")),
        *(f"{name}: POST" for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")),
        *(
            f"{name}: 127.0.0.1"
            for name in ("X-Forwarded-For", "X-Real-IP", "True-Client-IP", "Forwarded", "Client-IP")
        ),
        *(f"{name}: elsewhere.example" for name in ("X-Forwarded-Host", "X-Host", "X-Forwarded-Server")),
        *(
            "X-Forwarded-Prefix: /reports",
            "X-Script-Name: /reports",
            "X-Forwarded-Proto: https",
            "Cookie: user_id=1013",
        ),
        *("X-Roles: reports-reader", "X-Auth-Roles: reports-reader", "X-Forwarded-Groups: reports-reader"),
        *("Range: bytes=0-10", "Content-Type: application/json", "Accept: */*", "Prefer: return=representation"),
    ],
)
def test_a_header_makes_nobody_another_and_leads_nowhere_else(
    served: Server, crowd: list[Person], bearer: Bearer, header: str
) -> None:
    ada = bearer(crowd[0])

    for path in (
        "/api/reports",
        f"/reports/{crowd[0].number}",
        f"/reports/{crowd[1].number}",
        "/api/v1/aggregates/deal-pipeline",
    ):
        plainly, with_it = (served.ask(path, ada, "X-Request-Id: same", *more) for more in ([], [header]))
        assert with_it.told == plainly.told, path


@pytest.mark.parametrize("route", [*ROUTES, "/reports/1009", "/reports/1009/view"])
@pytest.mark.parametrize(
    "query",
    [
        *(
            f"{name}=1013"
            for name in ("user_id", "userId", "user", "id", "sub", "customer", "caller", "asked", "user_id[]")
        ),
        *("user_id=1009&user_id=1013", "user_id[0]=1013", "user.id=1013", "format=json&format=csv", "&&user_id=1013"),
        *("%75ser_id=1013", "user_id%00=1013", "request=x", "reads=x", "asking=x", "data=x", "state=x", "scope=x"),
        *(
            "role=reports-reader",
            "roles=reports-reader",
            "_method=POST",
            "callback=x",
            "fields=*",
            "sql=1",
            "x=1;user_id=1013",
        ),
    ],
)
def test_a_parameter_that_is_none_is_refused(
    served: Server, crowd: list[Person], bearer: Bearer, route: str, query: str
) -> None:
    answer = served.ask(f"{route}?{query}", bearer(crowd[0]))

    assert (answer.status, owners_named(answer.body.decode())) == (422, set())


def bodies(number: int) -> Iterator[str]:
    """Ways of writing a customer in a body."""
    yield from (f'{{"user_id": {text}}}' for text in (f"{number}", f'"{number}"', f'"{uuid_of(number)}"'))
    yield from (f'{{"user_id": "{text}"}}' for text in written(number) if "\\" not in text)
    yield from (
        f'{{"user_id": {text}}}' for text in (f"{number}.0", f"{number}e0", f"[{number}]", f'{{"$eq": {number}}}')
    )
    yield from (
        f'{{"user_id": {text}}}' for text in (f"-{number}", "true", "null", f"{number + 2**64}", f"[1009, {number}]")
    )
    yield f'{{"user_id": 1009, "user_id": {number}}}'
    yield f'{{"user_id": 1009, "user_\\u0069d": {number}}}'
    yield f'{{"user_id": 1009, "userId": {number}}}'
    yield f'[{{"user_id": {number}}}]'
    yield f'{{"user_id": 1009}}{{"user_id": {number}}}'
    yield f'{{"__proto__": {{"user_id": {number}}}}}'


def test_another_s_totals_are_refused_however_they_are_written_and_as_if_they_were_not_there(
    served: Server, crowd: list[Person], bearer: Bearer
) -> None:
    headers = [bearer(crowd[0]), "X-Request-Id: same", "Content-Type: application/json"]

    for existing, absent in zip(bodies(crowd[1].number), bodies(ABSENT), strict=True):
        answers = [served.ask("/report", *headers, method="POST", body=body.encode()) for body in (existing, absent)]

        assert all(answer.status in {403, 422} for answer in answers), existing
        assert all(is_refused(answer) for answer in answers)
        assert answers[0].told == answers[1].told, existing


def test_ones_own_totals_are_read_with_a_body_like_those(served: Server, crowd: list[Person], bearer: Bearer) -> None:
    headers = [bearer(crowd[0]), "Content-Type: application/json"]
    own = [
        served.ask("/report", *headers, method="POST", body=json.dumps({"user_id": user_id}).encode())
        for user_id in (crowd[0].number, str(crowd[0].uuid))
    ]

    assert [(answer.status, owners_named(answer.body.decode())) for answer in own] == [(200, {crowd[0].number})] * 2
