"""Random questions, asked side by side, and of each answer whether anything of anybody else's is in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b

import msgspec

from tests.api.world import Marts
from tests.attacks.crowd import DAYS, Person, is_somebodys, owners_named, publish
from tests.attacks.door import Door, Reply
from tests.attacks.wishes import Askers, Question

AT_ONCE = 16
"""Questions that are asked side by side."""


class Found(msgspec.Struct):
    """What came of all the questions."""

    statuses: Counter[int] = msgspec.field(default_factory=Counter)
    forms: Counter[str] = msgspec.field(default_factory=Counter)
    leaks: list[str] = msgspec.field(default_factory=list)


def judged(asked: Question, reply: Reply, askers: Askers) -> list[str]:
    """What is wrong with the answer, in words; nothing should be."""
    wrong = [
        ("it is not the answer to this request", reply.header("x-request-id") == asked.headers["x-request-id"]),
        # Only so many files are read at a time, and on a busy machine some must come again.
        ("it failed", reply.status < 500 or (reply.status == 503 and bool(reply.header("retry-after")))),
        ("it is answered, and should be refused", not asked.refused or reply.status in {403, 404, 406, 422, 503}),
    ]
    if reply.status == 200:
        wrong += _of_answer(asked, reply, askers)
    elif reply.status == 304:
        own = [tag for tag in asked.headers.get("if-none-match", "").split(", ") if tag == reply.header("etag")]
        to = askers.tags.get(own[0]) if own else None
        wrong += [("its tag is not the caller's", to is not None and to.person == asked.caller.person)]
        wrong += [("a 304 has a body", not reply.body)]
    else:
        found = reply.contents()
        wrong += [("a refusal names somebody", not owners_named(found.text) and found.figures in ([], [reply.status]))]
    return [what for what, is_well in wrong if not is_well]


def _of_answer(asked: Question, reply: Reply, askers: Askers) -> list[tuple[str, bool]]:
    owner, found, tag = asked.owner, reply.contents(), reply.header("etag")
    named = owners_named(found.text)
    digest = blake2b(reply.plain(), digest_size=16).digest()
    # Other forms have the instant in them at which they were written.
    same = "json" not in reply.header("content-type") or askers.bodies.setdefault(tag, digest) == digest
    whose = askers.tags.setdefault(tag, asked.caller)
    if owner is None:
        of_owner = [
            ("it names somebody", not named),
            ("it has figures", not any(map(is_somebodys, found.figures))),
        ]
    else:
        others = [figure for figure in found.figures if not owner.owns(figure)]
        may_be_nameless = "json" not in reply.header("content-type")
        of_owner = [
            (f"it names {named}", named == {owner.number} or (not named and may_be_nameless)),
            (f"it has figures of others: {others[:5]}", not others),
        ]
    return [
        *of_owner,
        ("its tag is another caller's", whose.person == asked.caller.person),
        ("its tag belongs to another body", same),
        ("shared caches may keep it", reply.header("cache-control").startswith("private")),
    ]


async def ask_all(
    door: Door, marts: Marts, crowd: list[Person], askers: Askers, *, cases: int, tell: Callable[[int], object]
) -> Found:
    """Ask so many questions, side by side, while days are published anew; `tell` hears how many were answered."""
    found = Found()
    batches = -(-cases // AT_ONCE)
    publishing = asyncio.create_task(asyncio.sleep(0))
    for batch in range(batches):
        if batch % max(1, batches // 10) == 0:
            await publishing
            publishing = asyncio.create_task(asyncio.to_thread(publish, marts, crowd, batch, [DAYS[batch % len(DAYS)]]))
        questions = [askers.next() for _ in range(min(AT_ONCE, cases - batch * AT_ONCE))]
        replies = await asyncio.gather(
            *(door.ask(asked.method, asked.wish.target, asked.headers, asked.wish.body) for asked in questions)
        )
        for asked, reply in zip(questions, replies, strict=True):
            found.statuses[reply.status] += 1
            if reply.status == 200:
                found.forms[reply.header("content-type")] += 1
                askers.learn(asked, reply)
            found.leaks += [f"{what}: {told(asked, reply)}" for what in judged(asked, reply, askers)]
        tell(len(questions))
    await publishing
    return found


def told(asked: Question, reply: Reply) -> str:
    """The case, for whoever looks into it."""
    who = asked.caller.person.number if asked.caller.person else "nobody"
    headers = {name: value for name, value in asked.headers.items() if name != "authorization"}
    return f"{who} {asked.caller.roles} {asked.method} {asked.wish.target} {headers} → {reply.status}"
