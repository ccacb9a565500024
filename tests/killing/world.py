"""The sources that the points change, a little each time, so that every run has something to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import psycopg

from resources.settings import Settings

SINCE, UNTIL = date(2026, 2, 1), date(2026, 2, 3)
DAYS = (date(2026, 2, 1), date(2026, 2, 2))
STAYING = frozenset({1, 2, 3})
"""Those who never leave."""

_SHARED = "chip-shared"
_MIDNIGHT = datetime(2026, 2, 1, tzinfo=UTC)
_EVENT = (
    "INSERT INTO telemetry.raw_telemetry (chip_id, event_time, saved_ts, muscle_group, signal_frequency, "
    "signal_duration, signal_amplitude, response_time_ms, battery_level, error_code) "
    "VALUES (%s, %s, now(), 'biceps', %s, %s, %s, %s, %s, %s)"
)
_MOST_EVENTS = 150


class World:
    """A CRM with a few people and a telemetry database with two days, and how they change."""

    def __init__(self, settings: Settings, chance: Random) -> None:
        self._settings = settings
        self._chance = chance
        self._next_leaver = 100
        self._crm: Callable[..., None]
        self._telemetry: Callable[..., None]
        self._changes: dict[str, Callable[[], None]] = {
            "customers": self._rename,
            "telemetry": self._send,
            "pieces": self._send,
            "audit": self._do_something,
            "deals": self._sell,
            "everything": self._live,
            "collection": lambda: None,
            "departure": lambda: None,
        }

    def begin(self) -> None:
        """People, what they wear, and two days of telemetry."""
        with self._connected():
            self._crm("INSERT INTO crm.prosthesis_models VALUES (1, 'Model A', 'arm'), (2, 'Model B', 'leg')")
            for user in sorted(STAYING):
                self._arrive(user)
            self._wear(_SHARED, 1, _MIDNIGHT - timedelta(days=30), _MIDNIGHT + timedelta(hours=30))
            self._wear(_SHARED, 2, _MIDNIGHT + timedelta(hours=30), None)
            for _ in range(10):
                self._live()

    def change(self, program: str) -> None:
        """Change what the program reads."""
        with self._connected():
            self._changes[program]()

    def arrive(self) -> int:
        """Somebody comes, who will leave soon, and sends telemetry."""
        self._next_leaver += 1
        with self._connected():
            self._arrive(self._next_leaver)
            self._events([f"chip-{self._next_leaver}"] * 12)
        return self._next_leaver

    def leave(self, user: int) -> None:
        """Somebody leaves the CRM, and with them what they wore."""
        with self._connected():
            self._crm("DELETE FROM crm.prostheses WHERE customer_id = %s", user)
            self._crm("DELETE FROM crm.customers WHERE user_id = %s", user)

    def _live(self) -> None:
        self._rename()
        self._hand_over()
        self._sell()
        self._do_something()
        self._send()

    def _arrive(self, user: int) -> None:
        self._crm(
            "INSERT INTO crm.customers (user_id, user_uuid, ldap_username, name, email, registration_ts, updated_at) "
            "VALUES (%s, gen_random_uuid(), %s, 'Demo', 'demo@example.test', now(), now())",
            user,
            f"user{user}",
        )
        self._wear(f"chip-{user}", user, _MIDNIGHT - timedelta(days=30), None)

    def _wear(self, chip: str, user: int, since: datetime, until: datetime | None) -> None:
        self._crm(
            "INSERT INTO crm.prostheses (id, chip_id, customer_id, model_id, valid_from, valid_to) "
            "VALUES (gen_random_uuid(), %s, %s, %s, %s, %s)",
            chip,
            user,
            1 + user % 2,
            since,
            until,
        )

    def _rename(self) -> None:
        self._crm(
            "UPDATE crm.customers SET name = %s, updated_at = now() WHERE user_id = %s",
            f"Demo {self._chance.random()}",
            self._chance.choice(sorted(STAYING)),
        )

    def _hand_over(self) -> None:
        """The shared chip changed hands at another time than was thought."""
        moment = _MIDNIGHT + timedelta(seconds=self._chance.randrange(2 * 86_400))
        self._crm("UPDATE crm.prostheses SET valid_to = %s WHERE chip_id = %s AND customer_id = 1", moment, _SHARED)
        self._crm("UPDATE crm.prostheses SET valid_from = %s WHERE chip_id = %s AND customer_id = 2", moment, _SHARED)

    def _sell(self) -> None:
        self._crm(
            "INSERT INTO crm.deals (customer_id, status, amount, currency, created_at, updated_at) "
            "VALUES (1, %s, %s, 'EUR', now(), now())",
            self._chance.choice(["new", "won", "lost"]),
            self._chance.randrange(1_000),
        )

    def _do_something(self) -> None:
        self._crm(
            "INSERT INTO audit.events (occurred_at, actor, action, entity_type, entity_id) "
            "VALUES (%s, %s, %s, 'deal', '1')",
            self._moment(self._chance.randrange(48)),
            f"actor-{self._chance.randrange(5)}",
            self._chance.choice(["update", "delete"]),
        )

    def _send(self) -> None:
        """Events arrive in a few hours, some of them poison; a few others go; now and then a whole hour does."""
        self._events(
            self._chance.choices(["chip-1", "chip-2", "chip-3", _SHARED, "nobodys"], k=self._chance.randint(2, 14))
        )
        drop = "DELETE FROM telemetry.raw_telemetry WHERE id IN (SELECT id FROM telemetry.raw_telemetry "
        self._telemetry(drop + "ORDER BY random() LIMIT %s)", self._chance.randrange(4))
        self._telemetry(drop + "ORDER BY id DESC OFFSET %s)", _MOST_EVENTS)
        if self._chance.random() < 0.2:
            hour = self._moment(self._chance.randrange(48)).replace(minute=0, second=0, microsecond=0)
            emptied = "DELETE FROM telemetry.raw_telemetry WHERE event_time >= %s AND event_time < %s"
            self._telemetry(emptied, hour, hour + timedelta(hours=1))

    def _events(self, chips: list[str]) -> None:
        hours = self._chance.choices(range(48), k=4)
        for chip in chips:
            poisoned = self._chance.random() < 0.1
            self._telemetry(
                _EVENT,
                chip,
                self._moment(self._chance.choice(hours)),
                self._chance.randrange(200),
                self._chance.randrange(5_000),
                self._chance.random(),
                self._chance.choice([None, 50.0, 150.0]),
                200.0 if poisoned else self._chance.randrange(100),
                self._chance.choice([0, 0, 0, 7]),
            )

    def _moment(self, hour: int) -> datetime:
        """Some time in an hour of the two days."""
        return _MIDNIGHT + timedelta(hours=hour, microseconds=self._chance.randrange(3_600_000_000))

    @contextmanager
    def _connected(self) -> Iterator[None]:
        with (
            psycopg.connect(self._settings.crm_database_url) as crm,
            psycopg.connect(self._settings.telemetry_database_url) as telemetry,
        ):
            self._crm = lambda statement, *given: _execute(crm, statement, given)
            self._telemetry = lambda statement, *given: _execute(telemetry, statement, given)
            yield


def _execute(connection: psycopg.Connection[Any], statement: str, given: tuple[Any, ...]) -> None:
    connection.execute(statement.encode(), given)
