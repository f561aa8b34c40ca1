"""A demand report: which office wanted which proof for what, checked against the catalogue at once, and how it goes on."""

from __future__ import annotations

import re

from bot.answer import Answer, Reply
from bot.answering import short_line
from bot.casebook.casebook import Casebook
from bot.casebook.demand_reports import DemandReport
from bot.words import say
from proof_catalogue.decide import Question, decide
from proof_catalogue.requirement import Requirement
from proof_catalogue.store import Catalogue
from proof_catalogue.text import clean

from .form import Given, Talk, asks, bare, says_no, small_words
from .legal import law
from .pledge import form_object

LONGEST = {"office": 120, "place": 200, "proof": 200, "matter": 200, "why": 2000, "contact": 120}
_OFFICE = re.compile(
    r"(?:村|小区|委会|居委|社区|街道|镇|乡|派出所|公安|局|厅|委|所|站|中心|大厅|窗口|柜台|银行|支行|营业部|营业厅|信用社|学校|小学|中学|大学|学院|幼儿园|医院|公司|物业|保险|法院|"
    r"公证处|单位|政府|办|处|科|队|厂|部|院|车管|社保|民政|民警|户籍|房管|税务)(?:的?(?:人|工作人员|窗口|柜台|那边|那里|那儿|前台|领导|干部|书记|老师|里|上))*$"
)
_PLACE = re.compile(
    r"(?:路|街|道|镇|乡|村|区|县|市|号|楼|弄|巷|大厅|中心|广场|旁边|附近|对面|城里|城区|里|上|这边|那边|站|社区|小区|网点)$"
)
_ISSUERS = (("村里", "村|居委|社区"), ("派出所", "派出所|公安|户籍|民警"))
_RHETORICAL = re.compile(r"取消|规定|凭什么|凭啥|早|明明|不是|国家|已经|应该|网上|还要|承诺|共享|没法|开不")
_NO_CONTACT = re.compile(
    r"^(?:就|我|先)?(?:不留|不用|不方便|匿名|没有|跳过|不想留|不填|不写|不要|无|略|不给|不说)"
)
_LEAD = re.compile(r"^(?:就是|好像是|应该是|我是|我去|我要|去|是|在|叫|因为|改成|改为|成)[,，:： ]*")


def _decided(catalogue: Catalogue, sentence: str, region: str) -> Requirement | None:
    links = catalogue.linker.link(sentence)
    decision = decide(catalogue, Question(links, region, "ask_need_proof", catalogue.near(links.text)))
    return decision.rows[0] if decision.kind == "answer" else None


def check_demand(
    catalogue: Catalogue, office: str, proof: str, matter: str, region: str, said: Requirement | None
) -> tuple[str, str, Requirement | None]:
    """Return what the catalogue says of a demand: unlawful, lawful or unknown; the words on it; and its row.

    `said` is the row that the conversation came from. Where proof and matter together are not listed, it counts if it
    holds for every matter; and so does what the catalogue says of a village's or the police's paper of that kind.
    """
    row = _decided(catalogue, f"办{matter}要{proof}吗", region)
    issuer = next((word for word, found in _ISSUERS if re.search(found, office)), None)
    if row is None and issuer:
        row = _decided(catalogue, f"{issuer}开的{proof}", region)
        row = row if row and row.verdict_kind == "wrong_issuer" else None
    if row is None and said is not None and said.verdict_kind == "wrong_issuer":
        row = said
    if row is None:
        return "unknown", say("paths.report.lawful.unknown"), None
    line = short_line(row) + "。"
    if row.verdict_kind == "pledge":
        return "unknown", say("paths.report.lawful.choice", line=line), row
    lawful = "lawful" if row.verdict_kind in ("retained", "held_document") else "unlawful"
    return lawful, say(f"paths.report.lawful.{lawful}", line=line), row


class ReportForm:
    """Office, place, proof, matter, why, and a contact if wished; what was said before is not asked again."""

    name = "report"
    fields: tuple[str, ...] = ("office", "place", "proof", "matter", "why", "contact")
    extras: tuple[str, ...] = ()

    def __init__(self, casebook: Casebook, catalogue: Catalogue) -> None:
        self._casebook = casebook
        self._reports = casebook.reports
        self._catalogue = catalogue

    def begin(self, talk: Talk, known: dict[str, str], row: str | None = None) -> Reply:
        """Open the form with what is `known` of proof and matter, and return its first question."""
        fields = {k: v[: LONGEST[k]] for k, v in known.items() if v}
        asked = next(f for f in self.fields if f not in fields)
        talk.form = {"name": self.name, "fields": fields, "asks": asked, "row": row}
        return self.question(talk, asked)

    def given(self, talk: Talk) -> dict[str, str]:
        """Return what was answered."""
        return dict((talk.form or {}).get("fields") or {})

    def question(self, talk: Talk, field: str) -> Reply:
        """Return the question for `field`."""
        buttons = [{"title": say("paths.form.button_stop"), "payload": "form:stop"}]
        if field == "contact":
            buttons.insert(0, {"title": say("paths.report.button_no_contact"), "payload": "form:no"})
        return Reply(say(f"paths.report.ask.{field}"), buttons)

    def read(self, talk: Talk, field: str, text: str, sure: bool = False) -> Given | None:
        """Return the answer to `field`: any statement for the free ones, an office's name for the office."""
        said = clean(text).strip(" ,，。;；")
        if field == "contact" and (_NO_CONTACT.match(said) or says_no(text)):
            return Given({"contact": ""})
        if small_words(text) and not sure:
            return None
        question = asks(text) and not (field == "why" and _RHETORICAL.search(said))
        if question and not sure:
            return None
        if field in ("office", "place") and "证明" in said:
            return None  # another question, or the story told anew
        said = _LEAD.sub("", said).rstrip("。.!！") if field != "why" else said
        if len(said) > LONGEST[field]:
            return Given({}, (say("paths.report.error.too_long", most=str(LONGEST[field])),), field)
        if not sure and not self._fits(field, said):
            return None
        if len(bare(said)) < 2:
            return Given({}, (say(f"paths.report.error.{field}"),), field)
        return Given({field: said})

    def _fits(self, field: str, said: str) -> bool:
        """Return whether a statement looks like an office or a place; the other fields are free."""
        if field == "office":
            return bool(_OFFICE.search(said))
        return field != "place" or bool(_PLACE.search(said) or self._catalogue.regions.find(said))

    def keep(self, talk: Talk, values: dict[str, str]) -> list[str] | Answer:
        """Hold the answers until the report is complete."""
        assert talk.form
        talk.form["fields"] = {**talk.form["fields"], **values}
        return []

    def refuse(self, talk: Talk) -> Answer | None:
        """No question of this form is one of yes or no."""
        return None

    def drop(self, talk: Talk) -> None:
        """Nothing but the conversation holds what was filled in."""

    def finish(self, talk: Talk) -> Answer:
        """Keep the report and tell at once whether the demand was lawful, its number and where it goes."""
        assert talk.form
        held = self.given(talk)
        region = self.region(held, talk)
        came_from = self._catalogue.rows.get(talk.form.get("row") or "")
        lawful, words, row = check_demand(
            self._catalogue, held["office"], held["proof"], held["matter"], region, came_from
        )
        report = self._reports.open(
            talk.owner,
            office=held["office"],
            place=held["place"],
            proof=held["proof"],
            matter=held["matter"],
            why=held["why"],
            contact=held["contact"],
            region=region,
            lawful=lawful,
            requirement_id=row.id if row else None,
        )
        lines = [
            say(
                "paths.report.done",
                reference=report.reference,
                office=report.office,
                place=report.place,
                proof=report.proof,
                matter=report.matter,
                lawful=words,
                routed=self.routed(report.region),
            )
        ]
        if report.joined_to:
            lines.append(say("paths.report.done_joined"))
        if lawful == "unlawful":
            lines.append(law("report_list"))
        right = law("report_right")
        lines.append(
            say("paths.report.done_after", law=right, reference=report.reference, hotline=law("hotline"))
        )
        lines.append(say("paths.report.done_photo"))
        answer = Answer("form_done", [Reply("\n".join(lines))])
        answer.form = {
            **form_object(self, talk, None),
            "reference": report.reference,
            "document_url": None,
            "photo_url": self.photo_url(report.reference),
        }
        talk.form = None
        return answer

    def photo_key(self, reference: str) -> str:
        """Return the secret with which the page for a report's photo opens."""
        return self._casebook.owner_of(f"photo:{reference}")

    def photo_url(self, reference: str) -> str:
        """Return the path of the page on which a photo may be added to a report."""
        return f"/reports/{reference}/photo?key={self.photo_key(reference)}"

    def region(self, held: dict[str, str], talk: Talk) -> str:
        """Return the region that a report is routed to: where the office is, else where the citizen is, else the province."""
        for text in (held["place"], held["office"]):
            found = self._catalogue.regions.find(text)
            if found:
                return max(
                    (r for r, _, _ in found), key=lambda r: len(self._catalogue.regions.chain(r.code))
                ).code
        return talk.region or self._catalogue.regions.home

    def routed(self, region: str) -> str:
        """Return in words who works on the reports of a region."""
        return say("paths.report.routed", region=self._catalogue.regions.get(region).name)


def status_text(held: DemandReport, routed: str, own: bool) -> str:
    """Return in words how a report stands; what staff wrote is for its owner only."""
    kind = held.outcome if held.state == "closed" and held.outcome else held.state
    text = say(
        f"paths.report.status.{kind}",
        reference=held.reference,
        office=held.office,
        proof=held.proof,
        region=routed,
    )
    if own and held.explanation:
        text += say("paths.report.outcome_note", note=held.explanation)
    return text + say("paths.report.joined", reference=held.joined_to) if held.joined_to else text
