"""Leads a citizen through the forms and to their cases, before and after Rasa: what it does not recognise is Rasa's to answer.

Personal data stay here and in the casebook. A message that answers an open question never reaches Rasa.
"""

from __future__ import annotations

import copy
import logging
import re
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from bot.answer import Answer, Reply
from bot.answering import candidate, starts, verdict_reply, verdict_text
from bot.casebook.casebook import Casebook, find_reference
from bot.casebook.demand_reports import DemandReport
from bot.casebook.desk import Callback
from bot.casebook.errors import CasebookError, CaseError
from bot.casebook.pledges import Pledge
from bot.casebook.store import utc_now
from bot.casebook.verifications import Verification
from bot.words import say
from proof_catalogue.requirement import Requirement
from proof_catalogue.store import Catalogue
from proof_catalogue.text import clean

from . import callback, report, verification
from .credit import CreditRecords, handling_words
from .excluded import exclusion, may_pledge
from .form import (
    Form,
    Given,
    Talk,
    asks,
    bare,
    corrects,
    discards,
    is_stand_in,
    replaces,
    resumes,
    says_no,
    says_yes,
    small_words,
    stops,
)
from .identity import read_name
from .legal import law
from .pledge import GUARDIAN, PledgeForm, excluded_lines, form_object, hide_phone, other_way
from .report import ReportForm
from .shared_data import SharedData
from .sharing import guidance
from .verification import VerificationForm

log = logging.getLogger("mianzheng.paths")
_WITHDRAW = re.compile(
    r"(?:撤回|撤销|收回|撤掉).{0,10}承诺|承诺.{0,12}(?:撤回|撤销|收回|撤掉)|^(?:我要|帮我|请)?撤回"
)
_DELETE = re.compile(r"(?:删除|删掉|销毁).{0,10}承诺|承诺书?.{0,10}(?:删除|删掉|销毁)")
_TAKE_BACK = re.compile(r"取消|撤回|撤销|撤掉|收回|删除|删掉|不要了|不用了|不办了")
_PROGRESS = re.compile(
    r"到哪(?:里|儿|一步)?|进度|进展|办得?怎么样|怎么样了|有(?:没有)?(?:结果|消息|回音|答复)|(?:结果|出来|办好|核好|查好|处理好)了?(?:没有?|吗|么|伐)|什么状态|查(?:一?下|询)?(?:状态|编号)|催"
)
_WHY_ASKED = re.compile(
    r"(?:为什么|为啥|凭什么|凭啥|干嘛|干什么|干啥|做什么用|有什么用|一定要|必须).{0,10}(?:身份证|证件|号码|姓名|名字|电话|地址|单位)|"
    r"(?:身份证|证件|号码|姓名|名字|电话).{0,8}(?:干嘛|干什么|干啥|做什么|有什么用|安全|泄露|泄漏)|(?:信息|数据|隐私|个人).{0,8}(?:安全|泄露|泄漏|保密|给谁)|会不会泄"
)
_MINE = re.compile(r"我的|我(?:提交|登记|申请|填|报|发)的?|刚才的?|上次的?|昨天的?|那[个份]")
# Intents with which Rasa answers what may have been meant for the form.
_SURE = 0.6
_GUESS = 0.5
_STILL_TALKING = timedelta(hours=2)
_PAYLOADS = {"form", "pledge", "verification", "sharing", "report", "satisfied", "callback"}
# Outcomes of Rasa's that say no more than that it could not make anything of a message.
_NOTHING = {"not_understood", "out_of_scope"}


class Guide:
    """The paths of one casebook and one catalogue. Synchronous; an async caller uses a thread."""

    def __init__(
        self, catalogue: Catalogue, casebook: Casebook, credit: CreditRecords, shared_data: SharedData
    ) -> None:
        self.catalogue = catalogue
        self.casebook = casebook
        self._shared_data = shared_data
        self.pledge = PledgeForm(casebook, credit)
        self.report = ReportForm(casebook, catalogue)
        self.verification = VerificationForm(casebook, catalogue.rows)
        forms: tuple[Form, ...] = (self.pledge, self.report, self.verification)
        self._forms = {form.name: form for form in forms}

    # --- before Rasa

    def hear(self, talk: Talk, text: str) -> Answer | None:
        """Return the answer to a message that is meant for a form or for a case, or None for Rasa to answer."""
        return self._guarded(talk, lambda: self._hear(talk, text))

    def wake(self, talk: Talk) -> None:
        """Find the form that an earlier process left open: a citizen should not notice that it was killed meanwhile."""
        try:
            held = self.casebook.forms.latest(talk.owner)
            draft = self.casebook.pledges.open_draft(talk.owner) if held is None else None
        except (CasebookError, SQLAlchemyError) as error:
            log.error("the casebook failed: %s", type(error).__name__)
            return
        if talk.form is not None or (held is None and draft is None):
            return
        if held is None:
            assert draft is not None
            held = {"name": "pledge", "reference": draft.reference, "updated_at": draft.updated_at}
            held["asks"] = draft.missing[0] if draft.missing else "consent"
        touched = held.pop("updated_at")
        talk.form = held
        if utc_now() - touched > _STILL_TALKING:
            talk.form["paused"] = True

    def forget(self, owner: str) -> None:
        """Erase what `owner` has filled into forms that were never sent. Raises CasebookError, SQLAlchemyError."""
        while (draft := self.casebook.pledges.open_draft(owner)) is not None:
            self.casebook.pledges.abandon(draft.reference)
        for name in self._forms:
            self.casebook.forms.drop(owner, name)

    def knows(self, payload: str) -> bool:
        """Return whether a button's payload is one of the paths'."""
        return payload.partition(":")[0] in _PAYLOADS

    def press(self, talk: Talk, payload: str) -> Answer:
        """Return the answer to a button of ours. Raises KeyError for a payload that is none."""
        kind, _, rest = payload.partition(":")
        made = self._guarded(talk, lambda: self._pressed(talk, kind, rest))
        assert made is not None
        return made

    def begin(self, talk: Talk, task: dict[str, Any], text: str, said: Answer) -> Answer:
        """Do what Rasa's action found to be wanted; `said` is what it answered, for tasks that only add to it."""
        made = self._guarded(talk, lambda: self._begin(talk, task, text, said))
        assert made is not None
        return made

    def _guarded(self, talk: Talk, act: Any) -> Answer | None:
        before = copy.deepcopy(talk.form)
        try:
            made = act()
            self._keep(talk, before)
            if made is not None and made.form is None and made.outcome != "form_done":
                made.form = self.state(talk)
            return made
        except CaseError as error:
            if error.code in ("unknown_reference", "wrong_state"):
                if talk.form:
                    self.casebook.forms.drop(talk.owner, talk.form["name"])
                talk.form = None  # ended elsewhere: on the page, by staff, or by its retention period
                return Answer("smalltalk", [Reply(say("paths.form.ended"))])
            log.error("a case did not allow a step: %s", error.code)
        except (CasebookError, SQLAlchemyError) as error:
            log.error("the casebook failed: %s", type(error).__name__)
        return Answer("error", [Reply(say("paths.form.failed"))])

    def _keep(self, talk: Talk, before: dict[str, Any] | None) -> None:
        """Bring the casebook's copy of the open form up to date; another form that was left open stays there."""
        if talk.form == before:
            return
        if talk.form is None:
            assert before
            self.casebook.forms.drop(talk.owner, before["name"])
        else:
            self.casebook.forms.save(talk.owner, talk.form["name"], talk.form)

    def state(self, talk: Talk, errors: tuple[str, ...] = ()) -> dict[str, Any] | None:
        """Return the wire contract's `form` of the open form, or None."""
        held = talk.open
        if held is None or held.get("gate") == "guardian":
            return None
        if "gate" in held:
            return {
                "name": "pledge",
                "asks": "guardian_of",
                "filled": [],
                "masked": {},
                "errors": list(errors),
            }
        return form_object(self._forms[held["name"]], talk, held["asks"], list(errors))

    def _hear(self, talk: Talk, text: str) -> Answer | None:
        gate = self._phone_to_call(talk, text) or self._at_gate(talk, text)
        if gate is not None:
            return gate
        reference = find_reference(clean(text))
        if reference:
            return self._about(talk, reference, text)
        held = talk.open
        if held is None or "gate" in held:
            return self._without_form(talk, text)
        form = self._forms[held["name"]]
        if discards(text):
            form.drop(talk)
            talk.form = None
            return Answer("smalltalk", [Reply(say("paths.form.discarded"))])
        if says_no(text):
            refused = form.refuse(talk)
            if refused:
                return refused
        if stops(text) and not (held["asks"] == "contact" and says_no(text)):
            return self._pause(talk)
        if GUARDIAN.search(clean(text)) and not asks(text) and held["name"] == "pledge":
            talk.form = {**held, "gate": "ward"}
            return self._gate_question("ward")
        if _WHY_ASKED.search(clean(text)):
            return self._ask(talk, form, [say("paths.form.why_asked")])
        if resumes(text):
            named = _form_named(text)
            return (
                self._resume(talk, text) if named not in (None, held["name"]) else self._ask(talk, form, [])
            )
        if starts(text) not in (None, held["name"]):
            return None  # another path is wanted; this form stays where it is
        corrected = self._corrected(talk, form, text)
        if corrected is not None:
            return corrected
        # A second statement that was not recognised is taken at its word.
        sure = bool(held.get("again")) and not asks(text) and not small_words(text)
        given = form.read(talk, held["asks"], text, sure=sure)
        if given is not None:
            return self._took(talk, form, given)
        return None

    def _without_form(self, talk: Talk, text: str) -> Answer | None:
        if resumes(text) and (
            talk.form or "承诺" in text or "刚才" in text or "填" in text or "上次" in text
        ):
            return self._resume(talk, text)
        if talk.form and discards(text):
            self._forms[talk.form["name"]].drop(talk)
            talk.form = None
            return Answer("smalltalk", [Reply(say("paths.form.discarded"))])
        if _DELETE.search(clean(text)) and not asks(text):
            return self._delete_latest(talk)
        if _WITHDRAW.search(clean(text)) and not asks(text):
            return self._withdraw_latest(talk)
        if (
            _PROGRESS.search(clean(text))
            and _MINE.search(clean(text))
            and re.search(r"承诺|核查|协查|举报|投诉|申请|编号", text)
        ):
            return self._mine(talk, text)
        return None

    # --- a form

    def _pause(self, talk: Talk) -> Answer:
        assert talk.form
        name = say(f"paths.form.names.{talk.form['name']}")
        if not self._forms[talk.form["name"]].given(talk) and talk.form["name"] != "pledge":
            talk.form = None
            return Answer("smalltalk", [Reply(say("paths.form.stopped_empty"))])
        talk.form = {**talk.form, "paused": True}
        resume = {"title": say("paths.form.button_resume"), "payload": "form:resume"}
        return Answer("smalltalk", [Reply(say("paths.form.stopped", form=name), [resume])])

    def _resume(self, talk: Talk, text: str = "") -> Answer:
        named = _form_named(text)
        if talk.form is None or (named and talk.form["name"] != named):
            talk.form = self._left_open(talk, named)
        if talk.form is None:
            return Answer("smalltalk", [Reply(say("paths.form.nothing_to_resume"))])
        talk.form = {k: v for k, v in talk.form.items() if k not in ("paused", "updated_at")}
        if "gate" in talk.form:
            return self._gate_question(talk.form["gate"])
        form = self._forms[talk.form["name"]]
        talk.form["asks"] = self._next(talk, form)
        return self._ask(talk, form, [say("paths.form.resumed", form=say(f"paths.form.names.{form.name}"))])

    def _left_open(self, talk: Talk, name: str | None) -> dict[str, Any] | None:
        """Return the form of `name`, or the one that was touched last, that can still be filled in."""
        held = self.casebook.forms.latest(talk.owner, name)
        if held and "reference" in held:
            pledge = self.casebook.pledges.get(held["reference"])
            held = held if pledge and pledge.state == "draft" else None
        if held is None and name in (None, "pledge"):
            draft = self.casebook.pledges.open_draft(talk.owner)
            held = {"name": "pledge", "reference": draft.reference, "asks": None} if draft else None
        return held

    def _next(self, talk: Talk, form: Form) -> str | None:
        given = form.given(talk)
        return next((f for f in form.fields if f not in given), None)

    def _ask(self, talk: Talk, form: Form, lines: list[str], errors: tuple[str, ...] = ()) -> Answer:
        assert talk.form
        question = form.question(talk, talk.form["asks"])
        # Where something was wrong, saying what is asking again; the long questions would bury it.
        texts = [*lines, *errors] if errors else [*lines, question.text]
        answer = Answer("form", [Reply("\n".join(texts), question.buttons)])
        answer.form = self.state(talk, errors)
        return answer

    def _took(self, talk: Talk, form: Form, given: Given, lines: list[str] | None = None) -> Answer:
        """Keep what was given and go on to the next question, or to the end."""
        assert talk.form
        said = list(lines or [])
        talk.form.pop("again", None)
        if given.values:
            kept = form.keep(talk, given.values)
            if isinstance(kept, Answer):
                return kept
            said += kept
        talk.form["asks"] = given.field if given.errors and given.field else self._next(talk, form)
        if given.errors:
            first = self._next(talk, form)
            talk.form["asks"] = given.field if given.field in form.given(talk) else first
            if given.field != talk.form["asks"]:
                said += [*given.errors]
                return self._ask(talk, form, said)
            return self._ask(talk, form, said, given.errors)
        if talk.form["asks"] is None:
            answer = form.finish(talk)
            return answer
        return self._ask(talk, form, said)

    def _corrected(self, talk: Talk, form: Form, text: str) -> Answer | None:
        held, given = talk.form, form.given(talk)
        assert held
        name = given.get("name")
        instead = replaces(text, name) if name else None
        if instead is not None:
            field, rest = "name", instead
        else:
            found = corrects(text, (*form.fields, *form.extras))
            if found is None:
                return None
            rest = found.rest
            done = [f for f in form.fields if f in given]
            field = found.field or (done[-1] if done else held["asks"])
        if field not in given:
            if field != held["asks"]:
                return None
            value = form.read(talk, field, rest) if bare(rest) else None
            return self._took(talk, form, value) if value else None
        value = form.read(talk, field, rest, sure=True) if bare(rest) and not asks(rest) else None
        if value and value.values:
            return self._took(talk, form, value, [say("paths.form.corrected")])
        held["asks"] = field
        if value and value.errors:
            return self._ask(talk, form, [], value.errors)
        return self._ask(talk, form, [say("paths.form.correct_now")])

    # --- after Rasa

    def after(self, talk: Talk, made: dict[str, Any], text: str) -> dict[str, Any]:
        """Return Rasa's reply with the open form in it; what Rasa heard as yes, no or stop is the form's."""
        held = talk.open
        if held is None or "gate" in held or made.get("form"):
            return made
        answer = self._guarded(talk, lambda: self._went_on(talk, made, text))
        assert answer is not None
        return {**made, **answer.wire()}

    def _went_on(self, talk: Talk, made: dict[str, Any], text: str) -> Answer:
        assert talk.form
        form = self._forms[talk.form["name"]]
        intent = made.get("intent") or {}
        confidence = intent.get("confidence", 0.0)
        sure = confidence >= _SURE and made["outcome"] == "smalltalk"
        # A few words that Rasa made little of are rather a bad answer than a question.
        guessed = confidence < _GUESS and 0 < len(text) <= 12 and not asks(text) and not made["degraded"]
        if sure and intent.get("name") == "stop":
            return self._pause(talk)
        if (sure and intent.get("name") in ("affirm", "deny")) or made["outcome"] in _NOTHING or guessed:
            return self._again(talk, form)
        answer = Answer.of(made)
        answer.replies[-1].text += "\n" + say(
            "paths.form.go_on",
            form=say(f"paths.form.names.{form.name}"),
            ask=self._short(form.name, talk.form["asks"]),
        )
        return answer

    def _short(self, name: str, field: str) -> str:
        if name == "report":
            return say(f"paths.report.short.{field}")
        return (
            say(f"paths.verification.short.{field}")
            if name == "verification"
            else say(f"paths.pledge.short.{field}")
        )

    def _again(self, talk: Talk, form: Form) -> Answer:
        assert talk.form
        asked = talk.form["asks"]
        talk.form["again"] = True
        error = (
            say(f"paths.report.error.{asked}")
            if form.name == "report"
            else say(f"paths.pledge.error.{asked}")
        )
        return self._ask(talk, form, [], (error,))

    # --- beginning

    def _begin(self, talk: Talk, task: dict[str, Any], text: str, said: Answer) -> Answer:
        row = self.catalogue.rows.get(task.get("requirement_id") or "")
        if task["do"] == "pledge" and row:
            return self._begin_pledge(talk, row, text)
        if task["do"] == "verification" and row:
            return self._begin_verification(talk, row, text)
        if task["do"] == "report":
            return self._begin_report(talk, task, said)
        if task["do"] == "sharing" and row:
            return self._guide_sharing(talk, row, said)
        return said

    def _region(self, talk: Talk, row: Requirement) -> str:
        level = self.catalogue.regions.get(row.region_code).level
        if level in ("city", "county"):
            return row.region_code
        return talk.region or self.catalogue.regions.home

    def _begin_pledge(self, talk: Talk, row: Requirement, text: str) -> Answer:
        held = talk.open
        if held and held["name"] == "pledge" and self._row_of(talk) == row.id and "gate" not in held:
            return self._ask(talk, self.pledge, [])
        if not may_pledge(row):
            return self._not_by_pledge(row)
        if is_stand_in(text):
            talk.form = {"name": "pledge", "gate": "guardian", "row": row.id}
            return self._gate_question("guardian")
        return self.pledge.begin(talk, row, self._region(talk, row))

    def begin_on_page(self, talk: Talk, row: Requirement) -> None:
        """Open a draft for `row` without a word being said. Raises CaseError."""
        self.pledge.begin(talk, row, self._region(talk, row))

    def on_page(self, pledge: Pledge, do: str, typed: dict[str, str]) -> tuple[dict[str, str], str]:
        """Do what was pressed on a pledge's page; return what is wrong by box, and words where the pledge ended otherwise.

        `do` is save, submit, discard, withdraw or delete. Raises CaseError.
        """
        talk = Talk(
            pledge.owner,
            pledge.region,
            form={"name": "pledge", "reference": pledge.reference, "asks": "consent"},
        )
        if do == "withdraw":
            return {}, self._withdraw(talk, pledge.reference).replies[0].text
        if do == "delete":
            self.casebook.pledges.delete(pledge.reference, owner=pledge.owner)
            return {}, say("paths.pledge.deleted", reference=pledge.reference)
        if do == "discard":
            self.pledge.drop(talk)
            return {}, say("paths.form.discarded")
        values, errors = self.pledge.read_page(pledge, typed)
        if values:
            kept = self.pledge.keep(talk, values)
            if isinstance(kept, Answer):
                return {}, kept.replies[0].text
        if do != "submit":
            return errors, ""
        given = self.pledge.given(talk)
        for field in ("name", "id_number", "facts"):
            if not given.get(field):
                errors.setdefault(field, say(f"paths.pledge.short.{field}"))
        if not errors and typed["consent"] == "no":
            refused = self.pledge.refuse(talk)
            return {}, refused.replies[0].text if refused else ""
        if typed["consent"] != "yes":
            errors.setdefault("consent", say("paths.pledge.error.consent"))
        if not errors:
            self.pledge.keep(talk, {"consent": "yes"})
            self.pledge.finish(talk)
        return errors, ""

    def _row_of(self, talk: Talk) -> str | None:
        assert talk.form
        draft = self.casebook.pledges.get(talk.form["reference"]) if "reference" in talk.form else None
        return draft.requirement["id"] if draft else None

    def _not_by_pledge(self, row: Requirement) -> Answer:
        if exclusion(row):
            lines = [*excluded_lines(row), verdict_text(row)]
        else:
            lines = [
                say("paths.pledge.not_here", proof=row.short_proof),
                verdict_text(row),
                say(f"paths.pledge.not_here_instead.{row.verdict_kind}"),
            ]
            if row.verdict_kind == "retained":
                lines.append(say("paths.pledge.excluded", law=law("excluded")))
        return Answer(
            "answered",
            [verdict_reply(row, "\n".join(lines))],
            verdicts=[row.verdict()],
            candidates=[candidate(row)],
        )

    def _gate_question(self, gate: str) -> Answer:
        if gate == "ward":
            return Answer("form", [Reply(say("paths.pledge.ask.ward"))])
        yes = {"title": say("paths.pledge.guardian_yes"), "payload": "form:yes"}
        no = {"title": say("paths.pledge.guardian_no"), "payload": "form:no"}
        words = say("paths.pledge.guardian_ask", law=law("stand_in"))
        return Answer("clarification", [Reply(words, [yes, no])])

    def _at_gate(self, talk: Talk, text: str) -> Answer | None:
        """Lead through the question whether a stand-in is a guardian, and for whom."""
        held = talk.open
        if held is None or "gate" not in held:
            return None
        if held["gate"] == "ward":
            if stops(text) or says_no(text):
                talk.form = None if "row" in held else {k: v for k, v in held.items() if k != "gate"}
                return (
                    self._pause(talk)
                    if talk.form
                    else Answer("smalltalk", [Reply(say("paths.form.stopped_empty"))])
                )
            name = read_name(text)
            if name is None:
                return None if asks(text) else Answer("form", [Reply(say("paths.pledge.error.name"))])
            if "row" in held:
                row = self.catalogue.requirement(held["row"])
                return self.pledge.begin(talk, row, self._region(talk, row), ward=name)
            talk.form = {k: v for k, v in held.items() if k != "gate"}
            self.casebook.pledges.set_field(held["reference"], "guardian_of", name)
            return self._ask(talk, self.pledge, [say("paths.pledge.noted.guardian")])
        if asks(text):
            return None
        if says_yes(text) or (GUARDIAN.search(clean(text)) and not re.search(r"不是|没有?是", text)):
            talk.form = {**held, "gate": "ward"}
            return self._gate_question("ward")
        talk.form = None
        if says_no(text) or stops(text) or re.search(r"不是|没有", text):
            row = self.catalogue.requirement(held["row"])
            words = say("paths.pledge.guardian_refused", law=law("stand_in"), proof=row.short_proof)
            return Answer("answered_policy", [Reply(words)])
        return None

    def _begin_verification(self, talk: Talk, row: Requirement, text: str) -> Answer:
        if row.verdict_kind != "verification":
            lines = [say("paths.verification.not_here", proof=row.short_proof), verdict_text(row)]
            return Answer(
                "answered",
                [verdict_reply(row, "\n".join(lines))],
                verdicts=[row.verdict()],
                candidates=[candidate(row)],
            )
        return self.verification.begin(talk, row, self._region(talk, row), text)

    def _begin_report(self, talk: Talk, task: dict[str, Any], said: Answer) -> Answer:
        row = self.catalogue.rows.get(task.get("requirement_id") or "")
        known = {
            "proof": task.get("proof") or (row.short_proof if row else ""),
            # The matter of a row that holds for every matter is not what this citizen went for.
            "matter": task.get("matter")
            or (row.matter if row and row.verdict_kind != "wrong_issuer" else ""),
        }
        question = self.report.begin(talk, known, row.id if row else None)
        if task.get("aside"):
            # The rule and the catalogue's word on the demand stay the answer; the form is offered with it.
            said.replies[-1].text += "\n" + say("paths.report.also", ask=question.text)
            said.replies[-1].buttons += question.buttons
            said.form = self.state(talk)
            return said
        return Answer("form", [Reply(say("paths.report.begin") + "\n" + question.text, question.buttons)])

    def _guide_sharing(self, talk: Talk, row: Requirement, said: Answer) -> Answer:
        region = talk.region or self.catalogue.regions.home
        found = self._shared_data.available(row, region)
        text = guidance(row, self.catalogue.regions.get(region).name, found)
        said.replies[-1].text += "\n" + text
        return said

    # --- a person is wanted

    def hand_off(self, talk: Talk, transcript: list[dict[str, str]]) -> Reply:
        """Leave the masked conversation as a callback request; return the office hours, its number and what else can be done.

        Where the casebook fails, the office hours alone: 12345 has been named already.
        """
        region = talk.region or self.catalogue.regions.home
        hours = callback.hours_line(region)
        try:
            made = self.casebook.desk.request_callback(talk.owner, region, transcript)
        except (CasebookError, SQLAlchemyError) as error:
            log.error("the casebook failed: %s", type(error).__name__)
            return Reply(hours)
        return callback.offer(made, hours)

    def _phone_to_call(self, talk: Talk, text: str) -> Answer | None:
        """Take a telephone number, said alone, for an open callback request, unless a form is open that did not ask for that."""
        held = talk.open
        wished = held.get("callback") if held else None
        if held and wished is None:
            return None
        if wished:
            talk.form = held = {k: v for k, v in held.items() if k != "callback"} if held else None
        phone = callback.only_phone(text)
        if phone is None:
            if wished and held and (says_no(text) or stops(text)):
                return self._back_to(talk, say("paths.callback.no_phone"))
            return None
        made = self.casebook.desk.open_callback(talk.owner)
        if made is None:
            return None
        self.casebook.desk.set_phone(made.reference, phone, talk.owner)
        return self._back_to(
            talk, say("paths.callback.phone_kept", phone=hide_phone(phone), reference=made.reference)
        )

    def _back_to(self, talk: Talk, text: str) -> Answer:
        """Say `text`, and go on with the form that is open."""
        if talk.open and "gate" not in talk.open:
            return self._ask(talk, self._forms[talk.open["name"]], [text])
        return Answer("smalltalk", [Reply(text)])

    def _pressed_callback(self, talk: Talk, what: str, reference: str) -> Answer:
        if what == "cancel":
            self.casebook.desk.cancel_callback(reference, talk.owner)
            return self._back_to(talk, say("paths.callback.cancelled", reference=reference))
        if talk.open:
            talk.form = {**talk.open, "callback": reference}
        return Answer("smalltalk", [Reply(say("paths.callback.ask_phone"))])

    # --- what there is to tell

    def news(self, talk: Talk) -> Reply | None:
        """Return results that the citizen has not heard of yet, each told once; None while a form is open."""
        if talk.open:
            return None
        try:
            references = [
                *self.casebook.verifications.untold(talk.owner),
                *self.casebook.reports.untold(talk.owner),
            ]
            lines, buttons = [], []
            for reference in references:
                line, more = self._line(talk, reference)
                lines.append(line or "")
                buttons += more
        except (CasebookError, SQLAlchemyError) as error:
            log.error("the casebook failed: %s", type(error).__name__)
            return None
        return Reply("\n".join([say("paths.status.news"), *lines]), buttons) if lines else None

    # --- buttons

    def _pressed(self, talk: Talk, kind: str, rest: str) -> Answer:
        if kind == "form":
            return self._pressed_form(talk, rest)
        if kind == "satisfied":
            verdict, _, reference = rest.partition(":")
            return self._rate(talk, reference, verdict == "yes")
        if kind == "callback":
            what, _, reference = rest.partition(":")
            return self._pressed_callback(talk, what, reference)
        row = self.catalogue.rows.get(rest)
        if kind == "report":
            return self._begin_report(talk, {"requirement_id": rest}, Answer("form", [Reply("")]))
        if row is None:
            raise KeyError(kind)
        if kind == "sharing":
            said = Answer(
                "answered",
                [verdict_reply(row, verdict_text(row))],
                verdicts=[row.verdict()],
                candidates=[candidate(row)],
            )
            return self._guide_sharing(talk, row, said)
        if kind == "verification":
            return self._begin_verification(talk, row, "")
        if kind == "pledge":
            return self._begin_pledge(talk, row, "")
        raise KeyError(kind)

    def _pressed_form(self, talk: Talk, what: str) -> Answer:
        if what == "resume":
            return self._resume(talk)
        if talk.open is None:
            return Answer("smalltalk", [Reply(say("paths.form.ended"))])
        if what == "stop":
            return self._pause(talk)
        said = self._hear(
            talk, {"yes": say("paths.form.spoken_yes"), "no": say("paths.form.spoken_no")}[what]
        )
        if said is not None:
            return said
        return self._again(talk, self._forms[talk.open["name"]])

    # --- cases that are there already

    def _about(self, talk: Talk, reference: str, text: str) -> Answer:
        """Answer a message that names a case: withdraw or delete it, rate it, or tell how it stands."""
        if reference.startswith("CN"):
            if _WITHDRAW.search(clean(text)) and not asks(text):
                return self._withdraw(talk, reference)
            if _DELETE.search(clean(text)) and not asks(text):
                self.casebook.pledges.delete(reference, owner=talk.owner)
                return Answer("answered_policy", [Reply(say("paths.pledge.deleted", reference=reference))])
        elif _TAKE_BACK.search(clean(text)) and not asks(text):
            return self._take_back(talk, reference)
        return self._status(talk, reference)

    def _take_back(self, talk: Talk, reference: str) -> Answer:
        """Take back what is still worked on: the request is cancelled, what is personal in it erased."""
        held: Verification | DemandReport | Callback | None
        if reference.startswith("HC"):
            held = self.casebook.verifications.get(reference)
        elif reference.startswith("JB"):
            held = self.casebook.reports.get(reference)
        else:
            held = self.casebook.desk.get_callback(reference)
        if held is None or held.state not in ("open", "received", "handling"):
            return self._status(talk, reference)
        if held.owner != talk.owner:
            return Answer("answered_policy", [Reply(say("paths.status.other", reference=reference))])
        self.casebook.upkeep.delete_case(reference, owner=talk.owner)
        return Answer("answered_policy", [Reply(say("paths.status.taken_back", reference=reference))])

    def _status(self, talk: Talk, reference: str) -> Answer:
        line, buttons = self._line(talk, reference)
        if line is None:
            return Answer("answered_policy", [Reply(say("paths.status.unknown", reference=reference))])
        return Answer("answered_policy", [Reply(line, buttons)])

    def _line(self, talk: Talk, reference: str) -> tuple[str | None, list[dict[str, str]]]:
        if reference.startswith("HC"):
            request = self.casebook.verifications.get(reference)
            own = bool(request and request.owner == talk.owner)
            if request and own and request.state == "answered" and request.told_at is None:
                self.casebook.verifications.mark_told(reference)
            return (verification.status_text(request, own) if request else None), []
        if reference.startswith("HH"):
            called = self.casebook.desk.get_callback(reference)
            return (callback.status_text(called, called.owner == talk.owner) if called else None), []
        if reference.startswith("JB"):
            return self._report_line(talk, reference)
        pledge = self.casebook.pledges.get(reference)
        return (pledge_status(pledge) if pledge else None), []

    def _report_line(self, talk: Talk, reference: str) -> tuple[str | None, list[dict[str, str]]]:
        held = self.casebook.reports.get(reference)
        if held is None:
            return None, []
        own = held.owner == talk.owner
        line = report.status_text(held, self.report.routed(held.region), own)
        if held.state != "closed" or not own:
            return line, []
        if held.told_at is None:
            self.casebook.reports.mark_told(reference)
        if held.satisfied is not None:
            return line, []
        buttons = [
            {"title": say("paths.report.satisfied"), "payload": f"satisfied:yes:{reference}"},
            {"title": say("paths.report.unsatisfied"), "payload": f"satisfied:no:{reference}"},
        ]
        return line + "\n" + say("paths.report.ask_satisfied"), buttons

    def _rate(self, talk: Talk, reference: str, satisfied: bool) -> Answer:
        self.casebook.reports.rate(reference, satisfied, owner=talk.owner)
        words = say("paths.report.thanks_satisfied" if satisfied else "paths.report.thanks_unsatisfied")
        return Answer("smalltalk", [Reply(words)])

    def _mine(self, talk: Talk, text: str) -> Answer:
        """Tell how all of a citizen's cases stand, or those of the kind that was named."""
        named = [k for k, words in _KINDS.items() if re.search(words, text)]
        kinds = named or list(_KINDS)
        held = {
            "CN": [p.reference for p in self.casebook.pledges.of_owner(talk.owner)],
            "HC": [v.reference for v in self.casebook.verifications.of_owner(talk.owner)],
            "JB": [r.reference for r in self.casebook.reports.of_owner(talk.owner)],
        }
        references = [r for kind in kinds for r in held[kind][:3]]
        if not references:
            return Answer("answered_policy", [Reply(say("paths.status.none"))])
        lines, buttons = [say("paths.status.mine")], []
        for reference in references:
            line, more = self._line(talk, reference)
            lines.append(line or "")
            buttons += more
        return Answer("answered_policy", [Reply("\n".join(lines), buttons)])

    def _submitted(self, talk: Talk) -> list[Pledge]:
        return [p for p in self.casebook.pledges.of_owner(talk.owner) if p.state == "submitted"]

    def _withdraw_latest(self, talk: Talk) -> Answer:
        held = self._submitted(talk)
        if not held:
            draft = self.casebook.pledges.open_draft(talk.owner)
            words = say("paths.pledge.withdraw_draft" if draft else "paths.pledge.withdraw_none")
            return Answer("answered_policy", [Reply(words)])
        if len(held) > 1:
            references = "、".join(p.reference for p in held)
            return Answer(
                "answered_policy", [Reply(say("paths.pledge.withdraw_which", references=references))]
            )
        return self._withdraw(talk, held[0].reference)

    def _withdraw(self, talk: Talk, reference: str) -> Answer:
        pledge = self.casebook.pledges.get(reference, owner=talk.owner)
        if pledge is None:
            there = self.casebook.pledges.get(reference) is not None
            words = say("paths.status.other", reference=reference) if there else say("paths.status.unknown", reference=reference)  # fmt: skip
            return Answer("answered_policy", [Reply(words)])
        if pledge.state == "submitted":
            self.casebook.pledges.withdraw(reference, "", owner=talk.owner)
            words = say(
                "paths.pledge.withdrawn",
                reference=reference,
                law=law("withdraw"),
                **other_way(pledge.requirement),
            )
        elif pledge.state == "withdrawn":
            words = say("paths.pledge.withdrawn_before", reference=reference)
        elif pledge.state == "decided":
            words = say("paths.pledge.withdraw_decided", reference=reference, law=law("withdraw"))
        else:
            words = say("paths.pledge.withdraw_draft")
        return Answer("answered_policy", [Reply(words)])

    def _delete_latest(self, talk: Talk) -> Answer:
        held = [p for p in self.casebook.pledges.of_owner(talk.owner) if p.state not in ("draft",)]
        if len(held) != 1:
            references = "、".join(p.reference for p in held)
            words = (
                say("paths.pledge.delete_which", references=references) if held else say("paths.status.none")
            )
            return Answer("answered_policy", [Reply(words)])
        self.casebook.pledges.delete(held[0].reference, owner=talk.owner)
        return Answer("answered_policy", [Reply(say("paths.pledge.deleted", reference=held[0].reference))])


_FORMS_NAMED = {"pledge": "承诺", "report": "举报|投诉", "verification": "核查|协查"}
_KINDS = {"CN": "承诺", "HC": "核查|协查", "JB": "举报|投诉"}


def _form_named(text: str) -> str | None:
    return next((name for name, words in _FORMS_NAMED.items() if re.search(words, text)), None)


def pledge_status(held: Pledge) -> str:
    """Return in words how a pledge stands; nothing personal is in it."""
    return say(
        f"paths.pledge.status.{held.state}",
        reference=held.reference,
        proof=other_way(held.requirement)["proof"],
        handling=handling_words(held.handling)["name"],
    )
