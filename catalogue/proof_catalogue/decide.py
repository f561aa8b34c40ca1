"""From what a question names to what the catalogue says of it: one recipe, one step a function.

Which rows count at all, before any step:

| the row                                               | counts                                              |
|---|---|
| does not hold on the day that is asked about          | never; *not listed* names it and its dates          |
| is of the asker's county, city, province, the country | yes; the nearest region wins                        |
| is of another city, the asker's region unknown        | only to be asked about                              |
| is of another city or province                        | never; *not listed* names the cities that have it   |
| rests on a basis that loses a declared conflict       | after the one that prevails, whose caution says so  |

The steps are asked in this order; the first that knows an answer gives it:

| named                                  | what there is                                       | decision                        | step                |
|---|---|---|---|
| (a general rule by its own name)       | the rule                                            | rule                            | general_rule        |
| proof and matter                       | a row of just these two                             | answer (one a proof)            | proof_and_matter    |
| proof and matter                       | such rows in other cities, region unknown           | ask_region, or ask_which        | proof_and_matter    |
| proof and who issues it                | a row for every matter that says who may not        | answer; ask_matter if both may  | whatever_the_matter |
| proof, asked where it is issued        | one retained row for every matter                   | answer, else ask_matter         | issuer_wanted       |
| proof and matter                       | no row of both; rows for every matter, or near ones | ask_which                       | proof_without_row   |
| proof and matter                       | nothing near                                        | not_listed                      | proof_without_row   |
| proof only                             | its only row, or one plainly meant                  | answer                          | proof_only          |
| a paper that everybody has, only       | its only row                                        | ask_matter                      | proof_only          |
| proof only                             | several matters                                     | ask_matter                      | proof_only          |
| matter only, asked for its proofs      | rows                                                | list                            | matter_only         |
| matter only                            | one row plainly meant / several                     | answer / ask_which              | matter_only         |
| matter only                            | none                                                | not_listed                      | matter_only         |
| nothing                                | rows near in meaning                                | answer if very near, ask_which  | meaning             |
| nothing                                | none near, but a paper is spoken of                 | not_listed                      | meaning             |
| nothing                                | nothing                                             | unknown                         | —                   |
| (whatever one row was the answer)      | another row that is much nearer to what was said    | ask_which in place of answer    | _doubted            |

What kind of verdict a row gives (wrong issuer, held document …) is `Requirement.verdict_kind`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from .linker import Links, Mention
from .regions import Region
from .requirement import Requirement
from .store import Catalogue
from .text import canonical
from .vocabulary import Term

# Cosines of the sentence encoder lie close together; these were set on the development half of the evaluation sets.
NEAR = 0.875  # a row this near may be offered although its names were not said
CLEAR = (
    0.96,
    0.02,
)  # this near, and by this much before the next row: the one meant, where proof or matter was named
CLEAR_ALONE = (0.99, 0.03)  # the same where nothing was named
DOUBT = (
    0.95,
    0.03,
)  # a row this near, and by this much nearer than the one that was named: which of them is meant?
OFFERED = 0.925  # a row outside what was named is offered beside it
NEAREST = 20  # rows that are looked at where nothing is named
CHOICES = 5  # buttons that a question back may have


@dataclass(frozen=True)
class Question:
    """One question to the catalogue: what it names, where it is asked, and what it wants to know."""

    links: Links
    region: str | None = None
    wants: str = "ask_need_proof"
    near: Mapping[str, float] = field(default_factory=dict)
    on: date = field(default_factory=date.today)  # the day that is asked about

    @property
    def near_rows(self) -> list[str]:
        """The ids of rows among the near ones, the nearest first."""  # `catalogue check` holds ids to F and Q
        return sorted((k for k in self.near if k.startswith("F")), key=lambda k: -self.near[k])

    @property
    def proofs(self) -> list[Term]:
        return [m.term for m in self.links.proofs]

    @property
    def matters(self) -> list[Term]:
        return [m.term for m in self.links.matters if not m.term.generic]


@dataclass(frozen=True)
class Decision:
    """What the catalogue says.

    `kind`: answer (rows are the verdicts, one a question) · list (the rows of a matter) · ask_matter, ask_region, ask_which
    (rows are what may be meant) · rule (a general rule) · not_listed (rows are the nearest related ones) · unknown.
    """

    kind: str
    rows: tuple[Requirement, ...] = ()
    generic: bool = False  # the row holds whatever the matter; the named matter itself is not listed
    proof: Term | None = None
    matter: Term | None = None
    elsewhere: tuple[
        str, ...
    ] = ()  # cities of the province for which just this is listed, though not where it was asked
    dated: tuple[
        Requirement, ...
    ] = ()  # not listed: rows of just this that hold before or after the day asked about
    complete: bool = False  # not listed: the edition claims to hold all there is of this sector here


Step = Callable[["Case"], "Decision | None"]


class Case:
    """A question with the catalogue at hand; the steps below share it."""

    def __init__(self, catalogue: Catalogue, question: Question):
        self.catalogue = catalogue
        self.question = question
        self.links = question.links
        self.chain = catalogue.regions.chain(question.region)
        self.home = catalogue.regions.home
        self.heads = catalogue.rows.heads
        self.day = question.on.isoformat()
        self._counts: dict[str, bool] = {}

    def _there(self, row_id: str) -> bool:
        """Return whether the row's region is the asker's own or above it, or may be once the asker says where they are."""
        code = self.heads[row_id].region_code
        return code in self.chain or (self.question.region is None and code[:2] == self.home[:2])

    def _then(self, row_id: str) -> bool:
        """Return whether the row holds on the day that is asked about."""
        head = self.heads[row_id]
        return (not head.valid_from or head.valid_from <= self.day) and (
            not head.valid_until or self.day <= head.valid_until
        )

    def holds(self, row: Requirement) -> bool:
        """Return whether the row's region is the asker's own, or one above it, and its time has come and not gone."""
        return row.region_code in self.chain and self._then(row.id)

    def local(self, row: Requirement) -> bool:
        """Return whether the row may hold once the asker says where in the province they are."""
        return self._there(row.id) and self._then(row.id) and row.region_code not in self.chain

    def elsewhere(self, proofs: list[Term], matters: list[Term]) -> tuple[str, ...]:
        """Return the other places of the province for which a row joins one of `proofs` with one of `matters`."""
        ids = {i for p in proofs for i in p.requirements} & {i for m in matters for i in m.requirements}
        others = (
            self.catalogue.rows[i]
            for i in sorted(ids)
            if self._then(i)
            and self.heads[i].region_code[:2] == self.home[:2]
            and self.heads[i].region_code not in self.chain
        )
        return tuple(dict.fromkeys(r.region for r in others))

    def dated(self, proofs: list[Term], matters: list[Term]) -> tuple[Requirement, ...]:
        """Return the rows of one of `proofs` and one of `matters` that would answer on another day, the next one first."""
        ids = {i for p in proofs for i in p.requirements} & {i for m in matters for i in m.requirements}
        rows = [self.catalogue.rows[i] for i in ids if self._there(i) and not self._then(i)]
        return tuple(sorted(rows, key=lambda r: (r.valid_from <= self.day, r.valid_from, r.id)))[:3]

    def rows(self, ids: Iterable[str]) -> list[Requirement]:
        """Return the rows of `ids` that can be answers at all, general rules left out."""
        return self.catalogue.rows.all(i for i in dict.fromkeys(ids) if self.counts(i))

    def counts(self, row_id: str) -> bool:
        """Return whether the row can be an answer at all; no general rule is one."""
        found = self._counts.get(row_id)
        if found is None:
            kind = self.heads[row_id].kind
            found = kind != "general_rule" and self._there(row_id) and self._then(row_id)
            self._counts[row_id] = found
        return found

    @property
    def bare(self) -> bool:
        """Whether the sentence holds nothing at all beyond what was recognised, but for a stray character."""
        return len(self.links.residue.replace(" ", "")) <= 1

    @property
    def plain(self) -> bool:
        """Whether the sentence holds little beyond what was recognised: no unknown matter, no longer name of another paper."""
        return len(self.links.residue.replace(" ", "")) <= 3

    def by_name(self, proof: Term) -> bool:
        """Return whether nothing but a name says `proof`; a cue says its matter too (领证要带户口本吗)."""
        return any(
            m.term is proof and m.how == "name" and m.weight == m.end - m.start for m in self.links.proofs
        )

    def score(self, row: Requirement) -> float:
        """Return how well a row fits the sentence, for ordering only."""
        near = max(0.0, self.question.near.get(row.id, 0.0) - 0.8) * 10
        said = max((m.weight for m in self.links.proofs if row.id in m.term.requirements), default=0)
        alias = max(0, self.links.rows.get(row.id, 0) - said) / 8
        named = (
            sum(m.weight for m in (*self.links.proofs, *self.links.matters) if row.id in m.term.requirements)
            / 8
        )
        return near + alias + named

    def clear(self, row: Requirement, least: float, ahead: float) -> bool:
        """Return whether `row` is nearest in meaning of all rows that may answer, at least `least`, by `ahead` over the next."""
        near = sorted(
            ((self.question.near[i], i) for i in self.question.near_rows if self.counts(i)), reverse=True
        )
        if not near or near[0][1] != row.id or near[0][0] < least:
            return False
        names = {(t.kind, t.name) for t in self.catalogue.terms_of[row.id]}
        alike = {
            r.id
            for r in self.rows(row.see_also)
            if len(names & {(t.kind, t.name) for t in self.catalogue.terms_of[r.id]}) >= 2
        }
        alike.add(row.id)
        following = next((n for n, i in near if i not in alike), 0.0)
        return near[0][0] - following >= ahead

    def nearer(self, row: Requirement, near: Mapping[str, float]) -> list[Requirement]:
        """Return the rows that hold and are so much nearer than `row` that one of them may be meant, the nearest first."""
        own = near.get(row.id, 0.0)
        held = sorted((n, i) for i, n in near.items() if i.startswith("F") and n >= own)
        if not held or held[-1][0] < max(DOUBT[0], own + DOUBT[1]):
            return []
        others = (self.catalogue.rows[i] for _, i in reversed(held) if i != row.id)
        kin = {row.id, *row.see_also} if row.id in self.catalogue.prevails.values() else {row.id}
        found = [r for r in self.rows(o.id for o in others) if self.holds(r) and r.id not in kin]
        return found if found and near[found[0].id] >= max(DOUBT[0], own + DOUBT[1]) else []

    def ranked(self, rows: Iterable[Requirement]) -> list[Requirement]:
        """Return rows best first; a row whose basis loses a conflict comes after the one that prevails."""
        rows = list(rows)
        if len(rows) < 2:
            return rows  # and nearness, which takes the longest, need not be worked out
        losers = {r.id for r in rows if self.catalogue.prevails.get(r.id, r.id) != r.id}
        return sorted(rows, key=lambda r: (r.id in losers, -self.score(r)))

    def nearest(self, rows: list[Requirement]) -> list[Requirement]:
        """Return the rows of the smallest region among those that hold, best first; a prevailing basis beats a nearer one."""
        held = [r for r in rows if self.holds(r)]
        winners = {self.catalogue.prevails[r.id] for r in held if r.id in self.catalogue.prevails}
        prevailing = [r for r in held if r.id in winners]
        if prevailing:
            others = [r for r in held if r.id not in self.catalogue.prevails]
            held = prevailing + others
        if not held:
            return []
        closest = min(self.chain.index(r.region_code) for r in held)
        return self.ranked(r for r in held if self.chain.index(r.region_code) == closest)


def decide(catalogue: Catalogue, question: Question) -> Decision:
    """Return what the catalogue says to `question`. Never raises for any content of the question."""
    case = Case(catalogue, question)
    for step in STEPS:
        decision = step(case)
        if decision is not None:
            return (
                _with_reasons(case, decision) if decision.kind == "not_listed" else _doubted(case, decision)
            )
    return Decision("unknown")


def _doubted(case: Case, decision: Decision) -> Decision:
    """Return an answer as it is, or as a question where what was said is much nearer to another row than to the one named."""
    if decision.kind != "answer" or len(decision.rows) > 1:
        return decision
    nearer = case.nearer(decision.rows[0], case.question.near)
    if not nearer:
        return decision
    rows = (*nearer[: CHOICES - 1], decision.rows[0])
    return replace(decision, kind="ask_which", rows=rows, generic=False)


def named(
    catalogue: Catalogue,
    proof: str,
    matter: str | None = None,
    region: str | None = None,
    on: date | None = None,
) -> Question:
    """Return the question about a proof and a matter that are given apart, as a form or a program does; no sentence to read.

    Each is looked up by name and alias; what has no such name is read as a citizen's words are.
    """
    found: dict[str, tuple[Mention, ...]] = {}
    for kind, name in (("proof", proof), ("matter", matter)):
        term = catalogue.by_name.get((kind, canonical(name))) if name else None
        if term is not None:
            found[kind] = (Mention(term, 0, 0, "name", frozenset()),)
    on = on or date.today()
    if found.keys() == {"proof", "matter"} or ("proof" in found and not matter):
        text = canonical(f"{matter or ''}{proof}")
        links = Links(text, found["proof"], found.get("matter", ()), says_paper=True)
        return Question(links, region, on=on)
    links = catalogue.linker.link(f"{matter}需要{proof}吗" if matter else f"需要{proof}吗")
    links = replace(
        links, proofs=found.get("proof", links.proofs), matters=found.get("matter", links.matters)
    )
    return Question(links, region, near=catalogue.near(links.text), on=on)


def _with_reasons(case: Case, decision: Decision) -> Decision:
    """Return a *not listed* with what else is known: rows of other days, and whether the edition claims to be complete."""
    sectors = {
        case.catalogue.rows[i].sector for m in case.question.matters for i in m.requirements if case._there(i)
    }
    return replace(
        decision,
        dated=case.dated(case.question.proofs, case.question.matters),
        complete=bool(case.question.matters) and case.catalogue.complete(case.question.region, sectors),
    )


def general_rule(case: Case) -> Decision | None:
    """A rule that holds whatever the proof, called by its own name and by nothing longer, or plainly meant."""
    if not case.question.proofs and case.question.near:
        rows = {k: n for k, n in case.question.near.items() if k.startswith("F")}
        nearest, nearness = max(rows.items(), key=lambda pair: pair[1], default=("", 0.0))
        row = case.catalogue.rows.get(nearest)
        following = max((n for k, n in rows.items() if k != nearest), default=0.0)
        if (
            row
            and row.kind == "general_rule"
            and case.holds(row)
            and nearness >= CLEAR[0]
            and nearness - following >= CLEAR[1]
        ):
            return Decision("rule", (row,))
    named = [case.catalogue.rows[i] for i in case.links.rows if case.heads[i].kind == "general_rule"]
    named = [r for r in named if case.holds(r)]
    longest = max((m.weight for m in case.links.proofs), default=0)
    named = [r for r in named if case.links.rows[r.id] > longest]
    if named and not case.question.matters:
        return Decision("rule", (max(named, key=lambda r: case.links.rows[r.id]),))
    return None


def proof_and_matter(case: Case) -> Decision | None:
    """The proof and the matter are both named, and a row is about just these two."""
    answers: list[Requirement] = []
    elsewhere: list[Requirement] = []
    for proof in case.links.proofs:
        rows = _pair_rows(case, proof)
        best = case.nearest(rows)
        if best:
            if best[0] not in answers:
                answers.append(best[0])
        else:
            elsewhere += [r for r in rows if case.local(r)]
    if answers:
        return Decision("answer", tuple(answers[:2]))
    if elsewhere:
        broad = case.rows(i for p in case.question.proofs for i in p.requirements)
        broad = [r for r in broad if case.holds(r) and case.catalogue.generic(r.id)]
        offered = (case.ranked(elsewhere) + case.ranked(broad))[:CHOICES]
        return Decision("ask_which" if broad else "ask_region", tuple(offered))
    return None


def _pair_rows(case: Case, proof: Mention) -> list[Requirement]:
    own = set(proof.term.requirements)
    pairs: list[Requirement] = []
    for matter in case.links.matters:
        if not matter.term.generic:
            pairs += [r for r in case.rows(i for i in matter.term.requirements if i in own) if r not in pairs]
    if not case.question.matters:
        # 教师无犯罪证明 names proof and matter in one word, longer than any name of the proof alone.
        pairs = [
            r
            for r in case.rows(i for i in case.links.rows if i in own)
            if case.links.rows[r.id] > proof.weight
        ]
        pairs = pairs if len(pairs) == 1 else []
    return pairs


def whatever_the_matter(case: Case) -> Decision | None:
    """A row that holds for every matter, where the sentence names the issuer that may not issue it."""
    for proof in case.question.proofs:
        rows = [r for r in case.rows(proof.requirements) if case.catalogue.generic(r.id) and case.holds(r)]
        by_issuer = [r for r in rows if r.status in case.links.issuers]
        issuing = [
            r
            for r in rows
            if r.verdict_kind == "retained" and "公安" in r.issuing_authority + r.demanding_authority
        ]
        if (
            by_issuer
            and by_issuer[0].status == "not_issued_by_police"
            and issuing
            and not case.question.matters
        ):
            # The police issue it in one case and not in the other: ask which case it is.
            return Decision("ask_matter", tuple(case.ranked((*issuing, *by_issuer))[:CHOICES]), proof=proof)
        if by_issuer and len(case.links.issuers) == 1:
            return Decision(
                "answer", (case.ranked(by_issuer)[0],), generic=bool(case.question.matters), proof=proof
            )
    return None


def issuer_wanted(case: Case) -> Decision | None:
    """Where is it issued: the nearest row that says who issues it for every matter; else which matter it is for."""
    if case.question.wants != "ask_where_issue" or not case.question.proofs or case.question.matters:
        return None
    proof = case.question.proofs[0]
    rows = [r for r in case.rows(proof.requirements) if case.holds(r)]
    if not rows:
        return None
    retained = [r for r in rows if r.verdict_kind == "retained"]
    broad = [r for r in retained if case.catalogue.generic(r.id)]
    broad = broad or [r for r in retained if r.proof == proof.name or len(rows) == 1]
    best = case.nearest(broad)
    if best and case.plain:
        return Decision("answer", (best[0],), proof=proof)
    others = [r for r in rows if r not in broad]
    ranked = case.ranked(broad) + sorted(
        case.ranked(others), key=lambda r: r.verdict_kind not in ("retained", "wrong_issuer")
    )
    return Decision("ask_matter", tuple(ranked[:CHOICES]), proof=proof)


def proof_without_row(case: Case) -> Decision | None:
    """Proof and matter are both known and no row joins them: say so, with what stands nearest."""
    if not case.question.proofs or not case.question.matters:
        return None
    proof, matter = case.question.proofs[0], case.question.matters[0]
    rows = case.rows(i for p in case.question.proofs for i in p.requirements)
    of_matter = case.ranked(case.rows(i for m in case.question.matters for i in m.requirements))
    elsewhere = case.elsewhere(case.question.proofs, case.question.matters)
    if elsewhere:
        return Decision("not_listed", tuple(of_matter[:3]), proof=proof, matter=matter, elsewhere=elsewhere)
    # A matter said by its name is surely that one; one that only a cue found may be another, and its neighbours are offered.
    surely = any(m.how == "name" for m in case.links.matters)
    near = [
        r
        for r in rows
        if case.catalogue.generic(r.id) or (not surely and case.question.near.get(r.id, 0) >= NEAR)
    ]
    near += [r for r in (*of_matter, *rows) if r not in near and case.question.near.get(r.id, 0) >= OFFERED]
    if near:
        return Decision("ask_which", tuple(case.ranked(near)[:CHOICES]), proof=proof, matter=matter)
    return Decision("not_listed", tuple(of_matter[:3]), proof=proof, matter=matter)


# Papers that everybody has and every office asks for: whether they are wanted is told by the matter alone.
_EVERYDAY = re.compile(r"(?:户口[簿本]|身份证|结婚证|居住证|营业执照)(?:复印件|原件)?$")


def proof_only(case: Case) -> Decision | None:
    """Only the proof is named: its one row, or which matter it is for."""
    if not case.question.proofs:
        return None
    proof = case.question.proofs[0]
    rows = case.rows(i for p in case.question.proofs for i in p.requirements)
    if not rows:
        return Decision("not_listed", proof=proof)
    ranked = sorted(case.ranked(rows), key=lambda r: not case.holds(r))
    if not all(p.requirements for p in case.question.proofs):
        return Decision("ask_matter", tuple(ranked[:CHOICES]), proof=proof)
    best = ranked[0]
    alone = len(rows) == 1 and case.holds(best) and not (_EVERYDAY.search(proof.name) and case.by_name(proof))
    # Where nothing but the proof is said, nearness tells how the rows are worded and not which matter is meant.
    told = not case.bare or case.catalogue.generic(best.id)
    if case.holds(best) and ((alone and case.plain) or (told and case.clear(best, *CLEAR))):
        return Decision("answer", (best,), proof=proof)
    return Decision("ask_matter", tuple(ranked[:CHOICES]), proof=proof)


def matter_only(case: Case) -> Decision | None:
    """Only the matter is named: all its proofs if that was asked, else which of them the citizen means."""
    if not case.question.matters:
        return None
    rows: list[Requirement] = []
    for matter in case.question.matters:
        rows += [r for r in case.rows(matter.requirements) if r not in rows]
    matter = case.question.matters[0]
    near = case.rows(i for i in case.question.near_rows if case.question.near[i] >= OFFERED)
    if not rows:
        return (
            Decision("ask_which", tuple(case.ranked(near)[:3]), matter=matter)
            if near
            else Decision("not_listed", matter=matter)
        )
    held = [r for r in rows if case.holds(r)]
    if not held:
        return Decision("ask_region", tuple(case.ranked(rows)[:CHOICES]), matter=matter)
    ranked = case.ranked(_best_of_conflicts(case, held))
    says_more = case.links.says_paper or any(m.how != "context" for m in case.links.matters)
    if case.question.wants == "ask_proof_list":
        return Decision("list", tuple(ranked), matter=matter)
    for best in ranked:
        if says_more and case.clear(best, *CLEAR):
            return Decision("answer", (best,), matter=matter)
    nearest = [r for r in case.ranked(near) if r not in ranked][:1]
    offered = ranked[: CHOICES - len(nearest)] + nearest
    return Decision("ask_which", tuple(offered), matter=matter)


def _best_of_conflicts(case: Case, rows: list[Requirement]) -> list[Requirement]:
    ids = {r.id for r in rows}
    return [r for r in rows if case.catalogue.prevails.get(r.id, r.id) not in ids - {r.id}]


def meaning(case: Case) -> Decision | None:
    """Nothing is named, but the sentence is near to rows in meaning: ask whether one of them is meant."""
    near = [i for i in case.question.near_rows if case.question.near[i] >= NEAR and case.counts(i)]
    ranked = case.ranked(case.rows(near[:NEAREST]))
    if ranked:
        clear = [r for r in ranked if case.holds(r) and case.clear(r, *CLEAR_ALONE)]
        return Decision("answer", (clear[0],)) if clear else Decision("ask_which", tuple(ranked[:4]))
    return Decision("not_listed") if case.links.says_paper else None


STEPS: list[Step] = [
    general_rule,
    proof_and_matter,
    whatever_the_matter,
    issuer_wanted,
    proof_without_row,
    proof_only,
    matter_only,
    meaning,
]


def place(catalogue: Catalogue, code: str | None) -> Region | None:
    """Return the region of `code`, or None where none was given or it is unknown."""
    return catalogue.regions.get(code) if code and code in catalogue.regions else None
