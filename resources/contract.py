"""What we read of the sources: their tables, the columns of those, and the type that each must have.

Held against the catalogue before a mart reads: where a column is missing, or is another type than it was, a figure
would silently mean something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from resources.errors import SourceChanged

CONTRACT = {
    "raw_telemetry": {
        "id": "bigint",
        "chip_id": "text",
        "event_time": "timestamp with time zone",
        "saved_ts": "timestamp with time zone",
        "muscle_group": "text",
        "signal_frequency": "integer",
        "signal_duration": "integer",
        "signal_amplitude": "double precision",
        "response_time_ms": "real",
        "battery_level": "real",
        "error_code": "integer",
        "latitude": "double precision",
        "longitude": "double precision",
    },
    "customers": {
        "user_id": "bigint",
        "user_uuid": "uuid",
        "ldap_username": "text",
        "name": "text",
        "email": "text",
        "age": "integer",
        "gender": "text",
        "country": "text",
        "address": "text",
        "phone": "text",
        "contract": "text",
        "registration_ts": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
    },
    "prostheses": {
        "id": "uuid",
        "chip_id": "text",
        "customer_id": "bigint",
        "model_id": "bigint",
        "valid_from": "timestamp with time zone",
        "valid_to": "timestamp with time zone",
    },
    "prosthesis_models": {"id": "bigint", "name": "text", "prosthesis_type": "text"},
    "deals": {
        "status": "text",
        "amount": "numeric(18,2)",
        "currency": "character(3)",
        "updated_at": "timestamp with time zone",
    },
    "events": {
        "id": "bigint",
        "occurred_at": "timestamp with time zone",
        "actor": "text",
        "action": "text",
        "entity_type": "text",
    },
}
"""By table: each column that a file of `sql/sources` reads, and its type in PostgreSQL's words."""

IGNORED = {
    "deals": {"id", "customer_id", "created_at", "closed_at"},
    "events": {"entity_id", "payload"},
}
"""Columns that belong to a table and are of no use here, so that nobody is told of them."""

Column = tuple[str, str, bool]
"""Name, type as PostgreSQL writes it, and whether we may read it."""

_VARYING = re.compile(r"^character varying(\(\d+\))?$")
_JOINED = {"prostheses.model_id", "prosthesis_models.id"}
"""Columns that only lead from one table to another inside the source, so that any whole number will do."""


def check(table: str, columns: Iterable[Column]) -> list[str]:
    """Names of `columns` that the contract does not know. Raises `SourceChanged` where `table` does not keep it."""
    found = {name: (type_, readable) for name, type_, readable in columns}
    if not found:
        raise SourceChanged(
            f"The source has no table {table} in the schema that is set for it, or our role may not use that schema. "
            "Nothing was written. Bring the table back, or set the schema (REPORTS_…_SCHEMA) to where it is."
        )
    if breaches := list(_breaches(table, found)):
        raise SourceChanged(
            f"{' '.join(breaches)} Nothing was written, and readers keep what they had. Bring the source back to that "
            "form, or adapt resources/contract.py and sql/sources/ to the new one."
        )
    return sorted(found.keys() - CONTRACT[table].keys() - IGNORED.get(table, set()))


def _breaches(table: str, found: dict[str, tuple[str, bool]]) -> Iterator[str]:
    for column, wanted in CONTRACT[table].items():
        if column not in found:
            yield f"{table}.{column} is missing; expected {wanted}."
            continue
        type_, readable = found[column]
        whole = {"smallint", "integer"} if f"{table}.{column}" in _JOINED else set()
        if _plain(type_) not in {wanted, *whole}:
            yield f"{table}.{column} is {type_}; expected {wanted}."
        if not readable:
            yield f"{table}.{column} may not be read by our role; GRANT SELECT on it."


def _plain(type_: str) -> str:
    """`type_`, but for two spellings of one: text of any length is text, and `bpchar` is what `char(3)` is made of."""
    if _VARYING.match(type_):
        return "text"
    return "character(3)" if type_ == "bpchar" else type_
