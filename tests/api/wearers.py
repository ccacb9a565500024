"""The API on marts of many people, asked by each of them with a token of their own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.api.world import Issuer

FIGURES = [
    "movements",
    "uptime_hours",
    "usage_minutes",
    "response_ms_mean",
    "amplitude_mean",
    "frequency_hz_mean",
    "battery_pct_mean",
    "battery_used_pct",
    "errors",
    "error_rate",
    "myosignal_efficiency",
]


class Wearers:
    """Everyone in the CRM, and a manager."""

    def __init__(self, client: Any, issuer: Issuer, customers: dict[int, UUID]) -> None:
        self._client = client
        self._issuer = issuer
        self.customers = customers

    def get(self, user_id: int, path: str) -> Any:
        """What a customer is answered; `None` where there is nothing."""
        answer = self._client.get(path, headers=self._issuer.authorization(self.customers[user_id]))
        assert answer.status_code in (200, 404), answer.text
        return answer.json() if answer.status_code == 200 else None

    def download(self, user_id: int, path: str) -> bytes:
        """A file of a customer's."""
        answer = self._client.get(path, headers=self._issuer.authorization(self.customers[user_id]))
        assert answer.status_code == 200, answer.text
        content: bytes = answer.content
        return content

    def totals(self, user_id: int, **bounds: str) -> Any:
        """What a customer is answered by `POST /report`."""
        headers = self._issuer.authorization(self.customers[user_id])
        answer = self._client.post("/report", json={"user_id": user_id, **bounds}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def aggregate(self, path: str) -> Any:
        """What a manager is answered."""
        manager = self._issuer.authorization(next(iter(self.customers.values())), "reports-manager")
        answer = self._client.get(f"/api/v1/aggregates/{path}", headers=manager)
        assert answer.status_code == 200, answer.text
        return answer.json()
