"""What was published at one moment, mostly the present one: from which builds a question is answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec

from api.errors import FieldProblem, Gone, Invalid
from resources import publications
from resources.publications import Publication

CUSTOMERS = "crm_customers"
EVENTS = "telemetry_events"
DAILY = "user_daily_reports"
DEALS = "deal_pipeline"
AUDIT = "audit_activity"
MARTS = (CUSTOMERS, DAILY, DEALS, AUDIT)
"""The marts whose publications say from which builds an answer is read."""

SHOWN_DAYS = 30
"""How many published days a report has when the caller names no period."""
LONGEST_PERIOD_DAYS = 400

_ONE_DAY = timedelta(days=1)
_SECOND_DAY = date.min + _ONE_DAY


class Lost(msgspec.Struct, frozen=True):
    """What cannot be told any more of a mart as it was at an earlier instant; of a mart as it is now, nothing."""

    days: frozenset[date] = frozenset()
    """Days that were published since, and what they were before, if anything, may be gone."""
    before: date = date.min
    """Days before this one may have been there, and were let go since."""


NOTHING = Lost()


class Published(msgspec.Struct, frozen=True):
    """Current publications at one moment; `days` ascend. `complete` tells when marts were last complete, UTC."""

    customers: Publication
    days: dict[date, Publication]
    complete: Mapping[str, datetime]
    lost: Lost = NOTHING

    def period(self, since: date | None, until: date | None) -> tuple[date, date]:
        """The period asked for, as `period` has it. Raises `Invalid`, `Gone`."""
        if not (self.days or self.lost.days or since or until):
            raise before_anything()
        return period(self.days, since, until, self.lost)

    def between(self, since: date, until: date) -> dict[date, Publication]:
        """Publications of the days in `[since, until]`, ascending. Raises `Gone`."""
        return between(self.days, since, until, self.lost)

    def before(self, day: date | None) -> dict[date, Publication]:
        """Publications of the days before that one, or of all, ascending. Raises `Gone`."""
        return self.between(date.min, date.max if day is None else max(day, _SECOND_DAY) - _ONE_DAY)


class Aggregates(msgspec.Struct, frozen=True):
    """Current publications of what is read of all customers together; `audit` ascends by day."""

    deals: Publication | None
    audit: dict[date, Publication]
    complete: Mapping[str, datetime]
    lost: Lost = NOTHING
    deals_lost: bool = False
    """Whether it cannot be told any more which deals there were."""

    def pipeline(self) -> Publication | None:
        """The publication of the deals, where there is one. Raises `Gone`."""
        if self.deals_lost:
            raise Gone
        return self.deals

    def period(self, since: date | None, until: date | None) -> tuple[date, date]:
        """The period of `audit` asked for, as `period` has it. Raises `Invalid`, `Gone`."""
        return period(self.audit, since, until, self.lost)

    def last_day(self) -> Publication:
        """The publication of `audit` that came last. Raises `Gone`."""
        if self.lost.days:
            raise Gone
        return newest(self.audit.values())

    def between(self, since: date, until: date) -> dict[date, Publication]:
        """Publications of `audit` of the days in `[since, until]`, ascending. Raises `Gone`."""
        return between(self.audit, since, until, self.lost)


def period(
    published: Collection[date], since: date | None, until: date | None, lost: Lost = NOTHING
) -> tuple[date, date]:
    """The period asked for, both days included, or the last `published` days of it.

    Raises `Invalid`, and `Gone` where it cannot be told which these were.
    """
    known = sorted({*published, *lost.days})
    last_known = known[-1] if known else date.min
    last = until or max(last_known, since or last_known)
    if since is None:
        shown = [day for day in known if day <= last][-SHOWN_DAYS:]
        if len(shown) < SHOWN_DAYS and lost.before > date.min:
            raise Gone
        return min(shown, default=last), last
    if since > last:
        raise Invalid(FieldProblem("from", "Is after `to`"))
    if last - since >= timedelta(days=LONGEST_PERIOD_DAYS):
        raise Invalid(FieldProblem("from", f"The period is longer than {LONGEST_PERIOD_DAYS} days"))
    return since, last


def between(days: dict[date, Publication], since: date, until: date, lost: Lost = NOTHING) -> dict[date, Publication]:
    """Publications of the days in `[since, until]`, in the order of `days`. Raises `Gone` where it cannot be told."""
    if since < lost.before or any(since <= day <= until for day in lost.days):
        raise Gone
    return {day: publication for day, publication in days.items() if since <= day <= until}


def before_anything() -> Invalid:
    """What a caller is told who asks for a time at which there was nothing to read yet."""
    return Invalid(FieldProblem("as_of", "Is of before there was anything to read"))


def by_day(parts: Mapping[datetime, Publication]) -> dict[date, Publication]:
    """Publications by the day of their segment."""
    return {segment.date(): part for segment, part in parts.items()}


def newest(parts: Iterable[Publication]) -> Publication:
    """The one that was published last; of several at once, the one with the highest number."""
    return max(parts, key=lambda part: (part.published_at, part.build_id))


def watermark(parts: list[Publication]) -> datetime | None:
    """Newest source time in `parts`; `None` where all of them are empty."""
    return known_instant(max((part.watermark for part in parts), default=publications.EPOCH))


def known_instant(newest: datetime) -> datetime | None:
    """A newest source time in UTC; `None` where it is of nothing."""
    return newest.astimezone(UTC) if newest > publications.EPOCH else None
