"""A verification request: opened in a conversation, watched by the casebook, asked after by its number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from bot.answer import Answer, Reply
from bot.casebook.casebook import Casebook
from bot.casebook.verifications import Verification
from bot.words import say
from proof_catalogue.requirement import Requirement
from proof_catalogue.text import clean

from . import identity
from .form import Given, Talk, asks
from .legal import law
from .pledge import form_object, number_error, other_way

CHINA = timezone(timedelta(hours=8))
_AT_THE_COUNTER = re.compile(r"当场|现场|即办|窗口等|等着办|在窗口|在大厅")


def shown_time(moment: datetime) -> str:
    """Return a moment in China's time as citizens read it."""
    local = moment.astimezone(CHINA)
    return say(
        "paths.verification.time", month=str(local.month), day=str(local.day), clock=local.strftime("%H:%M")
    )


class VerificationForm:
    """Whom to verify: a name and a document's number; with both the request is opened."""

    name = "verification"
    fields: tuple[str, ...] = ("name", "id_number")
    extras: tuple[str, ...] = ()

    def __init__(self, casebook: Casebook, rows: Mapping[str, Requirement]) -> None:
        self._verifications = casebook.verifications
        self._rows = rows

    def begin(self, talk: Talk, row: Requirement, region: str, text: str) -> Answer:
        """Open the form, with what will be asked and why."""
        talk.form = {
            "name": self.name,
            "row": row.id,
            "region": region,
            "immediate": bool(_AT_THE_COUNTER.search(clean(text))),
            "fields": {},
            "asks": "name",
        }
        question = self.question(talk, "name")
        lines = [
            say(
                "paths.verification.begin", matter=row.matter, proof=row.short_proof, law=law("verification")
            ),
            say("paths.verification.privacy"),
            question.text,
        ]
        return Answer("form", [Reply("\n".join(lines), question.buttons)])

    def given(self, talk: Talk) -> dict[str, str]:
        """Return what was answered."""
        return dict((talk.form or {}).get("fields") or {})

    def question(self, talk: Talk, field: str) -> Reply:
        """Return the question for `field`."""
        stop = {"title": say("paths.form.button_stop"), "payload": "form:stop"}
        return Reply(
            say("paths.verification.ask.name" if field == "name" else "paths.verification.ask.id_number"),
            [stop],
        )

    def read(self, talk: Talk, field: str, text: str, sure: bool = False) -> Given | None:
        """Return a name, a number, or both."""
        found = identity.find_number(text)
        values: dict[str, str] = {}
        errors: tuple[str, ...] = ()
        if found:
            try:
                held = identity.read_identity(found[0])
                values |= {"id_number": held.number, "id_kind": held.kind}
            except identity.NotAnIdentity as problem:
                errors = (number_error(problem.reason, found[0]),)
        name = identity.read_name(_LABELS.sub("", found[1] if found else text))
        if name and (field == "name" or found):
            values["name"] = name
        if values or errors:
            return Given(values, errors, "id_number" if errors else None)
        if field == "id_number" and re.search(r"\d{4,}", clean(text)) and not asks(text):
            return Given({}, (say("paths.pledge.error.id_number"),), "id_number")
        return Given({}, (say("paths.pledge.error.name"),), "name") if sure and field == "name" else None

    def keep(self, talk: Talk, values: dict[str, str]) -> list[str] | Answer:
        """Hold the answers until the request is opened."""
        assert talk.form
        talk.form["fields"] = {**talk.form["fields"], **values}
        lines = []
        if "name" in values:
            lines.append(say("paths.pledge.noted.name", name=values["name"]))
        if "id_number" in values:
            lines.append(
                say("paths.pledge.noted.id_number", id_number=identity.hide_number(values["id_number"]))
            )
        return lines

    def finish(self, talk: Talk) -> Answer:
        """Open the request and tell its number, who is asked and when the answer is due."""
        assert talk.form
        row = self._rows[talk.form["row"]]
        opened = self._verifications.open(
            talk.owner,
            row.json(),
            talk.form["region"],
            immediate=talk.form["immediate"],
            person=self.given(talk),
        )
        lines = [
            say(
                "paths.verification.opened",
                reference=opened.reference,
                handler=opened.handler,
                due=shown_time(opened.due_at),
            ),
            say("paths.verification.due_from", law=law("verification_time")),
        ]
        answer = Answer("form_done", [Reply("\n".join(lines))])
        answer.form = {**form_object(self, talk, None), "reference": opened.reference, "document_url": None}
        talk.form = None
        return answer

    def refuse(self, talk: Talk) -> Answer | None:
        """No question of this form is one of yes or no."""
        return None

    def drop(self, talk: Talk) -> None:
        """Nothing but the conversation holds what was filled in."""


_LABELS = re.compile(r"(?:他|她|我)?的?(?:身份证件?|证件|护照)(?:号码?)?(?:是|为|[:：])?[,，。;； ]*$")


def status_text(held: Verification, own: bool) -> str:
    """Return in words how a request stands; what was written back is for its owner only."""
    kind = held.result if held.state == "answered" and held.result else held.state
    if held.state == "open" and held.overdue:
        kind = "overdue"
    text = say(
        f"paths.verification.status.{kind}",
        reference=held.reference,
        proof=other_way(held.requirement)["proof"],
        handler=held.handler,
        due=shown_time(held.due_at),
    )
    return text + say("paths.verification.answer_note", note=held.note) if own and held.note else text
