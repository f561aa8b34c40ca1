"""Verification requests: one department asks another, within a time that is watched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row

from . import tables
from .errors import CaseError
from .notifications import notify, settle
from .store import CITIZEN, JOB, Book, CaseFilter, Page

# What the department that was asked found: it confirms the fact, it does not, or it holds nothing on it.
RESULTS = ("confirmed", "not_confirmed", "no_record")
STATES = ("open", "answered", "deleted")
_TEXT = 2000


@dataclass(frozen=True)
class Verification:
    """A verification request. `person` and `note` are personal; they never appear in a log or a repr."""

    reference: str
    owner: str
    state: str  # one of STATES
    requirement: dict[str, Any]
    region: str
    handler: str  # the department that is asked
    immediate: bool  # the matter is decided while the citizen waits
    opened_at: datetime
    due_at: datetime
    reminded_at: datetime | None
    escalated_at: datetime | None
    closed_at: datetime | None
    told_at: datetime | None  # when the citizen was told the result
    result: str | None  # one of RESULTS
    overdue: bool  # open and past its due time, at the moment it was read
    person: dict[str, str] = field(repr=False)
    note: str = field(repr=False, default="")


class Verifications:
    """The verification requests of one casebook."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def open(
        self,
        owner: str,
        requirement: dict[str, Any],
        region: str,
        *,
        immediate: bool,
        handler: str = "",
        person: dict[str, str] | None = None,
    ) -> Verification:
        """Open a request; `person` says whom it is about (name, id_kind, id_number).

        An owner's open request for the same requirement, region and person is returned instead.

        `handler` is the department that is asked; without one it is who issues the proof by the catalogue's row.
        The due time comes from paths/data/verification.yml, counted in the region's working time.
        Raises CaseError: too_long, bad_value.
        """
        from ..paths.working_time import verification_times

        asked = (
            handler or requirement.get("issuing_authority") or requirement["demanding_authority"]
        ).strip()
        if not asked:
            raise CaseError("bad_value", "handler")
        about = person or {}
        if sum(len(k) + len(v) for k, v in about.items()) > _TEXT:
            raise CaseError("too_long", "person")
        table, now = tables.verifications, self._book.now()
        with self._book.writing() as connection:
            self._book.hold(connection, owner)
            same = select(table).where(
                table.c.owner == owner,
                table.c.requirement_id == requirement["id"],
                table.c.region == region,
                table.c.state == "open",
            )
            row = next((r for r in connection.execute(same) if self._sealed(r).get("person") == about), None)
            if row is None:
                reference = self._book.add(
                    connection,
                    table,
                    CITIZEN,
                    {"person": about},
                    owner=owner,
                    region=region,
                    state="open",
                    requirement_id=requirement["id"],
                    requirement=requirement,
                    handler=asked[:120],
                    id_hash=self._book.sealer.lookup(about["id_number"]) if about.get("id_number") else None,
                    immediate=immediate,
                    due_at=verification_times(region, immediate).due(now),
                )
                row = self._book.row(connection, table, reference)
                notify(
                    self._book,
                    connection,
                    "verification_opened",
                    reference,
                    region,
                    addressee=row.handler,
                    due_at=row.due_at,
                )
            return self._verification(row)

    def get(self, reference: str) -> Verification | None:
        """Return a request, or None. Without asking whose it is: show `person` and `note` to its owner or staff only."""
        table = tables.verifications
        with self._book.reading() as connection:
            row = connection.execute(select(table).where(table.c.reference == reference)).first()
        return self._verification(row) if row else None

    def of_owner(self, owner: str) -> list[Verification]:
        """Return an owner's requests, the latest first."""
        table = tables.verifications
        wanted = select(table).where(table.c.owner == owner).order_by(table.c.created_at.desc())
        with self._book.reading() as connection:
            return [self._verification(row) for row in connection.execute(wanted)]

    def answer(self, reference: str, result: str, note: str, staff: str) -> Verification:
        """Record what was found; `note` is for the citizen. Raises CaseError: unknown_reference, wrong_state, bad_value, too_long."""
        if result not in RESULTS:
            raise CaseError("bad_value", "result")
        if len(note) > _TEXT:
            raise CaseError("too_long", "note")
        table = tables.verifications
        with self._book.writing() as connection:
            row = self._book.row(connection, table, reference)
            if row.state != "open":
                raise CaseError("wrong_state", row.state)
            sealed = {**self._sealed(row), "note": note}
            self._book.change(
                connection,
                table,
                reference,
                f"staff:{staff}",
                "answer",
                result,
                state="answered",
                result=result,
                closed_at=self._book.now(),
                sealed=self._book.sealer.seal_fields(sealed, self._book.place(table, reference)),
            )
            settle(connection, reference, self._book.now())
            return self._verification(self._book.row(connection, table, reference))

    def untold(self, owner: str) -> list[str]:
        """Return the numbers of an owner's answered requests whose result the owner has not been told yet."""
        table = tables.verifications
        answered = (table.c.owner == owner, table.c.state == "answered", table.c.told_at.is_(None))
        with self._book.reading() as connection:
            found = select(table.c.reference).where(*answered).order_by(table.c.closed_at)
            return list(connection.execute(found).scalars())

    def mark_told(self, reference: str) -> None:
        """Record that the result was told. Raises CaseError: unknown_reference, wrong_state."""
        table = tables.verifications
        with self._book.writing() as connection:
            row = self._book.row(connection, table, reference)
            if row.state != "answered":
                raise CaseError("wrong_state", row.state)
            self._book.change(connection, table, reference, CITIZEN, "told", told_at=self._book.now())

    def page(self, wanted: CaseFilter = CaseFilter(), number: int = 1, size: int = 50) -> Page[Verification]:
        """Return one page of the staff's list, without `person` and `note`; what is due first comes first."""
        table = tables.verifications
        conditions = self._book.conditions(table, wanted)
        if wanted.overdue_at:
            conditions += [table.c.state == "open", table.c.due_at < wanted.overdue_at]
        return self._book.page(table, conditions, number, size, self._listed, [table.c.due_at])

    def read(self, reference: str, staff: str) -> Verification:
        """Return a request to staff with its personal part; who read it is audited. Raises CaseError: unknown_reference."""
        with self._book.writing() as connection:
            row = self._book.row(connection, tables.verifications, reference)
            self._book.record(connection, f"staff:{staff}", "read", tables.verifications, reference)
            return self._verification(row)

    def watch(self, now: datetime) -> tuple[list[Verification], list[Verification]]:
        """Mark which open requests are now to be reminded of and which are overdue; return both, each only once."""
        from ..paths.working_time import verification_times

        table = tables.verifications
        reminded: list[Verification] = []
        escalated: list[Verification] = []
        with self._book.writing() as connection:
            # Nothing is reminded of earlier than the longest notice before its due time.
            near = now + timedelta(days=15)
            open_ = select(table).where(
                table.c.state == "open", table.c.due_at <= near, table.c.escalated_at.is_(None)
            )
            for row in connection.execute(open_.with_for_update()).all():
                kind = "verification_due_soon"
                if row.due_at <= now:
                    kind = "verification_overdue"
                    action, chosen, values = "escalate", escalated, {"escalated_at": now}
                elif row.reminded_at is None and now >= verification_times(row.region, row.immediate).remind(
                    row.created_at, row.due_at
                ):
                    action, chosen, values = "remind", reminded, {"reminded_at": now}
                else:
                    continue
                self._book.change(
                    connection, table, row.reference, JOB, action, updated_at=row.updated_at, **values
                )
                notify(
                    self._book,
                    connection,
                    kind,
                    row.reference,
                    row.region,
                    addressee=row.handler,
                    due_at=row.due_at,
                )
                chosen.append(self._listed(self._book.row(connection, table, row.reference)))
        return reminded, escalated

    def _sealed(self, row: Row) -> dict[str, Any]:
        return self._book.sealer.open_fields(
            row.sealed, self._book.place(tables.verifications, row.reference)
        )

    def _listed(self, row: Row) -> Verification:
        return self._verification(row, open_seal=False)

    def _verification(self, row: Row, open_seal: bool = True) -> Verification:
        sealed = self._sealed(row) if open_seal else {}
        return Verification(
            reference=row.reference,
            owner=row.owner,
            state=row.state,
            requirement=row.requirement,
            region=row.region,
            handler=row.handler,
            immediate=row.immediate,
            opened_at=row.created_at,
            due_at=row.due_at,
            reminded_at=row.reminded_at,
            escalated_at=row.escalated_at,
            closed_at=row.closed_at,
            told_at=row.told_at,
            result=row.result,
            overdue=row.state == "open" and row.due_at < self._book.now(),
            person=sealed.get("person", {}),
            note=sealed.get("note", ""),
        )
