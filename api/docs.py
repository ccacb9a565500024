"""The OpenAPI document as one plain page: rendered here, without scripts and without any outside address."""

from __future__ import annotations

from html import escape
from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 2rem 1rem 6rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin: 0; font-size: 1rem; }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem 1.25rem; margin: 1rem 0; }
code { font: .9em ui-monospace, monospace; } b.method { color: light-dark(#0a6d3c, #5fd39a); margin-right: .5rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .9rem; display: block; overflow-x: auto; }
th { text-align: left; font-weight: 600; } th, td { padding: .25rem 1rem .25rem 0; vertical-align: top; }
tr + tr > * { border-top: 1px solid var(--line); } p { margin: .5rem 0; } summary { cursor: pointer; }
"""


class PlainPage(OpenAPIRenderPlugin):
    """Operations, parameters, answers and the schemas they name, as HTML."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page."""
        info = openapi_schema["info"]
        parts = [
            f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('description', ''))}</p>",
            f'<p>Machine-readable: <a href="{escape(self.get_openapi_json_route(request))}">openapi.json</a></p>',
        ]
        for tag in openapi_schema.get("tags", []):
            parts.append(f"<h2>{escape(tag['name'])}</h2><p>{escape(tag.get('description', ''))}</p>")
            parts += [_operation(*found) for found in _operations(openapi_schema) if tag["name"] in found[2]["tags"]]
        parts.append("<h2>Schemas</h2>")
        parts += [_schema(name, schema) for name, schema in openapi_schema["components"]["schemas"].items()]
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        title = f"<title>{escape(info['title'])}</title><style>{_STYLE}</style>"
        return f'<!doctype html><html lang="en">{head}{title}<body>{"".join(parts)}</body></html>'.encode()


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, operation) for path, item in document["paths"].items() for method, operation in item.items()]


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    title = f'<h3><b class="method">{escape(method.upper())}</b><code>{escape(path)}</code></h3>'
    text = f"<p><strong>{escape(operation['summary'])}.</strong> {escape(operation.get('description', ''))}</p>"
    token = "" if operation.get("security") == [{}] else "<p>Needs a bearer token.</p>"
    parameters = [
        (part["name"], part["in"], _type(part["schema"]), part.get("description", ""))
        for part in operation.get("parameters", [])
    ]
    body = [
        ("body", media, _type(content["schema"]), "Needed")
        for media, content in operation.get("requestBody", {}).get("content", {}).items()
    ]
    answers = [
        (status, *_content(answer.get("content", {})), answer.get("description", ""))
        for status, answer in operation["responses"].items()
    ]
    return f"<section>{title}{text}{token}{_table('Parameter', parameters + body)}{_table('Answer', answers)}</section>"


def _content(content: dict[str, Any]) -> tuple[str, str]:
    media = next(iter(content), "")
    return media, _type(content[media].get("schema", {})) if media else ""


def _schema(name: str, schema: dict[str, Any]) -> str:
    rows = [
        (field, _type(part), part.get("description", ""))
        for field, part in sorted(schema.get("properties", {}).items())
    ]
    title = f"<h3><code>{escape(name)}</code></h3><p>{escape(schema.get('description', ''))}</p>"
    return f'<section id="{escape(name)}">{title}{_table("Field", rows)}</section>'


def _table(title: str, rows: list[Any]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr><th colspan=9>{escape(title)}</th></tr>{cells}</table>"


def _cell(text: str) -> str:
    return f'<a href="#{escape(text[1:])}">{escape(text[1:])}</a>' if text.startswith("#") else escape(text)


def _type(schema: dict[str, Any]) -> str:
    """A word for a schema; one that begins with # names a section of the page."""
    if "$ref" in schema:
        return "#" + str(schema["$ref"]).rsplit("/", 1)[-1]
    if "oneOf" in schema:
        return " or ".join(_type(part).lstrip("#") for part in schema["oneOf"])
    if schema.get("type") == "array":
        return "list of " + _type(schema["items"]).lstrip("#")
    return str(schema.get("format") or schema.get("type", ""))
