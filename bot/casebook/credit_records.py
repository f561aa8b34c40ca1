"""False pledges that staff have recorded, and what becomes of them: objection, repair, expiry."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.engine import Row

from . import tables
from .errors import CaseError
from .pledges import FIELDS, HANDLINGS, mask_name
from .store import Book, CaseFilter, Page

# In force; under objection (still in force); struck out after an objection; repaired; expired.
STATES = ("in_force", "objected", "struck_out", "repaired", "expired")
COUNTING = ("in_force", "objected")
_TEXT = 2000


@dataclass(frozen=True)
class CreditRecord:
    """A recorded false pledge. `name` and `history` are personal; they never appear in a log or a repr."""

    reference: str
    state: str  # one of STATES
    handling: str  # how later pledges of this person are handled while it counts
    region: str
    pledge: str | None  # the reference of the pledge that was false
    source: str  # who found it, on what ground
    found_at: datetime
    until: datetime  # when it is no longer kept
    created_at: datetime
    updated_at: datetime
    name: str = field(repr=False)  # masked in lists
    history: tuple[dict[str, str], ...] = field(
        repr=False, default=()
    )  # objections, answers, repairs in words


class CreditBook:
    """The credit records of one casebook."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def record_false_pledge(
        self,
        id_number: str,
        name: str,
        *,
        region: str,
        source: str,
        staff: str,
        found_at: datetime,
        handling: str = "refused",
        pledge: str | None = None,
    ) -> CreditRecord:
        """Record that a pledge was found false; `source` says who found it and on what legal ground.

        How long it counts comes from paths/data/credit.yml. Raises CaseError: bad_value, too_long.
        """
        from ..paths.credit import kept_until

        if handling not in HANDLINGS:
            raise CaseError("bad_value", "handling")
        if not id_number.strip() or not source.strip() or found_at > self._book.now():
            raise CaseError(
                "bad_value",
                "id_number" if not id_number.strip() else "source" if not source.strip() else "found_at",
            )
        if len(name) > FIELDS["name"] or len(id_number) > FIELDS["id_number"] or len(source) > 200:
            raise CaseError("too_long", "name, id_number or source")
        with self._book.writing() as connection:
            reference = self._book.add(
                connection,
                tables.credit_records,
                f"staff:{staff}",
                {"name": name, "id_number": id_number, "history": []},
                owner="",
                region=region,
                state="in_force",
                handling=handling,
                pledge=pledge,
                source=source,
                id_hash=self._book.sealer.lookup(id_number),
                found_at=found_at,
                until=kept_until(found_at),
            )
            return self._record(self._book.row(connection, tables.credit_records, reference))

    def of_person(self, id_number: str) -> list[CreditRecord]:
        """Return all records of a person, the latest first."""
        table = tables.credit_records
        own = select(table).where(table.c.id_hash.in_(self._book.sealer.lookups(id_number)))
        with self._book.reading() as connection:
            return [self._record(row) for row in connection.execute(own.order_by(table.c.found_at.desc()))]

    def counting(self, id_number: str) -> list[CreditRecord]:
        """Return the records that count against a person now, the gravest handling first."""
        now = self._book.now()
        found = [r for r in self.of_person(id_number) if r.state in COUNTING and r.until > now]
        return sorted(found, key=lambda r: -HANDLINGS.index(r.handling))

    def object_to(self, reference: str, words: str, staff: str) -> CreditRecord:
        """Record a person's objection (异议). Raises CaseError: unknown_reference, wrong_state, too_long."""
        return self._step(reference, staff, "object", ("in_force",), "objected", words)

    def decide_objection(self, reference: str, upheld: bool, words: str, staff: str) -> CreditRecord:
        """Record the answer to an objection: struck out if it was right, else back in force. Raises as `object_to`."""
        return self._step(
            reference, staff, "decide_objection", ("objected",), "struck_out" if upheld else "in_force", words
        )

    def repair(self, reference: str, words: str, staff: str) -> CreditRecord:
        """Record that the person has made good and the record no longer counts (信用修复). Raises as `object_to`."""
        return self._step(reference, staff, "repair", COUNTING, "repaired", words)

    def _step(
        self, reference: str, staff: str, action: str, from_: tuple[str, ...], to: str, words: str
    ) -> CreditRecord:
        if len(words) > _TEXT:
            raise CaseError("too_long", "words")
        table = tables.credit_records
        with self._book.writing() as connection:
            row = self._book.row(connection, table, reference)
            if row.state not in from_:
                raise CaseError("wrong_state", row.state)
            place = self._book.place(table, reference)
            sealed = self._book.sealer.open_fields(row.sealed, place)
            sealed["history"].append({"at": self._book.now().isoformat(), "action": action, "words": words})
            self._book.change(
                connection,
                table,
                reference,
                f"staff:{staff}",
                action,
                to,
                state=to,
                closed_at=None if to in COUNTING else self._book.now(),
                sealed=self._book.sealer.seal_fields(sealed, place),
            )
            return self._record(self._book.row(connection, table, reference))

    def page(self, wanted: CaseFilter = CaseFilter(), number: int = 1, size: int = 50) -> Page[CreditRecord]:
        """Return one page of the staff's list, names masked."""
        conditions = self._book.conditions(tables.credit_records, wanted)
        return self._book.page(tables.credit_records, conditions, number, size, self._listed)

    def read(self, reference: str, staff: str) -> CreditRecord:
        """Return a record to staff, unmasked; who read it is audited. Raises CaseError: unknown_reference."""
        with self._book.writing() as connection:
            row = self._book.row(connection, tables.credit_records, reference)
            self._book.record(connection, f"staff:{staff}", "read", tables.credit_records, reference)
            return self._record(row)

    def _listed(self, row: Row) -> CreditRecord:
        return self._record(row, mask=True)

    def _record(self, row: Row, mask: bool = False) -> CreditRecord:
        place = self._book.place(tables.credit_records, row.reference)
        sealed = self._book.sealer.open_fields(row.sealed, place)
        name = sealed.get("name", "")
        return CreditRecord(
            reference=row.reference,
            state=row.state,
            handling=row.handling,
            region=row.region,
            pledge=row.pledge,
            source=row.source,
            found_at=row.found_at,
            until=row.until,
            created_at=row.created_at,
            updated_at=row.updated_at,
            name=mask_name(name) if mask else name,
            history=() if mask else tuple(sealed.get("history", ())),
        )
