"""What keeps the casebook right over time: retention, key rotation, one person's data, the audit trail."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.engine import Connection, Row

from . import tables
from .errors import CasebookError, CaseError
from .notifications import settle
from .pledges import Pledges, _marked
from .store import CHINA, CITIZEN, JOB, PREFIXES, Book

_BATCH = 200
_OWNED = (tables.verifications, tables.demand_reports, tables.callbacks, tables.feedback)
_SEALED = (tables.pledges, *_OWNED, tables.credit_records, tables.open_forms)


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to which case; never what a citizen wrote."""

    at: datetime
    actor: str  # citizen, job or staff:NAME
    action: str
    kind: str
    reference: str
    detail: str


@functools.lru_cache(maxsize=1)
def retention_days() -> dict[str, int]:
    """Return how many days each kind of case is kept, from retention.yml."""
    held = yaml.safe_load(Path(__file__).with_name("retention.yml").read_text(encoding="utf-8"))
    return {name: int(entry["days"]) for name, entry in held.items()}


class Upkeep:
    """The upkeep of one casebook."""

    def __init__(self, book: Book, pledges: Pledges) -> None:
        self._book = book
        self._pledges = pledges

    # --- retention

    def retire_daily(self, now: datetime) -> dict[str, int]:
        """Run `retire` unless it has run today, China's time, in whichever process; return what it returned."""
        book, today = tables.book, now.astimezone(CHINA).date().isoformat().encode()
        with self._book.writing() as connection:
            self._book.hold(connection, book.name)
            done = connection.execute(select(book.c.value).where(book.c.name == "retired_on")).scalar()
            if done == today:
                return {}
            if done is None:
                connection.execute(insert(book).values(name="retired_on", value=today))
            else:
                connection.execute(update(book).where(book.c.name == "retired_on").values(value=today))
        return self.retire(now)

    def retire(self, now: datetime) -> dict[str, int]:
        """Erase what is older than retention.yml allows; return how many cases of each kind were erased."""
        days, done = retention_days(), Counter[str]()

        def before(kind: str) -> datetime:
            return now - timedelta(days=days[kind])

        drafts = (tables.pledges.c.state == "draft", tables.pledges.c.updated_at < before("pledges_draft"))
        for connection, row in self._each(tables.pledges, *drafts):
            self._pledges.erase(connection, row.reference, JOB, "expire", "abandoned", "expired")
            done["pledges"] += 1
        old = (
            tables.pledges.c.state.in_(("submitted", "decided", "withdrawn")),
            tables.pledges.c.updated_at < before("pledges"),
        )
        for connection, row in self._each(tables.pledges, *old):
            self._pledges.erase(connection, row.reference, JOB, "expire", "deleted")
            done["pledges"] += 1
        for table in _OWNED:
            closed: tuple[Any, ...] = (table.c.state != "deleted", table.c.updated_at < before(table.name))
            # Feedback is never closed, and a conversation that nobody called back about is not kept for ever.
            if table not in (tables.feedback, tables.callbacks):
                closed += (table.c.closed_at.is_not(None),)
            for connection, row in self._each(table, *closed):
                self._erase(connection, table, row, JOB, "expire")
                done[table.name] += 1
        records = tables.credit_records
        over = (records.c.state != "expired", records.c.until < now)
        for connection, row in self._each(records, *over):
            erased = {"state": "expired", "sealed": None, "id_hash": "", "closed_at": now}
            self._book.change(connection, records, row.reference, JOB, "expire", **erased)
            done[records.name] += 1
        questions, forms, outbox = tables.unanswered, tables.open_forms, tables.notifications
        with self._book.writing() as connection:
            left = connection.execute(delete(forms).where(forms.c.updated_at < before("pledges_draft")))
            done["open_forms"] += left.rowcount
            gone = connection.execute(delete(questions).where(questions.c.updated_at < before("unanswered")))
            done["unanswered"] += gone.rowcount
            sent = connection.execute(delete(outbox).where(outbox.c.updated_at < before("notifications")))
            done["notifications"] += sent.rowcount
        return {kind: count for kind, count in done.items() if count}

    def _erase(self, connection: Connection, table: Table, row: Row, actor: str, action: str) -> None:
        """Take everything personal out of a case; its number, dates and what it was about stay."""
        values: dict[str, Any] = {"state": "deleted", "sealed": None, "owner": ""}
        if table is tables.demand_reports:
            values["photo"] = None
        if table is tables.verifications:
            values["id_hash"] = None
        settle(connection, row.reference, self._book.now())
        self._book.change(
            connection,
            table,
            row.reference,
            actor,
            action,
            closed_at=row.closed_at or self._book.now(),
            **values,
        )

    def _each(self, table: Table, *conditions: Any) -> Iterator[tuple[Connection, Row]]:
        """Give the rows that fit, in batches that are each one change; each must no longer fit afterwards."""
        columns = [c for c in table.c if c.name not in ("photo", "pdf", "docx")]
        while True:
            with self._book.writing() as connection:
                batch = select(*columns).where(*conditions).limit(_BATCH).with_for_update()
                rows = connection.execute(batch).all()
                for row in rows:
                    yield connection, row
            if len(rows) < _BATCH:
                return

    # --- one person's data

    def export_person(self, *, owner: str = "", id_number: str = "", staff: str = "") -> dict[str, Any]:
        """Return all that is kept of one person, by owner or id number, as data for JSON; audited.

        Raises CaseError: bad_value if neither or both are given.
        """
        found: dict[str, Any] = {}
        actor = f"staff:{staff}" if staff else CITIZEN
        with self._book.writing() as connection:
            for table, rows in self._of_person(connection, owner, id_number):
                found[table.name] = [self._plain(table, row) for row in rows]
                for row in rows:
                    self._book.record(connection, actor, "export", table, row.reference)
        return found

    def delete_person(self, *, owner: str = "", id_number: str = "", staff: str = "") -> dict[str, int]:
        """Erase what is kept of one person; return how many cases of each kind were erased.

        Credit records are not erased: the law has them kept for their period (paths/data/credit.yml); they are counted
        under `kept_credit_records`. Raises CaseError: bad_value if neither or both are given.
        """
        done = Counter[str]()
        actor = f"staff:{staff}" if staff else CITIZEN
        with self._book.writing() as connection:
            for table, rows in self._of_person(connection, owner, id_number):
                for row in rows:
                    if table is tables.credit_records:
                        done["kept_credit_records"] += 1
                        continue
                    if table is tables.open_forms:
                        connection.execute(delete(table).where(table.c.reference == row.reference))
                    elif table is tables.pledges:
                        self._pledges.erase(connection, row.reference, actor, "delete", "deleted")
                    else:
                        self._erase(connection, table, row, actor, "delete")
                    done[table.name] += 1
        return dict(done)

    def delete_case(self, reference: str, *, owner: str | None = None, staff: str = "") -> None:
        """Erase what is personal in one pledge, verification request, report or callback request, whatever its state.

        `owner` is given where its citizen asks for it, else `staff`. Raises CaseError: unknown_reference.
        """
        table = next((t for t in (tables.pledges, *_OWNED) if reference.startswith(PREFIXES[t.name])), None)
        if table is None:
            raise CaseError("unknown_reference")
        actor = f"staff:{staff}" if staff else CITIZEN
        with self._book.writing() as connection:
            row = self._book.row(connection, table, reference, owner)
            if table is tables.pledges:
                self._pledges.erase(connection, reference, actor, "delete", "deleted")
            else:
                self._erase(connection, table, row, actor, "delete")

    def _of_person(
        self, connection: Connection, owner: str, id_number: str
    ) -> Iterator[tuple[Table, list[Row]]]:
        if bool(owner) == bool(id_number):
            raise CaseError("bad_value", "owner or id_number")
        for table in _SEALED:
            columns = [c for c in table.c if c.name != "photo"]
            if owner:
                rows = select(*columns).where(table.c.owner == owner)
            elif "id_hash" in table.c:
                rows = select(*columns).where(table.c.id_hash.in_(self._book.sealer.lookups(id_number)))
            else:
                continue
            found = connection.execute(rows.order_by(table.c.created_at)).all()
            if found:
                yield table, found

    def _plain(self, table: Table, row: Row) -> dict[str, Any]:
        hidden = {"sealed", "owner", "id_hash", "version", "sameness"}
        plain = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in row._mapping.items()
            if name not in hidden
        }
        fields = self._book.sealer.open_fields(row.sealed, self._book.place(table, row.reference))
        return {**plain, "fields": {k: v for k, v in fields.items() if not k.startswith("_")}}

    # --- keys

    def rotate_key(self) -> int:
        """Seal everything anew with the newest key; return how many seals were renewed. May be run again if broken off.

        Raises CasebookError if something is sealed with a key that is no longer given, or was tampered with.
        """
        sealer, done = self._book.sealer, 0
        for table in _SEALED:
            binary = [c.name for c in table.c if c.name in ("sealed", "photo")]
            for connection, row in self._walk(table):
                place = self._book.place(table, row.reference)
                held, values = row._mapping, dict[str, Any]()
                for name in binary:
                    if held[name] and not sealer.is_newest(held[name]):
                        at = place if name == "sealed" else f"{place}/{name}"
                        values[name] = sealer.seal(sealer.open(held[name], at), at)
                if "sealed" in values and "id_hash" in table.c and row.id_hash:
                    fields = sealer.open_fields(row.sealed, place)
                    values["id_hash"] = sealer.lookup(fields.get("person", fields)["id_number"])
                if values:
                    connection.execute(
                        update(table).where(table.c.reference == row.reference).values(**values)
                    )
                    self._book.record(connection, JOB, "rotate_key", table, row.reference)
                    done += len(values.keys() - {"id_hash"})
        for connection, row in self._walk(tables.letters):
            done += self._renew_letter(connection, row)
        with self._book.writing() as connection:
            book = tables.book
            held = connection.execute(select(book.c.value).where(book.c.name == "key_check")).scalar_one()
            check = sealer.open(held, "book")
            connection.execute(
                update(book).where(book.c.name == "key_check").values(value=sealer.seal(check, "book"))
            )
        return done

    def _renew_letter(self, connection: Connection, row: Row) -> int:
        sealer, held, values = self._book.sealer, row._mapping, dict[str, Any]()
        place = self._book.place(tables.letters, row.reference)
        for name in ("pdf", "docx"):
            if held[name] and not sealer.is_newest(held[name]):
                values[name] = sealer.seal(sealer.open(held[name], f"{place}/{name}"), f"{place}/{name}")
        if not row.mark.startswith(sealer.newest.id.hex()):
            content = _marked(row._mapping)
            if not sealer.is_marked(content, row.mark):
                raise CasebookError(
                    f"letter {row.reference} was changed outside the casebook: its mark is wrong"
                )
            values["mark"] = sealer.mark(content)
        if values:
            letters = tables.letters
            connection.execute(update(letters).where(letters.c.reference == row.reference).values(**values))
        return len(values)

    def _walk(self, table: Table) -> Iterator[tuple[Connection, Row]]:
        """Give every row once, by reference, in batches that are each one change."""
        last = ""
        while True:
            with self._book.writing() as connection:
                batch = select(table).where(table.c.reference > last).order_by(table.c.reference)
                rows = connection.execute(batch.limit(_BATCH).with_for_update()).all()
                for row in rows:
                    yield connection, row
            if not rows:
                return
            last = rows[-1].reference

    # --- the audit trail

    def audit_trail(self, reference: str = "", most: int = 200) -> list[AuditEntry]:
        """Return what was done, the latest first; of one case if its number is given."""
        audit = tables.audit
        wanted = select(audit).order_by(audit.c.id.desc()).limit(most)
        if reference:
            wanted = wanted.where(audit.c.reference == reference)
        with self._book.reading() as connection:
            return [AuditEntry(*row[1:]) for row in connection.execute(wanted)]
