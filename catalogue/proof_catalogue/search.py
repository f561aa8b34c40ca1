"""Finding rows and FAQs for what somebody typed; explained, thresholded, without Rasa."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .decide import Case, Question, decide
from .faqs import Faq
from .requirement import Requirement
from .store import Catalogue
from .text import canonical

# Set on the development half of the evaluation sets: below this a result is noise.
LEAST = 0.36
FAQ_LEAST = 0.92


@dataclass(frozen=True)
class Hit:
    """A row that was found, how well (0–1), and by what: proof, matter, alias, text, meaning."""

    row: Requirement
    score: float
    matched: tuple[str, ...]


def search(
    catalogue: Catalogue, query: str, region: str | None = None, limit: int = 10, on: date | None = None
) -> list[Hit]:
    """Return the rows that hold `on` a day (today) for `query`, best first; rows of other provinces never, of other cities only when no region is known.

    A score is the weighted sum of how much of the query names the row's proof and matter, the row's own aliases, BM25 over
    jieba words and character pairs, and nearness in meaning; the row that `decide` would answer with is raised, and all are
    lowered where it says *not listed*. Nothing is returned rather than noise.
    """
    links = catalogue.linker.link(query)
    near = catalogue.near(links.text)
    region = links.region.code if links.region else region
    case = Case(catalogue, Question(links, region, near=near, on=on or date.today()))
    decision = decide(catalogue, case.question)
    answers = {r.id for r in decision.rows} if decision.kind == "answer" else set()
    texts = catalogue.full_text(links.text, 200)
    best_text = max(texts.values(), default=0.0) or 1.0
    size = max(4, len(links.text))
    hits = []
    linked = (i for m in (*links.proofs, *links.matters) for i in m.term.requirements)
    for row in case.rows([*answers, *linked, *links.rows, *texts, *(k for k in near if k.startswith("F"))]):
        parts = {
            "proof": max((m.weight for m in links.proofs if row.id in m.term.requirements), default=0) / size,
            "matter": max((m.weight for m in links.matters if row.id in m.term.requirements), default=0)
            / size,
            "alias": links.rows.get(row.id, 0) / size,
            "text": texts.get(row.id, 0.0) / best_text,
            "meaning": max(0.0, near.get(row.id, 0.0) - 0.85) / 0.13,
        }
        named = 0.22 * bool(parts["proof"]) + 0.22 * bool(parts["matter"])
        wide = min(1.0, max(parts["proof"], parts["alias"]) + parts["matter"])
        score = named + 0.12 * wide + 0.14 * parts["text"] + 0.30 * min(1.0, parts["meaning"])
        if not case.holds(row):
            score -= 0.03
        if row.id in answers:
            score += 0.20
        elif decision.kind == "not_listed":
            score -= 0.15
        if len(links.text) <= 6 and any(
            links.text in canonical(n) for n in (row.proof, row.matter, *row.aliases)
        ):
            score += 0.22  # a word or two (低保, 公积金) can name no more and means to browse
        if score >= LEAST:
            hits.append(
                Hit(
                    row,
                    min(1.0, score),
                    tuple(k for k, v in parts.items() if v > (0.3 if k in ("text", "meaning") else 0)),
                )
            )
    hits.sort(key=lambda h: (-h.score, h.row.id))
    return hits[:limit]


def search_faqs(catalogue: Catalogue, query: str, limit: int = 3) -> list[tuple[Faq, float]]:
    """Return the FAQs nearest in meaning to `query` with their cosine, none below the threshold."""
    near = catalogue.near(catalogue.linker.mend(query))
    found = [(catalogue.faqs[k], s) for k, s in near.items() if k in catalogue.faqs and s >= FAQ_LEAST]
    return sorted(found, key=lambda pair: -pair[1])[:limit]
