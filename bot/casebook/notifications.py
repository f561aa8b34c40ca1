"""The outbox: who has to be told of which case, and whether that was delivered. Nothing personal is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection, Row

from . import tables
from .store import JOB, PREFIXES, Book, CaseFilter, Page

# What happened, and who is told: the department that is asked, who supervises it, or the desk that works on the case.
# Numbers are made of the order: new kinds go to the end.
ROLES = {
    "verification_opened": "handler",
    "verification_due_soon": "handler",
    "verification_overdue": "supervisor",
    "report_received": "desk",
    "callback_requested": "desk",
    "report_unsatisfied": "supervisor",
}
STATES = ("waiting", "delivered", "failed", "settled")
MOST_ATTEMPTS = 12  # with their pauses, about eight hours
_LEASE = timedelta(minutes=2)  # for which one process alone tries to deliver
_LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class Notification:
    """One thing that somebody has to be told."""

    reference: str
    kind: str  # one of ROLES
    case_reference: str
    region: str
    role: str  # handler, supervisor or desk
    addressee: str  # the handler's name; empty where the role and the region say it
    due_at: datetime | None
    state: str  # one of STATES; settled: the case was dealt with before
    attempts: int
    created_at: datetime
    updated_at: datetime


def notify(
    book: Book,
    connection: Connection,
    kind: str,
    case_reference: str,
    region: str,
    *,
    addressee: str = "",
    due_at: datetime | None = None,
) -> None:
    """Put a notification into the outbox, within the change that is its cause; each case has one of a kind."""
    table, now = tables.notifications, book.now()
    same = (table.c.case_reference == case_reference, table.c.kind == kind)
    if connection.execute(select(table.c.reference).where(*same)).first():
        return
    connection.execute(
        insert(table).values(
            # Named after its case and kind, so that whoever is told twice can see that it is the same.
            reference=f"{PREFIXES[table.name]}-{case_reference}-{list(ROLES).index(kind) + 1}",
            kind=kind,
            case_reference=case_reference,
            region=region,
            role=ROLES[kind],
            addressee=addressee,
            due_at=due_at,
            state="waiting",
            attempts=0,
            next_at=now,
            created_at=now,
            updated_at=now,
        )
    )


def settle(connection: Connection, case_reference: str, now: datetime) -> None:
    """Take a case's notifications that were not delivered out of the outbox: it is dealt with."""
    table = tables.notifications
    left = (table.c.case_reference == case_reference, table.c.state.in_(("waiting", "failed")))
    connection.execute(update(table).where(*left).values(state="settled", updated_at=now))


class Notifications:
    """The outbox of one casebook."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def page(self, wanted: CaseFilter = CaseFilter(), number: int = 1, size: int = 50) -> Page[Notification]:
        """Return one page of notifications, the most recently touched first."""
        table = tables.notifications
        return self._book.page(table, self._book.conditions(table, wanted), number, size, _notification)

    def take(self, most: int) -> list[Notification]:
        """Return notifications that are to be delivered now, the oldest first; nobody else gets them for two minutes."""
        table, now = tables.notifications, self._book.now()
        ready = select(table).where(table.c.state == "waiting", table.c.next_at <= now)
        with self._book.writing() as connection:
            self._book.hold(connection, table.name)
            rows = connection.execute(ready.order_by(table.c.created_at, table.c.reference).limit(most)).all()
            taken = table.c.reference.in_([row.reference for row in rows])
            connection.execute(update(table).where(taken).values(next_at=now + _LEASE))
        return [_notification(row) for row in rows]

    def delivered(self, reference: str) -> None:
        """Record that whoever was to be told has been told; audited."""
        with self._book.writing() as connection:
            self._set(connection, reference, state="delivered")
            self._book.record(connection, JOB, "notify", tables.notifications, reference)

    def missed(self, reference: str) -> None:
        """Record a delivery that failed: it is tried again after a growing pause, and at last given up and left to the desk."""
        table = tables.notifications
        with self._book.writing() as connection:
            attempts = connection.execute(
                select(table.c.attempts).where(table.c.reference == reference)
            ).scalar_one()
            pause = min(timedelta(minutes=2**attempts), _LONGEST_PAUSE)
            state = "failed" if attempts + 1 >= MOST_ATTEMPTS else "waiting"
            self._set(
                connection, reference, attempts=attempts + 1, next_at=self._book.now() + pause, state=state
            )
            if state == "failed":
                self._book.record(connection, JOB, "notify_failed", table, reference)

    def _set(self, connection: Connection, reference: str, **values: Any) -> None:
        table = tables.notifications
        # What was settled meanwhile stays so.
        there = (table.c.reference == reference, table.c.state == "waiting")
        connection.execute(update(table).where(*there).values(updated_at=self._book.now(), **values))


def _notification(row: Row) -> Notification:
    return Notification(
        row.reference,
        row.kind,
        row.case_reference,
        row.region,
        row.role,
        row.addressee,
        row.due_at,
        row.state,
        row.attempts,
        row.created_at,
        row.updated_at,
    )
