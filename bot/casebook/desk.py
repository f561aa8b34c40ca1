"""What else citizens leave for staff: callback requests, feedback on answers, questions that went unanswered."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rapidfuzz import fuzz, process
from sqlalchemy import select, update
from sqlalchemy.engine import Row

from . import tables
from .errors import CaseError
from .notifications import notify, settle
from .store import CITIZEN, Book, CaseFilter, Page

REASONS = ("wrong", "outdated", "unclear", "not_my_question", "other", "")
_LIKE = 88  # rapidfuzz's ratio from which two questions count as one
_MOST_COMPARED = 2000
_TURNS = 60
# Whatever the caller has left unmasked: long numbers are hidden here too.
_LONG_NUMBER = re.compile(r"\d(?:[\s-]?\d){6,}[\dXx]?")


@dataclass(frozen=True)
class Callback:
    """A request to be called by a person; `transcript` holds the conversation as it was masked."""

    reference: str
    owner: str
    state: str  # open, done, cancelled or deleted
    region: str
    created_at: datetime
    closed_at: datetime | None
    phone: str = field(repr=False, default="")
    transcript: tuple[dict[str, str], ...] = field(repr=False, default=())
    note: str = field(repr=False, default="")


@dataclass(frozen=True)
class Feedback:
    """What a citizen thought of one answer."""

    reference: str
    message_id: str
    region: str
    useful: bool
    reason: str
    created_at: datetime
    text: str = field(repr=False, default="")
    outcome: str = ""  # of the answer
    requirement_id: str = ""  # the row it was about, if it was about one
    edition: str = ""  # that it came from


@dataclass(frozen=True)
class Unanswered:
    """A question that had no answer, with how often it was asked in words like these."""

    reference: str
    question: str
    outcome: str
    region: str
    count: int
    state: str  # open or done
    created_at: datetime
    updated_at: datetime


class Desk:
    """Callbacks, feedback and unanswered questions of one casebook."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def request_callback(
        self, owner: str, region: str, transcript: list[dict[str, str]], phone: str = ""
    ) -> Callback:
        """Leave a conversation for a person to call back; an owner's open request is brought up to date instead.

        `transcript` is a list of {"who", "text"}, masked; its last 60 turns are kept. Raises CaseError: too_long.
        """
        if len(phone) > 40:
            raise CaseError("too_long", "phone")
        kept = [{"who": t["who"][:20], "text": _mask(t["text"])[:1000]} for t in transcript[-_TURNS:]]
        table = tables.callbacks
        with self._book.writing() as connection:
            self._book.hold(connection, owner)
            open_ = select(table).where(table.c.owner == owner, table.c.state == "open")
            row = connection.execute(open_.with_for_update()).first()
            sealed: dict[str, Any] = {"transcript": kept, "phone": phone, "note": ""}
            if row is None:
                reference = self._book.add(
                    connection, table, CITIZEN, sealed, owner=owner, region=region, state="open"
                )
                notify(self._book, connection, "callback_requested", reference, region)
            else:
                reference = row.reference
                sealed["phone"] = phone or self._open(row).get("phone", "")
                place = self._book.place(table, reference)
                self._book.change(
                    connection,
                    table,
                    reference,
                    CITIZEN,
                    "renew",
                    sealed=self._book.sealer.seal_fields(sealed, place),
                )
            return self._callback(self._book.row(connection, table, reference))

    def finish_callback(self, reference: str, note: str, staff: str) -> Callback:
        """Record that the citizen was called. Raises CaseError: unknown_reference, wrong_state, too_long."""
        if len(note) > 2000:
            raise CaseError("too_long", "note")
        table = tables.callbacks
        with self._book.writing() as connection:
            row = self._book.row(connection, table, reference)
            if row.state != "open":
                raise CaseError("wrong_state", row.state)
            sealed = {**self._open(row), "note": note}
            self._book.change(
                connection,
                table,
                reference,
                f"staff:{staff}",
                "finish",
                state="done",
                closed_at=self._book.now(),
                sealed=self._book.sealer.seal_fields(sealed, self._book.place(table, reference)),
            )
            settle(connection, reference, self._book.now())
            return self._callback(self._book.row(connection, table, reference))

    def get_callback(self, reference: str) -> Callback | None:
        """Return a callback request, or None. Without asking whose it is: show `phone` and `note` to its owner or staff only."""
        table = tables.callbacks
        with self._book.reading() as connection:
            row = connection.execute(select(table).where(table.c.reference == reference)).first()
        return self._callback(row) if row else None

    def open_callback(self, owner: str) -> Callback | None:
        """Return an owner's open callback request, or None."""
        table = tables.callbacks
        with self._book.reading() as connection:
            row = connection.execute(
                select(table).where(table.c.owner == owner, table.c.state == "open")
            ).first()
        return self._callback(row) if row else None

    def set_phone(self, reference: str, phone: str, owner: str) -> Callback:
        """Keep the number at which the citizen wishes to be called. Raises CaseError: unknown_reference, wrong_state, too_long."""
        if len(phone) > 40:
            raise CaseError("too_long", "phone")
        return self._change_own(reference, owner, "phone", lambda held: {**held, "phone": phone})

    def cancel_callback(self, reference: str, owner: str) -> Callback:
        """Take a request back; what was left with it is erased. Raises CaseError: unknown_reference, wrong_state."""
        return self._change_own(
            reference, owner, "cancel", lambda _: {}, state="cancelled", closed_at=self._book.now()
        )

    def _change_own(
        self,
        reference: str,
        owner: str,
        action: str,
        changed: Callable[[dict[str, Any]], dict[str, Any]],
        **values: Any,
    ) -> Callback:
        table = tables.callbacks
        with self._book.writing() as connection:
            row = self._book.row(connection, table, reference, owner)
            if row.state != "open":
                raise CaseError("wrong_state", row.state)
            sealed = self._book.sealer.seal_fields(
                changed(self._open(row)), self._book.place(table, reference)
            )
            self._book.change(connection, table, reference, CITIZEN, action, sealed=sealed, **values)
            if "state" in values:
                settle(connection, reference, self._book.now())
            return self._callback(self._book.row(connection, table, reference))

    def read_callback(self, reference: str, staff: str) -> Callback:
        """Return a callback request to staff; who read it is audited. Raises CaseError: unknown_reference."""
        with self._book.writing() as connection:
            row = self._book.row(connection, tables.callbacks, reference)
            self._book.record(connection, f"staff:{staff}", "read", tables.callbacks, reference)
            return self._callback(row)

    def callbacks(self, wanted: CaseFilter = CaseFilter(), number: int = 1, size: int = 50) -> Page[Callback]:
        """Return one page of callback requests, without what is personal."""
        table = tables.callbacks
        return self._book.page(
            table, self._book.conditions(table, wanted), number, size, lambda r: self._callback(r, False)
        )

    def give_feedback(
        self,
        owner: str,
        message_id: str,
        useful: bool,
        reason: str = "",
        text: str = "",
        region: str = "000000",
        about: dict[str, str] | None = None,
    ) -> Feedback:
        """Keep what a citizen thought of one answer; said again of the same answer, the last word counts.

        `about` says what the answer was: its `outcome`, `requirement_id` and `edition`, as far as known. Raises CaseError: bad_value, too_long.
        """
        if reason not in REASONS:
            raise CaseError("bad_value", "reason")
        if len(text) > 1000 or len(message_id) > 64:
            raise CaseError("too_long", "text")
        table = tables.feedback
        with self._book.writing() as connection:
            self._book.hold(connection, owner)
            same = select(table).where(table.c.owner == owner, table.c.message_id == message_id)
            row = connection.execute(same.with_for_update()).first()
            sealed, values = {"text": _mask(text), **(about or {})}, {"useful": useful, "reason": reason}
            if row is None:
                reference = self._book.add(
                    connection,
                    table,
                    CITIZEN,
                    sealed,
                    owner=owner,
                    region=region,
                    state="open",
                    message_id=message_id,
                    **values,
                )
            else:
                reference = row.reference
                place = self._book.place(table, reference)
                self._book.change(
                    connection,
                    table,
                    reference,
                    CITIZEN,
                    "again",
                    sealed=self._book.sealer.seal_fields(sealed, place),
                    **values,
                )
            return self._feedback(self._book.row(connection, table, reference))

    def feedback(self, wanted: CaseFilter = CaseFilter(), number: int = 1, size: int = 50) -> Page[Feedback]:
        """Return one page of feedback, the latest first."""
        table = tables.feedback
        return self._book.page(table, self._book.conditions(table, wanted), number, size, self._feedback)

    def note_unanswered(self, question: str, outcome: str, region: str = "000000") -> Unanswered:
        """Count a (masked) question that had no answer, together with questions in words like it."""
        question = " ".join(_mask(unicodedata.normalize("NFKC", question)).split())[:500]
        if not question:
            raise CaseError("bad_value", "question")
        table = tables.unanswered
        with self._book.writing() as connection:
            self._book.hold(connection, table.name)
            recent = select(table.c.reference, table.c.question).where(
                table.c.state == "open", table.c.outcome == outcome
            )
            held = dict(
                connection.execute(recent.order_by(table.c.updated_at.desc()).limit(_MOST_COMPARED)).all()
            )
            like = process.extractOne(question, held, scorer=fuzz.ratio, score_cutoff=_LIKE)
            if like:
                reference = like[2]
                connection.execute(
                    update(table)
                    .where(table.c.reference == reference)
                    .values(count=table.c.count + 1, updated_at=self._book.now())
                )
            else:
                reference = self._book.add(
                    connection,
                    table,
                    CITIZEN,
                    {},
                    question=question,
                    outcome=outcome,
                    region=region,
                    count=1,
                    state="open",
                )
            return _unanswered(self._book.row(connection, table, reference))

    def unanswered(self, state: str = "open", number: int = 1, size: int = 50) -> Page[Unanswered]:
        """Return one page of unanswered questions, the most often asked first."""
        table = tables.unanswered
        return self._book.page(
            table, [table.c.state == state], number, size, _unanswered, [table.c.count.desc()]
        )

    def settle_unanswered(self, reference: str, staff: str) -> Unanswered:
        """Record that a question has an answer now. Raises CaseError: unknown_reference."""
        with self._book.writing() as connection:
            self._book.row(connection, tables.unanswered, reference)
            self._book.change(
                connection, tables.unanswered, reference, f"staff:{staff}", "settle", state="done"
            )
            return _unanswered(self._book.row(connection, tables.unanswered, reference))

    def _open(self, row: Row) -> dict[str, Any]:
        return self._book.sealer.open_fields(row.sealed, self._book.place(tables.callbacks, row.reference))

    def _callback(self, row: Row, unsealed: bool = True) -> Callback:
        sealed = self._open(row) if unsealed else {}
        return Callback(
            reference=row.reference,
            owner=row.owner,
            state=row.state,
            region=row.region,
            created_at=row.created_at,
            closed_at=row.closed_at,
            phone=sealed.get("phone", ""),
            transcript=tuple(sealed.get("transcript", ())),
            note=sealed.get("note", ""),
        )

    def _feedback(self, row: Row) -> Feedback:
        sealed = self._book.sealer.open_fields(row.sealed, self._book.place(tables.feedback, row.reference))
        return Feedback(
            row.reference,
            row.message_id,
            row.region,
            row.useful,
            row.reason,
            row.created_at,
            **{name: sealed.get(name, "") for name in ("text", "outcome", "requirement_id", "edition")},
        )


def _mask(text: str) -> str:
    return _LONG_NUMBER.sub(lambda m: "*" * len(m[0]), text)


def _unanswered(row: Row) -> Unanswered:
    return Unanswered(
        row.reference,
        row.question,
        row.outcome,
        row.region,
        row.count,
        row.state,
        row.created_at,
        row.updated_at,
    )
