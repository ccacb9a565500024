"""What no client would say on a connection: whatever comes next on it is answered to whoever asked that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import msgspec
import pytest

from tests.api.world import Marts
from tests.attacks.crowd import Person, owners_named
from tests.attacks.wire import Broken, Connection, Heard, Server, request
from tests.engines import wait_until

Bearer = Callable[..., str]

CHUNKED = "Transfer-Encoding: chunked"
MANY = 70
"""More than are answered at a time."""


@pytest.fixture(scope="module")
def ada(crowd: list[Person], bearer: Bearer) -> str:
    return bearer(crowd[0])


@pytest.fixture(scope="module")
def bob(crowd: list[Person], bearer: Bearer) -> bytes:
    """What somebody else asks next on the same connection, as a proxy passes it on."""
    return request("/api/reports/summary", bearer(crowd[1]), "X-Request-Id: bob", "Connection: close")


BODY = b'{"user_id":1009}'
IN_CHUNKS = b"10\r\n%s\r\n0\r\n\r\n" % BODY
HIDDEN = b"GET /api/reports HTTP/1.1\r\nHost: x\r\nX-Request-Id: hidden\r\nX-Rest: "
"""The beginning of a request that would take the next one's token for its own."""
LENGTH = f"Content-Length: {len(BODY)}"
LONGER = f"Content-Length: {len(IN_CHUNKS + HIDDEN)}"


def posted(ada: str, *headers: str, body: bytes = BODY) -> bytes:
    """A POST of Ada's, whose head does not say what its body is unless `headers` do."""
    head = request("/report", ada, "Content-Type: application/json", "X-Request-Id: ada", *headers, method="POST")
    return head + body


def heard(served: Server, *said: bytes) -> list[Heard]:
    """All answers to this until the server hangs up."""
    with served.connect() as connection:
        connection.say(b"".join(said))
        return connection.hear_all()


def names(answers: list[Heard]) -> list[tuple[int, str, set[int]]]:
    """Status, request and owner of each."""
    return [
        (answer.status, answer.headers.get("x-request-id", ""), owners_named(answer.body.decode()))
        for answer in answers
    ]


def test_the_attacks_are_on_a_connection_that_answers_both_when_nothing_is_wrong(
    served: Server, ada: str, bob: bytes
) -> None:
    both = [(200, "ada", {1009}), (200, "bob", {1013})]

    assert names(heard(served, posted(ada, LENGTH), bob)) == both
    assert names(heard(served, posted(ada, CHUNKED, body=IN_CHUNKS), bob)) == both


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(["Transfer-Encoding : chunked", LONGER], IN_CHUNKS + HIDDEN, id="a space before the colon"),
        pytest.param(["Transfer-Encoding: xchunked", LONGER], IN_CHUNKS + HIDDEN, id="another coding"),
        pytest.param(["Transfer-Encoding: chunked, identity", LONGER], IN_CHUNKS + HIDDEN, id="chunked is not last"),
        pytest.param(["Transfer-Encoding: identity", LENGTH], BODY, id="a coding that is none"),
        pytest.param([CHUNKED, "Transfer-Encoding: identity", LONGER], IN_CHUNKS + HIDDEN, id="two codings"),
        pytest.param(["Transfer-Encoding: \x0bchunked", LONGER], IN_CHUNKS + HIDDEN, id="a control character"),
        pytest.param(["X: y\r\n Transfer-Encoding: chunked", LENGTH], BODY, id="a folded header"),
        pytest.param([LENGTH, LONGER], BODY + HIDDEN, id="two lengths"),
        pytest.param([LONGER, LENGTH], BODY + HIDDEN, id="two lengths, the longer one first"),
        *(
            pytest.param([f"Content-Length: {length}"], BODY, id=f"a length of {length!a}")
            for length in (
                "16, 16",
                "+16",
                "-1",
                "0x10",
                "1 6",
                "16;",
                "9" * 30,
                "16\r\n ",
                "\uff11".encode().decode("latin-1"),
            )
        ),
        pytest.param(["X: y\rX-Z: z", LENGTH], BODY, id="a bare carriage return"),
        pytest.param(["X: y\x00", LENGTH], BODY, id="a null"),
        pytest.param([": y", LENGTH], BODY, id="a header without a name"),
    ],
)
def test_a_body_whose_end_could_be_taken_for_another_is_refused_and_nothing_after_it_is_read(
    served: Server, ada: str, bob: bytes, headers: list[str], body: bytes
) -> None:
    assert names(heard(served, posted(ada, *headers, body=body), bob)) == [(400, "", set())]


@pytest.mark.parametrize("headers", [[LONGER, CHUNKED], [CHUNKED, LONGER], [LENGTH, "Transfer-Encoding:\tchunked"]])
def test_after_a_body_with_a_length_and_chunks_nothing_is_read(
    served: Server, ada: str, bob: bytes, headers: list[str]
) -> None:
    assert names(heard(served, posted(ada, *headers, body=IN_CHUNKS + HIDDEN), bob)) == [(200, "ada", {1009})]


@pytest.mark.parametrize(
    "body",
    [
        b"10;x\n%s\r\n0\r\n\r\n" % BODY,
        b"10\n%s\r\n0\r\n\r\n" % BODY,
        b"fffffffffffffffff\r\n%s" % BODY,
        b"0x10\r\n%s\r\n0\r\n\r\n" % BODY,
        b"-1\r\n%s\r\n0\r\n\r\n" % BODY,
        b"3\r\n%s\r\n0\r\n\r\n" % BODY,
        b"\r\n0\r\n\r\n",
    ],
)
def test_a_body_in_chunks_that_are_none_is_the_senders_fault_and_nothing_after_it_is_read(
    served: Server, ada: str, bob: bytes, body: bytes
) -> None:
    answers = heard(served, posted(ada, CHUNKED, body=body + HIDDEN), bob)

    assert names(answers) == [(400, "ada", set())]
    assert msgspec.json.decode(answers[0].body)["type"] == "urn:bionicpro:problem:body-broken"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"GET /api/reports HTTP/1.1\nHost: x\nX-Request-Id: ada\n%s\n\n", id="bare line feeds"),
        pytest.param(
            b"\r\n\r\nGET /api/reports HTTP/1.1\r\nHost: x\r\nX-Request-Id: ada\r\n%s\r\n\r\n", id="empty lines"
        ),
        pytest.param(
            b"GET /api/reports HTTP/1.1\r\nHost: x\r\nX-Request-Id: ada\r\n%%s\r\nContent-Length: %d\r\n\r\n%s"
            % (len(HIDDEN), HIDDEN),
            id="a GET with a body",
        ),
        pytest.param(
            b"GET /api/reports HTTP/1.1\r\nHost: x\r\nX-Request-Id: ada\r\nUpgrade: h2c\r\n"
            b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n%s\r\n\r\n",
            id="an upgrade",
        ),
        pytest.param(
            b"GET http://elsewhere.example/api/reports HTTP/1.1\r\nHost: y\r\nX-Request-Id: ada\r\n%s\r\n\r\n",
            id="a whole address",
        ),
    ],
)
def test_what_is_odd_and_can_be_understood_in_one_way_only_hides_nothing(
    served: Server, ada: str, bob: bytes, said: bytes
) -> None:
    answers = heard(served, said % ada.encode(), bob)

    assert names(answers) == [(200, "ada", {1009}), (200, "bob", {1013})]


@pytest.mark.parametrize(
    "said",
    [
        b"GET /api/reports\r\n",
        b"GET /api/reports /x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/reports HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET  /api/reports HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G\x00T /api/reports HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/reports\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"POST /report HTTP/1.0\r\n" + CHUNKED.encode() + b"\r\n\r\n" + IN_CHUNKS,
    ],
)
def test_what_is_no_request_ends_the_connection(served: Server, bob: bytes, said: bytes) -> None:
    assert {answer.status for answer in heard(served, said, bob)} <= {400}


def test_a_request_of_http_1_0_is_answered_and_nothing_after_it(served: Server, ada: str, bob: bytes) -> None:
    said = f"GET /api/reports HTTP/1.0\r\nX-Request-Id: ada\r\n{ada}\r\n\r\n".encode()

    assert names(heard(served, said, bob)) == [(200, "ada", {1009})]


def test_answers_on_one_connection_come_in_order_and_to_whom_they_are_for(
    served: Server, crowd: list[Person], bearer: Bearer
) -> None:
    routes = ["/api/reports", "/api/reports/summary", "/api/reports/events", "/api/reports/2026-07-01?format=csv"]
    asked = [(person, route) for route in routes * 3 for person in crowd]
    said = [
        request(route, bearer(person), f"X-Request-Id: {place}", *(["Accept-Encoding: identity"]))
        for place, (person, route) in enumerate(asked)
    ]

    answers = heard(served, *said, request("/health/live", "Connection: close"))

    assert [answer.headers["x-request-id"] for answer in answers[:-1]] == [str(place) for place in range(len(asked))]
    for answer, (person, _) in zip(answers, asked, strict=False):
        assert (answer.status, owners_named(answer.body.decode()) - {person.number}) == (200, set())
    assert sum(bool(owners_named(answer.body.decode())) for answer in answers) >= len(asked) * 3 // 4


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (request("/api/reports", "X-Large: " + "x" * 20_000), 431),
        (request("/api/reports", "X-Large: " + "x" * 1_000_000), 431),
        (request("/api/reports", *(f"X-{number}: y" for number in range(90))), 431),
        (request("/api/reports", *(f"X-{number}: y" for number in range(5_000))), 431),
        (request("/api/reports?" + "x" * 5_000), 414),
        (request("/api/reports?" + "x" * 100_000), 414),
        (request("/reports/" + "1" * 5_000), 414),
        (request("/report", "Content-Length: 100000000", method="POST"), 401),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_read(served: Server, said: bytes, status: int) -> None:
    with served.connect() as connection:
        connection.say(said)

        assert connection.hear().status == status


def test_a_body_that_is_too_large_is_refused_and_not_read_on(served: Server, ada: str) -> None:
    for length in ("Content-Length: 100000000", CHUNKED):
        with served.connect() as connection:
            chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n" if length == CHUNKED else b" " * 65_536
            connection.say(posted(ada, length, body=chunk * 3))

            assert connection.hear().status == 413


@pytest.fixture(scope="module")
def large(crowded: Marts, crowd: list[Person]) -> Person:
    """Somebody with more events than any buffer holds."""
    person = crowd[-1]
    crowded._client.execute(
        "INSERT INTO telemetry_events_builds"
        " SELECT event.* FROM telemetry_events_builds AS event CROSS JOIN numbers(100000) AS times"
        " WHERE event.user_id = %(user_id)s AND event.event_time < toDateTime('2026-07-01 09:00:00', 'UTC')",
        {"user_id": person.number},
    )
    return person


class Slow(msgspec.Struct):
    """Clients that take their time."""

    heads: list[Connection]
    bodies: list[Connection]
    deaf: list[Connection]


@pytest.fixture(scope="module")
def slow(served: Server, ada: str, bearer: Bearer, large: Person) -> Iterator[Slow]:
    """Many that sent half a head, or half a body, or read no answer, of which some are files."""
    with ExitStack() as open_:

        def many(said: bytes) -> list[Connection]:
            found = [open_.enter_context(served.connect()) for _ in range(MANY)]
            for connection in found:
                connection.say(said)
            return found

        heads = many(b"GET /api/reports HTTP/1.1\r\nHost: x\r\nX-Slow: a")
        bodies = many(posted(ada, "Content-Length: 1000"))
        deaf = many(request("/api/reports/events", bearer(large)) + request("/schema/openapi.json") * 20)
        yield Slow(heads, bodies, deaf)


def test_others_are_answered_while_many_clients_are_slow(served: Server, slow: Slow, ada: str) -> None:
    for connection in slow.heads:
        connection.say(b"b")

    # What was asked by those who read nothing is answered first, and others are told to come again meanwhile.
    for route in ("/api/reports/summary", "/reports/1009?format=csv"):
        wait_until(lambda: served.ask(route, ada).status == 200, f"{route} is answered")  # noqa: B023 - at once


def test_a_body_that_does_not_come_is_waited_for_no_longer_than_it_takes(slow: Slow) -> None:
    answers = [(connection, connection.hear()) for connection in slow.bodies]

    # Those that were one too many when they came were told so at once.
    assert {answer.status for _, answer in answers} - {503} == {408}
    assert all(not owners_named(answer.body.decode()) for _, answer in answers)
    for connection in (connection for connection, answer in answers if answer.status == 408):
        with pytest.raises(Broken):
            connection.hear()


def test_a_head_that_does_not_come_to_an_end_is_given_up(slow: Slow) -> None:
    for connection in slow.heads:
        assert {answer.status for answer in connection.hear_all()} <= {408}


def test_those_who_take_no_file_that_they_asked_for_keep_nobody_from_theirs(
    served: Server, slow: Slow, ada: str
) -> None:
    assert len(slow.deaf) == MANY

    wait_until(lambda: served.ask("/api/reports/events", ada).status == 200, "another's file is sent")
