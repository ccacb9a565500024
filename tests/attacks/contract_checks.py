"""A check of ours for schemathesis, which loads this module by the name in SCHEMATHESIS_HOOKS.

That a request is one the document allows, and yet a 422, may only be for a rule that no schema can say.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import schemathesis

BETWEEN_FIELDS = re.compile(
    "|".join(
        (
            r"The period is longer than|Is after|Is before the first",
            r"Names no publication|Is of before there was anything to read",
            r"Is none of|Has no sheet|Is no sheet",
            r"more exactly than to the second",
            # Of bodies, where the framework documents no more than types.
            r"Is neither a CRM number nor a UUID|of length >= 1",
            r"Is of no use: these marts have no days",
            r"Is no day from",
        )
    )
)
"""Rules between parameters, or between them and what is published."""


@schemathesis.check
def refused_for_a_rule_between_fields(
    _: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Fails where what the document allows is refused for what it could have said."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 422:
        return
    problems = msgspec.json.decode(response.content)["errors"]
    others = [problem for problem in problems if not BETWEEN_FIELDS.search(problem["message"])]
    assert not others, f"the document could say so: {others}"
