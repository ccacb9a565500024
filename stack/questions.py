"""Questions about the marts, as examples for whoever writes their own: a file of `sql/examples/` each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from resources.sql import ROOT, statement
from resources.warehouse import Warehouse
from stack.errors import StackError

_PARAMETER = re.compile(r"\{(\w+):([^}]+)\}")
_WHOLE_NUMBER = re.compile(r"UInt(\d+)")

DEFAULTS = {"limit": "20"}
"""What a parameter is where it is not given; all others must be."""


class Question(msgspec.Struct, frozen=True):
    """One question: what it answers, in a sentence, and the ClickHouse type of each of its parameters."""

    name: str
    description: str
    parameters: dict[str, str]


class Answer(msgspec.Struct, frozen=True):
    """What the warehouse answered."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def questions() -> dict[str, Question]:
    """Every question by its name, in order."""
    names = sorted(path.stem for path in (ROOT / "examples").glob("*.sql"))
    return {name: _question(name) for name in names}


def find(name: str) -> Question:
    """The question of this name. Raises `StackError`."""
    known = questions()
    if name not in known:
        raise StackError(f"There is no question {name}; there are {', '.join(known)}.")
    return known[name]


def ask(warehouse: Warehouse, question: Question, given: Mapping[str, str]) -> Answer:
    """The answer for parameters given as text. Raises `StackError` for missing, unknown and malformed ones."""
    parameters = _parameters(question, given)
    table = warehouse.arrow(f"examples/{question.name}", **parameters)
    columns = [column.to_pylist() for column in table.columns]
    return Answer(columns=list(table.column_names), rows=list(zip(*columns, strict=True)))


def _question(name: str) -> Question:
    text = statement(f"examples/{name}").text
    return Question(
        name=name,
        description=text.removeprefix("-- ").splitlines()[0].partition(" Grain: ")[0],
        parameters=dict(_PARAMETER.findall(text)),
    )


def _parameters(question: Question, given: Mapping[str, str]) -> dict[str, int | str]:
    known = {name: value for name, value in DEFAULTS.items() if name in question.parameters} | dict(given)
    if unknown := sorted(known.keys() - question.parameters.keys()):
        takes = ", ".join(question.parameters) or "nothing"
        raise StackError(f"The question {question.name} takes {takes}, not {', '.join(unknown)}.")
    if missing := [name for name in question.parameters if name not in known]:
        raise StackError(f"The question {question.name} needs {' and '.join(map(_how_to_give, missing))}.")
    return {name: _value(name, type_, known[name]) for name, type_ in question.parameters.items()}


def _how_to_give(name: str) -> str:
    return "--user N (its parameter user_id)" if name == "user_id" else f"--set {name}=…"


def _value(name: str, type_: str, text: str) -> int | str:
    """The value as the driver is to send it; what is no whole number is left to ClickHouse to judge."""
    whole = _WHOLE_NUMBER.fullmatch(type_)
    if whole is None:
        return text
    if not (text.isascii() and text.isdecimal() and int(text) < 1 << int(whole[1])):
        raise StackError(f"{name} is a whole number from 0 on ({type_}), not {text!r}.")
    return int(text)
