"""Random questions of many people: what may be asked, by whom, and whose figures the answer may hold then."""

from __future__ import annotations

import time
from random import Random
from urllib.parse import urlencode
from uuid import UUID, uuid4

import msgspec

from api.auth import MANAGER, READER
from tests.api.world import NOBODY_UUID, Issuer
from tests.attacks.crowd import ABSENT, DAYS, Person, uuid_of
from tests.attacks.door import Reply

_FORMS = ["json"] * 14 + ["csv"] * 3 + ["xlsx", "parquet"]
_ACCEPTED = ["image/png", "text/csv", "application/json", "*/*", "text/*;q=0.5, */json;q=0.1", "application/pdf"]
_CODINGS = ["gzip", "zstd", "gzip;q=0.5, zstd", "br", "identity", "gzip, identity;q=0", "*"]
_SHEETS = ["days", "prostheses", "summary", "hours", "types", "activity"]

_PLAIN = {
    "/api/reports": ("oneself", "limit"),
    "/api/reports/summary": ("oneself", "period"),
    "/api/reports/DAY": ("oneself", ""),
    "/api/v1/aggregates/deal-pipeline": ("everybody", ""),
    "/api/v1/aggregates/audit-activity": ("everybody", "period"),
}
"""Whom a route is about, and what it takes."""


class Caller(msgspec.Struct, frozen=True):
    """Somebody with a token."""

    person: Person | None
    roles: tuple[str, ...]
    token: str


class Wish(msgspec.Struct, frozen=True):
    """What may be asked, whoever asks it."""

    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    about: str = "oneself"
    """`oneself`, `somebody` or `everybody`."""
    wanted: Person | None = None
    """Who that is."""


class Question(msgspec.Struct, frozen=True):
    """One request, and whose figures its answer may hold: nobody's where `owner` is `None`."""

    caller: Caller
    wish: Wish
    headers: dict[str, str]
    owner: Person | None
    refused: bool
    """Whether its answer can only be a refusal, whatever else is asked."""

    @property
    def method(self) -> str:
        """Those with a body are posted."""
        return "POST" if self.wish.body else "GET"


def question(wish: Wish, caller: Caller, headers: dict[str, str], request_id: str) -> Question:
    """The wish, asked by this caller with these headers."""
    headers = headers | {"authorization": f"Bearer {caller.token}", "x-request-id": request_id}
    if wish.about == "everybody":
        return Question(caller, wish, headers, None, MANAGER not in caller.roles)
    if wish.about == "oneself":
        return Question(caller, wish, headers, caller.person, caller.person is None)
    may = wish.wanted is not None and (wish.wanted == caller.person or READER in caller.roles)
    return Question(caller, wish, headers, wish.wanted if may else None, not may)


class Askers:
    """Everyone who asks, what they have been told so far, and what they ask next."""

    def __init__(self, crowd: list[Person], issuer: Issuer, seed: int) -> None:
        self._crowd = crowd
        self._chance = Random(seed)  # noqa: S311 - what it asks must be the same each time
        self.callers = [
            Caller(person, roles, _token(issuer, person.uuid, roles))
            for person in crowd
            for roles in ((), (), (READER,), (MANAGER,))
        ]
        self.callers.append(Caller(None, (), _token(issuer, NOBODY_UUID, ())))
        self.tags: dict[str, Caller] = {}
        """Whom each tag was given to."""
        self.bodies: dict[str, bytes] = {}
        """Of which body each tag is, by its digest."""
        self._recent_tags: list[str] = []
        self._wishes: list[Wish] = []
        self._last_tags: dict[str, str] = {}
        self._last_callers: dict[Wish, Caller] = {}
        self._instants: list[str] = []

    def next(self) -> Question:
        """A question by somebody: one that nobody asked yet, or what somebody, perhaps another, asked a moment ago."""
        chance = self._chance
        if not self._wishes or chance.random() < 0.25:
            self._wishes = [*self._wishes[-30:], self._wish()]
        wish = chance.choice(self._wishes)
        caller = self._last_callers.get(wish) if chance.random() < 0.5 else None
        caller = self._last_callers[wish] = caller or chance.choice(self.callers)
        headers = dict(wish.headers)
        if chance.random() < 0.3 and self._recent_tags:
            tags = [self._last_tags.get(wish.target, '""'), *chance.choices(self._recent_tags, k=chance.randint(0, 2))]
            headers["if-none-match"] = ", ".join(tags)
        return question(wish, caller, headers, f"case-{chance.getrandbits(48):x}")

    def learn(self, asked: Question, reply: Reply) -> None:
        """Remember what an answer was called, for later questions; what is oldest is forgotten."""
        self._last_tags[asked.wish.target] = reply.header("etag")
        self._recent_tags = [*self._recent_tags[-40:], reply.header("etag")]
        instant = reply.header("as-of")
        if instant not in self._instants:
            self._instants = [*self._instants[-40:], instant]

    def _wish(self) -> Wish:
        chance = self._chance
        headers: dict[str, str] = {}
        query: dict[str, str] = {}
        if chance.random() < 0.5:
            query["format"] = chance.choice(_FORMS)
            if chance.random() < 0.2:
                query["sheet"] = chance.choice(_SHEETS)
        elif chance.random() < 0.3:
            headers["accept"] = chance.choice(_ACCEPTED)
        if self._instants and chance.random() < 0.15:
            query["as_of"] = chance.choice(self._instants)
        if chance.random() < 0.5:
            headers["accept-encoding"] = chance.choice(_CODINGS)
        return self._routed(tuple(headers.items()), query)

    def _routed(self, headers: tuple[tuple[str, str], ...], query: dict[str, str]) -> Wish:
        chance = self._chance
        first, last = sorted(chance.choices(DAYS, k=2))
        period = {"from": str(first), "to": str(last)} if chance.random() < 0.5 else {}
        route = chance.choice(["user", "user", "report", "events", *_PLAIN])
        match route:
            case "user":
                written, wanted = self._wanted()
                return Wish(_target(f"/reports/{written}", query | period), headers, b"", "somebody", wanted)
            case "report":
                written, wanted = self._wanted()
                body: dict[str, object] = {"user_id": written if len(written) == 36 else int(written)}
                if period:
                    body |= {"start_ts": f"{first}T08:00:00Z", "end_ts": f"{last}T10:00:00Z"}
                headers = (*headers, ("content-type", "application/json"))
                return Wish(_target("/report", query), headers, msgspec.json.encode(body), "somebody", wanted)
            case "events":
                query = {name: value for name, value in query.items() if name == "as_of"} | period
                form = {"format": "parquet"} if chance.random() < 0.3 else {}
                return Wish(_target("/api/reports/events", query | form), headers)
        about, parameters = _PLAIN[route]
        limit = {"limit": str(chance.randint(1, 3))}
        own = {"period": period, "limit": limit}.get(parameters, {})
        return Wish(_target(route.replace("DAY", str(first)), query | own), headers, about=about)

    def _wanted(self) -> tuple[str, Person | None]:
        """Whom a question names, as it is written there."""
        chance = self._chance
        if chance.random() < 0.05:
            return chance.choice([str(ABSENT), str(uuid_of(ABSENT))]), None
        person = chance.choice(self._crowd)
        return chance.choice([str(person.number), str(person.uuid), str(person.uuid).upper()]), person


def _token(issuer: Issuer, subject: UUID, roles: tuple[str, ...]) -> str:
    """One that lives as long as the questions last; each is another one."""
    now = int(time.time())
    return issuer.sign(issuer.claims(subject, roles=roles, iat=now, exp=now + 43_200, jti=str(uuid4())))


def _target(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
