"""JSON bodies, as strict as query strings: nothing in them is ignored, and nothing is taken for what it is not."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec
from litestar.dto import MsgspecDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition
from msgspec import NODEFAULT, Struct

from api.errors import FieldProblem, Invalid, NotJson

_Form = TypeVar("_Form", bound=Struct)


class JsonBody(MsgspecDTO[_Form]):
    """A handler's `data` as the struct that it is annotated with."""

    def decode_bytes(self, value: bytes) -> Any:
        """The struct. Raises `NotJson`, `Invalid`."""
        media, _, _ = self.asgi_connection.headers.get("content-type", "").partition(";")
        if media.strip().lower() != "application/json":
            raise NotJson("Send JSON, and say so: Content-Type: application/json.")
        return read(value, self.model_type)

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,  # noqa: ARG003 - the struct is what is documented, whoever takes it
        schema_creator: Any,
    ) -> Reference | Schema:
        """The struct's own schema, which allows for no other fields."""
        found: Reference | Schema = schema_creator.for_field_definition(field_definition)
        schema_creator.schema_registry.get_schema_for_field_definition(field_definition).additional_properties = False
        return found


def read(body: bytes, form: type[_Form]) -> _Form:
    """`body` as a `form`. Raises `Invalid` that names every field that cannot be used."""
    given = _members(body)
    fields = {field.encode_name: field for field in msgspec.structs.fields(form)}
    problems = [FieldProblem(_legible(name), "Is no field of this body") for name in given.keys() - fields.keys()]
    values = {}
    for name, field in fields.items():
        try:
            if name in given:
                values[field.name] = msgspec.convert(given[name], field.type)
            elif field.default is NODEFAULT:
                problems.append(FieldProblem(name, "Is missing"))
        except msgspec.ValidationError as error:
            problems.append(FieldProblem(name, str(error).split(" - at ")[0]))
    if problems:
        raise Invalid(*sorted(problems, key=lambda problem: problem.field))
    return form(**values)


def _members(body: bytes) -> dict[str, Any]:
    try:
        msgspec.json.decode(body)  # stricter than the standard library's: no NaN, no halves of characters
        found = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Invalid(FieldProblem("body", "Is not JSON")) from None
    if not isinstance(found, dict):
        raise Invalid(FieldProblem("body", "Is not an object"))
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(*(FieldProblem(_legible(name), "Comes more than once") for name in twice))
    return dict(pairs)


def _legible(name: str) -> str:
    return name if name.isprintable() and len(name) <= 64 else ascii(name[:64])
