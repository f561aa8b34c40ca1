"""Finding rows and FAQs for what somebody typed: candidates from every index, one calibrated score, nothing rather than noise."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import yaml
from rapidfuzz import fuzz, process

from .decide import Case, Decision, Question, decide
from .errors import CatalogueError
from .faqs import Faq
from .linker import SMALL, Links, Mention
from .meaning import encode
from .requirement import Requirement
from .spelling import syllables
from .store import DATA, Catalogue
from .text import canonical, cutter

# Of the longest texts only so much is read; the web API stops at 200 characters anyway.
LONGEST = 300
CANDIDATES = 60  # from each index
FAQ_CANDIDATES = 30
PER_TERM = 200  # rows taken of a term that is named alone

# What a result may say that it was found by, with the feature and the value from which on it says so.
_MATCHED = {
    "proof": ("proof", 1e-9),
    "matter": ("matter", 1e-9),
    "alias": ("alias", 1e-9),
    "text": ("text", 0.5),
    "sound": ("sound", 0.1),
    "meaning": ("near", 0.5),
}


@dataclass(frozen=True)
class Hit:
    """A row that was found, the probability that it is the one looked for, and by what: proof, matter, alias, text, sound, meaning."""

    row: Requirement
    score: float
    matched: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """A logistic model: the weight of each feature, and the probability below which nothing is returned."""

    intercept: float
    weights: dict[str, float]
    threshold: float

    def score(self, features: dict[str, float]) -> float:
        """Return the probability (0–1) for `features`; a feature without a weight counts nothing."""
        total = self.intercept + sum(w * features.get(name, 0.0) for name, w in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


@functools.lru_cache(maxsize=4)
def models(path: Path = DATA / "search.yml") -> dict[str, Model]:
    """Return the models `rows`, `there` and `faqs` that benchmarks/fit_search.py wrote. Raises CatalogueError if they cannot be read."""
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: Model(**held[name]) for name in ("rows", "there", "faqs")}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CatalogueError(f"{path.name}: cannot be read ({type(error).__name__}: {error})") from None


class Sought:
    """What is looked for: the mended query, its telling words, and what it names."""

    def __init__(self, links: Links):
        self.links = links
        gone = {i for _, start, end in links.regions for i in range(start, end)}
        bare = "".join(" " if i in gone else c for i, c in enumerate(links.text))
        # Cut first: 出境 is a word although 出 alone says nothing; unknown words are left in their parts.
        cut = [(w, bool(SMALL.sub("", w).strip())) for w in cutter().cut(bare, HMM=False)]
        self.content = " ".join("".join(w if tells else " " for w, tells in cut).split())
        self.size = max(2, len(self.content.replace(" ", "")))
        self.words = [(w, _telling(w)) for w, tells in cut if tells]
        self.weight = sum(w for _, w in self.words) or 1.0
        self.sounds = {w: _pairs(_sounds(w)) for w, _ in self.words}


def _telling(word: str) -> float:
    """Return how much `word` tells, from its rarity in everyday Chinese: about 3 (的) to 14 (a word that jieba does not know)."""
    table = cutter().dt
    return min(14.0, max(3.0, math.log(table.total or 1) - math.log(table.FREQ.get(word) or 1)))


@functools.lru_cache(maxsize=256)
def _vector(text: str) -> np.ndarray:
    """Return the encoded `text`; a lookup asks for rows and then for FAQs."""
    return encode([text])[0]


@functools.lru_cache(maxsize=50_000)
def _sounds(text: str) -> tuple[str, ...]:
    return tuple(syllables(text))


def _pairs(parts: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{a} {b}" for a, b in itertools.pairwise(parts))


def _neighbours(text: str) -> frozenset[str]:
    return frozenset(a + b for a, b in itertools.pairwise(text))


@dataclass(frozen=True)
class _Names:
    """Wordings together, for words, pairs of characters and sounds."""

    wordings: tuple[str, ...]
    text: str
    pairs: frozenset[str]
    sounds: frozenset[str]


@functools.lru_cache(maxsize=16_384)
def _names(wordings: tuple[str, ...]) -> _Names:
    held = tuple(w for w in dict.fromkeys(canonical(w) for w in wordings) if w)
    pairs = frozenset(p for w in held for p in _neighbours(w))
    sounds = frozenset(p for w in held for p in _pairs(_sounds(w)))
    return _Names(held, "\n".join(held), pairs, sounds)


def _row_names(catalogue: Catalogue, row: Requirement) -> tuple[_Names, _Names, _Names]:
    """Return what a row's proof is called, what its matter is called, and both."""
    terms = catalogue.terms_of[row.id]
    proof = (
        row.proof,
        row.short_proof,
        *row.aliases,
        *(n for t in terms if t.kind == "proof" for n in t.names),
    )
    matter = (row.matter, *(n for t in terms if t.kind == "matter" for n in t.names))
    return _names(proof), _names(matter), _names(proof + matter)


def _covered(sought: Sought, names: _Names) -> tuple[float, float, float]:
    """Return how much of what `sought` tells stands in `names`, how much more sounds like it, and its most telling word that does neither."""
    seen = heard = missing = 0.0
    for word, weight in sought.words:
        if word in names.text:
            seen += weight
            continue
        own = _neighbours(word)
        part = len(own & names.pairs) / len(own) if own else 0.0
        alike = sought.sounds[word]
        sound = max(0.0, len(alike & names.sounds) / len(alike) - part) if alike else 0.0
        seen += weight * part
        heard += weight * sound
        missing = max(missing, weight * (1.0 - part - sound))
    return seen / sought.weight, heard / sought.weight, missing / 14.0


def _like(text: str, names: _Names) -> float:
    """Return how nearly some name of four characters or more stands in `text`, 0–1."""
    return _nearest(text, [w for w in names.wordings if 4 <= len(w) <= len(text)], fuzz.partial_ratio)


def _nearest(text: str, wordings: Sequence[str], scorer: Callable[..., float]) -> float:
    """Return the similarity of the wording most like `text`, 0–1."""
    found = process.extractOne(text, wordings, scorer=scorer)
    return found[1] / 100 if found else 0.0


class Found:
    """One search for rows: everything that its candidates are compared by."""

    def __init__(self, catalogue: Catalogue, query: str, region: str | None, on: date | None = None):
        self.catalogue = catalogue
        links = catalogue.linker.link(query[:LONGEST])
        self.sought = Sought(links)
        self.links = links
        terms = [m.term for m in (*links.proofs, *links.matters)]
        self.rows_of = {(t.kind, t.name): frozenset(t.requirements) for t in terms}
        place = links.region.code if links.region else region
        self.near = catalogue.near(links.text, _vector(links.text))
        question = Question(links, place, near=self.near, on=on or date.today())
        self.case = Case(catalogue, question)
        self.decision: Decision = decide(catalogue, question)
        # Where no region is known, cities of the province may still be asked about.
        regions = self.case.chain if place else None
        self.texts = catalogue.full_text(self.sought.content, CANDIDATES, regions)
        self.best_text = max(self.texts.values(), default=0.0) or 1.0

    def _said(self, mentions: tuple[Mention, ...], row: Requirement, how: str) -> frozenset[int]:
        """Return the characters of the query that name a term of `row`."""
        said = (m for m in mentions if m.how == how and not m.term.generic)
        return frozenset().union(
            *(m.covered for m in said if row.id in self.rows_of[m.term.kind, m.term.name])
        )

    def candidates(self) -> list[Requirement]:
        """Return the rows that any index finds and that may hold where it is asked."""
        proofs = [self.rows_of["proof", m.term.name] for m in self.links.proofs]
        matters = [self.rows_of["matter", m.term.name] for m in self.links.matters if not m.term.generic]
        joint = {i for p in proofs for m in matters for i in p & m}
        ids = dict.fromkeys(sorted(joint)[:PER_TERM])
        ids |= dict.fromkeys(self.links.rows)
        ids |= dict.fromkeys(self.texts)
        near = sorted((-s, k) for k, s in self.near.items() if k in self.catalogue.rows)
        ids |= dict.fromkeys(k for _, k in near[:CANDIDATES])
        ids |= dict.fromkeys(r.id for r in self.decision.rows)
        for mention in (*self.links.proofs, *self.links.matters):
            ids |= dict.fromkeys(mention.term.requirements[:PER_TERM])
        return self.case.rows(ids)

    def features(self, rows: list[Requirement]) -> Iterator[dict[str, float]]:
        """Yield for each of `rows` what the model weighs; each about 0–1."""
        links, sought = self.links, self.sought
        nearest = max((self.near.get(r.id, 0.0) for r in rows), default=0.0)
        names_proof = any(m.how == "name" for m in links.proofs)
        names_matter = any(m.how == "name" and not m.term.generic for m in links.matters)
        chosen = {r.id: n for n, r in enumerate(self.decision.rows)}
        for row in rows:
            proof_names, matter_names, names = _row_names(self.catalogue, row)
            proof, proof_cue = (self._said(links.proofs, row, how) for how in ("name", "cue"))
            matter, matter_cue = (self._said(links.matters, row, how) for how in ("name", "cue"))
            all_proof, all_matter = proof | proof_cue, matter | matter_cue
            alias = min(1.0, links.rows.get(row.id, 0) / max(2, len(links.text.replace(" ", ""))))
            text, sound, missing = _covered(sought, names)
            near = self.near.get(row.id, 0.85)
            generic = self.catalogue.generic(row.id)
            by = row.status if row.verdict_kind == "wrong_issuer" else ""
            yield {
                "proof": float(bool(proof)),
                "proof_cue": float(bool(proof_cue and not proof)),
                "matter": float(bool(matter)),
                "matter_cue": float(bool(matter_cue and not matter)),
                "both": float(bool(all_proof and all_matter)),
                "cover": min(1.0, len(all_proof | all_matter) / max(2, len(links.text.replace(" ", "")))),
                "alias": alias,
                "alias_beyond": max(0.0, alias - len(proof) / max(2, len(links.text.replace(" ", "")))),
                "exact": float(sought.content in names.wordings or links.text in names.wordings),
                "text": text,
                "text_all": float(text >= 0.999),
                "text_proof": _covered(sought, proof_names)[0],
                "text_matter": _covered(sought, matter_names)[0],
                "missing": missing,
                "like_proof": _like(links.text, proof_names),
                "like_matter": _like(links.text, matter_names),
                "sound": sound,
                "bm25": self.texts.get(row.id, 0.0) / self.best_text,
                "likeness": _nearest(links.text, names.wordings, fuzz.ratio),
                "part": _nearest(sought.content, names.wordings, fuzz.partial_ratio),
                "near": max(0.0, near - 0.85) / 0.1,
                "behind": min(1.0, (nearest - near) / 0.05),
                "other_proof": float(names_proof and not all_proof),
                "other_matter": float(names_matter and not all_matter and not generic),
                "generic": float(generic),
                "generic_matter": float(generic and bool(links.matters)),
                "issuer": float(bool(by) and by in links.issuers),
                "other_issuer": float(bool(by) and bool(links.issuers) and by not in links.issuers),
                "wrong_issuer": float(bool(by)),
                "paper": float(links.says_paper),
                "short": float(sought.size <= 4),
                "long": min(1.0, sought.size / 30),
                "place": len(self.case.chain) - 1 - self.case.chain.index(row.region_code)
                if self.case.holds(row)
                else 0.0,
                "local": float(not self.case.holds(row)),
                "answer": float(self.decision.kind == "answer" and row.id in chosen),
                "offered": float(self.decision.kind not in ("answer", "not_listed") and row.id in chosen),
                "answered_other": float(self.decision.kind == "answer" and row.id not in chosen),
                "not_listed": float(self.decision.kind == "not_listed"),
                "unknown": float(self.decision.kind == "unknown"),
            }


# Of the best candidate's features, those that tell whether it is what was looked for at all; the others only tell rows apart.
_PRESENCE = (
    "text", "missing", "near", "cover", "exact", "alias", "other_proof", "other_matter", "like_proof", "like_matter",
    "likeness", "long",
)  # fmt: skip


def overall(features: list[dict[str, float]], scores: list[float]) -> dict[str, float]:
    """Return what tells whether anything that was looked for is among the candidates, from their features and scores."""
    best = max(range(len(scores)), key=lambda n: (scores[n], -n))
    ranked = sorted(scores, reverse=True)
    found = {f"best_{name}": features[best][name] for name in _PRESENCE}
    found |= {f"most_{n}": max(f[n] for f in features) for n in ("text", "near", "cover", "answer")}
    found["score"] = _odds(ranked[0])
    found["next"] = _odds(ranked[1] if len(ranked) > 1 else 0.0)
    found["sum"] = math.log(sum(ranked[:8]) + 1e-3)
    return found


def _odds(probability: float) -> float:
    held = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(held / (1 - held))


def weigh(features: list[dict[str, float]], rows: Model, there: Model) -> list[float]:
    """Return the calibrated score of each candidate: the probability that something is there, shared by how well each fits."""
    if not features:
        return []
    scores = [rows.score(f) for f in features]
    present, best = there.score(overall(features, scores)), max(scores)
    return [present * s / best for s in scores]


def _matched(features: dict[str, float]) -> tuple[str, ...]:
    found = tuple(name for name, (feature, least) in _MATCHED.items() if features[feature] >= least)
    return found or ("meaning",)


def search(
    catalogue: Catalogue, query: str, region: str | None = None, limit: int = 10, on: date | None = None
) -> list[Hit]:
    """Return the rows that hold `on` a day (today) for `query`, best first; rows of other provinces never, of other cities only when no region is known.

    A score is the probability that the row is what was looked for, by logistic models over names, words, sounds and meaning.
    Where the best is below the threshold nothing is returned. A place in the query outweighs `region`.
    """
    found = Found(catalogue, query, region, on)
    rows = found.candidates() if found.sought.content else []
    features = list(found.features(rows))
    held = models()
    scores = weigh(features, held["rows"], held["there"])
    if max(scores, default=0.0) < held["there"].threshold:
        return []
    hits = [
        Hit(row, score, _matched(f))
        for row, score, f in zip(rows, scores, features, strict=True)
        if score >= held["rows"].threshold
    ]
    return sorted(hits, key=lambda h: (-h.score, h.row.id))[:limit]


def faq_features(catalogue: Catalogue, query: str) -> dict[str, dict[str, float]]:
    """Return for each FAQ that may be meant what the model weighs."""
    links = catalogue.linker.link(query[:LONGEST])
    sought = Sought(links)
    near = catalogue.near(links.text, _vector(links.text))
    cosines = {k: near.get(k, 0.0) for k in catalogue.faqs}
    nearest = max(cosines.values(), default=0.0)
    nearest_row = max((s for k, s in near.items() if k in catalogue.rows), default=0.0)
    kept = sorted(catalogue.faqs, key=lambda k: (-cosines[k], k))[:FAQ_CANDIDATES]
    found = {}
    for key in kept:
        faq = catalogue.faqs[key]
        names = _names((faq.question, *faq.variants))
        text, sound, missing = _covered(sought, names)
        whole = (_covered(sought, _names((w,)))[0] for w in names.wordings)
        found[key] = {
            "near": max(0.0, cosines[key] - 0.85) / 0.1,
            "behind": min(1.0, (nearest - cosines[key]) / 0.05),
            "row_nearer": max(-1.0, min(1.0, (nearest_row - cosines[key]) / 0.05)),
            "text": text,
            "sound": sound,
            "missing": missing,
            "one": max(whole, default=0.0),
            "likeness": _nearest(links.text, names.wordings, fuzz.ratio),
            "part": _nearest(sought.content, names.wordings, fuzz.partial_ratio),
            "named": float(bool(links.proofs)) + float(any(not m.term.generic for m in links.matters)),
            "long": min(1.0, sought.size / 30),
        }
    return found


def search_faqs(
    catalogue: Catalogue, query: str, limit: int = 3, on: date | None = None
) -> list[tuple[Faq, float]]:
    """Return the FAQs that hold `on` a day (today) for `query`, best first, each with the probability that it is the one looked for; none below the threshold."""
    model = models()["faqs"]
    scored = [(catalogue.faqs[k], model.score(f)) for k, f in faq_features(catalogue, query).items()]
    scored = [
        (faq, score) for faq, score in scored if score >= model.threshold and faq.in_force(on or date.today())
    ]
    return sorted(scored, key=lambda pair: (-pair[1], pair[0].id))[:limit]
