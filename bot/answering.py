"""From one understood message to one Answer: the recipe that the actions and the degraded mode share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from proof_catalogue.decide import CHOICES, Case, Decision, Question, decide
from proof_catalogue.faqs import Faq
from proof_catalogue.linker import Links
from proof_catalogue.requirement import Requirement
from proof_catalogue.store import Catalogue

from .answer import Answer, Reply
from .belief import GUARD_INTENTS, believed
from .context import Context, Filled, corrected, fill, leans_on, worded_as_follow_up
from .message import Message
from .neighbours import where_to_go
from .paths.excluded import exclusion, may_pledge
from .paths.form import asks, is_stand_in
from .words import say

# Which FAQ topics an intent asks about; the nearest FAQ of these topics answers.
TOPICS = {
    "ask_pledge": ("pledge", "credit"),
    "ask_data_sharing": ("data_sharing",),
    "ask_verification": ("verification",),
    "ask_false_pledge": ("false_pledge", "credit"),
    "ask_legal_basis": ("definition",),
    "ask_region_status": ("region_status", "issuer"),
    "report_demand": ("complaint",),
}
TOPIC_INTENT = {
    "region_status": "ask_region_status",
    "pledge": "ask_pledge",
    "false_pledge": "ask_false_pledge",
    "data_sharing": "ask_data_sharing",
    "verification": "ask_verification",
}
QUESTION_INTENTS = {"ask_need_proof", "ask_proof_list", "ask_where_issue", "ask_legal_basis", "inform"}
SMALLTALK = {"greet", "bye", "thanks", "chitchat", "affirm", "deny", "stop"}
# Cosines of the sentence encoder; set on the development half of the evaluation sets.
FAQ_NEAR = 0.90
FAQ_SURE = 0.95
FAQ_SURE_IN_TALK = 1.0
FAQ_SURER = 0.98  # though the words sound like 停 or 不
FAQ_AHEAD = 0.03  # of the nearest row
AS_NEAR = 0.006  # two FAQs so close to each other are both told
WELL_NEAR = 0.93
BRIEF = 45  # characters of a message that a neighbouring matter may be found in, whatever its intent
MAX_BACK = 2  # questions back in a row
# By how much rows that are talked about are likelier than their nearness says: the one answered last, those offered now, those
# spoken of before, and those that share a proof or a matter with them.
TALKED_ABOUT, OFFERED_NOW, RECENT, RELATED = 0.05, 0.04, 0.02, 0.015
RELATED_MOST = 200  # rows of a proof or matter
SURE_IN_TALK = 0.7  # of an intent that asks about a rule
TALK_NEAR = 0.89
FITS = (0.88, 0.01)  # how near an offered row must be, and by how much before the next, for it to be meant
CLEAR_ALONE_IN_TALK = (0.98, 0.03)  # a row other than the one talked about that a follow-up plainly means


# A pledge, a verification or a report is wanted now, not asked about: 我想用承诺代替, 帮我发起核查, 帮我登记举报.
_START_PLEDGE = re.compile(
    r"^(?:好的?|那就?|行|嗯|就)*[,，]?(?:我|就|现在|马上)?(?:开始|办理?|走|填写?|签|写|做|选)?(?:一?[份个])?(?:告知)?承诺(?:书|吧|了|办理|方式)*$|"
    r"(?:我|那|就|咱)(?:想|要|愿意|愿|选择?|来|还是|就|也)*(?:用|以|走|办|签|填|写|做|选)?(?:一?[份个])?(?:告知)?承诺(?:书|的方式|方式|制)?(?:来)?(?:代替|替代|办|吧|了|$)|"
    r"(?:帮我|给我|替我)(?:办|弄|填|开始|写|签|走)?(?:一?[份个])?(?:告知)?承诺(?:书|吧|$)|承诺.{0,6}(?:帮我|给我)(?:办|弄|填|开始|写)"
)
_START_VERIFICATION = re.compile(
    r"(?:帮我|请|我要|我想|给我|替我|那就?)(?:发起|申请|提交|开始|办|登记|走|做|去|提)?(?:一?[个下份次])?(?:部门)?(?:核查|协查|核实)|^(?:发起|申请|开始)(?:一?[个下])?(?:部门)?(?:核查|协查)"
)
_START_REPORT = re.compile(
    r"登记.{0,4}(?:举报|投诉)|填.{0,6}(?:举报|投诉)|(?:开始|在线|这里|现在)(?:举报|投诉)|帮我(?:举报|投诉|反映)"
)
_I_REPORT = re.compile(
    r"我(?:要|想|得|必须|来)?(?:去)?(?:举报|投诉|反映|告|曝光)|(?:要|想)(?:举报|投诉)(?:他|你|她|这|那|村|社区|银行)|jubao"
)
_WHY = re.compile(
    r"(?:后一?个|最后一?个|这一?个|刚才(?:那|这)一?个)?(?:那|这|你)?(?:凭什么|凭啥|为什么|为啥|怎么|依据呢?|有(?:什么|啥)?依据|哪条(?:规定|法律)?|有(?:文件|规定)|真的)(?:不要|要|不用|不能|取消|可以|行|规定的?|说的|依据)?(?:了|呢|吗|么|啊|的)*"
)
# After an answer: the office goes on demanding, or refuses.
_STILL = re.compile(
    r"(?:还是|还|硬|非|偏偏?|死活|一定|仍然?|照样|就是|一口咬定)(?:说|在|得|跟我)?(?:要|不给|不开|不认|不收|不肯|不行|不办)|不给(?:我|他|她)?(?:开|办|写|盖|出)|不肯(?:开|办|写|盖|收)|不认账?$"
)
_SAYS = re.compile(r"[^\s。，、；：？！…—,.;:?!~～·'\"“”‘’（）()《》<>\[\]【】-]")  # anything but marks
_WEATHER = re.compile(r"天气|气温|[下落]雨|几度|台风来")
_WHO = re.compile(
    r"村里|村委会?|居委会?|社区|街道|派出所|窗口|银行|学校|老师|单位|公司|厂里|医院|他们|人家|那边?|工作人员|办事员|咋办|怎么办"
)
_COMPLAINT = re.compile(r"投诉|举报|反映(?!情况)|曝光|管不管|谁来管|告他们|乱要证明|乱收证明")

Route = Callable[[Catalogue, Message, Context], tuple[Answer, Context]]


# --- words of one verdict -------------------------------------------------------------------------------------------


def _matter_name(row: Requirement, decision: Decision) -> str:
    return decision.matter.name if decision.generic and decision.matter else row.matter


def lead(row: Requirement, matter: str | None = None) -> str:
    """Return the conclusion of `row` in one plain sentence."""
    kind = row.verdict_kind
    if kind == "wrong_issuer":
        kind = "wrong_issuer_police" if row.status == "not_issued_by_police" else "wrong_issuer_village"
    return say(f"lead.{kind}", proof=row.short_proof, matter=matter or row.matter)


def verdict_text(row: Requirement, wants: str = "ask_need_proof") -> str:
    """Return everything that the card of `row` says, in plain words: conclusion, what to do, ground, source, caution."""
    lines = [lead(row)]
    issuer = row.issuing_authority
    if wants == "ask_where_issue" and issuer:
        if row.verdict_kind == "retained":
            lines = [say("issuer.where", proof=row.short_proof, issuer=issuer), lines[0]]
        elif row.verdict_kind in ("cancelled", "data_sharing", "verification"):
            lines.append(say("issuer.not_needed"))
    basis = [say("basis", basis=row.legal_basis.rstrip("。"))] if row.legal_basis else []
    if wants == "ask_legal_basis":
        lines = [*basis, *lines] if basis else [say("basis_none"), *lines]
        basis = []
    if row.replacement:
        lines.append(say(f"instead.{row.verdict_kind}", replacement=row.replacement.rstrip("。;；")))
    if issuer and row.verdict_kind == "retained" and wants != "ask_where_issue":
        lines.append(say("issuer.known", issuer=issuer))
    if row.demanding_authority and row.verdict_kind in ("retained", "pledge", "held_document"):
        lines.append(say("demander", demander=row.demanding_authority))
    lines.append(say("region", region=row.region))
    lines += basis
    if row.source_title:
        lines.append(
            say("source", title=row.source_title, date=row.source_date)
            if row.source_date
            else say("source_undated", title=row.source_title)
        )
    caution = "".join(row.cautions())
    if caution:
        lines.append(say("caution", caution=caution))
    return "\n".join(lines)


def path_buttons(row: Requirement) -> list[dict[str, str]]:
    """Return the button that leads down the path of `row`, if the path is one that can be taken here."""
    if may_pledge(row):
        return [{"title": say("paths.pledge.button"), "payload": f"pledge:{row.id}"}]
    if row.verdict_kind == "verification":
        return [{"title": say("paths.verification.button"), "payload": f"verification:{row.id}"}]
    if row.verdict_kind == "data_sharing":
        return [{"title": say("paths.sharing.button"), "payload": f"sharing:{row.id}"}]
    return []


def verdict_reply(row: Requirement, text: str) -> Reply:
    """Return the bubble of one verdict: its words, its card and the way on."""
    return Reply(text, path_buttons(row), card=row.verdict())


def short_line(row: Requirement) -> str:
    """Return one row in a line: 办「matter」的「proof」：verdict."""
    return f"办「{row.matter}」的「{row.short_proof}」{place(row)}：{say('short.' + row.verdict_kind)}"


def candidate(row: Requirement, score: float = 0.0) -> dict[str, Any]:
    """Return the wire contract's candidate for `row`."""
    return {
        "requirement_id": row.id,
        "proof": row.proof,
        "matter": row.matter,
        "region": row.region,
        "score": round(score, 3),
    }


def choose_payload(row: Requirement) -> str:
    """Return what the button of `row` sends back."""
    return f"choose:{row.id}"


def place(row: Requirement) -> str:
    """Return the bracketed name of the place for a row that holds in one city or county only, else nothing."""
    return "" if row.region_code.endswith("0000") else f"（{row.region}）"


def _button(row: Requirement, by: str = "both") -> dict[str, str]:
    """Return the button of `row`, titled by its region, by its matter, or by both matter and proof."""
    if by == "region":
        title = row.region
    elif row.status in ("not_issued_by_village", "not_issued_by_police"):
        title = say("ask." + row.status, proof=row.short_proof)
    else:
        title = row.matter if by == "matter" else say("ask.button", matter=row.matter, proof=row.short_proof)
        title += place(row)
    return {"title": title[:60], "payload": choose_payload(row)}


HUMAN_BUTTON = {"payload": "human"}


def _human() -> dict[str, str]:
    return {"title": say("ask.human"), **HUMAN_BUTTON}


# --- routes ---------------------------------------------------------------------------------------------------------


def answer_message(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """Return the answer to one message and the context after it, by its intent alone; for when Rasa's rules are not there."""
    route = mend_route(message, context) or ROUTES.get(message.intent, answer_question)
    return route(catalogue, message, context)


def starts(text: str) -> str | None:
    """Return which path a sentence wants to begin now (pledge, verification, report), or None."""
    if _START_PLEDGE.search(text) and (not asks(text) or re.search(r"(?:帮我|给我)(?:办|弄|填)", text)):
        return "pledge"
    if asks(text):
        return None
    if is_stand_in(text) and "承诺" in text:
        return "pledge"
    if _START_VERIFICATION.search(text):
        return "verification"
    return "report" if _START_REPORT.search(text) else None


def mend_route(message: Message, context: Context) -> Route | None:
    """Return the route for a message that its intent leads astray, else None: what is named weighs more than a weak intent."""
    links, intent, sure = message.links, message.intent, message.confidence
    if context.offered:
        row_id = chosen_number(message.text, context)
        if row_id:
            return lambda catalogue, _message, context: choose(catalogue, row_id, context)
        if says_none(message.text):
            return lambda catalogue, _message, context: choose_none(catalogue, context)
        if leaves_open(message.text):
            return list_offered
    if not _SAYS.search(message.text):
        return lambda catalogue, message, context: answer_question(
            catalogue, replace(message, intent="inform"), context
        )
    if intent in ("chitchat", "out_of_scope") and _WEATHER.search(message.text) and not message.names:
        return out_of_scope
    follows = leans_on(context, links, intent, sure)
    if not follows and _is_neighbour(message):
        return out_of_scope
    begun = starts(message.text)
    if begun in ("pledge", "verification"):
        return start_pledge if begun == "pledge" else start_verification
    of_law = intent == "ask_legal_basis" and sure >= 0.8
    if intent in ("report_demand", *QUESTION_INTENTS) and not of_law and _COMPLAINT.search(links.text):
        return report_demand
    named = message.names
    if context.row and not context.offered and not named and _refuses(message.text):
        return still_demanded
    if intent == "ask_data_sharing" and context.row and not named:
        return explain
    if intent == "ask_region_status" and (context.row or context.offered) and worded_as_follow_up(links):
        return answer_question  # the same in another place
    about_papers = named or links.says_paper
    if intent in SMALLTALK and follows and sure < 0.6 and worded_as_follow_up(links):
        return answer_question
    if intent in SMALLTALK and (
        about_papers
        or (context.topic and corrected(message.text)[1])
        or (links.regions and context.topic)
        or (sure < 0.4 and context.topic)
    ):
        return answer_question
    if intent in GUARD_INTENTS and not believed(message, context, follows):
        return answer_question
    if context.row and not named and _WHY.fullmatch(re.sub(r"[\W_]", "", message.text)):
        row = context.row
        return lambda catalogue, _message, context: choose(catalogue, row, context, "ask_legal_basis")
    if intent in SMALLTALK - {"chitchat"} and sure < 0.95 and message.best_faq >= FAQ_SURER:
        return answer_question
    if intent in TOPICS and sure < 0.6:
        ahead = 0.0 if about_papers and intent != "report_demand" else 0.02
        if message.best_row >= max(WELL_NEAR, message.best_faq + ahead):
            return answer_question
    if (
        intent in TOPICS
        and sure < SURE_IN_TALK
        and (context.row or context.offered)
        and not _COMPLAINT.search(links.text)
    ):
        return answer_question
    if sure < 0.5 and (intent == "report_demand" or (follows and intent in TOPICS)):
        return answer_question
    if intent == "ask_legal_basis" and not named and not context.proof:
        return explain
    return None


def _is_neighbour(message: Message) -> bool:
    """Return whether a message is about a government matter that has nothing to do with proofs."""
    links = message.links
    if (
        links.proofs
        or links.says_paper
        or message.follows
        or message.intent in ("abuse", "attack", "report_demand")
        or (message.intent == "human" and message.confidence >= 0.9)
    ):
        return False
    brief = len(links.text) <= BRIEF or message.intent in ("out_of_scope", "human")
    return brief and where_to_go(links.text) is not None and message.best_row < WELL_NEAR


def _refuses(text: str) -> bool:
    """Return whether somebody says that an office goes on demanding or refuses, and nothing else."""
    return (
        len(re.sub(r"[\W_]", "", _WHO.sub("", _STILL.sub("", text)))) <= 4 if _STILL.search(text) else False
    )


def _filled(catalogue: Catalogue, message: Message, context: Context) -> Filled:
    return fill(
        catalogue,
        message.links,
        context,
        message.intent,
        message.confidence,
        message.profile_region,
        message.follows,
    )


def answers_surely(message: Message, answer: Answer) -> bool:
    """Return whether `answer` is to what `message` itself says, so that it may stand beside the answer to another question."""
    if answer.outcome == "answered_policy" and not (answer.candidates and message.names):
        asked = message.intent in TOPICS and message.intent != "report_demand" and message.confidence >= 0.5
        return asked and message.best_faq >= FAQ_NEAR
    return answer.outcome == "answered" or message.names or message.best_row >= WELL_NEAR


def answer_question(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """Is it needed, where is it issued, on what ground, what does a matter need."""
    if _goes_on_about_a_rule(message, context):
        return explain(
            catalogue, replace(message, intent=TOPIC_INTENT[context.topic or ""], confidence=1.0), context
        )
    filled = _filled(catalogue, message, context)
    wants = message.intent if message.intent in QUESTION_INTENTS else "ask_need_proof"
    decision = _by_place(catalogue, message, context)
    if decision is None:
        decision, filled = _decide(catalogue, message, context, filled, wants)
        decision = _in_talk(catalogue, message, context, decision, filled.region)
    if decision.kind not in ("answer", "list") and not filled.carried:
        in_talk = context.row or context.offered
        least = max(FAQ_SURE_IN_TALK if in_talk else FAQ_SURE, message.best_row + FAQ_AHEAD)
        faq = nearest_faq(catalogue, message, None, least, filled.region)
        if faq:
            return _policy(faq), replace(context, rounds=0, offered=(), topic=faq.topic)
    nothing_else = decision.kind == "unknown" or (
        decision.kind == "ask_which"
        and context.topic is None
        and not message.names
        and message.best_row < WELL_NEAR
    )
    ends = ("out_of_scope", "human") if message.links.regions else ("out_of_scope", "human", "abuse")
    if nothing_else and message.intent in ends:
        # Too weakly meant to be believed at once; but there is nothing else in the message.
        return ROUTES[message.intent](catalogue, message, context)
    return _spoken(catalogue, message, context, filled, decision, wants)


def _goes_on_about_a_rule(message: Message, context: Context) -> bool:
    """Return whether the message follows up a rule that was explained (全省保留几项 → 那温州呢)."""
    links = message.links
    if context.topic not in TOPIC_INTENT or context.row or context.offered or message.names:
        return False
    if message.best_row > max(WELL_NEAR, message.best_faq):
        return False
    return leans_on(context, links, message.intent, message.confidence)


def _by_place(catalogue: Catalogue, message: Message, context: Context) -> Decision | None:
    """Return what a place decides that is all the citizen says to a question back (是哪一个？ → 长兴), else None."""
    links = message.links
    if not context.offered or links.region is None or message.names or len(links.residue) > 1:
        return None
    case = Case(catalogue, Question(links, links.region.code))
    rows = [r for r in (catalogue.rows[i] for i in context.offered if i in catalogue.rows) if case.holds(r)]
    local = [r for r in rows if not r.region_code.endswith("0000")]
    if len(local) == 1 or len(rows) == 1:
        return Decision("answer", ((local or rows)[0],))
    return Decision("ask_which", tuple(local or rows)) if rows and not context.proof else None


def _decide(
    catalogue: Catalogue, message: Message, context: Context, filled: Filled, wants: str
) -> tuple[Decision, Filled]:
    """Decide with what was carried along; where a carried proof does not fit the new matter, without it."""
    near = catalogue.near(filled.spelled_out) if filled.carried else message.near
    decision = decide(catalogue, Question(filled.links, filled.region, wants, near))
    if filled.proof_carried and decision.kind in ("not_listed", "ask_which"):
        bare = replace(filled, links=replace(filled.links, proofs=()), proof_carried=False)
        other = decide(catalogue, Question(bare.links, bare.region, wants, near))
        if other.kind in ("answer", "ask_which", "list"):
            offered = list(dict.fromkeys((*decision.rows, *other.rows)))[:CHOICES]
            return replace(decision, kind="ask_which", rows=tuple(offered), elsewhere=()), filled
    if decision.kind.startswith("ask_") and context.offered and filled.carried:
        # The citizen answers a question back in words of their own: which of the offered rows is nearest?
        case = Case(catalogue, Question(filled.links, filled.region, wants, near))
        named = {i for m in filled.links.proofs for i in m.term.requirements}
        fitting = [i for i in context.offered if case.holds(catalogue.rows[i]) and (not named or i in named)]
        by_nearness = sorted((near.get(i, 0.0), i) for i in fitting)
        following = by_nearness[-2][0] if len(by_nearness) > 1 else 0.85
        if by_nearness and by_nearness[-1][0] >= FITS[0] and by_nearness[-1][0] - following >= FITS[1]:
            decision = Decision("answer", (catalogue.rows[by_nearness[-1][1]],))
    return _less_sure(catalogue, message, filled, decision), filled


def _in_talk(
    catalogue: Catalogue, message: Message, context: Context, decision: Decision, region: str | None
) -> Decision:
    """Return a question back with the rows talked about among what may be meant, where the message names nothing of its own.

    Those are taken to be a little nearer than their words are; what is related to them by proof or matter as well.
    """
    links = message.links
    if (
        not context.recent
        or links.proofs
        or any(m.how == "name" and not m.term.generic for m in links.matters)
    ):
        return decision
    if decision.kind not in ("unknown", "ask_which", "ask_matter", "ask_region", "not_listed"):
        return decision
    if decision.kind == "not_listed" and (decision.proof or decision.elsewhere):
        return decision
    case = Case(catalogue, Question(links, region, near=message.near))
    likelier = dict.fromkeys(context.recent, RECENT) | dict.fromkeys(context.offered, OFFERED_NOW)
    if context.row:
        likelier[context.row] = TALKED_ABOUT
    terms = [t for i in likelier if i in catalogue.rows for t in catalogue.terms_of[i] if not t.generic]
    for term in terms:
        for row_id in term.requirements[:RELATED_MOST]:
            likelier.setdefault(row_id, RELATED)
    unknown = min((n for k, n in message.near.items() if k.startswith("F")), default=0.0)
    offered = {r.id: message.near.get(r.id, unknown) for r in decision.rows}
    talked = {
        r.id: message.near.get(r.id, unknown) + likelier[r.id]
        for r in case.rows(i for i in likelier if i in catalogue.rows)
    }
    ranked = sorted({**offered, **talked}.items(), key=lambda pair: -pair[1])
    best = [i for i, n in ranked if n >= TALK_NEAR or i == context.row][:CHOICES]
    best += [i for i, _ in ranked if i not in best and i in talked][: max(0, CHOICES - 1 - len(best))]
    if context.row and context.row in talked and context.row not in best:
        best[-1:] = [context.row]
    if not best:
        return decision
    return replace(decision, kind="ask_which", rows=tuple(catalogue.rows.all(best)))


# What the catalogue does not hold of any row.
_NOT_KEPT = re.compile(
    r"多久|几天|多少钱|几钿|几个点|收费|收钱|要钱|交钱|什么价|电话是?多少|几点|几寸|到账|快不快"
)


def _less_sure(catalogue: Catalogue, message: Message, filled: Filled, decision: Decision) -> Decision:
    """Return an answer that rests on what was said before as a question back, where the message itself says something else."""
    if decision.kind != "answer" or not filled.carried or len(decision.rows) > 1:
        return decision
    row = decision.rows[0]
    case = Case(catalogue, Question(filled.links, filled.region, near=message.near))
    others = case.nearer(row, message.near)
    unexplained = message.unexplained
    if others and case.clear(others[0], *CLEAR_ALONE_IN_TALK):
        return replace(decision, rows=(others[0],), generic=False)
    if not others and (message.names or len(unexplained) < 2):
        return decision
    proofs = [m.term for m in filled.links.proofs]
    others += case.ranked(case.rows(i for p in proofs for i in p.requirements if i not in others))
    others = [r for r in others if case.holds(r) and r.id != row.id]
    offered = list(dict.fromkeys((*others[:2], row, *others[2:])))[:CHOICES]
    return replace(decision, kind="ask_which", rows=tuple(offered))


def _spoken(
    catalogue: Catalogue, message: Message, context: Context, filled: Filled, decision: Decision, wants: str
) -> tuple[Answer, Context]:
    rows = list(decision.rows)
    after = _after(context, filled, decision)
    if decision.kind == "answer":
        texts = [verdict_text(r, wants) for r in rows]
        if decision.generic and decision.proof and message.links.matters:
            matter = next(m.term.name for m in message.links.matters if not m.term.generic)
            texts[0] += "\n" + say("generic_matter", matter=matter, proof=decision.proof.name)
        if _NOT_KEPT.search(message.text):
            texts[-1] += "\n" + say("unknown_detail")
        if len(texts) > 1:
            texts[0] = say("two") + "\n" + texts[0]
        replies = [verdict_reply(r, t) for t, r in zip(texts, rows, strict=True)]
        after = replace(after, row=rows[0].id)
        return Answer(
            "answered", replies, verdicts=[r.verdict() for r in rows], candidates=[candidate(r) for r in rows]
        ), after
    if decision.kind == "list":
        matter_name = decision.matter.name if decision.matter else rows[0].matter
        lines = [say("list.head", matter=matter_name)]
        lines += [
            say(
                "list.line",
                number=str(n),
                proof=r.short_proof + place(r),
                short=say("short." + r.verdict_kind),
            )
            for n, r in enumerate(rows[:12], 1)
        ]
        lines.append(say("list.tail"))
        reply = Reply("\n".join(lines), [_button(r) for r in rows[:12]])
        return Answer("answered_list", [reply], candidates=[candidate(r) for r in rows]), replace(
            after, offered=tuple(r.id for r in rows[:12])
        )
    if decision.kind in ("ask_matter", "ask_region", "ask_which"):
        return ask_back(rows, decision, after, context, message)
    if decision.kind == "rule":
        rule = rows[0]
        lines = [rule.replacement or rule.proof]
        if rule.legal_basis:
            lines.append(say("basis", basis=rule.legal_basis))
        lines.append(say("source", title=rule.source_title, date=rule.source_date or "未注明"))
        lines += [say("caution", caution=c) for c in rule.cautions()]
        return Answer("answered_policy", [Reply("\n".join(lines))], candidates=[candidate(rule)]), after
    if decision.kind == "not_listed":
        return _not_listed(catalogue, decision, filled), after
    return _not_understood(context)


def _after(context: Context, filled: Filled, decision: Decision) -> Context:
    proofs = [m.term for m in filled.links.proofs]
    matters = [m.term for m in filled.links.matters if not m.term.generic]
    asked = decision.kind.startswith("ask_")
    return Context(
        proof=proofs[0].name if proofs else None,
        matter=matters[0].name if matters else None,
        region=filled.region,
        offered=tuple(r.id for r in decision.rows) if asked else (),
        rounds=context.rounds + 1 if asked else 0,
        topic="question",
        row=context.row if any(r.id == context.row for r in decision.rows) else None,
    )


def ask_back(
    rows: list[Requirement], decision: Decision, after: Context, context: Context, message: Message
) -> tuple[Answer, Context]:
    """Return the question which of `rows` is meant, and the context that waits for the answer; after MAX_BACK of them a person."""
    candidates = [candidate(r) for r in rows]
    nearest = max((r.id for r in rows), key=lambda i: message.near.get(i, 0.0), default=None)
    if context.offered and nearest not in context.offered:
        # Another question, however many were asked back before.
        context, after = replace(context, rounds=0), replace(after, rounds=1)
    if context.rounds >= MAX_BACK:
        lines = [say("ask.again"), *(short_line(r) for r in rows[:3])]
        return Answer(
            "handoff", [Reply("\n".join(lines), [*map(_button, rows[:3]), _human()])], candidates=candidates
        ), replace(after, rounds=0)
    if decision.kind == "ask_region":
        text = say("ask.region")
    elif decision.kind == "ask_matter" and decision.proof:
        text = say("ask.matter", proof=decision.proof.name)
    elif decision.proof and decision.matter:
        text = say("ask.which_pair", proof=decision.proof.name, matter=decision.matter.name)
    else:
        text = say("ask.which")
    by = "both"
    if decision.kind == "ask_region" and len({r.region for r in rows}) == len(rows):
        by = "region"
    elif decision.kind == "ask_matter" and len({r.matter for r in rows}) == len(rows):
        by = "matter"
    buttons = [_button(r, by) for r in rows]
    buttons.append({"title": say("ask.none"), "payload": "none"})
    lines = [text, *(f"{n}. {b['title']}" for n, b in enumerate(buttons[:-1], 1))]
    return Answer("clarification", [Reply("\n".join(lines), buttons)], candidates=candidates), after


def _not_listed(catalogue: Catalogue, decision: Decision, filled: Filled) -> Answer:
    if decision.proof and decision.matter:
        first = say("not_listed.pair", proof=decision.proof.name, matter=decision.matter.name)
    elif decision.proof:
        first = say("not_listed.proof", proof=decision.proof.name)
    elif decision.matter:
        first = say("not_listed.matter", matter=decision.matter.name)
    else:
        first = say("not_listed.plain")
    region = catalogue.regions.get(filled.region or catalogue.regions.home)
    if decision.elsewhere:
        first += say("not_listed.elsewhere", places="、".join(decision.elsewhere), region=region.name)
    lines = [first]
    for row in decision.dated[:1]:
        late = bool(row.valid_from) and row.valid_from > date.today().isoformat()
        lines.append(
            say(
                "not_listed.not_yet" if late else "not_listed.no_longer",
                proof=row.short_proof,
                matter=row.matter,
                day=row.valid_from if late else row.valid_until,
            )
        )
    if decision.complete:
        lines.append(say("not_listed.complete", region=region.name))
    lines += [say("not_listed.tail"), say("not_listed.region", region=region.name)]
    if decision.rows:
        lines.append(say("not_listed.related"))
        lines += [short_line(r) for r in decision.rows]
    return Answer(
        "not_listed",
        [Reply("\n".join(lines), [*(_button(r) for r in decision.rows), _human()])],
        candidates=[candidate(r) for r in decision.rows],
    )


def _not_understood(context: Context) -> tuple[Answer, Context]:
    after = replace(context, rounds=context.rounds + 1, offered=())
    if context.rounds >= 1:
        return Answer("not_understood", [Reply(say("not_understood.again"), [_human()])]), after
    return Answer("not_understood", [Reply(say("not_understood.first"), [_human()])]), after


def nearest_faq(
    catalogue: Catalogue,
    message: Message,
    topics: tuple[str, ...] | None,
    least: float,
    region: str | None = None,
) -> Faq | None:
    """Return the FAQ nearest in meaning, of the given topics, if it is at least `least` near.

    An FAQ about one city answers only where that city is meant, and then comes before the general ones.
    """
    chain = catalogue.regions.chain(region) if region in catalogue.regions else []
    best: tuple[float, Faq] | None = None
    for key, nearness in message.near.items():
        faq = catalogue.faqs.get(key)
        if (
            faq is None
            or not faq.in_force(date.today())
            or (topics is not None and faq.topic not in topics)
            or nearness < least
        ):
            continue
        cities = [r.code for r, _, _ in catalogue.regions.find(faq.question) if r.level in ("city", "county")]
        if cities and not set(cities) & set(chain):
            continue
        rank = nearness + (0.03 if cities else 0.0)
        if best is None or rank > best[0]:
            best = (rank, faq)
    return best[1] if best else None


def _as_near(catalogue: Catalogue, message: Message, faq: Faq, region: str | None) -> list[str]:
    """Return what another FAQ says that is as near as the one chosen: which of the two is meant cannot be told."""
    rest = {k: n for k, n in message.near.items() if k != faq.id}
    other = nearest_faq(catalogue, replace(message, near=rest), None, message.near[faq.id] - AS_NEAR, region)
    return [say("policy.also", answer=other.answer)] if other else []


def _policy(faq: Faq, extra: list[str] | None = None) -> Answer:
    lines = [faq.answer, *(extra or [])]
    if faq.topic == "pledge" and "自愿" not in faq.answer:
        lines.append(say("policy.voluntary"))
    if faq.unverified:
        lines.append(say("policy.unverified"))
    titles = "；".join(
        s["title"] + (f"（{s['date']}）" if s.get("date") else "") for s in faq.sources if s.get("title")
    )
    if titles:
        lines.append(say("policy.source", titles=titles))
    return Answer("answered_policy", [Reply("\n".join(lines))])


def explain(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """A rule of the reform, and what the catalogue says of the row that was named with it."""
    filled = _filled(catalogue, message, context)
    row = catalogue.rows.get(context.row or "")
    if (
        message.intent == "ask_data_sharing"
        and row
        and row.verdict_kind == "data_sharing"
        and not message.names
    ):
        near = nearest_faq(catalogue, message, ("data_sharing",), FAQ_NEAR, filled.region)
        shared = (
            _policy(near)
            if near
            else Answer(
                "answered", [verdict_reply(row, verdict_text(row))], [row.verdict()], [candidate(row)]
            )
        )
        shared.task = {"do": "sharing", "requirement_id": row.id}
        return shared, replace(context, rounds=0, offered=())
    topics = TOPICS.get(message.intent, ("definition",))
    least = 0.0 if message.confidence >= 0.5 else FAQ_NEAR
    faq = nearest_faq(catalogue, message, topics, least, filled.region)
    other = nearest_faq(catalogue, message, None, FAQ_SURE, filled.region)
    if other and (faq is None or message.near[other.id] >= message.near[faq.id] + FAQ_AHEAD / 2):
        faq = other  # the intent only guesses at the topic
    if faq and not filled.carried and message.near[faq.id] >= max(FAQ_SURE, message.best_row + FAQ_AHEAD):
        told = _policy(faq, _as_near(catalogue, message, faq, filled.region))
        return told, replace(context, region=filled.region, rounds=0, offered=(), topic=faq.topic)
    about_row = message.intent not in ("ask_region_status", "ask_false_pledge")
    if about_row:
        decision = decide(catalogue, Question(filled.links, filled.region, "ask_need_proof", message.near))
        of_matter = message.links.names_matter
        rows = [
            r
            for r in decision.rows
            if filled.links.proofs or of_matter or message.near.get(r.id, 0) >= FAQ_NEAR
        ]
        if decision.kind == "answer":
            row = decision.rows[0]
            text = verdict_text(row)
            if message.intent == "ask_pledge" and row.verdict_kind != "pledge":
                text += "\n" + say("pledge_no", proof=row.short_proof)
            answer = Answer(
                "answered", [verdict_reply(row, text)], verdicts=[row.verdict()], candidates=[candidate(row)]
            )
            if message.intent == "ask_data_sharing" and row.verdict_kind == "data_sharing":
                answer.task = {"do": "sharing", "requirement_id": row.id}
            return answer, replace(_after(context, filled, decision), row=row.id)
        if (
            rows
            and decision.kind.startswith("ask_")
            and (of_matter or (message.confidence < 0.7 and message.best_row > message.best_faq))
        ):
            return _spoken(catalogue, message, context, filled, decision, "ask_need_proof")
        if rows and faq and message.best_row > message.best_faq:
            answer = _policy(faq, [say("policy.related_row", line=short_line(rows[0]))])
            answer.candidates = [candidate(r) for r in rows[:4]]
            answer.replies[0].buttons = [_button(r) for r in rows[:4]]
            return answer, replace(_after(context, filled, decision), rounds=0)
    if faq is None:
        return answer_question(catalogue, replace(message, intent="ask_need_proof"), context)
    return _policy(faq, _as_near(catalogue, message, faq, filled.region)), replace(
        context, region=filled.region, rounds=0, offered=(), topic=faq.topic
    )


def report_demand(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """An office demanded a proof: how to complain, and what the catalogue says of the demand."""
    filled = _filled(catalogue, message, context)
    sure = message.confidence if not _COMPLAINT.search(filled.links.text) else 1.0
    decision = Decision("unknown")
    if filled.links.proofs or filled.links.names_matter:
        decision = decide(catalogue, Question(filled.links, filled.region, "ask_need_proof", message.near))
    if decision.kind == "answer" or (sure < 0.7 and decision.kind.startswith("ask_")):
        # What the catalogue says of the demand comes first; then how to complain.
        answer, after = _spoken(catalogue, message, context, filled, decision, "ask_need_proof")
        answer.replies[-1].text += "\n" + say("report.head") + say("report.how")
        return _reporting(answer, message, filled), after
    lines = [say("report.unlisted")] if filled.links.proofs else []
    lines += [say("report.head"), say("report.how"), say("report.basis")]
    offered = list(decision.rows[:4])
    reply = Reply("\n".join(lines), [_button(r) for r in offered] + [_human()])
    answer = Answer("answered_policy", [reply], candidates=[candidate(r) for r in offered])
    after = replace(_after(context, filled, decision), rounds=0, row=context.row)
    return _reporting(answer, message, filled), after


def _reporting(answer: Answer, message: Message, filled: Filled) -> Answer:
    """Return `answer` with the way to file a report here: begun at once where that was asked, offered with a button else."""
    row = answer.verdicts[0]["requirement_id"] if answer.verdicts else ""
    matter = next((m.term.name for m in filled.links.matters if not m.term.generic), "")
    proof = filled.links.proofs[0].term.name if filled.links.proofs else ""
    wanted = not asks(message.text)
    if wanted and (_START_REPORT.search(message.text) or _I_REPORT.search(message.text)):
        aside = not _START_REPORT.search(message.text)
        answer.task = {
            "do": "report",
            "requirement_id": row,
            "proof": proof,
            "matter": matter,
            "aside": aside,
        }
    else:
        answer.replies[-1].buttons.append({"title": say("paths.report.button"), "payload": f"report:{row}"})
    return answer


def still_demanded(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """After an answer the office still demands the paper or refuses: the answer once more, and how to complain."""
    answer, after = choose(catalogue, context.row or "", context)
    if catalogue.rows[context.row or ""].verdict_kind in ("retained", "held_document"):
        answer.replies[-1].text += "\n" + say("report.may_demand")
        return answer, after
    answer.replies[-1].text += "\n" + say("report.head") + say("report.how")
    return _reporting(answer, message, _filled(catalogue, message, context)), after


def _meant(
    catalogue: Catalogue, message: Message, context: Context
) -> tuple[Requirement | None, Decision, Filled]:
    """Return the requirement that a path is wanted for: what the message names, else what was answered last."""
    filled = _filled(catalogue, message, context)
    own = message.names
    if not own and context.row is not None and context.row in catalogue.rows:
        return catalogue.rows[context.row], Decision("answer"), filled
    if not own:
        return None, Decision("unknown"), filled
    decision = decide(catalogue, Question(filled.links, filled.region, "ask_need_proof", message.near))
    return (decision.rows[0] if decision.kind == "answer" else None), decision, filled


def _start(catalogue: Catalogue, message: Message, context: Context, kind: str) -> tuple[Answer, Context]:
    """Begin the path `kind` of the requirement that is meant; where that is not clear, ask with real rows that offer it."""
    row, decision, filled = _meant(catalogue, message, context)
    if row is not None:
        # Without a connector there is no casebook, and these words are all there is (rasa shell).
        answer = Answer(
            "answered_policy",
            [Reply(say("paths.pledge.elsewhere" if kind == "pledge" else "paths.verification.elsewhere"))],
        )
        answer.task = {"do": kind, "requirement_id": row.id}
        return answer, replace(
            _named(catalogue, row, context), region=filled.region or context.region, row=row.id
        )
    if decision.kind not in ("unknown", "not_listed"):
        rows = [r for r in decision.rows if r.verdict_kind == kind]
        if not rows:
            return _spoken(catalogue, message, context, filled, decision, "ask_need_proof")
    else:
        chain = catalogue.regions.chain(filled.region)
        offered = [
            r
            for r in catalogue.rows.values()
            if r.verdict_kind == kind and r.region_code in chain and not exclusion(r)
        ]
        rows = sorted(offered, key=lambda r: chain.index(r.region_code))
    buttons = [{**_button(r), "payload": f"{kind}:{r.id}"} for r in rows[:CHOICES]]
    head = say("paths.pledge.which" if kind == "pledge" else "paths.verification.which")
    if decision.kind == "not_listed":
        head = _not_listed(catalogue, decision, filled).replies[0].text + "\n" + head
    lines = [head, *(f"{n}. {b['title']}" for n, b in enumerate(buttons, 1))]
    outcome = "not_listed" if decision.kind == "not_listed" else "clarification"
    answer = Answer(
        outcome, [Reply("\n".join(lines), buttons)], candidates=[candidate(r) for r in rows[:CHOICES]]
    )
    return answer, replace(
        context, region=filled.region, offered=tuple(r.id for r in rows[:CHOICES]), rounds=0
    )


def start_pledge(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """A pledge is wanted now."""
    return _start(catalogue, message, context, "pledge")


def start_verification(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """A verification by the departments is wanted now."""
    return _start(catalogue, message, context, "verification")


def hand_off(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """A person is wanted, or somebody is in danger."""
    words = say("crisis" if message.intent == "crisis" else "handoff")
    return Answer("handoff", [Reply(words)]), replace(context, rounds=0, offered=())


def small_talk(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """Greetings, thanks and the like."""
    about = (
        nearest_faq(catalogue, message, ("assistant",), FAQ_NEAR) if message.intent == "chitchat" else None
    )
    after = Context(region=context.region) if message.intent == "stop" else replace(context, rounds=0)
    text = about.answer if about else say(f"smalltalk.{message.intent}")
    return Answer("smalltalk", [Reply(text)]), after


def out_of_scope(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """Something that this assistant is not for."""
    go = where_to_go(message.links.text)
    words = (
        say("out_of_scope.neighbour", go=go) if go else say("out_of_scope.plain") + say("out_of_scope.tail")
    )
    return Answer("out_of_scope", [Reply(words)]), replace(context, rounds=0)


def guardrail(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """Abuse or an attack: calm words, nothing done."""
    return Answer(f"guardrail_{message.intent}", [Reply(say(f"guardrail_{message.intent}"))]), context


def choose(
    catalogue: Catalogue, row_id: str, context: Context, wants: str = "ask_need_proof"
) -> tuple[Answer, Context]:
    """The citizen pressed the button of a row, or asks on what ground it stands."""
    row = catalogue.requirement(row_id)
    after = _named(catalogue, row, context)
    return Answer(
        "answered",
        [verdict_reply(row, verdict_text(row, wants))],
        verdicts=[row.verdict()],
        candidates=[candidate(row)],
    ), after


def _named(catalogue: Catalogue, row: Requirement, context: Context) -> Context:
    # Of several names the one talked about stays; else the most special one is meant (离职提取… rather than 提取…).
    terms = sorted(
        catalogue.terms_of[row.id],
        key=lambda t: (t.name not in (context.proof, context.matter), len(t.requirements)),
    )
    proof = next((t.name for t in terms if t.kind == "proof"), row.proof)
    matter = next((t.name for t in terms if t.kind == "matter" and not t.generic), None)
    level = catalogue.regions.get(row.region_code).level
    region = row.region_code if level in ("city", "county") else context.region
    return Context(proof=proof, matter=matter, region=region, topic="question", row=row.id)


def choose_none(catalogue: Catalogue, context: Context) -> tuple[Answer, Context]:
    """The citizen said that none of the offered rows is meant."""
    proof = catalogue.term.get(("proof", context.proof or ""))
    matter = catalogue.term.get(("matter", context.matter or ""))
    decision = Decision("not_listed", proof=proof, matter=matter)
    answer = _not_listed(catalogue, decision, Filled(Links(""), context.region))
    return answer, replace(context, offered=(), rounds=context.rounds)


def list_offered(catalogue: Catalogue, message: Message, context: Context) -> tuple[Answer, Context]:
    """The citizen cannot tell which of the offers is meant, or takes any: what the catalogue says of each, in a line."""
    rows = [catalogue.rows[i] for i in context.offered if i in catalogue.rows]
    lines = [say("ask.all"), *(f"{n}. {short_line(r)}" for n, r in enumerate(rows, 1)), say("ask.all_tail")]
    reply = Reply("\n".join(lines), [*map(_button, rows), _human()])
    return Answer("answered_list", [reply], candidates=[candidate(r) for r in rows]), replace(
        context, rounds=0
    )


_OPEN = re.compile(
    r"(?:我?也?(?:不知道|不清楚|不晓得|不懂|说不清楚?|搞不清楚?|分不清楚?|没搞懂|弄不懂|不确定|忘了|记不得)|(?:都|全部?|随便|哪个都|哪一个都|什么都|任何)"
    r"(?:可以|行|要|有|是|算|问|说说|看看|说|列出来|讲讲)?|随便|无所谓|你看着办|都给我说说|没(?:有)?(?:具体)?用途|没说(?:做|干)什么用|他没说|没人告诉我)(?:是?哪一?个|什么用|吧|啊|呀|了|的|诶|欸|哎|呢|办什么|用来干嘛|用在哪)*"
)


def leaves_open(text: str) -> bool:
    """Return whether the citizen answers a question back with 不知道 or 都可以."""
    return bool(_OPEN.fullmatch(re.sub(r"[\W_]", "", text)))


_NONE = re.compile(r"^(都不是|都不对|不是这些|没有我要的|没有一个是|none)[。！!~ ]*$")


def says_none(text: str) -> bool:
    """Return whether the citizen typed that none of the offers is meant."""
    return bool(_NONE.match(text.strip()))


def chosen_number(text: str, context: Context) -> str | None:
    """Return the offered row that a bare number picks: 1, 第二个, 选3."""
    match = re.fullmatch(
        r"(?:第|选|回复|我选)?\s*([1-9一二三四五六七八九])\s*(?:个|项|条|号)?[。.!！]*", text.strip()
    )
    if not match or not context.offered:
        return None
    digit = match.group(1)
    index = "一二三四五六七八九".find(digit) if digit in "一二三四五六七八九" else int(digit) - 1
    return context.offered[index] if index < len(context.offered) else None


ROUTES: dict[str, Route] = {
    **dict.fromkeys(QUESTION_INTENTS, answer_question),
    **dict.fromkeys(set(TOPICS) - {"ask_legal_basis", "report_demand"}, explain),
    **dict.fromkeys(SMALLTALK, small_talk),
    "report_demand": report_demand,
    "start_pledge": start_pledge,
    "human": hand_off,
    "crisis": hand_off,
    "out_of_scope": out_of_scope,
    "abuse": guardrail,
    "attack": guardrail,
}
