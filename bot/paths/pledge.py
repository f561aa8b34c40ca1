"""The pledge: may it be made here, the notice, the four questions, the letter, and what may still be done with it afterwards."""

from __future__ import annotations

import re
from datetime import timedelta, timezone
from typing import Any

from bot.answer import Answer, Reply
from bot.casebook.casebook import Casebook
from bot.casebook.errors import CaseError
from bot.casebook.pledges import FIELDS as LONGEST
from bot.casebook.pledges import NEEDED, Pledge
from bot.words import say
from proof_catalogue.requirement import Requirement
from proof_catalogue.text import clean

from . import identity
from .credit import CreditRecords, Standing, handling_words
from .excluded import exclusion
from .form import Given, Talk, asks, bare, is_stand_in, only_understood, says_no, says_yes, small_words
from .legal import UNVERIFIED, law

NOTICE_VERSION = "2026-11"
CHINA = timezone(timedelta(hours=8))
_KIN = re.compile(r"亲属|家庭成员|直系|父母|子女|配偶|夫妻")
GUARDIAN = re.compile(r"(?:我是|作为|本人是).{0,8}(?:法定)?监护人|^监护人$")
_OPEN_TO_ALL = re.compile(
    r"(?:同意|可以|愿意|能|选|要|给|就)(?:它|承诺书|这份)?(?:被)?公开|^公开(?:吧|好了|可以)?$"
)
_NOT_OPEN = re.compile(r"(?:不|别|勿|不要|不想|不同意|不愿意?|不能|不可以)(?:要|想|被|给)*公开|保密")
_FULL_WIDTH = str.maketrans(",;:!?()", "，；：！？（）")
_STATEMENT = 6  # characters from which a sentence may be the facts in the citizen's own words


def notice(row: Requirement) -> dict[str, Any]:
    """Return the notice (告知) of a pledge for `row`: all seven elements, each with its ground."""
    proof, basis = row.short_proof, row.legal_basis or say("paths.pledge.notice.no_basis")
    texts = {
        "matter": row.matter,
        "basis": basis,
        "content": say("paths.pledge.notice.content_text", proof=proof),
        "form": law("form"),
        "liability": law("liability") + law("liability_record"),
        "verify_power": law("verify_power"),
        "publicity": law("publicity"),
    }
    elements = [{"title": say(f"paths.pledge.notice.{name}"), "text": text} for name, text in texts.items()]
    return {"version": NOTICE_VERSION, "elements": elements}


def other_way(row: Requirement | dict[str, Any]) -> dict[str, str]:
    """Return the names `proof` and `issuer` for sentences on obtaining the proof instead of pledging."""
    held = row if isinstance(row, dict) else row.json()
    issuer = held.get("issuing_authority") or ""
    proof = re.sub(r"[（(][^（）()]*[）)]$", "", held["proof"]) or held["proof"]
    return {
        "proof": proof,
        "issuer": say("paths.pledge.other_way_issuer", issuer=issuer) if issuer else "",
    }


def excluded_lines(row: Requirement) -> list[str]:
    """Return why an excluded field closes the pledge to `row`, with the rule's source, and what is to be done instead."""
    found = exclusion(row)
    if found is None:
        return []
    why = say(
        "paths.pledge.excluded_here",
        proof=row.short_proof,
        how=found.how,
        field=found.name,
        reason=found.reason,
    )
    return [why + UNVERIFIED, law("excluded"), say("paths.pledge.excluded_instead", **other_way(row))]


class PledgeForm:
    """The four questions of a pledge; every confirmed answer is in the casebook before the next is asked."""

    name = "pledge"
    fields: tuple[str, ...] = NEEDED
    extras: tuple[str, ...] = ("phone", "public")

    def __init__(self, casebook: Casebook, credit: CreditRecords) -> None:
        self._casebook = casebook
        self._pledges = casebook.pledges
        self._credit = credit

    def _pledge(self, talk: Talk) -> Pledge:
        assert talk.form
        pledge = self._pledges.get(talk.form["reference"])
        if pledge is None:
            raise CaseError("unknown_reference")
        return pledge

    def given(self, talk: Talk) -> dict[str, str]:
        """Return the confirmed answers."""
        return self._pledge(talk).fields

    # --- beginning

    def begin(self, talk: Talk, row: Requirement, region: str, ward: str | None = None) -> Answer:
        """Open a draft, or the one there is, and return the notice with the first open question in one answer."""
        pledge = self._pledges.start(talk.owner, row.json(), region, notice(row))
        if ward:
            pledge = self._pledges.set_field(pledge.reference, "guardian_of", ward)
        talk.form = {"name": self.name, "reference": pledge.reference, "asks": pledge.missing[0]}
        lines = [] if not pledge.filled else [say("paths.form.resumed", form=say("paths.form.names.pledge"))]
        if pledge.filled in ((), ("guardian_of",)):
            lines = [say("paths.pledge.notice_head")]
            lines += [
                f"{n}. " + say("paths.pledge.element", title=e["title"], text=e["text"])
                for n, e in enumerate(pledge.notice["elements"], 1)
            ]
            lines += [say("paths.pledge.voluntary", law=law("voluntary"))]
            lines += [say("paths.pledge.other_way", **other_way(row))]
            lines += [say("paths.pledge.withdraw_ahead", law=law("withdraw"))]
            if ward:
                lines.append(say("paths.pledge.noted.guardian"))
            lines += [say("paths.pledge.credit_ahead"), say("paths.pledge.begin")]
        question = self.question(talk, pledge.missing[0])
        return Answer("form", [Reply("\n".join([*lines, question.text]), question.buttons)])

    def question(self, talk: Talk, field: str) -> Reply:
        """Return the question for `field`, the last one with everything that is agreed to."""
        pledge = self._pledge(talk)
        stop = {"title": say("paths.form.button_stop"), "payload": "form:stop"}
        if field == "facts":
            yes = {"title": say("paths.form.button_yes"), "payload": "form:yes"}
            facts = pledge.fields.get("facts") or self.proposed_facts(pledge)
            return Reply(say("paths.pledge.ask.facts", facts=facts), [yes, stop])
        if field == "consent":
            held = pledge.fields
            text = say(
                "paths.pledge.ask.consent",
                name=held["name"],
                id_kind=say(f"paths.pledge.id_kind.{held.get('id_kind', 'id_card')}"),
                id_number=identity.hide_number(held["id_number"]),
                facts=held["facts"],
                law=law("liability"),
            )
            agree = {"title": say("paths.form.button_agree"), "payload": "form:yes"}
            refuse = {"title": say("paths.form.button_refuse"), "payload": "form:no"}
            return Reply(text, [agree, refuse, stop])
        return Reply(
            say("paths.pledge.ask.name" if field == "name" else "paths.pledge.ask.id_number"), [stop]
        )

    def proposed_facts(self, pledge: Pledge) -> str:
        """Return the facts to be pledged as the requirement suggests them."""
        row = pledge.requirement
        names = {"matter": row["matter"], "proof": other_way(row)["proof"]}
        kin = bool(_KIN.search(row["proof"]))
        text = say("paths.pledge.facts.kinship" if kin else "paths.pledge.facts.default", **names)
        return self._led_in(pledge, text)

    def _led_in(self, pledge: Pledge, text: str) -> str:
        ward = pledge.fields.get("guardian_of")
        return say("paths.pledge.facts.guardian", ward=ward) + text if ward else text

    # --- on a page

    def page_key(self, reference: str) -> str:
        """Return the secret with which a pledge's page opens without a session, also on another day."""
        return self._casebook.owner_of(f"page:{reference}")

    def page_law(self) -> dict[str, str]:
        """Return the legal statements that the page shows beside the notice."""
        return {name: law(name) for name in ("voluntary", "liability", "withdraw", "stand_in", "publicity")}

    def masked(self, pledge: Pledge) -> dict[str, str]:
        """Return the personal values of a pledge as they may be shown."""
        return {f: hide(pledge.fields[f]) for f, hide in _HIDE.items() if pledge.fields.get(f)}

    def read_page(self, pledge: Pledge, typed: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the values that a page's boxes give, and by box what is wrong; an empty number keeps the one there is."""
        values: dict[str, str] = {}
        errors: dict[str, str] = {}
        if typed["name"]:
            name = identity.read_name(say("paths.pledge.name_lead") + typed["name"])
            if name is None:
                errors["name"] = say("paths.pledge.error.name")
            else:
                values["name"] = name
        if typed["id_number"]:
            number = identity.find_number(typed["id_number"]) or (typed["id_number"], "")
            given = self._numbered(number[0], "")
            values |= given.values
            if given.errors:
                errors["id_number"] = given.errors[0]
        facts = clean(typed["facts"]).translate(_FULL_WIDTH)
        if len(facts) > 500:
            errors["facts"] = say("paths.pledge.error.too_long", most="500")
        elif facts:
            values["facts"] = facts
        if typed["phone"]:
            phone = identity.find_phone(typed["phone"])
            if phone is None:
                errors["phone"] = say("paths.pledge.error.phone")
            else:
                values["phone"] = phone
        if typed["public"] in ("yes", "no"):
            values["public"] = typed["public"]
        if typed["guardian"] == "yes":
            ward = identity.read_name(say("paths.pledge.name_lead") + typed["guardian_of"])
            if ward is None:
                errors["guardian_of"] = say("paths.pledge.error.name")
            elif ward != pledge.fields.get("guardian_of"):
                values["guardian_of"] = ward
                values["facts"] = say("paths.pledge.facts.guardian", ward=ward) + values.get("facts", "")
        return values, errors

    # --- reading

    def read(self, talk: Talk, field: str, text: str, sure: bool = False) -> Given | None:
        """Return what `text` answers; see Form."""
        if not sure and is_stand_in(text) and not self.given(talk).get("guardian_of"):
            return Given({}, (say("paths.pledge.error.stand_in", law=law("stand_in")),), field)
        aside = self._aside(text)
        if aside and field != "phone":
            return Given(aside)
        return getattr(self, f"_read_{field}")(talk, text, sure)

    def _aside(self, text: str) -> dict[str, str]:
        """Return what is given unasked: a telephone number, and whether the letter may be public."""
        if asks(text):
            return {}
        if _NOT_OPEN.search(bare(text)):
            return {"public": "no"}
        if _OPEN_TO_ALL.search(bare(text)):
            return {"public": "yes"}
        found = identity.find_number(text)
        phone = None if found else identity.find_phone(text)
        return {"phone": phone} if phone else {}

    def _read_phone(self, talk: Talk, text: str, sure: bool) -> Given | None:
        phone = identity.find_phone(text)
        return Given({"phone": phone}) if phone else None

    def _read_name(self, talk: Talk, text: str, sure: bool) -> Given | None:
        found = identity.find_number(text)
        given = self._numbered(*found) if found else Given({})
        rest = found[1] if found else text
        name = identity.read_name(_without_labels(rest))
        if name is None and sure:
            name = identity.read_name(
                say("paths.pledge.name_lead") + re.sub(r"^[\W成为是叫]+", "", clean(rest))
            )
        if name is None:
            if found:
                return given
            return (
                Given({}, (say("paths.pledge.error.name"),), "name")
                if sure and rest.strip(" ,，。")
                else None
            )
        if len(name) > LONGEST["name"]:
            return Given({}, (say("paths.pledge.error.too_long", most=str(LONGEST["name"])),), "name")
        return Given({"name": name, **given.values}, given.errors, given.field)

    def _read_id_number(self, talk: Talk, text: str, sure: bool) -> Given | None:
        found = identity.find_number(text)
        if found is None:
            if re.search(
                r"没(?:有|带)(?:身份证|证件)|身份证.{0,4}(?:丢|没了|过期)", clean(text)
            ) and not asks(text):
                return Given({}, (say("paths.pledge.error.no_number"),), "id_number")
            if re.search(r"\d{4,}", clean(text)) and not asks(text):
                return Given({}, (say("paths.pledge.error.id_number"),), "id_number")
            return None
        if asks(text) and len(found[0]) < 15:
            return None
        given = self._numbered(*found)
        name = identity.read_name(_without_labels(found[1]))
        return Given({**({"name": name} if name else {}), **given.values}, given.errors, given.field)

    def _numbered(self, number: str, rest: str) -> Given:
        try:
            held = identity.read_identity(number)
        except identity.NotAnIdentity as problem:
            return Given({}, (number_error(problem.reason, number),), "id_number")
        phone = identity.find_phone(rest)
        return Given({"id_number": held.number, "id_kind": held.kind, **({"phone": phone} if phone else {})})

    def _read_facts(self, talk: Talk, text: str, sure: bool) -> Given | None:
        pledge = self._pledge(talk)
        if says_yes(text) and not sure:
            return Given({"facts": pledge.fields.get("facts") or self.proposed_facts(pledge)})
        said = clean(text).strip("“”\"' ,，")
        said = re.sub(
            r"^(?:不行|不对|不好|改成|改为|成|应该是|应该写|补充|再加|加上|请写|写|就写|我要写)[,，:： ]*",
            "",
            said,
        )
        if len(said) > 500:
            return Given({}, (say("paths.pledge.error.too_long", most="500"),), "facts")
        if says_no(text):
            return Given({}, (say("paths.pledge.error.facts"),), "facts")
        if not sure and (asks(text) or small_words(text) or len(bare(said)) < _STATEMENT):
            return None
        if len(bare(said)) < 2:
            return Given({}, (say("paths.pledge.error.facts"),), "facts") if bare(said) else None
        said = said.translate(_FULL_WIDTH)  # cleaning made the marks narrow; the letter is Chinese prose
        own = say(
            "paths.pledge.facts.own", matter=pledge.requirement["matter"], said=said.rstrip("。.") + "。"
        )
        return Given({"facts": said if said.startswith(own[:6]) else self._led_in(pledge, own)})

    def _read_consent(self, talk: Talk, text: str, sure: bool) -> Given | None:
        if says_yes(text):
            return Given({"consent": "yes"})
        if only_understood(text):
            return Given({}, (say("paths.pledge.error.consent_unclear"),), "consent")
        return None

    # --- keeping

    def keep(self, talk: Talk, values: dict[str, str]) -> list[str] | Answer:
        """Keep confirmed answers; once the person is known, their standing is asked, and may end the form."""
        assert talk.form
        reference = talk.form["reference"]
        before = self._pledge(talk).fields
        if "consent" not in values and before.get("consent"):
            values = {**values, "consent": ""}  # consent was given to other words
        pledge = self._pledges.set_fields(reference, {k: v or None for k, v in values.items()})
        lines = [self._noted(field, pledge) for field in values if field in _NOTED]
        person = ("name", "id_number")
        if all(n in pledge.fields for n in person) and any(values.get(n) for n in person):
            standing = self._credit.standing(pledge.fields["id_number"], pledge.fields["name"])
            self._pledges.set_handling(reference, standing.handling, standing.degraded)
            if standing.handling == "refused":
                return self._barred(talk, pledge, standing)
            lines += self._credit_lines(standing)
        return lines

    def _noted(self, field: str, pledge: Pledge) -> str:
        if field == "public":
            yes = pledge.fields.get("public") == "yes"
            return say("paths.pledge.noted.public_yes", law=law("publicity")) if yes else say("paths.pledge.noted.public_no")  # fmt: skip
        if field == "id_number":
            return say(
                "paths.pledge.noted.id_number", id_number=identity.hide_number(pledge.fields["id_number"])
            )
        if field == "phone":
            return say("paths.pledge.noted.phone", phone=hide_phone(pledge.fields["phone"]))
        return say("paths.pledge.noted.name", name=pledge.fields["name"]) if field == "name" else say("paths.pledge.noted.facts")  # fmt: skip

    def _credit_lines(self, standing: Standing) -> list[str]:
        if standing.degraded:
            return [say("paths.pledge.credit.verify_first_degraded")]
        if standing.handling == "normal":
            return []
        return [say("paths.pledge.credit.said", **_handling(standing.handling))]

    def _barred(self, talk: Talk, pledge: Pledge, standing: Standing) -> Answer:
        self._pledges.abandon(pledge.reference)
        talk.form = None
        lines = [
            say(
                "paths.pledge.credit.barred", reason=standing.reason, source=standing.source or law("barred")
            ),
            law("barred"),
            say("paths.pledge.credit.barred_other", **other_way(pledge.requirement)),
            say("paths.pledge.credit.barred_objection", objection=law("objection"), repair=law("repair")),
            say("paths.pledge.credit.barred_kept"),
        ]
        return Answer("answered_policy", [Reply("\n".join(lines))])

    # --- ending

    def finish(self, talk: Talk) -> Answer:
        """Return the letter: number, date, how it will be handled, how to use it, take it back and delete it."""
        assert talk.form
        letter = self._pledges.submit(talk.form["reference"])
        pledge = self._pledge(talk)
        date = letter.issued_at.astimezone(CHINA).strftime("%Y-%m-%d")
        lines = [
            say(
                "paths.pledge.done",
                reference=letter.reference,
                date=date,
                **_handling(pledge.handling),
            ),
            say("paths.pledge.done_use", proof=other_way(pledge.requirement)["proof"]),
            say("paths.pledge.done_after", reference=letter.reference),
        ]
        if letter.earlier:
            lines.append(say("paths.pledge.done_earlier", references="、".join(letter.earlier)))
        answer = Answer("form_done", [Reply("\n".join(lines))])
        answer.form = {
            **form_object(self, talk, None),
            "reference": letter.reference,
            "document_url": f"/letters/{letter.reference}/letter.pdf?key={letter.secret}",
            "verify_url": f"/letters/{letter.reference}?c={letter.code}",
        }
        talk.form = None
        return answer

    def refuse(self, talk: Talk) -> Answer | None:
        """Return the answer to refused consent: the draft is erased, only the fact stays, and the other way is shown."""
        assert talk.form
        if talk.form["asks"] != "consent":
            return None
        pledge = self._pledge(talk)
        self._pledges.abandon(pledge.reference, "consent_refused")
        talk.form = None
        text = say("paths.pledge.refused", law=law("voluntary"), **other_way(pledge.requirement))
        return Answer("answered_policy", [Reply(text)])

    def drop(self, talk: Talk) -> None:
        """Erase the draft."""
        assert talk.form
        self._pledges.abandon(talk.form["reference"])


def _handling(handling: str) -> dict[str, str]:
    """Return the names `handling` and `effect` for a sentence; an effect that no source bears out is marked."""
    held = handling_words(handling)
    return {"handling": held["name"], "effect": held["effect"] + ("" if held["verified"] else UNVERIFIED)}


def handling_line(pledge: Pledge) -> str:
    """Return in words how the person's credit standing lets a pledge be handled."""
    return say("paths.pledge.credit.said", **_handling(pledge.handling))


_NOTED = ("name", "id_number", "phone", "public", "facts")


def _without_labels(text: str) -> str:
    """Return `text` without the words that announce a number: 身份证号是."""
    return re.sub(r"[,，。;； ]*(?:我的|本人)?(?:身份证件?|证件|护照|居住证|手机|电话)(?:号码?)?(?:是|为|[:：])?[,，。;； ]*$|^(?:我的|本人)?(?:身份证件?|证件|护照|居住证)(?:号码?)?(?:是|为|[:：])?[,，。;； ]*", "", text.strip())  # fmt: skip


def number_error(reason: str, number: str) -> str:
    """Return why a number will not do, in words that help to find the slip."""
    born, region = number[6:14], number[:6]
    return say(
        f"paths.pledge.number.{reason}",
        digits=str(len(number)),
        date=f"{born[:4]}-{born[4:6]}-{born[6:]}",
        region=region,
    )


def hide_phone(phone: str) -> str:
    """Return a telephone number with its middle hidden: 138****1234."""
    return phone[:3] + "*" * (len(phone) - 7) + phone[-4:]


_HIDE = {"id_number": identity.hide_number, "name": identity.hide_name, "phone": hide_phone}


def form_object(form: Any, talk: Talk, asked: str | None, errors: list[str] | None = None) -> dict[str, Any]:
    """Return the wire contract's `form`: what is asked, what is filled in, personal values masked."""
    given = form.given(talk)
    made: dict[str, Any] = {
        "name": form.name,
        "asks": asked,
        "filled": [f for f in (*form.fields, *form.extras) if given.get(f)],
        "masked": {f: hide(given[f]) for f, hide in _HIDE.items() if given.get(f)},
        "errors": errors or [],
    }
    if form.name == "pledge" and asked and talk.form:
        reference = talk.form["reference"]
        made["page_url"] = f"/pledge/{reference}?key={form.page_key(reference)}"
    return made
