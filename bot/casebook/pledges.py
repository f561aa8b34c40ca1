"""Pledges: a draft that keeps every confirmed answer, the letter that comes of it, and what becomes of that."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection, Row

from . import tables
from .errors import CaseError
from .store import CHINA, CITIZEN, Book, CaseFilter, Page, once

# Longest value of each field; `consent` and `public` are "yes" or "no".
FIELDS = {
    "name": 60,
    "id_kind": 24,
    "id_number": 40,
    "facts": 2000,
    "consent": 3,
    "phone": 40,
    "public": 3,
    "guardian_of": 60,
}
NEEDED = ("name", "id_number", "facts", "consent")
# By credit standing: 加快办理, 正常办理, 核后办理, 从严办理, 不予办理; the gravest last.
HANDLINGS = ("faster", "normal", "verify_first", "strict", "refused")
STATES = ("draft", "submitted", "decided", "withdrawn", "abandoned", "deleted")
DOCUMENTS = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_ERASED = ("abandoned", "deleted")


@dataclass(frozen=True)
class PledgeLetter:
    """An issued letter. `address` is what its QR code holds; `secret` opens its documents without a session."""

    reference: str
    issued_at: datetime
    content_hash: str  # SHA-256 of the canonical content, printed on the letter
    code: str
    address: str
    secret: str = field(repr=False)
    earlier: tuple[str, ...] = ()  # other undecided pledges of this person for the same requirement


@dataclass(frozen=True)
class Pledge:
    """A pledge in any state. `fields` is what the citizen has confirmed; it never appears in a log or a repr."""

    reference: str
    owner: str
    state: str  # one of STATES
    requirement: dict[str, Any]  # the catalogue row as it stood when the pledge began
    region: str
    notice: dict[str, Any]  # the notice as it was shown: {"version": …, "elements": [{"title", "text"}, …]}
    handling: str  # one of HANDLINGS
    degraded: bool  # the credit service could not be asked
    filled: tuple[str, ...]  # names of the confirmed fields, in the order they were first given
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    closed_at: datetime | None
    fields: dict[str, str] = field(repr=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """The questions that are still open, in the order they are asked."""
        return tuple(n for n in NEEDED if n not in self.filled)


@dataclass(frozen=True)
class PledgeSummary:
    """A pledge in a list for staff; the person is masked."""

    reference: str
    state: str
    requirement_id: str
    proof: str
    matter: str
    region: str
    handling: str
    degraded: bool
    name: str  # masked
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class LetterCheck:
    """All that anyone may learn of a letter: that it is genuine, its number, its date and its state."""

    reference: str
    issued_at: datetime
    state: str  # submitted, decided, withdrawn or deleted


def mask_name(name: str) -> str:
    """Return a name with all but its first character hidden."""
    return name[:1] + "*" * max(len(name) - 1, 1) if name else ""


class Pledges:
    """The pledges of one casebook."""

    def __init__(self, book: Book) -> None:
        self._book = book
        # One letter is drawn at a time in a process: the others that want the same one then find it.
        self._drawing = threading.Lock()

    # --- the draft

    def start(self, owner: str, requirement: dict[str, Any], region: str, notice: dict[str, Any]) -> Pledge:
        """Open a draft, with a reference number at once, or return this owner's open draft for the same requirement.

        `requirement` is the catalogue row (`Requirement.json()`), `notice` exactly what is shown to the citizen,
        `{"version": …, "elements": [{"title": …, "text": …}, …]}`: the letter repeats it.
        """

        def add() -> Pledge:
            with self._book.writing() as connection:
                found = self._draft(connection, owner, requirement["id"])
                if found is None:
                    reference = self._book.add(
                        connection,
                        tables.pledges,
                        CITIZEN,
                        {},
                        owner=owner,
                        region=region,
                        state="draft",
                        requirement_id=requirement["id"],
                        requirement=requirement,
                        notice=notice,
                        filled=[],
                        handling="normal",
                        degraded=False,
                        version=0,
                    )
                    found = self._book.row(connection, tables.pledges, reference)
                return self._pledge(found)

        return once(add, lambda: self.open_draft(owner, requirement["id"]))

    def open_draft(self, owner: str, requirement_id: str | None = None) -> Pledge | None:
        """Return the owner's draft that was touched last (of this requirement, if one is named), or None."""
        with self._book.reading() as connection:
            row = self._draft(connection, owner, requirement_id)
        return self._pledge(row) if row else None

    def _draft(self, connection: Connection, owner: str, requirement_id: str | None) -> Row | None:
        table = tables.pledges
        wanted = select(table).where(table.c.owner == owner, table.c.state == "draft")
        if requirement_id is not None:
            wanted = wanted.where(table.c.requirement_id == requirement_id)
        return connection.execute(wanted.order_by(table.c.updated_at.desc()).limit(1)).first()

    def set_field(self, reference: str, field: str, value: str | None) -> Pledge:
        """Keep one confirmed answer, or take it back (None); on disk when this returns.

        Raises CaseError: unknown_reference, wrong_state, unknown_field, too_long, bad_value.
        """
        return self.set_fields(reference, {field: value})

    def set_fields(self, reference: str, values: dict[str, str | None]) -> Pledge:
        """Keep several confirmed answers at once; see `set_field`."""
        for name, value in values.items():
            _check_field(name, value)
        with self._book.writing() as connection:
            row = self._book.row(connection, tables.pledges, reference)
            _want(row, "draft")
            fields = self._fields(row)
            for name, value in values.items():
                if value is None:
                    fields.pop(name, None)
                else:
                    fields[name] = value
            filled = [n for n in [*row.filled, *values] if n in fields]
            self._book.change(
                connection,
                tables.pledges,
                reference,
                CITIZEN,
                "set",
                *values,
                sealed=self._seal(reference, fields),
                filled=list(dict.fromkeys(filled)),
                id_hash=self._book.sealer.lookup(fields["id_number"]) if "id_number" in fields else None,
                version=row.version + 1,
            )
            return self._pledge(self._book.row(connection, tables.pledges, reference))

    def set_handling(self, reference: str, handling: str, degraded: bool = False) -> Pledge:
        """Keep how the person's credit standing lets the pledge be handled; `degraded` if the service was not reached.

        Raises CaseError: unknown_reference, wrong_state, bad_value.
        """
        if handling not in HANDLINGS:
            raise CaseError("bad_value", "handling")
        with self._book.writing() as connection:
            row = self._book.row(connection, tables.pledges, reference)
            _want(row, "draft")
            self._book.change(
                connection,
                tables.pledges,
                reference,
                CITIZEN,
                "credit",
                handling,
                handling=handling,
                degraded=degraded,
                version=row.version + 1,
            )
            return self._pledge(self._book.row(connection, tables.pledges, reference))

    # --- the letter

    def submit(self, reference: str) -> PledgeLetter:
        """Make the letter of a complete draft; whoever asks again, or at the same moment, gets that one letter.

        Raises CaseError: unknown_reference, wrong_state, incomplete (naming the open questions, or `consent` if it
        was refused), not_allowed (the handling is `refused`).
        """
        while True:
            with self._drawing:
                pledge = self._get(reference)
                if pledge is None:
                    raise CaseError("unknown_reference")
                if pledge[0].state in ("submitted", "decided"):
                    return self._letter(reference)
                if self._issue(*pledge):
                    return self._letter(reference)

    def _issue(self, pledge: Pledge, version: int) -> bool:
        """Draw and keep the letter; False if the draft was changed meanwhile."""
        from ..paths.letter import LetterContent, draw_letter

        if pledge.state != "draft":
            raise CaseError("wrong_state", pledge.state)
        if pledge.missing or pledge.fields["consent"] != "yes":
            raise CaseError("incomplete", *(pledge.missing or ("consent",)))
        if pledge.handling == "refused":
            raise CaseError("not_allowed", "handling")
        issued, code, secret = self._book.now(), _code(), secrets.token_urlsafe(24)
        content = LetterContent(
            reference=pledge.reference,
            issued_on=issued.astimezone(CHINA).date(),
            requirement=pledge.requirement,
            notice=pledge.notice,
            fields={k: v for k, v in pledge.fields.items() if k != "consent"},
        )
        drawn = draw_letter(content, self._address(pledge.reference, code))
        place, table = self._letter_place(pledge.reference), tables.pledges
        values: dict[str, Any] = {
            "reference": pledge.reference,
            "issued_at": issued,
            "content_hash": content.hash,
            "pdf_hash": hashlib.sha256(drawn.pdf).hexdigest(),
            "docx_hash": hashlib.sha256(drawn.docx).hexdigest(),
            "code": code,
        }
        values["mark"] = self._book.sealer.mark(_marked(values))
        with self._book.writing() as connection:
            unchanged = (
                table.c.reference == pledge.reference,
                table.c.state == "draft",
                table.c.version == version,
            )
            taken = connection.execute(
                update(table)
                .where(*unchanged)
                .values(
                    state="submitted",
                    submitted_at=issued,
                    updated_at=issued,
                    version=version + 1,
                    sealed=self._seal(pledge.reference, {**pledge.fields, "_secret": secret}),
                )
            )
            if taken.rowcount != 1:
                return False
            sealed = {
                "pdf": self._book.sealer.seal(drawn.pdf, place + "/pdf"),
                "docx": self._book.sealer.seal(drawn.docx, place + "/docx"),
            }
            connection.execute(insert(tables.letters).values(**values, **sealed))
            self._book.record(connection, CITIZEN, "submit", table, pledge.reference)
        return True

    def letter(self, reference: str) -> PledgeLetter | None:
        """Return the letter of a pledge, or None if none was issued or it was deleted."""
        try:
            return self._letter(reference)
        except CaseError:
            return None

    def _letter(self, reference: str) -> PledgeLetter:
        with self._book.reading() as connection:
            row = connection.execute(
                select(tables.letters).where(tables.letters.c.reference == reference)
            ).first()
            pledge = self._find(connection, reference)
            if row is None or pledge is None or pledge.state == "deleted":
                raise CaseError("unknown_reference")
            others: list[str] = []
            if pledge.id_hash:
                table = tables.pledges
                others = list(
                    connection.execute(
                        select(table.c.reference).where(
                            table.c.id_hash == pledge.id_hash,
                            table.c.requirement_id == pledge.requirement_id,
                            table.c.state == "submitted",
                            table.c.reference != reference,
                        )
                    ).scalars()
                )
        return PledgeLetter(
            reference=reference,
            issued_at=row.issued_at,
            content_hash=row.content_hash,
            code=row.code,
            address=self._address(reference, row.code),
            secret=self._fields(pledge, hidden=True)["_secret"],
            earlier=tuple(others),
        )

    def document(
        self, reference: str, kind: str, *, owner: str = "", secret: str = "", staff: str = ""
    ) -> bytes | None:
        """Return the letter as `pdf` or `docx` to its owner, to who holds its secret, or to staff (audited); else None."""
        if kind not in DOCUMENTS:
            raise CaseError("bad_value", "kind")
        with self._book.writing() if staff else self._book.reading() as connection:
            pledge = self._find(connection, reference)
            row = connection.execute(
                select(tables.letters).where(tables.letters.c.reference == reference)
            ).first()
            if pledge is None or row is None or row._mapping[kind] is None:
                return None
            held = self._fields(pledge, hidden=True).get("_secret", "")
            if staff:
                self._book.record(connection, f"staff:{staff}", "read_letter", tables.pledges, reference)
            elif not (
                (owner and hmac.compare_digest(owner, pledge.owner))
                or (secret and hmac.compare_digest(secret.encode(), held.encode()))
            ):
                return None
        return self._book.sealer.open(row._mapping[kind], f"{self._letter_place(reference)}/{kind}")

    def check_letter(self, reference: str, code: str) -> LetterCheck | None:
        """Return what the QR page shows if `code` belongs to this letter and nobody changed its record, else None."""
        with self._book.reading() as connection:
            row = connection.execute(_check_columns().where(tables.letters.c.reference == reference)).first()
        if row is None or not hmac.compare_digest(row.code.encode(), code.strip().upper().encode()):
            return None
        return self._checked(row)

    def check_file(self, data: bytes) -> LetterCheck | None:
        """Return of which letter `data` is the document as it was issued, byte for byte, or None."""
        digest = hashlib.sha256(data).hexdigest()
        letters = tables.letters
        wanted = _check_columns().where((letters.c.pdf_hash == digest) | (letters.c.docx_hash == digest))
        with self._book.reading() as connection:
            row = connection.execute(wanted).first()
        return self._checked(row) if row else None

    def _checked(self, row: Row) -> LetterCheck | None:
        if not self._book.sealer.is_marked(_marked(row._mapping), row.mark):
            return None
        return LetterCheck(row.reference, row.issued_at, row.state)

    # --- what becomes of it

    def withdraw(self, reference: str, reason: str, owner: str | None = None) -> Pledge:
        """Withdraw a submitted pledge before its matter is decided; withdrawing twice changes nothing.

        Raises CaseError: unknown_reference (also if it is not `owner`'s), wrong_state, too_long.
        """
        if len(reason) > FIELDS["facts"]:
            raise CaseError("too_long", "reason")
        with self._book.writing() as connection:
            row = self._book.row(connection, tables.pledges, reference, owner)
            if row.state != "withdrawn":
                _want(row, "submitted")
                fields = {**self._fields(row, hidden=True), "_reason": reason}
                self._book.change(
                    connection,
                    tables.pledges,
                    reference,
                    CITIZEN,
                    "withdraw",
                    state="withdrawn",
                    closed_at=self._book.now(),
                    sealed=self._seal(reference, fields),
                )
            return self._pledge(self._book.row(connection, tables.pledges, reference))

    def decide_matter(self, reference: str, staff: str) -> Pledge:
        """Record that the matter this pledge serves was decided; from then on it cannot be withdrawn.

        Raises CaseError: unknown_reference, wrong_state.
        """
        with self._book.writing() as connection:
            _want(self._book.row(connection, tables.pledges, reference), "submitted")
            self._book.change(
                connection,
                tables.pledges,
                reference,
                f"staff:{staff}",
                "decide",
                state="decided",
                closed_at=self._book.now(),
            )
            return self._pledge(self._book.row(connection, tables.pledges, reference))

    def abandon(self, reference: str, why: str = "stopped") -> None:
        """Erase a draft: all answers go, only the fact stays. `why` is stopped, consent_refused or expired.

        Raises CaseError: unknown_reference, wrong_state, bad_value.
        """
        if why not in ("stopped", "consent_refused", "expired"):
            raise CaseError("bad_value", "why")
        with self._book.writing() as connection:
            _want(self._book.row(connection, tables.pledges, reference), "draft")
            self.erase(connection, reference, CITIZEN, "abandon", "abandoned", why)

    def delete(self, reference: str, actor: str = CITIZEN, owner: str | None = None) -> None:
        """Erase a pledge and its letter; number, dates and what it was for stay. Deleting twice changes nothing.

        Raises CaseError: unknown_reference (also if it is not `owner`'s).
        """
        with self._book.writing() as connection:
            if self._book.row(connection, tables.pledges, reference, owner).state not in _ERASED:
                self.erase(connection, reference, actor, "delete", "deleted")

    def erase(
        self, connection: Connection, reference: str, actor: str, action: str, state: str, *detail: str
    ) -> None:
        """Take everything personal out of a pledge and its letter, within the caller's change."""
        connection.execute(
            update(tables.letters).where(tables.letters.c.reference == reference).values(pdf=None, docx=None)
        )
        self._book.change(
            connection,
            tables.pledges,
            reference,
            actor,
            action,
            *detail,
            state=state,
            sealed=None,
            id_hash=None,
            filled=[],
            owner="",
            closed_at=self._book.now(),
        )

    # --- looking

    def get(self, reference: str, owner: str | None = None) -> Pledge | None:
        """Return a pledge, or None if there is none or it is not `owner`'s."""
        found = self._get(reference)
        return found[0] if found and owner in (None, found[0].owner) else None

    def read(self, reference: str, staff: str) -> Pledge:
        """Return a pledge to staff, unmasked; who read it is audited. Raises CaseError: unknown_reference."""
        with self._book.writing() as connection:
            row = self._book.row(connection, tables.pledges, reference)
            self._book.record(connection, f"staff:{staff}", "read", tables.pledges, reference)
            return self._pledge(row)

    def of_owner(self, owner: str) -> list[Pledge]:
        """Return an owner's pledges, the latest first."""
        table = tables.pledges
        wanted = select(table).where(table.c.owner == owner).order_by(table.c.updated_at.desc())
        with self._book.reading() as connection:
            return [self._pledge(row) for row in connection.execute(wanted)]

    def page(self, wanted: CaseFilter = CaseFilter(), number: int = 1, size: int = 50) -> Page[PledgeSummary]:
        """Return one page of the staff's list. Raises CaseError: bad_value for a page that cannot be."""
        return self._book.page(
            tables.pledges, self._book.conditions(tables.pledges, wanted), number, size, self._summary
        )

    def _summary(self, row: Row) -> PledgeSummary:
        return PledgeSummary(
            reference=row.reference,
            state=row.state,
            requirement_id=row.requirement_id,
            proof=row.requirement["proof"],
            matter=row.requirement["matter"],
            region=row.region,
            handling=row.handling,
            degraded=row.degraded,
            name=mask_name(self._fields(row).get("name", "")),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    def _find(self, connection: Connection, reference: str) -> Row | None:
        return connection.execute(
            select(tables.pledges).where(tables.pledges.c.reference == reference)
        ).first()

    def _get(self, reference: str) -> tuple[Pledge, int] | None:
        with self._book.reading() as connection:
            row = self._find(connection, reference)
        return (self._pledge(row), row.version) if row else None

    def _fields(self, row: Row, hidden: bool = False) -> dict[str, str]:
        found = self._book.sealer.open_fields(row.sealed, self._book.place(tables.pledges, row.reference))
        return found if hidden else {k: v for k, v in found.items() if not k.startswith("_")}

    def _seal(self, reference: str, fields: dict[str, str]) -> bytes:
        return self._book.sealer.seal_fields(fields, self._book.place(tables.pledges, reference))

    def _letter_place(self, reference: str) -> str:
        return self._book.place(tables.letters, reference)

    def _address(self, reference: str, code: str) -> str:
        return f"{self._book.settings.public_base}/letters/{reference}?c={code}"

    def _pledge(self, row: Row) -> Pledge:
        return Pledge(
            reference=row.reference,
            owner=row.owner,
            state=row.state,
            requirement=row.requirement,
            region=row.region,
            notice=row.notice,
            handling=row.handling,
            degraded=row.degraded,
            filled=tuple(row.filled),
            created_at=row.created_at,
            updated_at=row.updated_at,
            submitted_at=row.submitted_at,
            closed_at=row.closed_at,
            fields=self._fields(row),
        )


def _want(row: Row, *states: str) -> None:
    if row.state not in states:
        raise CaseError("wrong_state", row.state)


def _check_field(name: str, value: str | None) -> None:
    if name not in FIELDS:
        raise CaseError("unknown_field", name)
    if value is None:
        return
    if not value.strip() or (name in ("consent", "public") and value not in ("yes", "no")):
        raise CaseError("bad_value", name)
    if len(value) > FIELDS[name]:
        raise CaseError("too_long", name)


def _code() -> str:
    return "".join(secrets.choice("23456789ABCDEFGHJKMNPQRSTUVWXYZ") for _ in range(12))


def _check_columns() -> Any:
    letters = tables.letters
    columns = [c for c in letters.c if c.name not in ("pdf", "docx")]
    return select(*columns, tables.pledges.c.state).join(tables.pledges)


def _marked(values: Any) -> bytes:
    """Return what a letter's mark is made on: every hash and number of it, in one fixed form."""
    names = ("reference", "content_hash", "pdf_hash", "docx_hash", "code")
    return json.dumps([str(values[n]) for n in names]).encode()
