"""The route that a request asks for, by the template of its path: a path itself may name a person."""

from __future__ import annotations

from collections.abc import Iterable

from litestar.types import HTTPScope

UNKNOWN = "unknown"
"""The route of a path that leads nowhere."""


class Routes:
    """Templates, as in `/reports/{user_id}`."""

    def __init__(self, templates: Iterable[str]) -> None:
        """Know these; at most their last part may vary."""
        known = list(templates)
        self._plain = {template: template for template in known if "{" not in template}
        self._varying = {template.rpartition("/")[0]: template for template in known if "{" in template}

    def of(self, scope: HTTPScope) -> str:
        """The template that this request's path has, whether or not it reached the route."""
        path = scope["path"]
        found = self._plain.get(path)
        if found is not None:
            return found
        path = path.rstrip("/")
        head, _, last = path.rpartition("/")
        return self._plain.get(path) or (self._varying.get(head, UNKNOWN) if last else UNKNOWN)
