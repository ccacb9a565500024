"""Every parameter and field of every route, as the OpenAPI document has them, given what nobody should believe."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import openpyxl
import pytest

from api.export.cells import would_run
from resources.settings import Settings
from tests.api.conftest import Client, empty_marts, serving
from tests.api.world import Issuer, Marts, worn
from tests.attacks.crowd import Person, owners_named, uuid_of

ROLES = ("reports-manager", "reports-admin")
"""Those by which every route is reached, and nobody else's reports are read."""

PAYLOADS = [
    *("'", '"', "\\", "`", "' OR 1=1 --", "1 OR 1=1", "1; DROP TABLE publications", "1013) OR (1=1", "') OR ('1'='1"),
    *(
        "1 UNION ALL SELECT name, email FROM crm_customers_builds",
        "{user_id:UInt64}",
        "%(user_id)s",
        "$1",
        "?",
        ":user_id",
    ),
    *("1013 FORMAT JSON", "1013 SETTINGS max_threads=1", "sleep(3)", "file('/etc/passwd')", "remote('127.0.0.1:9000')"),
    *(
        "%s%s%s%n",
        "{0.__class__.__mro__}",
        "{{1787*9973}}",
        "${1787*9973}",
        "<%= 1787*9973 %>",
        "#{1787*9973}",
        "${jndi:ldap://127.0.0.1/x}",
    ),
    *(
        "x\r\nSet-Cookie: canary=1",
        "x\nX-Canary: 1",
        "\r\n\r\nHTTP/1.1 200 OK\r\n",
        "\x00",
        "x\x00y",
        "\x1b[31m",
        "\u2028",
    ),
    *(
        "../../../../etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:9000/",
        "<script>alert(1)</script>",
        "<!--",
        "]]>",
    ),
    *(
        "=1+1",
        "@SUM(A1)",
        "-1",
        "0",
        "1e309",
        "NaN",
        "-0",
        "9" * 30,
        "1013",
        str(uuid_of(1013)),
        "null",
        "true",
        "[]",
        "{}",
    ),
    *(
        "\u0661\u0660\u0661\u0663",
        "\uff11\uff10\uff11\uff13",
        "\U0001f600",
        "\u202e",
        "a\u0301",
        "\ufeff1013",
        "x" * 3000,
    ),
    *(
        "2026-07-01' OR '1'='1",
        "0001-01-01",
        "9999-12-31",
        "2026-07-01T00:00:00Z",
        "-2026-07-01",
        "2026-W27-3",
        "20260701",
    ),
]


class Target(NamedTuple):
    """One place of one route that takes something."""

    method: str
    path: str
    place: str
    name: str


@pytest.fixture(scope="module")
def ask(inside: Client, issuer: Issuer, crowd: list[Person]) -> Callable[..., Any]:
    """Give a place a text and everything else something good."""
    caller = issuer.authorization(crowd[0].uuid, *ROLES)

    def answer(target: Target, text: object) -> Any:
        path = target.path.replace("{user_id}", str(crowd[0].number)).replace("{date}", "2026-07-01")
        path = path.replace("{refresh_id}", "00000000-0000-4000-8000-000000000000")
        if target.place == "path":
            path = target.path.replace(f"{{{target.name}}}", quote(str(text), safe=""))
        if target.place == "query":
            path = f"{path}?{target.name}={quote(str(text), safe='')}"
        if target.method == "get":
            named: Any = {target.name: str(text).encode()} if target.place == "header" else {}
            return inside.get(path, headers=caller | named)
        body: dict[str, object] = {"user_id": crowd[0].number} if target.path == "/report" else {}
        body |= {target.name: text} if target.place == "body" else {}
        return inside.post(path, json=body, headers=caller)

    return answer


@pytest.fixture(scope="module")
def targets(inside: Client) -> list[Target]:
    """All of them."""
    return list(found(inside.get("/schema/openapi.json").json()))


def found(document: dict[str, Any]) -> Iterator[Target]:
    """What a document says that routes take."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                yield Target(method, path, parameter["in"], parameter["name"])
            if "requestBody" in operation:
                reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                for field in document["components"]["schemas"][reference.rpartition("/")[2]]["properties"]:
                    yield Target(method, path, "body", field)


def rows_by_table(marts: Marts) -> dict[str, Any]:
    """How many rows each table has, and of which bytes."""
    tables = [
        name for (name,) in marts._client.execute("SHOW TABLES") if name.endswith("_builds") or name == "publications"
    ]
    sums = {name: marts._client.execute(f"SELECT count(), sum(cityHash64(*)) FROM {name}") for name in tables}  # noqa: S608
    return {"every table": marts._client.execute("SHOW TABLES"), **sums}


def test_the_document_names_what_is_attacked(targets: list[Target]) -> None:
    assert {(target.path, target.name) for target in targets} >= {
        ("/reports/{user_id}", "user_id"),
        ("/api/reports/{date}", "date"),
        ("/api/reports", "limit"),
        ("/report", "start_ts"),
        ("/api/v1/refresh", "marts"),
    }


def test_nothing_that_is_given_does_more_than_to_be_refused(
    ask: Callable[..., Any], targets: list[Target], crowded: Marts, crowd: list[Person]
) -> None:
    before = rows_by_table(crowded)

    for place, target in enumerate(targets):
        # Most parameters belong to several routes, so that each is given all of them somewhere.
        for text in PAYLOADS if target.place in {"path", "body"} else PAYLOADS[place % 3 :: 3]:
            answer = ask(target, text)
            case = (*target, text[:80], answer.status_code)
            # Dagster is away; whoever got as far as asking it was refused nothing else.
            away = answer.status_code == 503 and target.path.startswith("/api/v1/refresh")
            assert answer.status_code in {200, 400, 403, 404, 405, 406, 410, 414, 422} or away, case
            assert owners_named(answer.text) <= {crowd[0].number} | owners_named(text), case
            assert "canary" not in str(answer.headers).lower(), case
            if answer.status_code >= 400:
                assert answer.headers["Content-Type"] == "application/problem+json", case
                told = [word for word in ("17821751", "root:", "DB::", "Traceback", "SELECT") if word in answer.text]
                assert [word for word in told if word not in text] == [], case

    assert rows_by_table(crowded) == before


def test_no_header_that_is_read_does_more_than_to_be_refused(
    inside: Client, issuer: Issuer, crowd: list[Person]
) -> None:
    caller = issuer.authorization(crowd[0].uuid)
    names = [
        "Accept",
        "Accept-Encoding",
        "If-None-Match",
        "X-Request-Id",
        "Content-Type",
        "Origin",
        "Traceparent",
        "Expect",
    ]

    for name in names:
        for text in PAYLOADS:
            value: Any = {name: text.encode()}
            answer = inside.get("/api/reports/summary", headers=caller | value)
            assert answer.status_code in {200, 304, 400, 406, 415, 422, 431}, (name, text)
            assert owners_named(answer.content.decode()) <= {crowd[0].number}
            assert "canary" not in str(answer.headers).lower()


def test_fields_of_a_body_are_of_their_type_or_refused(ask: Callable[..., Any], targets: list[Target]) -> None:
    values: list[Any] = [[], {}, True, None, -1, 1.5, [[]], [None], {"$ne": 1}, [{"a": 1}], 10**30, ["x"] * 1000]

    for target in [target for target in targets if target.place == "body"]:
        for value in values:
            answer = ask(target, value)
            away = answer.status_code == 503 and target.path.startswith("/api/v1/refresh")
            assert answer.status_code in {200, 403, 422} or away, (*target, value)


HOSTILE = "=cmd|' /C calc'!A0"
FORMULAS = [HOSTILE, "@SUM(1)", "+1+1", "-1+1", "\t=1", "\r=1", "\uff1d1", " =1", '=HYPERLINK("http://127.0.0.1","x")']


@pytest.fixture(scope="module")
def hostile(fresh_settings: Callable[[], Settings], trusted: dict[str, Any]) -> Iterator[Client]:
    """Somebody whose every text is a formula."""
    person = Person(1009, 1)
    day = date(2026, 7, 1)
    with empty_marts(fresh_settings()) as marts:
        marts.customers([(person.number, person.uuid, HOSTILE)])
        marts.deals([{"status": HOSTILE, "currency": "=1", "deals": 1, "deals_with_amount": 1, "amount_total": 1}])
        marts.audit(day, [{"action": text, "entity_type": HOSTILE, "events": 1, "actors": 1} for text in FORMULAS])
        at = datetime(2026, 7, 1, 9, tzinfo=UTC)
        rows = [
            worn(text, text, [9], 1, user_id=person.number, prosthesis_type=text, prosthesis_model=text)
            for text in FORMULAS
        ]
        event = person.event(at, 1) | {"prosthesis_model": HOSTILE, "muscle_group": "@x", "chip_id": "+x"}
        events = marts.events(at, [event | {"prosthesis_id": text, "prosthesis_type": text} for text in FORMULAS])
        marts.day(day, rows, inputs=(marts.hour(at, rows, inputs=(events, 0)),))
        with serving(marts.settings, trusted) as client:
            yield client


@pytest.mark.parametrize(
    "path",
    [
        *("/reports/1009?sheet=prostheses", "/api/reports?sheet=days", "/api/reports/summary?sheet=prostheses"),
        *("/api/reports/events?to=2026-07-01", "/report?sheet=types", "/api/v1/aggregates/deal-pipeline?sheet=deals"),
        "/api/v1/aggregates/audit-activity?sheet=activity",
    ],
)
def test_no_text_of_anybody_is_run_by_a_spreadsheet(hostile: Client, issuer: Issuer, path: str) -> None:
    caller = issuer.authorization(Person(1009, 1).uuid, "reports-manager")

    def file(form: str) -> bytes:
        if path.startswith("/report?"):
            answer = hostile.post(f"{path}&format={form}", json={"user_id": 1009}, headers=caller)
        else:
            answer = hostile.get(f"{path}&format={form}", headers=caller)
        assert (answer.status_code, "calc" in answer.headers["Content-Disposition"]) == (200, False)
        return answer.content

    cells = [cell for row in csv.reader(io.StringIO(file("csv").decode(), newline="")) for cell in row]
    assert [cell for cell in cells if would_run(cell) and not _is_number(cell)] == []
    assert any("=" in cell or "@" in cell for cell in cells)
    if "events" not in path:
        book = openpyxl.load_workbook(io.BytesIO(file("xlsx")))
        kinds = {cell.data_type for sheet in book.worksheets for row in sheet.iter_rows() for cell in row}
        assert "f" not in kinds


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
